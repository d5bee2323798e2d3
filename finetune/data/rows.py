"""The interface of a data set stored as arrays, and the padding of its rows."""

from typing import Dict, NamedTuple, Optional, Protocol, Tuple

import numpy as np

from finetune.data.row_statistics import RowStatistics

NO_LABEL = -1


class Spec(NamedTuple):
    """Rank and dtype of one array of a batch.

    Attributes:
      rank: Its number of dimensions.
      dtype: Its dtype.
      filler: The padding value; None for arrays that are not padded.
    """

    rank: int
    dtype: str = "int32"
    filler: Optional[int] = None


class Rows(Protocol):
    """A data set as arrays; each task implements it in its features.py."""

    @property
    def specs(self) -> Dict[str, Spec]:
        """The `Spec` of each array of a batch."""

    @property
    def lengths(self) -> np.ndarray:
        """Length of each row in wordpieces: int [rows]."""

    @property
    def occurring_ids(self) -> np.ndarray:
        """The values of `input_ids` in all batches, and perhaps a few more; see `distinct_ids`."""

    @property
    def statistics(self) -> RowStatistics:
        """Statistics of each row, for the data report."""

    def __len__(self) -> int:
        """The number of rows."""

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns rows, selected by index, as arrays padded to the longest row."""


def distinct_ids(*arrays: np.ndarray) -> np.ndarray:
    """Returns the distinct ids in arrays of int32, and 0, the padding: int32 [K], ascending."""
    counts = np.zeros(1, np.int64)
    for array in arrays:
        found = np.bincount(array, minlength=len(counts))
        found[: len(counts)] += counts
        counts = found
    counts[0] = 1
    return np.flatnonzero(counts).astype(np.int32)


def pad(
    values: np.ndarray, row_starts: np.ndarray, rows: np.ndarray, filler: int = 0
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns rows of a flat array as a padded rectangle, and its mask.

    Args:
      values: int32 [total].
      row_starts: int64 [rows + 1]; row i is [row_starts[i], row_starts[i + 1]).
      rows: int [B], the rows to return.
      filler: The value of the padding.

    Returns:
      The values and the mask (1 for a value of the row, 0 for padding), both int32 [B, S].
    """
    starts = row_starts[rows]
    lengths = row_starts[rows + 1] - starts
    positions = np.arange(lengths.max(initial=0))  # [S]
    mask = positions < lengths[:, None]  # [B, S]
    places = np.where(mask, starts[:, None] + positions, 0)  # [B, S]
    return np.where(mask, values[places], filler).astype(np.int32), mask.astype(np.int32)
