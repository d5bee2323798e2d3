"""Mean and standard deviation of the scores of several training runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.runs.summary import format_summary, summarize


def test_mean_and_sample_deviation_match_a_hand_calculation():
    # Mean 5; squared differences 9, 1 and 16, in total 26, divided by n - 1 = 2.
    summary = summarize([{"f1": 2.0}, {"f1": 4}, {"f1": 9.0}])
    assert summary == {"f1": {"mean": pytest.approx(5.0), "std": pytest.approx(math.sqrt(13))}}


def test_scores_by_label_keep_their_structure():
    folds = [
        {"accuracy": 0.5, "labels": {"a": {"f1": 0.25, "support": 3}, "b": {"f1": 1.0}}},
        {"accuracy": 0.75, "labels": {"a": {"f1": 0.75, "support": 4}, "b": {"f1": 1.0}}},
    ]
    summary = summarize(folds)
    # The sample deviation of two numbers is their difference divided by the square root of 2.
    assert summary["accuracy"] == {"mean": 0.625, "std": pytest.approx(0.25 / math.sqrt(2))}
    assert list(summary["labels"]) == ["a", "b"]
    assert summary["labels"]["a"] == {
        "f1": {"mean": 0.5, "std": pytest.approx(0.5 / math.sqrt(2))},
        "support": {"mean": 3.5, "std": pytest.approx(1 / math.sqrt(2))},
    }
    assert summary["labels"]["b"] == {"f1": {"mean": 1.0, "std": 0.0}}


def test_undefined_figures_are_ignored():
    summary = summarize([{"auc": None}, {"auc": 0.5}, {"auc": 0.75}, {"auc": None}])
    assert summary == {"auc": {"mean": 0.625, "std": pytest.approx(0.25 / math.sqrt(2))}}
    # A single number has no sample deviation; an empty list has no mean.
    assert summarize([{"auc": None}, {"auc": 0.5}]) == {"auc": {"mean": 0.5, "std": None}}
    assert summarize([{"auc": None}, {"auc": None}]) == {"auc": {"mean": None, "std": None}}


def test_values_that_are_not_figures_are_omitted():
    folds = [{"confusion_matrix": [[1, 0]], "most_confused": [], "f1": 0.5, "task": "t"}] * 2
    assert summarize(folds) == {"f1": {"mean": 0.5, "std": 0.0}}


def test_entity_type_that_occurs_in_only_one_training_run_is_kept():
    folds = [
        {"types": {"PER": {"f1": 0.5}}},
        {"types": {"PER": {"f1": 0.75}, "LOC": {"f1": 0.25}}},
    ]
    for some in (folds, folds[::-1]):
        summary = summarize(some)["types"]
        assert summary["PER"]["f1"]["mean"] == 0.625
        assert summary["LOC"] == {"f1": {"mean": 0.25, "std": None}}


# Python 3.9 has no standard deviation of subnormal numbers.
FIGURES = st.integers(-(10**6), 10**6).map(lambda number: number / 1000)


@given(st.lists(FIGURES, min_size=2, max_size=11), FIGURES)
def test_added_constant_shifts_only_the_mean(numbers, constant):
    before = summarize([{"f1": number} for number in numbers])["f1"]
    after = summarize([{"f1": number + constant} for number in numbers])["f1"]
    assert after["mean"] == pytest.approx(before["mean"] + constant, abs=1e-9)
    assert after["std"] == pytest.approx(before["std"], abs=1e-6)
    assert min(numbers) - 1e-9 <= before["mean"] <= max(numbers) + 1e-9


def test_summary_text_has_one_line_per_figure():
    scores = summarize(
        [
            {"accuracy": 0.5, "auc": None, "labels": {"neg": {"f1": 0.25}, "pos": {"f1": None}}},
            {"accuracy": 0.75, "auc": 0.5, "labels": {"neg": {"f1": 0.75}, "pos": {"f1": None}}},
        ]
    )
    text = format_summary("2 folds: mean and standard deviation", scores)
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if line] == [
        "2 folds: mean and standard deviation",
        "accuracy = 0.6250 ± 0.1768",
        "auc = 0.5000",
        "labels: neg: f1 = 0.5000 ± 0.3536",
    ]


def test_labels_named_mean_and_std_are_still_labels():
    scores = summarize([{"labels": {"mean": {"f1": 0.5}, "std": {"f1": 0.75}}}] * 2)
    text = format_summary("2 folds: mean and standard deviation", scores)
    assert "labels: mean: f1 = 0.5000 ± 0.0000" in text
    assert "labels: std: f1 = 0.7500 ± 0.0000" in text
