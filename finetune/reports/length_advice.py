"""Suggest a maximum length, and what to do about rows that are longer than a model allows."""

import math
from typing import Sequence

import numpy as np

_COVERED = 99  # Percentage of rows that fit into the suggested length
_MIN_ROWS = 100  # In a smaller split, 99% would be all rows, so it does not count by itself.
_FEW_COVERED = 0.95  # Fraction of rows below which a longer maximum is not enough
_MANY_CUT = 0.5  # Fraction of truncated rows above which there may be better ways


def suggested_length(splits: Sequence[np.ndarray], positions: int) -> int:
    """Returns the smallest multiple of 8 that fits nearly all rows, or the model's maximum.

    These are 99% of all rows, and 99% of those of each split that is large enough.

    Args:
      splits: The lengths of the rows of each split: int [rows].
      positions: The model's maximum.
    """
    if not splits:
        return positions
    groups = [np.concatenate(splits), *(lengths for lengths in splits if len(lengths) >= _MIN_ROWS)]
    needed = max(np.percentile(lengths, _COVERED, method="higher") for lengths in groups)
    return int(min(positions, 8 * math.ceil(needed / 8)))


def covered(splits: Sequence[np.ndarray], length: int) -> float:
    """Returns the fraction of all rows that fit into a length; 0 if there are none."""
    return float(np.mean(np.concatenate(splits) <= length)) if splits else 0.0


def shown_share(fraction: float) -> str:
    """Returns a fraction of all rows in words; only the whole is "all rows"."""
    return "all rows" if fraction == 1 else f"{min(fraction, 0.999):.1%} of the rows"


def truncation_advice(
    lengths: np.ndarray, num_cut: int, *, max_seq_length: int, suggested: int, others: str
) -> str:
    """Returns what to do about the truncated rows of a split, or "" if nothing would help.

    Args:
      lengths: The lengths of the rows: int [rows].
      num_cut: The number of truncated rows.
      max_seq_length: The run's --max_seq_length.
      suggested: The suggested length.
      others: The task's other ways to handle long texts; "" if there are none.
    """
    coverage = float(np.mean(lengths <= suggested))
    advice = []
    if suggested > max_seq_length:
        advice.append(f"--max_seq_length={suggested} fits {shown_share(coverage)}")
    if others and (num_cut > _MANY_CUT * len(lengths) or coverage < _FEW_COVERED):
        advice.append(others)
    return "; ".join(advice)
