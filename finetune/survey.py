"""What the data report needs to know of each row, gathered while rows are tokenized."""

import hashlib
from typing import List, Sequence

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


class Survey:
    """A few numbers for each row of a data set, in bounded memory."""

    def __init__(self, unknown_id: int):
        """Starts with no rows; `unknown_id` is that of `[UNK]`."""
        self._unknown_id = unknown_id
        self._texts = GrowingArray(np.uint64)
        self._answers = GrowingArray(np.uint64)
        self._lengths = GrowingArray(np.int32)
        self._pieces = GrowingArray(np.int32)
        self._unknown = GrowingArray(np.int32)
        self._cut = GrowingArray(np.int32)

    def add(
        self, texts: Sequence[str], answer: object, ids: Sequence[int], *, special: int, cut: bool
    ) -> None:
        """Adds a row.

        Args:
          texts: Its texts; white space in them makes no difference.
          answer: Its label or tags, equal for what is the same.
          ids: All wordpieces of the texts.
          special: How many special ones the row would have besides, in one piece.
          cut: Whether some of the wordpieces are lost.
        """
        self._texts.append(text_hash(texts))
        self._answers.append(_hash(repr(answer)))
        self._lengths.append(len(ids) + special)
        self._pieces.append(len(ids))
        self._unknown.append(ids.count(self._unknown_id))
        self._cut.append(cut)

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
