"""Scores against values worked out by hand."""

import math

import numpy as np
import pytest

from finetune.metrics import classification_scores, format_scores, softmax

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
    assert "b         0.3333  0.5000  0.4000        2" in text
    assert text.endswith("       a  b  c\na      3  0  0\nb      1  1  0\nc      0  2  3\n")
