"""Cross-validation: one training run per fold, and a summary of all folds."""

import json
import re
import shlex
import types

import numpy as np
import pytest

from finetune.output.score_files import ScoreFiles
from finetune.reports.html_report import ScoredFile
from finetune.runs import cross_validation
from finetune.runs.held_out import Pooled
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.data_set import Fold
from finetune.tasks.mistakes import Answers, EvaluationDetails
from finetune.tasks.question_answering.config import QaConfig
from finetune.util.errors import InputError


def config(output_dir, **flags):
    files = {"train_file": "a.csv", "vocab_file": "v.txt", "bert_config_file": "c.json"}
    return ClassifierConfig(do_train=True, output_dir=str(output_dir), **files, **flags)


class PooledTask:
    """The task of all rows; its scores are made up."""

    script = "run_classifier.py"
    metrics = ("accuracy",)

    def __init__(self, facts):
        self._facts = facts

    def facts(self):
        return self._facts


@pytest.fixture
def pooled(monkeypatch):
    """Replaces the pooled evaluation, which needs models; returns the facts of its task."""
    facts = {}
    details = EvaluationDetails(Answers("texts", np.zeros(0), np.zeros(0, bool)), [])
    scored = ScoredFile(
        ScoreFiles("a.csv"), {"num_examples": 8, "accuracy": 0.375}, "TEXT\n", None, details
    )
    result = Pooled(PooledTask(facts), scored, ["cv_predictions.tsv"])
    monkeypatch.setattr(cross_validation, "pool", lambda folds, output_dir: result)
    return facts


def fold_with(scores):
    return types.SimpleNamespace(scores=scores)


def test_each_fold_has_its_own_folder_and_all_scores_are_summarised(tmp_path, pooled, caplog):
    caplog.set_level("INFO")
    seen = []

    def run_fold(fold_config, fold):
        seen.append((fold_config, fold))
        return fold_with({"accuracy": (0.5, 0.25, 0.75)[fold.index], "matrix": [[1]]})

    cross_validation.run(config(tmp_path, num_folds=3, split_seed=5), run_fold)
    assert seen == [
        (config(tmp_path / f"fold-{i + 1}", do_eval=True), Fold(i, 3, 5)) for i in range(3)
    ]
    results = json.loads((tmp_path / "cv_results.json").read_text())
    assert results == {
        "num_folds": 3,
        "scores": {"accuracy": {"mean": 0.5, "std": 0.25}},
        "folds": [{"accuracy": a, "matrix": [[1]]} for a in (0.5, 0.25, 0.75)],
        "pooled": {"num_examples": 8, "accuracy": 0.375},
    }
    text = (tmp_path / "cv_results.txt").read_text()
    assert text == (
        "3 folds: mean and standard deviation\naccuracy = 0.5000 ± 0.2500\n\n"
        "All rows, each predicted by the model that was not trained on it\nTEXT\n"
    )
    page = (tmp_path / "report.html").read_text()
    for fold, accuracy in (("fold-2", "0.2500"), ("all rows", "0.3750")):
        assert f'<td>{fold}</td><td></td><td class="number">{accuracy}</td>' in page
    assert (
        "accuracy              0.5000 ± 0.2500, mean and standard deviation of 3 folds"
        in (caplog.messages[-1])
    )
    assert "accuracy of all rows  0.3750 on a.csv (8 rows)" in caplog.messages[-1]


def test_next_command_trains_on_all_rows_with_the_same_settings(tmp_path, pooled, caplog):
    caplog.set_level("INFO")
    pooled["thresholds"] = [0.25, 0.123456]
    flags = {
        "num_folds": 2, "split_seed": 5, "do_eval": True, "eval_every": "epoch",
        "overwrite_output_dir": True, "num_train_epochs": 2.5, "problem_type": "multi_label",
        "labels": ["a", "b"], "thresholds": ["best"], "padding_free": False,
    }  # fmt: skip
    out = tmp_path / "an output"
    out.mkdir()
    cross_validation.run(config(out, **flags), lambda config, fold: fold_with({"accuracy": 1.0}))
    command = shlex.split(caplog.messages[-1].rpartition("\nnext ")[2])
    assert command[:2] == ["python", "run_classifier.py"]
    assert set(command[2:]) == {
        "--do_train=true", "--train_file=a.csv", "--vocab_file=v.txt",
        "--bert_config_file=c.json", "--num_train_epochs=2.5", "--problem_type=multi_label",
        "--labels=a,b", "--thresholds=0.25,0.1235", "--padding_free=false",
        f"--output_dir={out / 'final'}",
    }  # fmt: skip


def test_next_command_has_the_threshold_of_all_rows_and_settings_kept_with_a_model(
    tmp_path, pooled, caplog
):
    caplog.set_level("INFO")
    pooled["null_score_diff_threshold"] = -1.23456
    flags = {"num_folds": 2, "max_answer_length": 5, "n_best_size": 3}
    settings = QaConfig(do_train=True, train_file="a.json", output_dir=str(tmp_path), **flags)
    cross_validation.run(settings, lambda config, fold: fold_with({"f1": 1.0}))
    command = shlex.split(caplog.messages[-1].rpartition("\nnext ")[2])
    assert set(command[2:]) == {
        "--do_train=true", "--train_file=a.json", "--max_answer_length=5",
        "--null_score_diff_threshold=-1.235", f"--output_dir={tmp_path / 'final'}",
    }  # fmt: skip


def test_failed_fold_leaves_no_summary(tmp_path, pooled):
    def run_fold(fold_config, fold):
        if fold.index:
            raise InputError("no rows")
        return fold_with({"accuracy": 0.5})

    with pytest.raises(InputError, match=re.escape("no rows")):
        cross_validation.run(config(tmp_path, num_folds=3, split_seed=5), run_fold)
    assert not list(tmp_path.iterdir())


def test_default_seed_of_folds_is_zero(tmp_path, pooled):
    seeds = []

    def run_fold(fold_config, fold):
        seeds.append(fold.seed)
        return fold_with({"accuracy": 0.5})

    cross_validation.run(config(tmp_path, num_folds=2), run_fold)
    assert seeds == [0, 0]
