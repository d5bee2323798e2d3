"""Comparing a classifier's predictions with the gold labels, for report.html."""

import numpy as np
import pytest

from finetune.data.processor import InputExample
from finetune.tasks.classification import mistakes


def test_most_confident_mistakes_come_first():
    logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    review = mistakes.review_single_label(np.array([1, 1, 0, 0]), logits, ["a", "b"])
    assert review.answers.unit == "texts"
    assert review.answers.is_correct.tolist() == [False, True, False, False]
    assert review.answers.confidences == pytest.approx([0.9, 0.8, 0.6, 0.7])
    examples = [InputExample("g", text * 2000, None, "a", f"at {text}") for text in "wxyz"]
    found = mistakes.add_texts(review, examples)
    assert [(m.place, m.gold, m.predicted) for m in found.mistakes] == [
        ("at w", "b", "a"), ("at z", "a", "b"), ("at y", "a", "b"),
    ]  # fmt: skip
    assert [m.confidence for m in found.mistakes] == pytest.approx([0.9, 0.7, 0.6])
    label, has_label, probabilities = found.ranking
    assert (label, has_label.tolist()) == ("b", [True, True, False, False])
    assert probabilities == pytest.approx([0.1, 0.8, 0.6, 0.7])
    assert list(found.intervals) == ["macro_f1", "accuracy"]
    assert found.mistakes[0].texts == [("", [("w" * 1000 + " …", "")])]


def test_multi_label_review_has_one_decision_per_label():
    logits = np.log([[9.0, 1 / 4], [1 / 9, 4.0]])  # Probabilities 0.9, 0.2; 0.1, 0.8
    gold = np.array([[1, 1], [0, 0]])
    review = mistakes.review_multi_label(gold, logits, ["a", "b"], np.array([0.5]))
    # The confidence of a decision against a label is the probability that it does not apply.
    assert review.answers.unit == "decisions, one per label"
    assert review.answers.confidences == pytest.approx([0.9, 0.8, 0.9, 0.8])
    assert review.answers.is_correct.tolist() == [True, False, True, False]
    # Label b is wrong in both rows: missed with confidence 0.8, and assigned with confidence 0.8.
    assert [wrong[:3] for wrong in review.wrong] == [(0, "a, b", "a"), (1, "(none)", "b")]
    assert [wrong.confidence for wrong in review.wrong] == pytest.approx([0.8, 0.8])
    assert list(review.intervals) == ["macro_f1", "micro_f1", "accuracy"]
