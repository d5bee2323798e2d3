"""The graphs of classifiers, of regression and of taggers as an Estimator runs them."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from finetune.data.batches import make_prediction_input_fn, make_training_input_fn
from finetune.data.row_order import in_input_order
from finetune.data.row_statistics import RowStatistics
from finetune.models import model_fn as model_fns
from finetune.tasks.classification import head, metrics
from finetune.tasks.classification.features import Features
from finetune.tasks.classification.problem_types import LabelIds, LabelSets, Numbers
from finetune.tasks.tagging import head as tagging_head
from processors import InputExample
from tests.support import tiny

NUM_LABELS = 3


LABELS = ["a", "b", "c"]


def filled(targets, labels):
    for label in labels:
        targets.add(InputExample("g", "", None, label))
    return targets


def features_of(windows_a_row, targets, pooled=False):
    """Rows of random windows of 3 to 16 tokens."""
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


def make_estimator(folder, builder, **settings):
    model_fn = builder(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        training=model_fns.Training(learning_rate=1e-3, num_train_steps=4),
        **settings,
    )
    config = tf.estimator.RunConfig(model_dir=str(folder), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def train(estimator, features, steps=4):
    estimator.train(make_training_input_fn(features, batch_size=5, seed=1), max_steps=steps)
    return estimator


def predicted_logits(estimator, features, batch_size=5):
    batches = estimator.predict(
        make_prediction_input_fn(features, batch_size=batch_size), yield_single_examples=False
    )
    in_order = in_input_order(batches, features.lengths, batch_size)
    return np.concatenate([batch["logits"] for batch in in_order])


def test_evaluation_loss_is_the_mean_over_rows_and_agrees_with_the_predictions(estimator, features):
    train(estimator, features)
    evaluated = estimator.evaluate(make_prediction_input_fn(features, batch_size=11))
    logits = predicted_logits(estimator, features)
    scores = metrics.classification_scores(features.targets.to_numpy(), logits, LABELS)
    assert evaluated["loss"] == pytest.approx(scores["loss"], rel=1e-5)
    assert evaluated["global_step"] == 4


def test_answers_do_not_depend_on_the_rows_beside_and_their_padding(estimator, features):
    train(estimator, features, steps=1)
    together, alone = (predicted_logits(estimator, features, size) for size in (11, 1))
    assert together.shape == (11, NUM_LABELS)
    assert np.abs(together - alone).max() < 1e-6
    assert np.ptp(alone, axis=0).min() > 1e-4  # The rows' answers do differ.


def test_head_has_the_names_and_shapes_of_google_checkpoints():
    # run_classifier.py of bert-tensorflow 1.0.4, create_model
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


def run_graph(builder, fetches, **settings):
    """Evaluates outputs of a `model_fn`, all with the same large random weights.

    Args:
      builder: Builds the `model_fn`.
      fetches: (mode, batch, pooling, name of the output) of each.
    """
    config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=1))
    random = np.random.RandomState(5)
    weights = {}
    outputs = []
    for mode, batch, pooling, name in fetches:
        with tf.Graph().as_default(), tf.Session() as session:
            model_fn = builder(bert_config=config, pooling=pooling, **settings)
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
def test_logits_of_a_text_are_the_pooled_logits_of_its_windows(builder, sizes, pooling, pool):
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
    # The logits of the first window alone would be others.
    assert np.abs(whole - alone[BOUNDS[:-1]]).max() > 1e-3


def test_a_text_is_one_row_in_the_loss_however_many_windows_it_has():
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


def test_pooling_by_hand():
    windows = tf.constant([[1.0, 7.0], [3.0, -5.0], [2.0, 4.0], [-9.0, 0.0], [5.0, 0.5]])
    rows = tf.constant([0, 0, 1, 2, 2])
    with tf.Session() as session:
        mean, largest = (
            session.run(head.POOLINGS[name](windows, rows)) for name in ("mean", "max")
        )
    assert mean.tolist() == [[2.0, 1.0], [2.0, 4.0], [-2.0, 0.25]]
    assert largest.tolist() == [[3.0, 7.0], [2.0, 4.0], [5.0, 0.5]]


# Any number of labels.


def test_loss_of_several_labels_is_their_mean_binary_cross_entropy(tmp_path):
    sets = ["a,c", "", "b", "a,b,c", "c", "a", "", "b,c", "a", "c", "b"]
    features = features_of([1] * 11, filled(LabelSets(LABELS, ","), sets))
    builder = head.multi_label_model_fn_builder
    estimator = train(make_estimator(tmp_path, builder, num_labels=NUM_LABELS), features)
    right = np.array([[label in some for label in LABELS] for some in sets], float)  # [11, L]
    logits = predicted_logits(estimator, features).astype(np.float64)
    assert logits.shape == (11, NUM_LABELS)
    probabilities = 1 / (1 + np.exp(-logits))
    loss = -np.mean(right * np.log(probabilities) + (1 - right) * np.log(1 - probabilities))
    # All 11 rows are one batch.
    evaluated = estimator.evaluate(make_prediction_input_fn(features, batch_size=11))
    assert evaluated["loss"] == pytest.approx(loss, rel=1e-5)


# Numbers.


def test_the_loss_of_numbers_is_their_mean_squared_error(tmp_path):
    numbers = [93.0, 107.0, 100.0, 111.0, 89.0, 96.0, 104.0, 100.0, 93.0, 121.0, 86.0]
    features = features_of([1] * 11, filled(Numbers(100.0, 7.0), numbers))
    estimator = train(make_estimator(tmp_path, head.regression_model_fn_builder), features)
    predicted = predicted_logits(estimator, features)
    assert predicted.shape == (11, 1)
    evaluated = estimator.evaluate(make_prediction_input_fn(features, batch_size=11))
    squares = (predicted[:, 0] - (np.array(numbers) - 100.0) / 7.0) ** 2
    assert evaluated["loss"] == pytest.approx(np.mean(squares), rel=1e-5)


# Tags.

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
def test_a_taggers_loss_is_the_mean_over_labelled_words(tmp_path, use_crf):
    estimator = tagger(tmp_path, use_crf=use_crf)
    estimator.train(words_input_fn(), steps=2)
    evaluated = estimator.evaluate(words_input_fn())
    seen = answers(estimator)
    loss = seen["negative_log_likelihood"].sum() / 5  # labelled words
    assert evaluated["loss"] == pytest.approx(loss, rel=1e-5)
    assert loss > 0
    # Words without a label, and padding after a row's last word, do not count.
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
    # From zero, Adam's first step is the rate times the sign of the gradient.
    assert np.abs(plain).max() == pytest.approx(8e-4, rel=1e-2)  # Rate of step 1 of 5
    np.testing.assert_allclose(fast, 50 * plain, rtol=1e-4)
    np.testing.assert_array_equal(bias, same_bias)


def test_weights_and_smoothing_are_those_of_pytorch_by_hand():
    """torch.nn.CrossEntropyLoss(weight, label_smoothing), by the formula in its documentation."""
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
            model_fns.sum_of_losses(tf.constant(logits), tf.constant(label_ids), training)
        )
    assert total == pytest.approx(expected, rel=1e-5)
    assert weight == pytest.approx(5.0)
