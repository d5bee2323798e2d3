"""Mean and standard deviation of the scores of several training runs."""

import math
import statistics
from typing import Any, List, Optional, Sequence, TypedDict

from finetune.output.best_model import Scores
from finetune.output.several_runs import Summary


class Figure(TypedDict):
    """The mean and standard deviation of a figure over several training runs.

    Keys:
      mean: The mean; None if no training run has the figure.
      std: The sample standard deviation; None if fewer than two training runs have the figure.
    """

    mean: Optional[float]
    std: Optional[float]


def summarize(scores: Sequence[Scores]) -> Summary:
    """Returns the mean and sample standard deviation of every figure, nested as in the scores.

    A figure that is None in some training runs, for example an AUC without rows of both labels, is
    summarised over the other training runs.
    """
    summary: Summary = {}
    for name in dict.fromkeys(name for one in scores for name in one):
        # A count that a training run does not list is 0.
        is_count = all(isinstance(one.get(name, 0), int) for one in scores)
        values = [one.get(name, 0 if is_count else None) for one in scores]
        if any(isinstance(value, dict) for value in values):
            summary[name] = summarize([v if isinstance(v, dict) else {} for v in values])
        elif all(value is None or _is_number(value) for value in values):
            numbers = [value for value in values if value is not None]
            mean = statistics.fmean(numbers) if numbers else None
            deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
            summary[name] = Figure(mean=mean, std=deviation)
    return summary


def format_figure(figure: Optional[Figure]) -> str:
    """Returns a mean with its standard deviation, if there is one; "-" without a mean."""
    if figure is None or figure["mean"] is None:
        return "-"
    deviation = "" if figure["std"] is None else f" ± {figure['std']:.4f}"
    return f"{figure['mean']:.4f}{deviation}"


def format_summary(title: str, summary: Summary) -> str:
    """Returns a summary as human-readable text, with one line per figure."""
    return "\n".join([title, *_lines(summary, "")]) + "\n"


def _lines(summary: Summary, prefix: str) -> List[str]:
    lines: List[str] = []
    for name, value in summary.items():
        if set(value) != {"mean", "std"} or isinstance(value["mean"], dict):
            lines += ["", *_lines(value, f"{prefix}{name}: ")]
        elif value["mean"] is not None:
            lines.append(f"{prefix}{name} = {format_figure(value)}")
    return lines


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
