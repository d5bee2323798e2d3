"""Statistics of each row for the data report, collected while rows are tokenized."""

import dataclasses
import hashlib
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError
from finetune.util.plurals import count

_MAX_MESSAGES = 10
_MAX_PLACES = 5


@dataclasses.dataclass
class RowError:
    """An error that one or more rows have.

    Attributes:
      message: The message, without a place.
      places: The places of the first few rows.
      count: The number of rows.
    """

    message: str
    places: List[str] = dataclasses.field(default_factory=list)
    count: int = 0


class RowErrors:
    """The errors in the rows of a data set; rows with the same error are counted.

    Attributes:
      first: The first ten different errors.
      count: The number of rows with errors.
    """

    def __init__(self) -> None:
        self._errors: Dict[str, RowError] = {}
        self.count = 0

    @property
    def first(self) -> List[RowError]:
        return list(self._errors.values())

    def add(self, message: str, place: str = "") -> None:
        """Adds the error of a row; its message may start with the row's place."""
        self.count += 1
        message = message[len(place) + 2 :] if message.startswith(f"{place}: ") else message
        if message not in self._errors and len(self._errors) == _MAX_MESSAGES:
            return
        error = self._errors.setdefault(message, RowError(message))
        error.count += 1
        if place and len(error.places) < _MAX_PLACES:
            error.places.append(place)

    def check(self) -> None:
        """Raises `InputError` with the first error, and counts, if there are any errors."""
        if not self.count:
            return
        error = self.first[0]
        message = ": ".join([*error.places[:1], error.message])
        same, others = error.count - 1, self.count - error.count
        if same:
            message += f" The same error occurs in {count(same, 'more row')}."
        if others:
            message += f" {count(others, 'row has', 'rows have')} other errors."
        raise InputError(message)


class TextStatistics(NamedTuple):
    """Statistics of rows' texts, each an array [rows].

    Attributes:
      texts: uint64, see `text_hash`.
      lengths: int32, number of wordpieces in the row before cutting, including special tokens.
      pieces: int32, number of wordpieces in the texts.
      unknown: int32, number of wordpieces that are `[UNK]`.
      cut: int32, 1 if any wordpieces were cut, else 0.
    """

    texts: np.ndarray
    lengths: np.ndarray
    pieces: np.ndarray
    unknown: np.ndarray
    cut: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Tuple[int, int, int, int, bool]]) -> "TextStatistics":
        """Builds the arrays from one tuple of all attributes per row."""
        texts, *others = zip(*rows)
        return cls(np.array(texts, np.uint64), *(np.array(each, np.int32) for each in others))


class RowStatistics:
    """Statistics of each row of a data set, in bounded memory."""

    def __init__(self) -> None:
        self._texts = GrowingArray(np.uint64)
        self._labels = GrowingArray(np.uint64)
        self._lengths = GrowingArray(np.int32)
        self._pieces = GrowingArray(np.int32)
        self._unknown = GrowingArray(np.int32)
        self._cut = GrowingArray(np.int32)

    def add_label(self, label: object) -> None:
        """Adds the next row's label or tags."""
        self._labels.append(_hash(repr(label)))

    def extend(self, statistics: TextStatistics) -> None:
        """Adds the statistics of the next rows' texts."""
        self._texts.extend(statistics.texts)
        self._lengths.extend(statistics.lengths)
        self._pieces.extend(statistics.pieces)
        self._unknown.extend(statistics.unknown)
        self._cut.extend(statistics.cut)

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def texts(self) -> np.ndarray:
        """Hashes of the texts, equal for equal texts: uint64 [rows]."""
        return self._texts.to_numpy()

    @property
    def labels(self) -> np.ndarray:
        """Hashes of the labels or tags: uint64 [rows]."""
        return self._labels.to_numpy()

    @property
    def lengths(self) -> np.ndarray:
        """Number of wordpieces before cutting, including special tokens: int32 [rows]."""
        return self._lengths.to_numpy()

    @property
    def pieces(self) -> np.ndarray:
        """Number of wordpieces in the texts: int32 [rows]."""
        return self._pieces.to_numpy()

    @property
    def unknown(self) -> np.ndarray:
        """Number of wordpieces that are `[UNK]`: int32 [rows]."""
        return self._unknown.to_numpy()

    @property
    def cut(self) -> np.ndarray:
        """1 for rows that were cut, else 0: int32 [rows]."""
        return self._cut.to_numpy()


def text_hash(texts: Sequence[str]) -> int:
    """Returns a 64-bit hash, equal for texts that differ only in whitespace."""
    return _hash("\0".join(" ".join(text.split()) for text in texts))


def _hash(text: str) -> int:
    # 64 bits: among ten million texts, the probability of a collision is 3 in a million.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
