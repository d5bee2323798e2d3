"""What the data report needs to know of each row, gathered while rows are tokenized."""

import hashlib
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from finetune.arrays import GrowingArray

_FIRST_FAULTS = 10


class Faults:
    """What is wrong with the rows of a data set: the first messages, and how many there are."""

    def __init__(self):
        """Starts with none."""
        self.first: List[str] = []
        self.count = 0

    def add(self, message: str) -> None:
        """Adds one."""
        self.count += 1
        if len(self.first) < _FIRST_FAULTS:
            self.first.append(message)


class TextFacts(NamedTuple):
    """What is to be known of rows' texts, an array of each: [rows].

    Attributes:
      texts: uint64, as of `text_hash`.
      lengths: int32, wordpieces of the uncut row, special ones included.
      pieces: int32, wordpieces of the texts.
      unknown: int32, how many of these are `[UNK]`.
      cut: int32, whether some of the wordpieces are lost: 0 or 1.
    """

    texts: np.ndarray
    lengths: np.ndarray
    pieces: np.ndarray
    unknown: np.ndarray
    cut: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Tuple[int, int, int, int, bool]]) -> "TextFacts":
        """Makes the arrays of rows' facts, each of which is in the order of the attributes."""
        texts, *others = zip(*rows)
        return cls(np.array(texts, np.uint64), *(np.array(each, np.int32) for each in others))


class Survey:
    """A few numbers for each row of a data set, in bounded memory."""

    def __init__(self):
        """Starts with no rows."""
        self._texts = GrowingArray(np.uint64)
        self._answers = GrowingArray(np.uint64)
        self._lengths = GrowingArray(np.int32)
        self._pieces = GrowingArray(np.int32)
        self._unknown = GrowingArray(np.int32)
        self._cut = GrowingArray(np.int32)

    def add_answer(self, answer: object) -> None:
        """Adds the next row's label or tags, equal for what is the same."""
        self._answers.append(_hash(repr(answer)))

    def extend(self, facts: TextFacts) -> None:
        """Adds what is to be known of the next rows' texts."""
        self._texts.extend(facts.texts)
        self._lengths.extend(facts.lengths)
        self._pieces.extend(facts.pieces)
        self._unknown.extend(facts.unknown)
        self._cut.extend(facts.cut)

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def texts(self) -> np.ndarray:
        """Hashes of the texts: uint64 [rows], equal for equal texts."""
        return self._texts.to_numpy()

    @property
    def answers(self) -> np.ndarray:
        """Hashes of the labels or tags: uint64 [rows]."""
        return self._answers.to_numpy()

    @property
    def lengths(self) -> np.ndarray:
        """Wordpieces of the uncut rows, special ones included: int32 [rows]."""
        return self._lengths.to_numpy()

    @property
    def pieces(self) -> np.ndarray:
        """Wordpieces of the texts: int32 [rows]."""
        return self._pieces.to_numpy()

    @property
    def unknown(self) -> np.ndarray:
        """How many of these are `[UNK]`: int32 [rows]."""
        return self._unknown.to_numpy()

    @property
    def cut(self) -> np.ndarray:
        """Whether something of the row is lost: int32 [rows], 0 or 1."""
        return self._cut.to_numpy()


def text_hash(texts: Sequence[str]) -> int:
    """Returns 64 bits that are equal for texts that differ in white space alone."""
    return _hash("\0".join(" ".join(text.split()) for text in texts))


def _hash(text: str) -> int:
    # 64 bits: of ten million texts, two different ones are alike with a chance of 3 in a million.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
