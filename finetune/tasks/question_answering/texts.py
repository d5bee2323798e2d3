"""The wordpieces of questions and contexts; each context is tokenized and stored once."""

import dataclasses
import functools
import itertools
import unicodedata
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np

from finetune.data.tokenizer import Tokenizer
from finetune.util.arrays import GrowingArray
from finetune.util.parallel import map_chunks
from finetune.util.progress import tracked


@dataclasses.dataclass(frozen=True)
class Texts:
    """The wordpieces of several texts, one after the other.

    Attributes:
      ids: int32 [total wordpieces].
      starts: int32 [total wordpieces], offset of each wordpiece's first code point in its text.
      ends: int32 [total wordpieces], offset after its last code point and the combining marks that
        follow it.
      bounds: int64 [texts + 1]; text i has the wordpieces [bounds[i], bounds[i + 1]).
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray

    def slice_of(self, text: int) -> slice:
        """Returns where the wordpieces of a text are in the arrays."""
        return slice(self.bounds[text], self.bounds[text + 1])


def number_texts(texts: Iterable[str]) -> Tuple[List[str], np.ndarray]:
    """Returns the distinct texts, and the number of each text: int32 [texts]."""
    numbers: Dict[str, int] = {}
    number_of = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int32)
    return list(numbers), number_of


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str], what: str) -> Texts:
    """Tokenizes texts; large data sets are tokenized in several processes."""
    ids, starts, ends = (GrowingArray(np.int32) for _ in range(3))
    bounds = GrowingArray(np.int64, [0])
    encode = functools.partial(_encode_chunk, tokenizer)
    read = tracked(texts, what, total=len(texts)) if what else texts
    for chunk in map_chunks(encode, read, len):
        bounds.extend(len(ids) + np.cumsum(chunk[1], dtype=np.int64))
        for array, values in zip((ids, starts, ends), chunk[0]):
            array.extend(values)
    return Texts(ids.to_numpy(), starts.to_numpy(), ends.to_numpy(), bounds.to_numpy())


def _encode_chunk(tokenizer: Tokenizer, texts: Sequence[str]) -> Tuple[np.ndarray, List[int]]:
    """Returns ids, starts and ends of the texts' wordpieces, int32 [3, total], and their counts."""
    pieces = [tokenizer.tokenize_with_offsets(text) for text in texts]
    flat = list(itertools.chain.from_iterable(pieces))
    ids = [tokenizer.vocab[piece.text] for piece in flat]
    ends = [_end_of_character(text, piece.end) for text, own in zip(texts, pieces) for piece in own]
    arrays = [ids, [piece.start for piece in flat], ends]
    return np.array(arrays, np.int32), [len(each) for each in pieces]


def _end_of_character(text: str, end: int) -> int:
    """Returns an offset behind the combining marks of a character; wordpieces may lack them."""
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end


def count_in(texts: Texts, wanted_id: int) -> np.ndarray:
    """Returns how often each text contains a wordpiece: int [texts]."""
    total = np.concatenate([[0], np.cumsum(texts.ids == wanted_id)])
    return total[texts.bounds[1:]] - total[texts.bounds[:-1]]
