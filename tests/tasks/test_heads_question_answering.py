"""The head of question answering: its variables, loss and gradients."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from finetune.models import model_fn as model_fns
from finetune.tasks.question_answering import head
from tests.support import tiny

pytestmark = pytest.mark.slow

# [CLS] q [SEP] and a context of three or two wordpieces.
BATCH = {
    "input_ids": [[2, 11, 3, 12, 13, 14, 3], [2, 15, 3, 16, 17, 3, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0]],
    "segment_ids": [[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 0]],
    "answer_mask": [[1, 0, 0, 1, 1, 1, 0], [1, 0, 0, 1, 1, 0, 0]],
    "label_ids": [[[3, 4], [5, 5]], [[0, 0], [-1, -1]]],
}


def loss_of(logits, **changes):
    """Returns the loss of each window by the graph."""
    features = {name: tf.constant(rows, tf.int32) for name, rows in {**BATCH, **changes}.items()}
    with tf.Session() as session:
        return session.run(head.gold_nll(tf.constant(logits, tf.float32), features))


def expected_loss(logits, allowed, spans):
    """Returns -log p / 2, where p is the sum over the spans, in plain Python."""

    def probabilities(values):
        total = sum(math.exp(values[i]) for i in allowed)
        return {i: math.exp(values[i]) / total for i in allowed}

    start, end = (probabilities([pair[i] for pair in logits]) for i in range(2))
    return -0.5 * math.log(sum(start[first] * end[last] for first, last in spans))


def test_loss_is_that_of_the_summed_probability_of_all_gold_answers():
    logits = np.random.RandomState(1).normal(size=(2, 7, 2))
    nll, is_labelled = loss_of(logits)
    assert nll[0] == pytest.approx(expected_loss(logits[0], [0, 3, 4, 5], [(3, 4), (5, 5)]))
    assert nll[1] == pytest.approx(expected_loss(logits[1], [0, 3, 4], [(0, 0)]))
    assert is_labelled.tolist() == [1.0, 1.0]


def test_loss_of_one_answer_is_google_s_mean_of_start_and_end():
    logits = np.random.RandomState(2).normal(size=(2, 7, 2))
    nll, _ = loss_of(logits, label_ids=[[[3, 4]], [[0, 0]]])
    allowed = [0, 3, 4, 5]
    log_sums = [math.log(sum(math.exp(logits[0, i, k]) for i in allowed)) for k in range(2)]
    mean = (log_sums[0] - logits[0, 3, 0] + log_sums[1] - logits[0, 4, 1]) / 2
    assert nll[0] == pytest.approx(mean, rel=1e-5)


def test_window_without_labels_has_no_loss():
    nll, is_labelled = loss_of(np.ones((2, 7, 2)), label_ids=[[[3, 4]], [[-1, -1]]])
    assert nll[1] == 0.0
    assert is_labelled.tolist() == [1.0, 0.0]


def estimator_of(tmp_path, init_checkpoint=None, **settings):
    model_fn = head.answer_model_fn_builder(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        init_checkpoint=init_checkpoint,
        training=model_fns.Training(learning_rate=1e-2, num_train_steps=30),
        **settings,
    )
    config = tf.estimator.RunConfig(model_dir=str(tmp_path), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def input_fn(**changes):
    batch = {name: np.array(rows, np.int32) for name, rows in {**BATCH, **changes}.items()}
    return lambda: tf.data.Dataset.from_tensors(batch).repeat(30)


def test_trained_head_has_google_s_variables_and_learns(tmp_path):
    estimator = estimator_of(tmp_path)
    estimator.train(input_fn(), steps=30)
    names = [name for name in estimator.get_variable_names() if name.startswith("cls/")]
    shapes = {
        name: estimator.get_variable_value(name).shape for name in names if "adam" not in name
    }
    assert shapes == {"cls/squad/output_weights": (2, 32), "cls/squad/output_bias": (2,)}
    seen = next(estimator.predict(input_fn(), yield_single_examples=False))
    assert seen["start_logits"].shape == (2, 7)
    assert seen["negative_log_likelihood"].max() < 0.3
    assert estimator.evaluate(input_fn())["loss"] == pytest.approx(
        seen["negative_log_likelihood"].mean(), rel=1e-5
    )


def test_padding_and_execution_do_not_change_logits(tmp_path):
    estimator_of(tmp_path).train(input_fn(), steps=1)
    first = next(estimator_of(tmp_path).predict(input_fn(), yield_single_examples=False))
    padded = estimator_of(tmp_path, padding_free=False)
    wider = {name: np.pad(BATCH[name], [(0, 0), (0, 2)]) for name in BATCH if name != "label_ids"}
    second = next(padded.predict(input_fn(**wider), yield_single_examples=False))
    for name in ("start_logits", "end_logits"):
        for row, length in enumerate((7, 6)):
            np.testing.assert_allclose(
                first[name][row, :length], second[name][row, :length], atol=1e-5
            )
    np.testing.assert_allclose(
        first["negative_log_likelihood"], second["negative_log_likelihood"], atol=1e-5
    )
