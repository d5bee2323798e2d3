"""95% confidence intervals for scores on small data sets.

An interval shows how much a score depends on the rows that happen to be in the file.
"""

from typing import Callable, Dict, Mapping, Optional, Tuple

import numpy as np

_MAX_ROWS = 1000  # With more rows, intervals are narrow.
_NUM_SAMPLES = 1000
_LEVEL = 0.95

Interval = Tuple[float, float]


def for_small_data(
    num_rows: int, makers: Mapping[str, Callable[[], Optional[Interval]]]
) -> Dict[str, Interval]:
    """Returns the intervals that are known, by score; none if there are many rows, or no row.

    Args:
      num_rows: The number of rows.
      makers: For each score, a function that returns its interval.
    """
    found = {name: make() for name, make in makers.items() if 0 < num_rows <= _MAX_ROWS}
    return {name: interval for name, interval in found.items() if interval is not None}


def of_accuracy(is_correct: np.ndarray) -> Interval:
    """Returns the interval of the fraction of correct rows, bool [rows], by Wilson 1927."""
    from scipy import stats  # Only an evaluation needs it.

    test = stats.binomtest(int(is_correct.sum()), len(is_correct))
    low, high = test.proportion_ci(_LEVEL, method="wilson")
    return float(low), float(high)


def of_mean(values: np.ndarray) -> Optional[Interval]:
    """Returns the interval of a mean over rows, float [rows]; None if all values are equal."""
    return _interval(_resampled(values[:, np.newaxis])[:, 0] / len(values))


def of_f1(hits: np.ndarray, sizes: np.ndarray) -> Optional[Interval]:
    """Returns the interval of F1, averaged over labels; None for a perfect score.

    Args:
      hits: int [rows, L], the number of correct predictions of each label.
      sizes: int [rows, L], the number of predictions of each label plus that of gold labels.
    """
    sums, size_sums = np.split(_resampled(np.hstack([hits, sizes])), 2, axis=1)  # [samples, L]
    # A label that a sample lacks has no F1 there; a label that all rows lack has F1 0.
    f1 = np.where(size_sums > 0, 2 * sums / np.maximum(size_sums, 1), np.nan)
    f1[:, sizes.sum(axis=0) == 0] = 0.0
    return _interval(np.nanmean(f1, axis=1))


def _resampled(per_row: np.ndarray) -> np.ndarray:
    """Returns the sums over rows that are drawn with replacement: [rows, k] → [samples, k]."""
    rows = len(per_row)
    draws = np.random.default_rng(0).multinomial(rows, np.full(rows, 1 / rows), _NUM_SAMPLES)
    return draws @ np.asarray(per_row, np.float64)


def _interval(scores: np.ndarray) -> Optional[Interval]:
    """Returns the percentile interval of Efron 1979; None if the samples' scores are alike."""
    low, high = np.quantile(scores, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return (float(low), float(high)) if low < high else None
