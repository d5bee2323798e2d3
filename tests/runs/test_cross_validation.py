"""The scores of several trainings in one: mean and deviation of each figure."""

import dataclasses
import json
import math
import re
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.runs import cross_validation
from finetune.runs.cross_validation import format_summary, summarize
from finetune.tasks.data_set import Fold
from finetune.util.errors import InputError


def test_mean_and_sample_deviation_by_hand():
    # Mean 5; squares of the differences 9, 1, 16: 26 in all, by n - 1 = 2 degrees of freedom.
    summary = summarize([{"f1": 2.0}, {"f1": 4}, {"f1": 9.0}])
    assert summary == {"f1": {"mean": pytest.approx(5.0), "std": pytest.approx(math.sqrt(13))}}


def test_scores_of_labels_keep_their_structure():
    folds = [
        {"accuracy": 0.5, "labels": {"a": {"f1": 0.25, "support": 3}, "b": {"f1": 1.0}}},
        {"accuracy": 0.75, "labels": {"a": {"f1": 0.75, "support": 4}, "b": {"f1": 1.0}}},
    ]
    summary = summarize(folds)
    # Of two numbers, the sample deviation is their distance by the root of 2.
    assert summary["accuracy"] == {"mean": 0.625, "std": pytest.approx(0.25 / math.sqrt(2))}
    assert list(summary["labels"]) == ["a", "b"]
    assert summary["labels"]["a"] == {
        "f1": {"mean": 0.5, "std": pytest.approx(0.5 / math.sqrt(2))},
        "support": {"mean": 3.5, "std": pytest.approx(1 / math.sqrt(2))},
    }
    assert summary["labels"]["b"] == {"f1": {"mean": 1.0, "std": 0.0}}


def test_a_figure_that_a_fold_has_not_is_left_out_there():
    summary = summarize([{"auc": None}, {"auc": 0.5}, {"auc": 0.75}, {"auc": None}])
    assert summary == {"auc": {"mean": 0.625, "std": pytest.approx(0.25 / math.sqrt(2))}}
    # One number has no sample deviation, none has no mean.
    assert summarize([{"auc": None}, {"auc": 0.5}]) == {"auc": {"mean": 0.5, "std": None}}
    assert summarize([{"auc": None}, {"auc": None}]) == {"auc": {"mean": None, "std": None}}


def test_what_is_no_figure_is_left_out():
    folds = [{"confusion_matrix": [[1, 0]], "most_confused": [], "f1": 0.5, "task": "t"}] * 2
    assert summarize(folds) == {"f1": {"mean": 0.5, "std": 0.0}}


def test_a_type_that_one_fold_alone_has_is_kept():
    folds = [
        {"types": {"PER": {"f1": 0.5}}},
        {"types": {"PER": {"f1": 0.75}, "LOC": {"f1": 0.25}}},
    ]
    for some in (folds, folds[::-1]):
        summary = summarize(some)["types"]
        assert summary["PER"]["f1"]["mean"] == 0.625
        assert summary["LOC"] == {"f1": {"mean": 0.25, "std": None}}


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=11), st.floats(-1e3, 1e3))
def test_a_constant_on_top_moves_the_mean_alone(numbers, constant):
    before = summarize([{"f1": number} for number in numbers])["f1"]
    after = summarize([{"f1": number + constant} for number in numbers])["f1"]
    assert after["mean"] == pytest.approx(before["mean"] + constant, abs=1e-9)
    assert after["std"] == pytest.approx(before["std"], abs=1e-6)
    assert min(numbers) - 1e-9 <= before["mean"] <= max(numbers) + 1e-9


def test_summary_as_text_has_a_line_for_each_figure():
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


def test_labels_called_mean_and_std_are_labels_yet():
    scores = summarize([{"labels": {"mean": {"f1": 0.5}, "std": {"f1": 0.75}}}] * 2)
    text = format_summary("2 folds: mean and standard deviation", scores)
    assert "labels: mean: f1 = 0.5000 ± 0.0000" in text
    assert "labels: std: f1 = 0.7500 ± 0.0000" in text


@dataclasses.dataclass(frozen=True)
class Settings:
    """What of a configuration the folds change."""

    output_dir: str
    num_folds: Optional[int] = 3
    do_eval: bool = False
    split_seed: Optional[int] = 5


def test_each_fold_has_a_folder_of_its_own_and_all_are_summed_up(tmp_path):
    seen = []

    def run_fold(config, fold):
        seen.append((config, fold))
        return {"accuracy": (0.5, 0.25, 0.75)[fold.index], "matrix": [[1]]}

    cross_validation.run(Settings(str(tmp_path)), run_fold)
    assert seen == [
        (Settings(str(tmp_path / f"fold-{i + 1}"), None, True, None), Fold(i, 3, 5))
        for i in range(3)
    ]
    results = json.loads((tmp_path / "cv_results.json").read_text())
    assert results == {
        "num_folds": 3,
        "scores": {"accuracy": {"mean": 0.5, "std": 0.25}},
        "folds": [{"accuracy": a, "matrix": [[1]]} for a in (0.5, 0.25, 0.75)],
    }
    text = (tmp_path / "cv_results.txt").read_text()
    assert text == "3 folds: mean and standard deviation\naccuracy = 0.5000 ± 0.2500\n"


def test_a_fold_that_fails_leaves_no_summary(tmp_path):
    def run_fold(config, fold):
        if fold.index:
            raise InputError("no rows")
        return {"accuracy": 0.5}

    with pytest.raises(InputError, match=re.escape("no rows")):
        cross_validation.run(Settings(str(tmp_path)), run_fold)
    assert not list(tmp_path.iterdir())
