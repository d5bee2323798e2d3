"""Scores against values worked out by hand."""

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.tasks.classification.metrics import (
    classification_scores,
    format_figures,
    format_multi_label_scores,
    format_scores,
    multi_label_scores,
    regression_scores,
    sigmoid,
    softmax,
)

# Right:       a a a b b c c c c c
# Predicted:   a a a a b c c c b b
RIGHT = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 0, 1, 2, 2, 2, 1, 1])
LABELS = ["a", "b", "c"]


def logits_of(predicted, num_labels=3):
    return np.eye(num_labels)[predicted] * 4.0


def test_scores_of_three_labels():
    scores = classification_scores(RIGHT, logits_of(PREDICTED), LABELS)
    # a: 3 right of 4 predicted and 3 there are; b: 1 of 3 and 2; c: 3 of 3 and 5.
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
    scores = classification_scores(np.array([0, 1]), logits, ["x", "y"])
    assert scores["loss"] == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_auc_counts_ties_as_half():
    # Of the 6 pairs of a right "y" and a right "x", 4 are in order and 1 is a tie.
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.4])
    logits = np.stack([np.zeros(5), scores], axis=-1)
    result = classification_scores(np.array([0, 0, 1, 1, 1]), logits, ["x", "y"])
    assert result["auc"] == pytest.approx(4.5 / 6)


def test_one_label_alone_has_no_auc_and_absent_labels_score_zero():
    scores = classification_scores(np.array([1, 1]), logits_of([1, 1], 2), ["x", "y"])
    assert scores["auc"] is None
    assert scores["labels"]["x"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert scores["mcc"] == 0.0


def test_softmax_of_large_logits():
    assert softmax([[1000.0, 1000.0 + math.log(4.0)]]) == pytest.approx(np.array([[0.2, 0.8]]))


def test_text_report_holds_the_same_numbers():
    text = format_scores(classification_scores(RIGHT, logits_of(PREDICTED), LABELS))
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


# Matthews' coefficient, and many labels.


def mcc_of(right, predicted, num_labels):
    logits = logits_of(np.array(predicted), num_labels)
    labels = [f"l{i}" for i in range(num_labels)]
    return classification_scores(np.array(right), logits, labels)["mcc"]


def test_mcc_of_two_labels_by_the_formula_of_matthews():
    # 6 true positives, 3 true negatives, 1 false positive, 2 false negatives.
    right, predicted = [1] * 8 + [0] * 4, [1] * 6 + [0] * 5 + [1]
    expected = (6 * 3 - 1 * 2) / math.sqrt((6 + 1) * (6 + 2) * (3 + 1) * (3 + 2))
    assert mcc_of(right, predicted, 2) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(
    ("right", "predicted", "expected"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1], 1.0),
        ([0, 1, 0, 1], [1, 0, 1, 0], -1.0),
        ([0, 1, 2, 1], [1, 1, 1, 1], 0.0),  # Always the same answer
        ([2, 2, 2, 2], [0, 1, 2, 2], 0.0),  # Always the same label
        ([0], [2], 0.0),
        ([2, 2], [2, 2], 0.0),
    ],
)
def test_mcc_where_all_is_right_or_one_label_is_alone(right, predicted, expected):
    assert mcc_of(right, predicted, 3) == pytest.approx(expected)
    assert sk.matthews_corrcoef(right, predicted) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(deadline=None)
@given(st.integers(2, 7).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), min_size=1, max_size=31)
    )
))  # fmt: skip
def test_mcc_is_that_of_scikit_learn(case):
    num_labels, pairs = case
    right, predicted = zip(*pairs)
    expected = sk.matthews_corrcoef(right, predicted)
    assert mcc_of(right, predicted, num_labels) == pytest.approx(expected, abs=1e-12)


def many_labels(num_labels):
    """One row of each label, the first two mistaken, and five more that are all mistaken."""
    labels = [f"l{i}" for i in range(num_labels)]
    right = np.concatenate([np.arange(num_labels), [5, 5, 3, 7, 7]])
    predicted = np.concatenate([np.arange(num_labels), [3, 3, 5, 3, 3]])
    predicted[[0, 1]] = [num_labels - 1, 2]
    return classification_scores(right, logits_of(predicted, num_labels), labels)


