"""Assign the rows of one file to training, development and test data, or to folds."""

import math
from typing import Dict, Iterable, Iterator, List, Sequence, Union

import numpy as np

from finetune.util.errors import UsageError

SPLITS = ("train", "dev", "test")


def parse_shares(text: str) -> List[float]:
    """Parses the shares of train, dev and test, or of train and dev.

    Args:
      text: For example "70:15:15" or "0.8:0.2".

    Returns:
      Two or three shares; they sum to 1.

    Raises:
      UsageError: The text does not have this form.
    """
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    is_positive = all(n > 0 and n / total > 0 for n in numbers)  # False if the sum is infinite
    if len(numbers) not in (2, 3) or not is_positive or not math.isfinite(total):
        raise UsageError(
            f"--split={text}: expected the shares of train, dev and test, for example 70:15:15, or "
            "of train and dev, for example 80:20."
        )
    return [number / total for number in numbers]


def assign_parts(
    strata: Union[Sequence[int], np.ndarray],
    groups: Union[Sequence[int], np.ndarray],
    shares: Sequence[float],
    seed: int,
    all_strata_in_first: bool = False,
    no_part_empty: bool = False,
) -> np.ndarray:
    """Assigns rows to parts at random, so that each part gets its share of each stratum.

    The rows of a group, for example copies of a text, go to the same part: otherwise a model would
    be scored on texts that it was trained on. Stratum by stratum, each group goes to the part that
    is furthest below its share, so each part gets about its share of all rows and of each stratum.

    Args:
      strata: int [rows], for example the label of each row. A group belongs to the stratum of its
        first row.
      groups: int [rows], equal for rows of the same group.
      shares: The share of each part; they sum to 1.
      seed: Determines which row goes to which part.
      all_strata_in_first: Whether the first group of each stratum goes to the first part, so that
        training sees every label.
      no_part_empty: Whether each part gets at least one group, as far as there are enough.

    Returns:
      int32 [rows], the number of each row's part.
    """
    _, first, group_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    stratum_of = np.asarray(strata)[first]
    order = _shuffled_by_stratum(first, stratum_of, seed)
    parts = np.empty(len(first), np.int32)
    owed = [0.0] * len(shares)
    previous = None
    for group, stratum, size in zip(
        order.tolist(), stratum_of[order].tolist(), sizes[order].tolist()
    ):
        if stratum != previous:
            # A debt from one stratum is limited, so that rows of the next one do not repay it.
            owed = [min(max(debt, -1.0), 1.0) for debt in owed]
        owed = [debt + share * size for debt, share in zip(owed, shares)]
        part = 0 if all_strata_in_first and stratum != previous else owed.index(max(owed))
        owed[part] -= size
        parts[group] = part
        previous = stratum
    if no_part_empty:
        _fill_empty_parts(parts, sizes, len(shares))
    return parts[group_of]


def _shuffled_by_stratum(first: np.ndarray, stratum_of: np.ndarray, seed: int) -> np.ndarray:
    """Returns the groups, shuffled within each stratum, one stratum after the other."""
    # Groups in the order of their first rows, so that the values in `groups` do not matter.
    order = np.argsort(first)[np.random.RandomState(seed).permutation(len(first))]
    return order[np.argsort(stratum_of[order], kind="stable")]


def _fill_empty_parts(parts: np.ndarray, sizes: np.ndarray, num_parts: int) -> None:
    """Moves a group into each empty part, as far as there are enough groups.

    A group that is much larger than a part's share can leave other parts without any.

    Args:
      parts: int [groups], the part of each group; changed in place.
      sizes: int [groups], the number of rows of each group.
      num_parts: The number of parts.
    """
    for part in range(num_parts):
        counts = np.bincount(parts, minlength=num_parts)
        if counts[part] == 0 and counts.max() > 1:
            candidates = np.flatnonzero(parts == counts.argmax())
            parts[candidates[sizes[candidates].argmin()]] = part


def number_names(names: Iterable[str]) -> Iterator[int]:
    """Yields a number for each name: distinct names are numbered from 0, in order of appearance."""
    number_of: Dict[str, int] = {}
    return (number_of.setdefault(name, len(number_of)) for name in names)
