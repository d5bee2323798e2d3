"""Train several times, each time without one part of the data, and score on that part."""

import dataclasses
import json
import logging
import math
import os
import statistics
from typing import Any, Callable, Dict, List

from finetune.config import Config
from finetune.data_set import Fold
from finetune.files import atomic_text

_log = logging.getLogger(__name__)


def run(config: Config, run_fold: Callable[[Config, Fold], Dict[str, Any]]) -> None:
    """Trains and scores each fold in a folder of its own, and writes mean and deviation of all.

    Args:
      config: The configuration, with `num_folds`.
      run_fold: Does one fold with its configuration, and returns its scores.
    """
    scores = []
    for index in range(config.num_folds):
        _log.info("***** Fold %d of %d *****", index + 1, config.num_folds)
        fold_config = dataclasses.replace(
            config,
            num_folds=None,
            split_seed=None,
            do_eval=True,
            output_dir=os.path.join(config.output_dir, f"fold-{index + 1}"),
        )
        fold = Fold(index, config.num_folds, config.split_seed or 0)
        scores.append(run_fold(fold_config, fold))
    summary = {"num_folds": config.num_folds, "scores": summarize(scores), "folds": scores}
    title = f"{config.num_folds} folds: mean and standard deviation"
    text = format_summary(title, summary["scores"])
    with atomic_text(os.path.join(config.output_dir, "cv_results.json")) as writer:
        json.dump(summary, writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(config.output_dir, "cv_results.txt")) as writer:
        writer.write(text)
    _log.info("***** Cross-validation *****\n%s", text)


def summarize(scores: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Returns mean and sample standard deviation of every figure, in the scores' own structure.

    A figure that is None in a fold (such as an AUC without rows of both labels) is left out there.
    """
    summary = {}
    for name in dict.fromkeys(name for fold in scores for name in fold):
        # A count that a fold does not list is none.
        counts = all(isinstance(fold.get(name, 0), int) for fold in scores)
        values = [fold.get(name, 0 if counts else None) for fold in scores]
        if any(isinstance(v, dict) for v in values):
            summary[name] = summarize([v or {} for v in values])
        elif all(v is None or _is_number(v) for v in values):
            numbers = [v for v in values if v is not None]
            mean = statistics.fmean(numbers) if numbers else None
            deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
            summary[name] = {"mean": mean, "std": deviation}
    return summary


def format_summary(title: str, summary: Dict[str, Any]) -> str:
    """Returns a summary as text for people: a line for each figure."""
    return "\n".join([title, *_lines(summary, "")]) + "\n"


def _lines(summary: Dict[str, Any], prefix: str) -> List[str]:
    lines = []
    for name, value in summary.items():
        if set(value) != {"mean", "std"} or isinstance(value["mean"], dict):
            lines += ["", *_lines(value, f"{prefix}{name}: ")]
        elif value["mean"] is not None:
            deviation = "" if value["std"] is None else f" ± {value['std']:.4f}"
            lines.append(f"{prefix}{name} = {value['mean']:.4f}{deviation}")
    return lines


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
