"""The classifier's graph as an Estimator runs it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny

import modeling
from finetune import metrics, model_fns
from finetune.features import Features
from finetune.input_pipeline import make_input_fn

NUM_LABELS = 3


@pytest.fixture(scope="module")
def features():
    random = np.random.RandomState(3)
    lengths = random.randint(3, 17, size=11)
    total = int(lengths.sum())
    return Features(
        input_ids=random.randint(1, 97, size=total).astype(np.int32),
        segment_ids=random.randint(0, 2, size=total).astype(np.int32),
        row_starts=np.concatenate([[0], np.cumsum(lengths)]),
        label_ids=random.randint(0, NUM_LABELS, size=11).astype(np.int32),
        num_truncated=0,
    )


@pytest.fixture
def estimator(tmp_path):
    model_fn = model_fns.classifier_model_fn_builder(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        num_labels=NUM_LABELS,
        training=model_fns.Training(learning_rate=1e-3, num_train_steps=4),
    )
    config = tf.estimator.RunConfig(model_dir=str(tmp_path), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def test_evaluate_counts_each_row_once_and_agrees_with_the_scores_of_predictions(
    estimator, features
):
    estimator.train(make_input_fn(features, batch_size=5, shuffle_seed=1), max_steps=4)
    # 11 rows in batches of 5: means over batches would weigh the last row like five others.
    input_fn = make_input_fn(features, batch_size=5)
    evaluated = estimator.evaluate(input_fn)
    predicted = list(estimator.predict(input_fn, yield_single_examples=False))
    logits = np.concatenate([batch["logits"] for batch in predicted])
    scores = metrics.classification_scores(features.label_ids, logits, ["a", "b", "c"])
    assert evaluated["eval_accuracy"] == pytest.approx(scores["accuracy"])
    assert evaluated["eval_loss"] == pytest.approx(scores["loss"], rel=1e-5)
    assert evaluated["global_step"] == 4


def test_answers_do_not_depend_on_the_rows_beside_and_their_padding(estimator, features):
    estimator.train(make_input_fn(features, batch_size=5, shuffle_seed=1), max_steps=1)
    together, alone = (
        np.concatenate(
            [
                batch["logits"]
                for batch in estimator.predict(
                    make_input_fn(features, batch_size=size), yield_single_examples=False
                )
            ]
        )
        for size in (11, 1)
    )
    assert together.shape == (11, NUM_LABELS)
    assert np.abs(together - alone).max() < 1e-6
    assert np.ptp(alone, axis=0).min() > 1e-4  # The rows' answers do differ.


def test_head_has_the_names_and_shapes_of_google_checkpoints():
    # run_classifier.py of bert-tensorflow 1.0.4, create_model
    with tf.Graph().as_default():
        ids = tf.zeros([5, 7], tf.int32)
        inputs = {"input_ids": ids, "input_mask": ids, "segment_ids": ids}
        config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=1))
        logits = model_fns.create_model(config, False, inputs, NUM_LABELS)
        shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert logits.shape.as_list() == [5, NUM_LABELS]
    assert shapes["output_weights"] == [NUM_LABELS, tiny.HIDDEN]
    assert shapes["output_bias"] == [NUM_LABELS]


WORDS = {
    # Two rows of four and two words, of which the last one has no label in its row.
    "input_ids": [[2, 11, 12, 13, 14, 15, 3], [2, 16, 17, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0] * 7, [0] * 7],
    "word_positions": [[1, 3, 4, 5], [1, 2, 0, 0]],
    "word_mask": [[1, 1, 1, 1], [1, 1, 0, 0]],
    "label_ids": [[0, 1, 2, 0], [1, -1, -1, -1]],
    "begins": [1, 1],
    "ends": [1, 1],
}
TAGS = ["O", "B-A", "I-A"]


def tagger(tmp_path, **settings):
    model_fn = model_fns.tagger_model_fn_builder(
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
def test_a_taggers_loss_and_accuracy_are_over_labelled_words_alone(tmp_path, use_crf):
    estimator = tagger(tmp_path, use_crf=use_crf)
    estimator.train(words_input_fn(), steps=2)
    evaluated = estimator.evaluate(words_input_fn())
    seen = answers(estimator)
    labelled = np.array(WORDS["label_ids"]) >= 0
    right = seen["label_ids"] == WORDS["label_ids"]
    assert evaluated["eval_accuracy"] == pytest.approx(right[labelled].mean())
    loss = seen["negative_log_likelihood"].sum() / 5  # labelled words
    assert evaluated["eval_loss"] == pytest.approx(loss, rel=1e-5)
    assert loss > 0
    # A word without a label, and what stands behind a row's last word, is in no loss.
    moved = answers(estimator, word_positions=[[1, 3, 4, 5], [1, 3, 6, 6]])
    np.testing.assert_array_equal(moved["negative_log_likelihood"], seen["negative_log_likelihood"])


def test_a_word_is_tagged_by_its_first_piece(tmp_path):
    estimator = tagger(tmp_path)
    estimator.train(words_input_fn(), steps=2)
    straight = answers(estimator)["probabilities"]
    swapped = answers(estimator, word_positions=[[5, 4, 3, 1], [2, 1, 0, 0]])["probabilities"]
    np.testing.assert_allclose(swapped[0], straight[0][::-1], rtol=1e-5)
    np.testing.assert_allclose(swapped[1, :2], straight[1, 1::-1], rtol=1e-5)


def test_probabilities_are_softmax_of_the_head_by_hand(tmp_path):
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
    seen = answers(estimator)
    np.testing.assert_array_equal(seen["label_ids"][0], logits.argmax(-1))
    np.testing.assert_allclose(seen["probabilities"][0], softmax.max(-1), rtol=1e-4)
    nll = -np.log(softmax[np.arange(4), WORDS["label_ids"][0]]).sum()
    assert seen["negative_log_likelihood"][0] == pytest.approx(nll, rel=1e-4)


def test_the_crf_has_a_learning_rate_of_its_own(tmp_path):
    def moved(name, factors):
        training = model_fns.Training(
            learning_rate=1e-3, num_train_steps=4, learning_rate_factors=factors
        )
        model_fn = model_fns.tagger_model_fn_builder(
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
    # From zero, Adam's first step is the rate times the sign of the gradient.
    assert np.abs(plain).max() == pytest.approx(8e-4, rel=1e-2)  # Rate of step 1 of 5
    np.testing.assert_allclose(fast, 50 * plain, rtol=1e-4)
    np.testing.assert_array_equal(bias, same_bias)
