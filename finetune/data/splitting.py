"""Assign the rows of one file to train, dev and test, or to folds."""

import math
from typing import Dict, Iterable, Iterator, List, Sequence

import numpy as np

from finetune.util.errors import UsageError

SPLITS = ("train", "dev", "test")


def parse_shares(text: str) -> List[float]:
    """Returns the shares of train, dev and, if there is a third, test; they sum to 1.

    Args:
      text: For example "70:15:15" or "0.8:0.2".

    Raises:
      UsageError: The text has another form.
    """
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    is_positive = all(n > 0 and n / total > 0 for n in numbers)  # Also if the sum is infinite
    if len(numbers) not in (2, 3) or not is_positive or not math.isfinite(total):
        raise UsageError(
            f"--split={text}: expected the shares of train, dev and test, for example 70:15:15, or "
            "of train and dev, for example 80:20."
        )
    return [number / total for number in numbers]


def assign_parts(
    strata: Sequence[int],
    groups: Sequence[int],
    shares: Sequence[float],
    seed: int,
    learn_all: bool = False,
) -> np.ndarray:
    """Assigns rows to parts by shares, in random order, each stratum as evenly as possible.

    The rows of one group, for example copies of a text, go to one part: otherwise a model would be
    scored on what it was trained on. Stratum by stratum, each group goes to the part that lacks
    most
    of its share. So each part has its share of all rows and of each stratum, up to the size of a
    group.

    Args:
      strata: int [rows], for example the label of each row. A group's is that of its first row.
      groups: int [rows], equal for rows that belong together.
      shares: The share of each part; they sum to 1.
      seed: Determines which row goes where.
      learn_all: Whether the first group of each stratum goes to the first part, so that training
        sees every label.

    Returns:
      int32 [rows], the number of each row's part.
    """
    _, first, group_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    stratum_of = np.asarray(strata)[first]
    # In the order of their first rows, so that the values of hashes do not matter.
    order = np.argsort(first)[np.random.RandomState(seed).permutation(len(first))]
    order = order[np.argsort(stratum_of[order], kind="stable")]
    parts = np.empty(len(first), np.int32)
    owed = [0.0] * len(shares)
    previous = None
    for group, stratum, size in zip(
        order.tolist(), stratum_of[order].tolist(), sizes[order].tolist()
    ):
        if stratum != previous:
            # What one stratum still owes a part is not paid in rows of another.
            owed = [min(max(debt, -1.0), 1.0) for debt in owed]
        owed = [debt + share * size for debt, share in zip(owed, shares)]
        part = 0 if learn_all and stratum != previous else owed.index(max(owed))
        owed[part] -= size
        parts[group] = part
        previous = stratum
    return parts[group_of]


def number_names(names: Iterable[str]) -> Iterator[int]:
    """Yields a number for each name, equal for equal names, in order of appearance."""
    number_of: Dict[str, int] = {}
    return (number_of.setdefault(name, len(number_of)) for name in names)
