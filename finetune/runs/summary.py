"""Mean and standard deviation of the scores of several trainings."""

import math
import statistics
from typing import Any, Dict, List

from finetune.output.best_model import Scores

# A mean and a standard deviation ("mean", "std") in place of each figure of the scores.
Summary = Dict[str, Any]


def summarize(scores: List[Scores]) -> Summary:
    """Returns mean and sample standard deviation of every figure, nested as in the scores.

    A training in which a figure is None, like an AUC without rows of both labels, does not count
    for this figure.
    """
    summary: Summary = {}
    for name in dict.fromkeys(name for one in scores for name in one):
        # A count that a training does not list is 0.
        is_count = all(isinstance(one.get(name, 0), int) for one in scores)
        values = [one.get(name, 0 if is_count else None) for one in scores]
        if any(isinstance(value, dict) for value in values):
            summary[name] = summarize([value or {} for value in values])
        elif all(value is None or _is_number(value) for value in values):
            numbers = [value for value in values if value is not None]
            mean = statistics.fmean(numbers) if numbers else None
            deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
            summary[name] = {"mean": mean, "std": deviation}
    return summary


def format_summary(title: str, summary: Summary) -> str:
    """Returns a summary as human-readable text: a line for each figure."""
    return "\n".join([title, *_lines(summary, "")]) + "\n"


def _lines(summary: Summary, prefix: str) -> List[str]:
    lines: List[str] = []
    for name, value in summary.items():
        if set(value) != {"mean", "std"} or isinstance(value["mean"], dict):
            lines += ["", *_lines(value, f"{prefix}{name}: ")]
        elif value["mean"] is not None:
            deviation = "" if value["std"] is None else f" ± {value['std']:.4f}"
            lines.append(f"{prefix}{name} = {value['mean']:.4f}{deviation}")
    return lines


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
