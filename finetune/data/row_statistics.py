"""Numbers about each row for the data report, gathered while rows are tokenized."""

import hashlib
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from finetune.util.arrays import GrowingArray

_MAX_MESSAGES = 10


class RowErrors:
    """The errors in the rows of a data set: the first messages, and their number.

    Attributes:
      first: The first messages.
      count: The number of errors.
    """

    def __init__(self) -> None:
        self.first: List[str] = []
        self.count = 0

    def add(self, message: str) -> None:
        """Adds an error."""
        self.count += 1
        if len(self.first) < _MAX_MESSAGES:
            self.first.append(message)


class TextStatistics(NamedTuple):
    """Numbers about rows' texts, each an array [rows].

    Attributes:
      texts: uint64, see `text_hash`.
      lengths: int32, wordpieces of the row before cutting, including special tokens.
      pieces: int32, wordpieces of the texts.
      unknown: int32, how many of these are `[UNK]`.
      cut: int32, 1 if some of the wordpieces are lost.
    """

    texts: np.ndarray
    lengths: np.ndarray
    pieces: np.ndarray
    unknown: np.ndarray
    cut: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Tuple[int, int, int, int, bool]]) -> "TextStatistics":
        """Makes the arrays from tuples of one number for each attribute."""
        texts, *others = zip(*rows)
        return cls(np.array(texts, np.uint64), *(np.array(each, np.int32) for each in others))


class RowStatistics:
    """A few numbers about each row of a data set, in bounded memory."""

    def __init__(self) -> None:
        self._texts = GrowingArray(np.uint64)
        self._answers = GrowingArray(np.uint64)
        self._lengths = GrowingArray(np.int32)
        self._pieces = GrowingArray(np.int32)
        self._unknown = GrowingArray(np.int32)
        self._cut = GrowingArray(np.int32)

    def add_answer(self, answer: object) -> None:
        """Adds the next row's label or tags."""
        self._answers.append(_hash(repr(answer)))

    def extend(self, statistics: TextStatistics) -> None:
        """Adds the numbers about the next rows' texts."""
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
    def answers(self) -> np.ndarray:
        """Hashes of the labels or tags: uint64 [rows]."""
        return self._answers.to_numpy()

    @property
    def lengths(self) -> np.ndarray:
        """Wordpieces of the rows before cutting, including special tokens: int32 [rows]."""
        return self._lengths.to_numpy()

    @property
    def pieces(self) -> np.ndarray:
        """Wordpieces of the texts: int32 [rows]."""
        return self._pieces.to_numpy()

    @property
    def unknown(self) -> np.ndarray:
        """Number of wordpieces that are `[UNK]`: int32 [rows]."""
        return self._unknown.to_numpy()

    @property
    def cut(self) -> np.ndarray:
        """1 for rows of which something is lost, else 0: int32 [rows]."""
        return self._cut.to_numpy()


def text_hash(texts: Sequence[str]) -> int:
    """Returns 64 bits that are equal for texts that differ only in white space."""
    return _hash("\0".join(" ".join(text.split()) for text in texts))


def _hash(text: str) -> int:
    # 64 bits: among ten million texts, the probability of a collision is 3 in a million.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
