"""Deal the rows of one file out to train, dev and test, or to folds."""

import math
from typing import Dict, Iterable, Iterator, List, Sequence

import numpy as np

SPLITS = ("train", "dev", "test")


def parse_shares(text: str) -> List[float]:
    """Returns the shares of train, dev and, if there is a third, test; their sum is 1.

    Args:
      text: Such as "70:15:15" or "0.8:0.2".

    Raises:
      ValueError: It is something else.
    """
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    positive = all(n > 0 and n / total > 0 for n in numbers)  # Also where the sum is infinite
    if len(numbers) not in (2, 3) or not positive or not math.isfinite(total):
        raise ValueError(
            f"--split={text}: expected the shares of train, dev and test, such as 70:15:15, or of "
            "train and dev, such as 80:20."
        )
    return [number / total for number in numbers]


def deal(
    strata: Sequence[int],
    groups: Sequence[int],
    shares: Sequence[float],
    seed: int,
    learn_all: bool = False,
) -> np.ndarray:
    """Deals rows out by shares, in random order, each stratum as evenly as can be.

    Rows of one group, such as copies of a text, go to one part: otherwise a model would be scored
    on what it was trained on. Groups go, stratum by stratum, to the part that lacks most of its
    share. So each part has its share of all rows and of each stratum, but for the size of a group.

    Args:
      strata: int [rows], such as the label of each row. A group's is that of its first row.
      groups: int [rows], equal for rows that belong together.
      shares: Of each part; their sum is 1.
      seed: Decides which row goes where.
      learn_all: Whether the first group of each stratum goes to the first part, so that there is
        no label that a training does not see.

    Returns:
      int32 [rows], the number of each row's part.
    """
    _, first, group_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    stratum_of = np.asarray(strata)[first]
    # In the order of their first rows, so that a hash's values do not matter.
    order = np.argsort(first)[np.random.RandomState(seed).permutation(len(first))]
    order = order[np.argsort(stratum_of[order], kind="stable")]
    parts = np.empty(len(first), np.int32)
    owed = [0.0] * len(shares)
    previous = None
    for group, stratum, size in zip(
        order.tolist(), stratum_of[order].tolist(), sizes[order].tolist()
    ):
        if stratum != previous:
            # What is owed to a part of one stratum is not paid in rows of another.
            owed = [min(max(debt, -1.0), 1.0) for debt in owed]
        owed = [debt + share * size for debt, share in zip(owed, shares)]
        part = 0 if learn_all and stratum != previous else owed.index(max(owed))
        owed[part] -= size
        parts[group] = part
        previous = stratum
    return parts[group_of]


def number_names(names: Iterable[str]) -> Iterator[int]:
    """Yields a number for each name, equal for equal names, in the order of their coming."""
    number_of: Dict[str, int] = {}
    return (number_of.setdefault(name, len(number_of)) for name in names)
