"""Comparing predicted entities with the gold entities, for report.html."""

import pytest

from finetune.tasks.tagging.mistakes import review_tags
from finetune.tasks.tagging.tagged_text import TaggedText


def test_most_confident_mistakes_come_first():
    gold = ["B-PER", "O", "B-LOC", "I-LOC"]
    texts = [TaggedText.from_words(str(i), ["Anna", "in", "New", "York"], gold) for i in range(3)]
    answers = [
        (gold, [1.0] * 4),
        (["B-PER", "O", "B-LOC", "O"], [0.9, 0.9, 0.6, 0.5]),
        (["B-LOC", "O", "B-LOC", "I-LOC"], [0.7, 0.9, 0.6, 0.8]),
    ]
    found = review_tags(texts, answers)
    assert found.answers.unit == "entities"
    assert found.answers.confidences == pytest.approx([1, 1, 0.9, 0.6, 0.7, 0.7])
    assert found.answers.is_correct.tolist() == [True, True, True, False, False, True]
    assert list(found.intervals) == ["f1"]
    # Text 2: Anna is wrong with confidence 0.7. Text 1: New is wrong with 0.6; New York is missed.
    assert [mistake.place for mistake in found.mistakes] == ["example 2", "example 1"]
    (_, in_gold), (_, in_predicted) = found.mistakes[1].texts
    assert in_gold == [("Anna", "PER"), (" in ", ""), ("New York", "LOC")]
    assert in_predicted == [("Anna", "PER"), (" in ", ""), ("New", "LOC"), (" York", "")]
