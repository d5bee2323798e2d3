"""The heads of taggers: loss, probabilities and predictions."""

import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from finetune.models import model_fn as model_fns
from finetune.tasks.classification import metrics
from finetune.tasks.tagging import head as tagging_head
from tests.support import tiny

pytestmark = pytest.mark.slow

WORDS = {
    # Two rows of four and two words; the second word of the second row has no label.
    "input_ids": [[2, 11, 12, 13, 14, 15, 3], [2, 16, 17, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0] * 7, [0] * 7],
    "word_positions": [[1, 3, 4, 5], [1, 2, 0, 0]],
    "word_mask": [[1, 1, 1, 1], [1, 1, 0, 0]],
    "label_ids": [[0, 1, 2, 0], [1, -1, -1, -1]],
    "starts": [1, 1],
    "ends": [1, 1],
}
TAGS = ["O", "B-A", "I-A"]


def tagger(tmp_path, **settings):
    model_fn = tagging_head.tagger_model_fn_builder(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        labels=TAGS,
        training=model_fns.Training(learning_rate=1e-3, num_train_steps=4),
        **settings,
    )
    config = tf.estimator.RunConfig(model_dir=str(tmp_path), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def words_input_fn(**changes):
    batch = {name: np.array(rows, np.int32) for name, rows in {**WORDS, **changes}.items()}
    return lambda: tf.data.Dataset.from_tensors(batch).repeat(2)


def answers(estimator, **changes):
    predictions = estimator.predict(words_input_fn(**changes), yield_single_examples=False)
    return next(predictions)


@pytest.mark.parametrize("use_crf", [False, True])
def test_tagger_loss_is_the_mean_over_labelled_words(tmp_path, use_crf):
    estimator = tagger(tmp_path, use_crf=use_crf)
    estimator.train(words_input_fn(), steps=2)
    evaluated = estimator.evaluate(words_input_fn())
    seen = answers(estimator)
    loss = seen["negative_log_likelihood"].sum() / 5  # Number of labelled words
    assert evaluated["loss"] == pytest.approx(loss, rel=1e-5)
    assert loss > 0
    # Words without a label, and padding after a row's last word, do not count.
    moved = answers(estimator, word_positions=[[1, 3, 4, 5], [1, 3, 6, 6]])
    np.testing.assert_array_equal(moved["negative_log_likelihood"], seen["negative_log_likelihood"])


def test_word_is_tagged_by_its_first_wordpiece(tmp_path):
    estimator = tagger(tmp_path)
    estimator.train(words_input_fn(), steps=2)
    straight = answers(estimator)["probabilities"]
    swapped = answers(estimator, word_positions=[[5, 4, 3, 1], [2, 1, 0, 0]])["probabilities"]
    np.testing.assert_allclose(swapped[0], straight[0][::-1], rtol=1e-5)
    np.testing.assert_allclose(swapped[1, :2], straight[1, 1::-1], rtol=1e-5)


def test_tagger_probabilities_match_a_softmax_in_numpy(tmp_path):
    estimator = tagger(tmp_path)
    estimator.train(words_input_fn(), steps=2)
    weights = {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}
    with tf.Graph().as_default(), tf.Session() as session:
        model = modeling.BertModel(
            modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
            is_training=False,
            input_ids=tf.constant(WORDS["input_ids"]),
            input_mask=tf.constant(WORDS["input_mask"]),
            token_type_ids=tf.constant(WORDS["segment_ids"]),
        )
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            variable.load(weights[variable.op.name], session)
        hidden = session.run(model.get_sequence_output())  # [B, S, H]
    logits = hidden[0, [1, 3, 4, 5]] @ weights["output_weights"].T + weights["output_bias"]
    softmax = metrics.softmax(logits)
    softmax_log = np.log(softmax)
    seen = answers(estimator)
    # The best of the paths without an I- that continues nothing.
    paths = [
        p for p in itertools.product(range(3), repeat=4) if "02" not in "".join(map(str, (0, *p)))
    ]
    best = max(paths, key=lambda path: sum(softmax_log[range(4), path]))
    np.testing.assert_array_equal(seen["label_ids"][0], best)
    np.testing.assert_allclose(seen["probabilities"][0], softmax[range(4), best], rtol=1e-4)
    nll = -np.log(softmax[np.arange(4), WORDS["label_ids"][0]]).sum()
    assert seen["negative_log_likelihood"][0] == pytest.approx(nll, rel=1e-4)


def test_crf_has_its_own_learning_rate(tmp_path):
    def moved(name, factors):
        training = model_fns.Training(
            learning_rate=1e-3, num_train_steps=4, learning_rate_factors=factors
        )
        model_fn = tagging_head.tagger_model_fn_builder(
            bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
            labels=TAGS,
            use_crf=True,
            training=training,
        )
        config = tf.estimator.RunConfig(model_dir=str(tmp_path / name), tf_random_seed=1)
        estimator = tf.estimator.Estimator(model_fn, config=config)
        estimator.train(words_input_fn(), steps=1)
        return estimator.get_variable_value("crf/start"), estimator.get_variable_value(
            "output_bias"
        )

    plain, bias = moved("plain", {})
    fast, same_bias = moved("fast", {r"^crf/": 50.0})
    # From zero, Adam's first step is the learning rate, 8e-4, times the sign of the gradient.
    assert np.abs(plain).max() == pytest.approx(8e-4, rel=1e-2)
    np.testing.assert_allclose(fast, 50 * plain, rtol=1e-4)
    np.testing.assert_array_equal(bias, same_bias)