def test_more_than_100_labels_have_no_matrix_but_what_is_most_confused():
    scores = many_labels(101)
    assert scores["confusion_matrix"] is None
    # The most frequent first, of equals in the order of the labels.
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
    assert format_scores(scores).endswith(
        "\n\nmost frequent mistakes (gold label → predicted label)\n"
        "      2  l5 → l3\n      2  l7 → l3\n"
        "      1  l0 → l100\n      1  l1 → l2\n      1  l3 → l5\n"
    )


def test_100_labels_have_a_matrix_yet():
    scores = many_labels(100)
    matrix = np.array(scores["confusion_matrix"])
    assert matrix.shape == (100, 100)
    assert matrix.sum() == 105
    assert (matrix[5, 3], matrix[3, 5], matrix[3, 3], matrix[0, 99]) == (2, 1, 1, 1)
    assert scores["most_confused"][0] == {"label": "l5", "predicted": "l3", "count": 2}


def test_no_more_than_20_pairs_are_called_most_confused():
    labels = [f"l{i}" for i in range(23)]
    right = np.repeat(np.arange(23), np.arange(1, 24))  # Label i has i + 1 rows, all mistaken
    scores = classification_scores(right, logits_of((right + 1) % 23, 23), labels)
    assert [pair["count"] for pair in scores["most_confused"]] == list(range(23, 3, -1))
    assert scores["most_confused"][0] == {"label": "l22", "predicted": "l0", "count": 23}


# Texts with any number of labels.

# Right:        x  xy y  z  x  -
# Given at .5:  xy x  xy y  xw -
MULTI_LABELS = ["x", "y", "z", "w"]
MULTI_RIGHT = np.array(
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.int32
)
PROBABILITIES = np.array(
    [
        [0.9, 0.6, 0.05, 0.1],
        [0.6, 0.4, 0.1, 0.1],
        [0.7, 0.7, 0.2, 0.1],
        [0.1, 0.8, 0.45, 0.1],
        [0.8, 0.1, 0.3, 0.9],
        [0.2, 0.2, 0.15, 0.1],
    ]
)


def multi_scores(right=MULTI_RIGHT, probabilities=PROBABILITIES, thresholds=(0.5,)):
    logits = np.log(probabilities) - np.log1p(-probabilities)
    labels = MULTI_LABELS[: right.shape[1]]
    return multi_label_scores(right, logits.astype(np.float32), labels, np.array(thresholds))


def test_scores_of_texts_with_any_number_of_labels():
    scores = multi_scores()
    assert list(scores["labels"]) == MULTI_LABELS
    # x: 3 right of 4 given and 3 there are; y: 1 of 3 and 2; z: none given of 1; w: 1 given of 0.
    # Of the 9 pairs of a row with x and one without, 8 are in order; of the 8 of y, 5.
    # Rows with x come 1st, 2nd and 4th: 1/1, 2/2, 3/4 are the precisions there; y's 2nd and 4th.
    # With x from 0.6 on: 3 of 4 and 3. With y from 0.4 on: 2 of 4 and 2.
    assert scores["labels"]["x"] == pytest.approx(
        {"precision": 3 / 4, "recall": 1.0, "f1": 6 / 7, "support": 3,
         "auc": 8 / 9, "average_precision": 11 / 12, "best_threshold": 0.6}
    )  # fmt: skip
    assert scores["labels"]["y"] == pytest.approx(
        {"precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "support": 2,
         "auc": 5 / 8, "average_precision": 1 / 2, "best_threshold": 0.4}
    )  # fmt: skip
    assert scores["labels"]["z"] == pytest.approx(
        {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1,
         "auc": 1.0, "average_precision": 1.0, "best_threshold": 0.45}
    )  # fmt: skip
    assert scores["labels"]["w"] == {
        "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0,
        "auc": None, "average_precision": None, "best_threshold": None,
    }  # fmt: skip
    assert scores["num_examples"] == 6
    assert scores["accuracy"] == pytest.approx(1 / 6)  # The last row alone
    assert scores["hamming_loss"] == pytest.approx(6 / 24)
    # 4 right of 8 given and 6 there are.
    assert scores["micro_precision"] == pytest.approx(1 / 2)
    assert scores["micro_recall"] == pytest.approx(2 / 3)
    assert scores["micro_f1"] == pytest.approx(4 / 7)
    assert scores["macro_precision"] == pytest.approx((3 / 4 + 1 / 3) / 4)
    assert scores["macro_recall"] == pytest.approx((1 + 1 / 2) / 4)
    assert scores["macro_f1"] == pytest.approx((6 / 7 + 2 / 5) / 4)
    # Over the labels that have one.
    assert scores["macro_auc"] == pytest.approx((8 / 9 + 5 / 8 + 1) / 3)
    assert scores["macro_average_precision"] == pytest.approx((11 / 12 + 1 / 2 + 1) / 3)


