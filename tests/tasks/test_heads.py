"""The graphs of classifiers, regression models and taggers, run by an Estimator."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from finetune.data.batches import make_training_input_fn
from finetune.data.row_order import in_input_order, in_pool_order
from finetune.data.row_statistics import RowStatistics
from finetune.models import head_layers
from finetune.models import model_fn as model_fns
from finetune.tasks.classification import head, metrics
from finetune.tasks.classification.features import Features
from finetune.tasks.classification.targets import LabelIds, LabelSets, Numbers
from processors import InputExample
from tests.support import tiny

pytestmark = pytest.mark.slow

NUM_LABELS = 3


LABELS = ["a", "b", "c"]


def filled(targets, labels):
    for label in labels:
        targets.add(InputExample("g", "", None, label))
    return targets


def features_of(windows_a_row, targets, pooled=False):
    """Returns features whose windows contain 3 to 16 random tokens."""
    random = np.random.RandomState(3)
    lengths = random.randint(3, 17, size=sum(windows_a_row))
    return Features(
        input_ids=random.randint(1, 97, size=lengths.sum()).astype(np.int32),
        window_starts=np.concatenate([[0], np.cumsum(lengths)]),
        second_starts=random.randint(1, lengths + 1).astype(np.int32),
        row_windows=np.concatenate([[0], np.cumsum(windows_a_row)]),
        targets=targets,
        pooled=pooled,
        num_truncated=0,
        statistics=RowStatistics(),
    )


@pytest.fixture(scope="module")
def features():
    return features_of([1] * 11, filled(LabelIds(LABELS), "bcaabcbacab"))


@pytest.fixture
def estimator(tmp_path):
    return make_estimator(tmp_path, head.classifier_model_fn_builder, num_labels=NUM_LABELS)


def make_estimator(folder, builder, **sizes):
    settings = head.GraphSettings(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        training=model_fns.Training(learning_rate=1e-3, num_train_steps=4),
    )
    model_fn = builder(settings, **sizes)
    config = tf.estimator.RunConfig(model_dir=str(folder), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def train(estimator, features, steps=4):
    estimator.train(make_training_input_fn(features, batch_size=5, seed=1), max_steps=steps)
    return estimator


def prediction_input_fn(features, batch_size):
    """Returns an `input_fn` that yields every row once, in the batches of `in_pool_order`."""
    specs = features.specs

    def input_fn():
        return tf.data.Dataset.from_generator(
            lambda: map(features.batch, in_pool_order(features.lengths, batch_size)),
            {name: spec.dtype for name, spec in specs.items()},
            {name: [None] * spec.rank for name, spec in specs.items()},
        )

    return input_fn


def predicted_logits(estimator, features, batch_size=5):
    batches = estimator.predict(
        prediction_input_fn(features, batch_size=batch_size), yield_single_examples=False
    )
    in_order = in_input_order(batches, features.lengths, batch_size)
    return np.concatenate([batch["logits"] for batch in in_order])


def test_evaluation_loss_is_the_mean_over_rows(estimator, features):
    train(estimator, features)
    evaluated = estimator.evaluate(prediction_input_fn(features, batch_size=11))
    logits = predicted_logits(estimator, features)
    scores = metrics.single_label_scores(features.targets.to_numpy(), logits, LABELS)
    assert evaluated["loss"] == pytest.approx(scores["loss"], rel=1e-5)
    assert evaluated["global_step"] == 4


def test_evaluation_loss_is_the_mean_over_batches_of_different_sizes(estimator, features):
    train(estimator, features)
    evaluated = estimator.evaluate(prediction_input_fn(features, batch_size=5))
    chances = metrics.softmax(predicted_logits(estimator, features))
    losses = -np.log(chances[np.arange(11), features.targets.to_numpy()])
    rows = np.argsort(-features.lengths, kind="stable")  # The longest first
    means = [losses[rows[start:end]].mean() for start, end in ((0, 5), (5, 10), (10, 11))]
    assert evaluated["loss"] == pytest.approx(np.mean(means), rel=1e-5)
    assert abs(evaluated["loss"] - losses.mean()) > 1e-4
    assert set(evaluated) == {"loss", "global_step"}


def test_predictions_do_not_depend_on_other_rows_in_the_batch(estimator, features):
    train(estimator, features, steps=1)
    together, alone = (predicted_logits(estimator, features, size) for size in (11, 1))
    assert together.shape == (11, NUM_LABELS)
    assert np.abs(together - alone).max() < 1e-6
    assert np.ptp(alone, axis=0).min() > 1e-4  # The rows' logits do differ.


def test_head_variables_have_the_names_and_shapes_of_google_checkpoints():
    # See create_model in run_classifier.py of bert-tensorflow 1.0.4.
    with tf.Graph().as_default():
        ids = tf.zeros([5, 7], tf.int32)
        inputs = {"input_ids": ids, "input_mask": ids, "segment_ids": ids}
        config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=1))
        logits = head.create_model(config, False, inputs, NUM_LABELS)
        shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert logits.shape.as_list() == [5, NUM_LABELS]
    assert shapes["output_weights"] == [NUM_LABELS, tiny.HIDDEN]
    assert shapes["output_bias"] == [NUM_LABELS]


# Windows.

WINDOWS_A_ROW = [3, 1, 2, 4, 1]
BOUNDS = np.cumsum([0, *WINDOWS_A_ROW])


def run_graph(builder, fetches, **sizes):
    """Evaluates outputs of a `model_fn` with the same large random weights each time.

    Args:
      builder: Builds the `model_fn`.
      fetches: (mode, batch, pooling, name of the output) for each output.
    """
    config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=1))
    random = np.random.RandomState(5)
    weights = {}
    outputs = []
    for mode, batch, pooling, name in fetches:
        with tf.Graph().as_default(), tf.Session() as session:
            model_fn = builder(head.GraphSettings(config, pooling=pooling), **sizes)
            tensors = {key: tf.constant(array) for key, array in batch.items()}
            spec = model_fn(tensors, None, mode, None)
            for variable in tf.trainable_variables():
                values = random.normal(0.0, 0.3, variable.shape.as_list())
                variable.load(weights.setdefault(variable.op.name, values), session)
            outputs.append(session.run(spec.loss if name == "loss" else spec.predictions[name]))
    return outputs


@pytest.mark.parametrize(("pooling", "pool"), [("mean", np.mean), ("max", np.max)])
@pytest.mark.parametrize(
    ("builder", "sizes"),
    [
        (head.classifier_model_fn_builder, {"num_labels": 3}),
        (head.multi_label_model_fn_builder, {"num_labels": 3}),
        (head.regression_model_fn_builder, {}),
    ],
)
def test_window_logits_are_pooled_per_text(builder, sizes, pooling, pool):
    windows = features_of([1] * 11, None).batch(np.arange(11))
    texts = features_of(WINDOWS_A_ROW, None, pooled=True)
    predict = tf.estimator.ModeKeys.PREDICT
    alone, whole, part = run_graph(
        builder,
        [
            (predict, windows, None, "logits"),  # [11, L]
            (predict, texts.batch(np.arange(5)), pooling, "logits"),
            (predict, texts.batch(np.array([4, 2, 3])), pooling, "logits"),
        ],
        **sizes,
    )
    expected = np.stack([pool(alone[a:b], axis=0) for a, b in zip(BOUNDS, BOUNDS[1:])])
    np.testing.assert_allclose(whole, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(part, expected[[4, 2, 3]], rtol=1e-6, atol=1e-6)
    # Only the first window of each text would yield different logits.
    assert np.abs(whole - alone[BOUNDS[:-1]]).max() > 1e-3


def test_each_text_counts_once_in_the_loss_however_many_windows_it_has():
    features = features_of(WINDOWS_A_ROW, filled(LabelIds(LABELS), "bcaab"), pooled=True)
    batch = features.batch(np.arange(5))
    loss, logits = run_graph(
        head.classifier_model_fn_builder,
        [
            (tf.estimator.ModeKeys.EVAL, batch, "mean", "loss"),
            (tf.estimator.ModeKeys.PREDICT, batch, "mean", "logits"),
        ],
        num_labels=3,
    )
    chances = metrics.softmax(logits)[np.arange(5), [1, 2, 0, 0, 1]]
    assert loss == pytest.approx(-np.mean(np.log(chances)), rel=1e-5)


def test_pooling_matches_values_worked_out_by_hand():
    windows = tf.constant([[1.0, 7.0], [3.0, -5.0], [2.0, 4.0], [-9.0, 0.0], [5.0, 0.5]])
    rows = tf.constant([0, 0, 1, 2, 2])
    with tf.Session() as session:
        mean, largest = (
            session.run(head.POOLINGS[name](windows, rows)) for name in ("mean", "max")
        )
    assert mean.tolist() == [[2.0, 1.0], [2.0, 4.0], [-2.0, 0.25]]
    assert largest.tolist() == [[3.0, 7.0], [2.0, 4.0], [5.0, 0.5]]


# Multi-label classifiers.


def test_multi_label_loss_is_mean_binary_cross_entropy(tmp_path):
    sets = ["a,c", "", "b", "a,b,c", "c", "a", "", "b,c", "a", "c", "b"]
    features = features_of([1] * 11, filled(LabelSets(LABELS, ","), sets))
    builder = head.multi_label_model_fn_builder
    estimator = train(make_estimator(tmp_path, builder, num_labels=NUM_LABELS), features)
    gold = np.array([[label in some for label in LABELS] for some in sets], float)  # [11, L]
    logits = predicted_logits(estimator, features).astype(np.float64)
    assert logits.shape == (11, NUM_LABELS)
    probabilities = 1 / (1 + np.exp(-logits))
    loss = -np.mean(gold * np.log(probabilities) + (1 - gold) * np.log(1 - probabilities))
    # All 11 rows are one batch.
    evaluated = estimator.evaluate(prediction_input_fn(features, batch_size=11))
    assert evaluated["loss"] == pytest.approx(loss, rel=1e-5)


# Regression.


def test_regression_loss_is_mean_squared_error(tmp_path):
    numbers = [93.0, 107.0, 100.0, 111.0, 89.0, 96.0, 104.0, 100.0, 93.0, 121.0, 86.0]
    features = features_of([1] * 11, filled(Numbers(100.0, 7.0), numbers))
    estimator = train(make_estimator(tmp_path, head.regression_model_fn_builder), features)
    predicted = predicted_logits(estimator, features)
    assert predicted.shape == (11, 1)
    evaluated = estimator.evaluate(prediction_input_fn(features, batch_size=11))
    squares = (predicted[:, 0] - (np.array(numbers) - 100.0) / 7.0) ** 2
    assert evaluated["loss"] == pytest.approx(np.mean(squares), rel=1e-5)


def test_class_weights_and_label_smoothing_match_pytorch():
    """Compares with the formula in the documentation of torch.nn.CrossEntropyLoss."""
    logits = np.float32([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]])
    label_ids, weights, smoothing = [0, 1], np.array([1.0, 4.0, 0.5]), 0.3
    nll = np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits  # [2, 3]
    expected = 0.0
    for row, label in enumerate(label_ids):
        expected += (1 - smoothing) * weights[label] * nll[row, label]
        expected += smoothing / 3 * np.sum(weights * nll[row])
    with tf.Graph().as_default(), tf.Session() as session:
        training = model_fns.Training(class_weights=weights.tolist(), label_smoothing=smoothing)
        total, weight = session.run(
            head_layers.sum_of_losses(tf.constant(logits), tf.constant(label_ids), training)
        )
    assert total == pytest.approx(expected, rel=1e-5)
    assert weight == pytest.approx(5.0)
