"""Scores of classifiers and regression models, compared with values worked out by hand."""

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.classification.metrics import (
    format_single_label_scores,
    sigmoid,
    single_label_scores,
    softmax,
)

# Gold:        a a a b b c c c c c
# Predicted:   a a a a b c c c b b
GOLD = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 0, 1, 2, 2, 2, 1, 1])
LABELS = ["a", "b", "c"]


def logits_of(predicted, num_labels=3):
    return np.eye(num_labels)[predicted] * 4.0


def test_scores_of_three_labels_match_values_worked_out_by_hand():
    scores = single_label_scores(GOLD, logits_of(PREDICTED), LABELS)
    # Correct, predicted and gold rows: a 3, 4 and 3; b 1, 3 and 2; c 3, 3 and 5.
    assert scores["labels"] == {
        "a": pytest.approx({"precision": 3 / 4, "recall": 1.0, "f1": 6 / 7, "support": 3}),
        "b": pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "support": 2}),
        "c": pytest.approx({"precision": 1.0, "recall": 3 / 5, "f1": 3 / 4, "support": 5}),
    }
    assert scores["accuracy"] == pytest.approx(0.7)
    assert scores["macro_precision"] == pytest.approx((3 / 4 + 1 / 3 + 1) / 3)
    assert scores["macro_recall"] == pytest.approx((1 + 1 / 2 + 3 / 5) / 3)
    assert scores["macro_f1"] == pytest.approx((6 / 7 + 2 / 5 + 3 / 4) / 3)
    assert scores["weighted_f1"] == pytest.approx((3 * 6 / 7 + 2 * 2 / 5 + 5 * 3 / 4) / 10)
    # Gorodkin 2004, equation 8: (7 * 10 - (4*3 + 3*2 + 3*5)) / sqrt((100 - 34) * (100 - 38))
    assert scores["mcc"] == pytest.approx(37 / math.sqrt(66 * 62))
    assert scores["confusion_matrix"] == [[3, 0, 0], [1, 1, 0], [0, 2, 3]]
    assert scores["num_examples"] == 10
    assert "auc" not in scores


def test_loss_is_the_mean_cross_entropy_in_nats():
    logits = np.array([[0.0, math.log(3.0)], [5000.0, 5000.0]])  # p = (1/4, 3/4), (1/2, 1/2)
    scores = single_label_scores(np.array([0, 1]), logits, ["x", "y"])
    assert scores["loss"] == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_auc_counts_ties_as_half():
    # 4 of the 6 pairs of a gold "y" and a gold "x" are in order, and 1 is a tie.
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.4])
    logits = np.stack([np.zeros(5), scores], axis=-1)
    result = single_label_scores(np.array([0, 0, 1, 1, 1]), logits, ["x", "y"])
    assert result["auc"] == pytest.approx(4.5 / 6)


def test_auc_is_none_with_one_label_and_absent_labels_score_zero():
    scores = single_label_scores(np.array([1, 1]), logits_of([1, 1], 2), ["x", "y"])
    assert scores["auc"] is None
    assert scores["labels"]["x"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert scores["mcc"] == 0.0


def test_softmax_of_large_logits_is_finite():
    assert softmax([[1000.0, 1000.0 + math.log(4.0)]]) == pytest.approx(np.array([[0.2, 0.8]]))


def test_text_shows_the_scores():
    text = format_single_label_scores(single_label_scores(GOLD, logits_of(PREDICTED), LABELS))
    assert "accuracy = 0.7000" in text
    assert "num_examples = 10" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["b", "0.3333", "0.5000", "0.4000", "2"] in rows
    assert rows[-4:] == [
        ["a", "b", "c"],
        ["a", "3", "0", "0"],
        ["b", "1", "1", "0"],
        ["c", "0", "2", "3"],
    ]


# The Matthews correlation coefficient, and many labels.


def mcc_of(gold, predicted, num_labels):
    logits = logits_of(np.array(predicted), num_labels)
    labels = [f"l{i}" for i in range(num_labels)]
    return single_label_scores(np.array(gold), logits, labels)["mcc"]


def test_mcc_of_two_labels_matches_matthews_formula():
    # 6 true positives, 3 true negatives, 1 false positive, 2 false negatives.
    gold, predicted = [1] * 8 + [0] * 4, [1] * 6 + [0] * 5 + [1]
    expected = (6 * 3 - 1 * 2) / math.sqrt((6 + 1) * (6 + 2) * (3 + 1) * (3 + 2))
    assert mcc_of(gold, predicted, 2) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1], 1.0),
        ([0, 1, 0, 1], [1, 0, 1, 0], -1.0),
        ([0, 1, 2, 1], [1, 1, 1, 1], 0.0),  # The prediction is always the same
        ([2, 2, 2, 2], [0, 1, 2, 2], 0.0),  # The gold label is always the same
        ([0], [2], 0.0),
        ([2, 2], [2, 2], 0.0),
    ],
)
def test_mcc_of_perfect_and_constant_predictions(gold, predicted, expected):
    assert mcc_of(gold, predicted, 3) == pytest.approx(expected)
    assert sk.matthews_corrcoef(gold, predicted) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(deadline=None)