def test_each_label_may_have_a_threshold_of_its_own():
    # y only from 0.8 on, w never, z from 0.4 on: given are x, x, x, yz, x and none.
    scores = multi_scores(thresholds=(0.55, 0.75, 0.4, 0.95))
    found = {k: (s["precision"], s["recall"]) for k, s in scores["labels"].items()}
    assert found == {"x": (3 / 4, 1.0), "y": (0.0, 0.0), "z": (1.0, 1.0), "w": (0.0, 0.0)}
    assert scores["accuracy"] == pytest.approx(3 / 6)


def test_a_label_is_given_from_its_threshold_on():
    right = np.array([[1, 0], [0, 1]], np.int32)
    scores = multi_label_scores(right, np.zeros([2, 2], np.float32), ["x", "y"], np.array([0.5]))
    assert scores["micro_recall"] == 1.0
    assert scores["micro_precision"] == 0.5


def test_loss_of_several_labels_is_the_mean_binary_cross_entropy_in_nats():
    third = math.log(3.0)  # Probabilities 1/2, 3/4; 1/4, 1/2; 3/4, 1/2
    logits = np.array([[0, third], [-third, 0], [third, 0]], np.float32)
    right = np.array([[1, 0], [1, 1], [1, 0]])
    scores = multi_label_scores(right, logits, ["x", "y"], np.array([0.5]))
    expected = (math.log(2) + math.log(4) + math.log(4) + math.log(2) + math.log(4 / 3)) / 6
    assert scores["loss"] == pytest.approx(expected + math.log(2) / 6)


def test_large_logits_of_several_labels_have_a_loss():
    logits = np.array([[5000.0, -5000.0], [-70.0, -5000.0]], np.float32)
    scores = multi_label_scores(np.array([[1, 0], [1, 0]]), logits, ["x", "y"], np.array([0.5]))
    assert scores["loss"] == pytest.approx(70 / 4)


def test_a_single_label_that_texts_have_or_have_not_is_scored_like_one_of_several():
    # As x above; a column alone is no reason to score the rows without it, too.
    scores = multi_scores(MULTI_RIGHT[:, :1], PROBABILITIES[:, :1])
    assert scores["labels"] == {"x": pytest.approx(
        {"precision": 3 / 4, "recall": 1.0, "f1": 6 / 7, "support": 3,
         "auc": 8 / 9, "average_precision": 11 / 12, "best_threshold": 0.6}
    )}  # fmt: skip
    for average in ("micro", "macro"):
        assert scores[f"{average}_precision"] == pytest.approx(3 / 4)
        assert scores[f"{average}_recall"] == pytest.approx(1.0)
        assert scores[f"{average}_f1"] == pytest.approx(6 / 7)


