"""The results of several training runs, as cv_results.json and trials.json contain them."""

import dataclasses
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from finetune.config.flags import FlagValue
from finetune.output import names
from finetune.output.best_model import Goal, Scores
from finetune.util.json_files import read_schema

Summary = Dict[str, Any]  # The nested scores, with mean and deviation in place of each number


@dataclasses.dataclass(frozen=True)
class FoldResults:
    """The results of a cross-validation.

    Attributes:
      num_folds: The number of folds.
      scores: Mean and standard deviation over the folds.
      folds: The scores of each fold.
      pooled: The scores on all rows, each predicted by the model that was not trained on it.
    """

    num_folds: int
    scores: Summary
    folds: List[Dict[str, Any]]
    pooled: Dict[str, Any]


@dataclasses.dataclass(frozen=True)
class PointResult:
    """The results of one point in the grid."""

    settings: Dict[str, Any]
    seeds: List[int]
    folders: List[str]
    scores: Summary
    trials: List[Dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class TrialResults:
    """The results of all trials, best point first.

    Attributes:
      metric: The metric that compares them.
      points: The results of each point in the grid.
      model: The folder of the trial whose model is kept; "" in files of version 0.1.0.
    """

    metric: str
    points: List[PointResult]
    model: str = ""


class RunTable(NamedTuple):
    """A table of training runs, for report.html.

    Attributes:
      title: The plural noun for the training runs.
      header: The titles of the columns; the first two contain text, all others numbers.
      rows: The cells.
      best: The folder of the training run whose model is kept; "" if all are kept.
    """

    title: str
    header: List[str]
    rows: List[List[str]]
    best: str = ""


def table_of_folds(results: FoldResults, metrics: Sequence[str]) -> RunTable:
    """Returns the scores of each fold, and of all rows together."""
    shown = _known(metrics, results.folds)
    rows = [
        [names.FOLD_FOLDER.format(number), "", *_cells(scores, shown)]
        for number, scores in enumerate(results.folds, start=1)
    ]
    rows.append(["all rows", "", *_cells(results.pooled, shown)])
    return RunTable("Folds", ["fold", "", *shown], rows)


def table_of_trials(output_dir: str, metrics: Sequence[str]) -> Optional[RunTable]:
    """Returns the scores of each trial in an output directory, best first; None without trials."""
    path = os.path.join(output_dir, names.TRIALS_JSON)
    if not os.path.exists(path):
        return None
    kind = "the results of several training runs"
    results = read_schema(path, TrialResults, kind=kind, advice="Delete the file.")
    shown = _known(metrics, [scores for point in results.points for scores in point.trials])
    rows = [
        [folder, as_text({**point.settings, "seed": seed}), *_cells(scores, shown)]
        for point in results.points
        for folder, seed, scores in zip(point.folders, point.seeds, point.trials)
    ]
    return RunTable("Trials", ["trial", "settings", *shown], rows, results.model)


def as_text(settings: Mapping[str, FlagValue]) -> str:
    """Returns settings as "name=value, name=value"."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _known(metrics: Sequence[str], runs: Sequence[Scores]) -> List[str]:
    known = (name for name in metrics if any(Goal(name).value_of(one) is not None for one in runs))
    return list(known)


def _cells(scores: Scores, metrics: Sequence[str]) -> List[str]:
    values = [Goal(name).value_of(scores) for name in metrics]
    return ["-" if value is None else f"{value:.4f}" for value in values]
