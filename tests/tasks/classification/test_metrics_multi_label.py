"""The metrics of texts with any number of labels, compared with values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.tasks.classification.metrics import (
    format_multi_label_scores,
    multi_label_scores,
)

# Gold:         x  xy y  z  x  -
# Predicted:    xy x  xy y  xw -    (threshold 0.5)
MULTI_LABELS = ["x", "y", "z", "w"]
MULTI_GOLD = np.array(
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


def multi_scores(gold=MULTI_GOLD, probabilities=PROBABILITIES, thresholds=(0.5,)):
    logits = np.log(probabilities) - np.log1p(-probabilities)
    labels = MULTI_LABELS[: gold.shape[1]]
    return multi_label_scores(gold, logits.astype(np.float32), labels, np.array(thresholds))


def test_multi_label_scores_match_values_worked_out_by_hand():
    scores = multi_scores()
    assert list(scores["labels"]) == MULTI_LABELS
    # Correct, predicted and gold rows: x 3, 4 and 3; y 1, 3 and 2; z 0, 0 and 1; w 0, 1 and 0.
    # 8 of the 9 pairs of a row with x and a row without it are in order; for y, 5 of 8.
    # Rows with x rank 1st, 2nd and 4th, with precisions 1/1, 2/2, 3/4; rows with y, 2nd and 4th.
    # At threshold 0.6, the counts of x are 3, 4 and 3; at threshold 0.4, those of y are 2, 4 and 2.
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
    assert scores["accuracy"] == pytest.approx(1 / 6)  # Only the last row
    assert scores["hamming_loss"] == pytest.approx(6 / 24)
    # 4 correct, of 8 predicted and 6 gold.
    assert scores["micro_precision"] == pytest.approx(1 / 2)
    assert scores["micro_recall"] == pytest.approx(2 / 3)
    assert scores["micro_f1"] == pytest.approx(4 / 7)
    assert scores["macro_precision"] == pytest.approx((3 / 4 + 1 / 3) / 4)
    assert scores["macro_recall"] == pytest.approx((1 + 1 / 2) / 4)
    assert scores["macro_f1"] == pytest.approx((6 / 7 + 2 / 5) / 4)
    # These are means over the labels that have such a score.
    assert scores["macro_auc"] == pytest.approx((8 / 9 + 5 / 8 + 1) / 3)
    assert scores["macro_average_precision"] == pytest.approx((11 / 12 + 1 / 2 + 1) / 3)


def test_each_label_can_have_its_own_threshold():
    # With these thresholds, the predictions are x, x, x, yz, x and none.
    scores = multi_scores(thresholds=(0.55, 0.75, 0.4, 0.95))
    found = {k: (s["precision"], s["recall"]) for k, s in scores["labels"].items()}
    assert found == {"x": (3 / 4, 1.0), "y": (0.0, 0.0), "z": (1.0, 1.0), "w": (0.0, 0.0)}
    assert scores["accuracy"] == pytest.approx(3 / 6)


def test_label_is_assigned_at_exactly_its_threshold():
    gold = np.array([[1, 0], [0, 1]], np.int32)
    scores = multi_label_scores(gold, np.zeros([2, 2], np.float32), ["x", "y"], np.array([0.5]))
    assert scores["micro_recall"] == 1.0
    assert scores["micro_precision"] == 0.5


def test_multi_label_loss_is_the_mean_binary_cross_entropy_in_nats():
    third = math.log(3.0)  # Probabilities 1/2, 3/4; 1/4, 1/2; 3/4, 1/2
    logits = np.array([[0, third], [-third, 0], [third, 0]], np.float32)
    gold = np.array([[1, 0], [1, 1], [1, 0]])
    scores = multi_label_scores(gold, logits, ["x", "y"], np.array([0.5]))
    expected = (math.log(2) + math.log(4) + math.log(4) + math.log(2) + math.log(4 / 3)) / 6
    assert scores["loss"] == pytest.approx(expected + math.log(2) / 6)


def test_multi_label_loss_of_large_logits_is_finite():
    logits = np.array([[5000.0, -5000.0], [-70.0, -5000.0]], np.float32)
    scores = multi_label_scores(np.array([[1, 0], [1, 0]]), logits, ["x", "y"], np.array([0.5]))
    assert scores["loss"] == pytest.approx(70 / 4)


def test_multi_label_data_can_have_a_single_label():
    # Scored like x above: rows without the only label are not a second class.
    scores = multi_scores(MULTI_GOLD[:, :1], PROBABILITIES[:, :1])
    assert scores["labels"] == {"x": pytest.approx(
        {"precision": 3 / 4, "recall": 1.0, "f1": 6 / 7, "support": 3,
         "auc": 8 / 9, "average_precision": 11 / 12, "best_threshold": 0.6}
    )}  # fmt: skip
    for average in ("micro", "macro"):
        assert scores[f"{average}_precision"] == pytest.approx(3 / 4)
        assert scores[f"{average}_recall"] == pytest.approx(1.0)
        assert scores[f"{average}_f1"] == pytest.approx(6 / 7)


def test_macro_auc_is_none_if_no_label_has_an_auc():
    scores = multi_scores(np.array([[1, 0], [1, 0]], np.int32), PROBABILITIES[:2, :2])
    assert scores["macro_auc"] is None
    assert scores["macro_average_precision"] is None
    assert scores["labels"]["x"]["best_threshold"] is None
    text = format_multi_label_scores(scores)
    assert "macro_auc = None" in text
    assert text.splitlines()[-2].split() == ["x", "1.0000", "1.0000", "1.0000", "2", *"---"]


def test_multi_label_text_shows_the_scores():
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
def test_no_threshold_has_a_higher_f1_than_best_threshold(pairs):
    gold = np.array([[has] for has, _ in pairs], np.int32)
    assume(len(set(gold[:, 0])) == 2)
    probabilities = np.array([[tenths / 10] for _, tenths in pairs])
    # The second label only makes the data multi-label.
    both = np.hstack([gold, gold]), np.hstack([probabilities, probabilities])
    best = multi_scores(*both)["labels"]["x"]["best_threshold"]

    def f1_at(threshold):
        given_at = probabilities[:, 0] >= threshold - 1e-6
        return 2 * (given_at & (gold[:, 0] == 1)).sum() / (given_at.sum() + gold.sum())

    assert f1_at(best) == pytest.approx(max(f1_at(tenths / 10) for tenths in range(1, 10)))