def test_where_no_label_can_be_ranked_there_is_no_mean_of_ranks():
    scores = multi_scores(np.array([[1, 0], [1, 0]], np.int32), PROBABILITIES[:2, :2])
    assert scores["macro_auc"] is None
    assert scores["macro_average_precision"] is None
    assert scores["labels"]["x"]["best_threshold"] is None
    text = format_multi_label_scores(scores)
    assert "macro_auc = None" in text
    assert text.splitlines()[-2].split() == ["x", "1.0000", "1.0000", "1.0000", "2", *"---"]


def test_text_report_of_several_labels_holds_the_same_numbers():
    lines = format_multi_label_scores(multi_scores()).splitlines()
    assert "micro_recall = 0.6667" in lines
    assert "hamming_loss = 0.2500" in lines
    assert lines[-5].split() == [
        "label", "precision", "recall", "f1", "support", "auc", "average_precision",
        "best_threshold",
    ]  # fmt: skip
    assert lines[-3].split() == [
        "y", "0.3333", "0.5000", "0.4000", "2", "0.6250", "0.5000", "0.4000",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=2, max_size=17))
def test_no_other_threshold_has_a_higher_f1_than_the_best(pairs):
    right = np.array([[has] for has, _ in pairs], np.int32)
    assume(len(set(right[:, 0])) == 2)
    probabilities = np.array([[tenths / 10] for _, tenths in pairs])
    # A second label, of no interest, so that there are several.
    both = np.hstack([right, right]), np.hstack([probabilities, probabilities])
    best = multi_scores(*both)["labels"]["x"]["best_threshold"]

    def f1_at(threshold):
        given_at = probabilities[:, 0] >= threshold - 1e-6
        return 2 * (given_at & (right[:, 0] == 1)).sum() / (given_at.sum() + right.sum())

    assert f1_at(best) == pytest.approx(max(f1_at(tenths / 10) for tenths in range(1, 10)))


# Numbers.


def test_scores_of_numbers():
    scores = regression_scores(np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 1.0, 4.0, 9.0]))
    assert scores == {
        "num_examples": 4,
        "mse": pytest.approx((1 + 1 + 0 + 4) / 4),
        "mae": pytest.approx((1 + 1 + 0 + 2) / 4),
        # Means 3.5 and 4: (5 + 4.5 + 0 + 17.5) / sqrt((6.25 + 2.25 + .25 + 12.25) * (4 + 9 + 25))
        "pearson": pytest.approx(27 / math.sqrt(21 * 38)),
        # The ranks 1 2 3 4 and 2 1 3 4: 1 - 6 * (1 + 1) / (4 * (16 - 1))
        "spearman": pytest.approx(0.8),
    }


def test_spearman_gives_ties_their_mean_rank():
    # Ranks 1 2 3 and 1.5 1.5 3, of which the correlation is 1.5 / sqrt(2 * 1.5).
    scores = regression_scores(np.array([1.0, 2.0, 30.0]), np.array([5.0, 5.0, 6.0]))
    assert scores["spearman"] == pytest.approx(math.sqrt(3) / 2)


def test_pearson_needs_neither_the_unit_nor_the_place_and_errors_do():
    numbers, predicted = np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 1.0, 4.0, 9.0])
    scores = regression_scores(numbers, 10 * predicted + 100)
    assert scores["pearson"] == pytest.approx(27 / math.sqrt(21 * 38))
    assert scores["mae"] == pytest.approx((119 + 108 + 136 + 183) / 4)


@pytest.mark.parametrize(("numbers", "predicted"), [([3, 3], [1, 2]), ([1, 2], [3, 3]), ([5], [4])])
def test_numbers_that_do_not_vary_have_no_correlation(numbers, predicted):
    scores = regression_scores(np.array(numbers), np.array(predicted))
    assert (scores["pearson"], scores["spearman"]) == (None, None)
    assert scores["mse"] == pytest.approx(np.mean(np.subtract(numbers, predicted) ** 2))
    assert "pearson = None" in format_figures(scores)


def test_sigmoid_of_large_logits():
    seen = sigmoid(np.array([-5000.0, math.log(1 / 4), 0.0, 5000.0], np.float32))
    assert seen.dtype == np.float64
    assert seen == pytest.approx([0.0, 0.2, 0.5, 1.0])