@given(st.integers(2, 7).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), min_size=1, max_size=31)
    )
))  # fmt: skip
def test_mcc_matches_scikit_learn(case):
    num_labels, pairs = case
    gold, predicted = zip(*pairs)
    expected = sk.matthews_corrcoef(gold, predicted)
    assert mcc_of(gold, predicted, num_labels) == pytest.approx(expected, abs=1e-12)


def many_labels(num_labels):
    """Scores one row per label, the first two of them wrong, and five more wrong rows."""
    labels = [f"l{i}" for i in range(num_labels)]
    gold = np.concatenate([np.arange(num_labels), [5, 5, 3, 7, 7]])
    predicted = np.concatenate([np.arange(num_labels), [3, 3, 5, 3, 3]])
    predicted[[0, 1]] = [num_labels - 1, 2]
    return single_label_scores(gold, logits_of(predicted, num_labels), labels)


def test_more_than_100_labels_have_no_confusion_matrix():
    scores = many_labels(101)
    assert scores["confusion_matrix"] is None
    # The most frequent pair comes first; ties are in the order of the labels.
    assert scores["most_confused"] == [
        {"label": "l5", "predicted": "l3", "count": 2},
        {"label": "l7", "predicted": "l3", "count": 2},
        {"label": "l0", "predicted": "l100", "count": 1},
        {"label": "l1", "predicted": "l2", "count": 1},
        {"label": "l3", "predicted": "l5", "count": 1},
    ]
    assert scores["accuracy"] == pytest.approx(99 / 106)
    assert scores["labels"]["l3"] == pytest.approx(
        {"precision": 1 / 5, "recall": 1 / 2, "f1": 2 / 7, "support": 2}
    )
    assert len(scores["labels"]) == 101
    assert format_single_label_scores(scores).endswith(
        "\n\nmost frequent mistakes (gold label → predicted label)\n"
        "      2  l5 → l3\n      2  l7 → l3\n"
        "      1  l0 → l100\n      1  l1 → l2\n      1  l3 → l5\n"
    )


def test_100_labels_have_a_confusion_matrix():
    scores = many_labels(100)
    matrix = np.array(scores["confusion_matrix"])
    assert matrix.shape == (100, 100)
    assert matrix.sum() == 105
    assert (matrix[5, 3], matrix[3, 5], matrix[3, 3], matrix[0, 99]) == (2, 1, 1, 1)
    assert scores["most_confused"][0] == {"label": "l5", "predicted": "l3", "count": 2}


def test_most_confused_has_at_most_20_pairs():
    labels = [f"l{i}" for i in range(23)]
    gold = np.repeat(np.arange(23), np.arange(1, 24))  # Label i has i + 1 rows, all of them wrong
    scores = single_label_scores(gold, logits_of((gold + 1) % 23, 23), labels)
    assert [pair["count"] for pair in scores["most_confused"]] == list(range(23, 3, -1))
    assert scores["most_confused"][0] == {"label": "l22", "predicted": "l0", "count": 23}


def test_sigmoid_of_large_logits_is_finite():
    seen = sigmoid(np.array([-5000.0, math.log(1 / 4), 0.0, 5000.0], np.float32))
    assert seen.dtype == np.float64
    assert seen == pytest.approx([0.0, 0.2, 0.5, 1.0])
