"""Recognise a model that has learnt nothing: one answer to nearly all texts, or scores at chance.

A score is at chance if it is below `_AT_CHANCE`, or if so few rows could give it to a model that
guesses (one-sided test at 5%).
"""

import math
from typing import List, Optional, Sequence

import numpy as np

from finetune.tasks.scores import MultiLabelScores, RegressionScores, SingleLabelScores

_MIN_ROWS = 20  # With fewer rows, nothing can be said.
_NEARLY_ALL = 0.98  # Fraction of the rows
_AT_CHANCE = 0.05  # Correlation below which a score is at chance, however many rows there are
_WEAK = 0.2  # With a higher mcc, one answer to nearly all rows can be right.
_IMBALANCED = 1.3  # Ratio of the most frequent label's count to the mean count
_Z = 1.645  # 95th percentile of the standard normal distribution
_RATE = "a different --learning_rate (smaller models need a higher one)"
_EPOCHS = "more --num_train_epochs"


def single_label_warning(
    scores: SingleLabelScores, label_ids: np.ndarray, predicted: np.ndarray, labels: Sequence[str]
) -> Optional[str]:
    """Returns a warning if a classifier has learnt nothing, else None.

    Args:
      scores: Its scores.
      label_ids: int [rows], the gold labels.
      predicted: int [rows], the predicted labels.
      labels: The label list.
    """
    gold = np.bincount(label_ids, minlength=len(labels))
    if len(label_ids) < _MIN_ROWS or gold.max() == len(label_ids):
        return None
    given = np.bincount(predicted, minlength=len(labels))
    found = []
    if given.max() >= _NEARLY_ALL * len(predicted) and scores["mcc"] < _WEAK:
        answer = labels[int(given.argmax())]
        found.append(f"{answer!r} is the answer to {_rows(given.max(), len(predicted))}")
    if _is_chance(scores["mcc"], len(label_ids) * (len(labels) - 1)):
        found.append(f"the predictions are no better than chance (mcc {scores['mcc']:.2f})")
    is_imbalanced = gold.max() > _IMBALANCED * len(label_ids) / len(labels)
    weights = ["--class_weights=balanced"] if is_imbalanced else []
    return _warning(found, [_RATE, _EPOCHS, *weights])


def multi_label_warning(
    scores: MultiLabelScores, gold: np.ndarray, given: np.ndarray, probabilities: np.ndarray
) -> Optional[str]:
    """Returns a warning if a multi-label classifier has learnt nothing, else None.

    Args:
      scores: Its scores.
      gold: int [rows, L], 1 if a row has the label.
      given: int [rows, L], 1 if a row was assigned the label.
      probabilities: float [rows, L].
    """
    num_rows = len(gold)
    if num_rows < _MIN_ROWS or not gold.any():
        return None
    found = []
    if not given.any():
        found.append(
            f"no row is assigned any label (the highest probability is {probabilities.max():.2f})"
        )
    else:
        _, counts = np.unique(given, axis=0, return_counts=True)
        _, gold_counts = np.unique(gold, axis=0, return_counts=True)
        if counts.max() >= _NEARLY_ALL * num_rows > gold_counts.max():
            found.append(f"{_rows(counts.max(), num_rows)} are assigned the same labels")
    if np.all(np.std(probabilities, axis=0) < 0.01):
        found.append("each label has nearly the same probability for all rows")
    auc = scores["macro_auc"]
    if auc is not None and auc < 0.5 + _AT_CHANCE:
        found.append(f"the ranking is no better than chance (macro_auc {auc:.2f})")
    return _warning(found, [_RATE, _EPOCHS, "other --thresholds (best tunes them)"])


def regression_warning(
    scores: RegressionScores, numbers: np.ndarray, predicted: np.ndarray
) -> Optional[str]:
    """Returns a warning if a regression model has learnt nothing, else None.

    Args:
      scores: Its scores.
      numbers: float [rows], the gold values.
      predicted: float [rows].
    """
    if len(numbers) < _MIN_ROWS or not np.std(numbers):
        return None
    found = []
    if np.std(predicted) < _AT_CHANCE * np.std(numbers):
        found.append(
            f"all predictions lie between {predicted.min():.4g} and {predicted.max():.4g}, the "
            f"true values between {numbers.min():.4g} and {numbers.max():.4g}"
        )
    pearson = scores["pearson"]
    if pearson is not None and _is_chance(pearson, len(numbers)):
        found.append(f"the predictions are no better than chance (pearson {pearson:.2f})")
    return _warning(found, [_RATE, _EPOCHS])


def _is_chance(correlation: float, num_values: int) -> bool:
    return correlation < max(_AT_CHANCE, _Z / math.sqrt(num_values))


def _rows(number: int, total: int) -> str:
    return f"all {total} rows" if number == total else f"{number} of {total} rows"


def _warning(found: List[str], advice: List[str]) -> Optional[str]:
    if not found:
        return None
    return (
        f"The model has learnt next to nothing: {'; '.join(found)}. Try {', '.join(advice[:-1])} "
        f"or {advice[-1]}."
    )
