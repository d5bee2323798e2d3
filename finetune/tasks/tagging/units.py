"""Split a text's wordpieces into units, at which windows start and end; usually, one per word.

BERT's tokenizer treats words separately. Byte-level BPE and Unigram tokenizers need the whole text,
and a wordpiece can belong to two words, such as ")." to ")" and ".".

words:   New | York | ( | Big |  Apple | ) | .
pieces:  New | ĠYork | Ġ( | Big | ĠApp le | ).
units:   New | ĠYork | Ġ( | Big | ĠApp le | ).        the last unit has two words
"""

from typing import List, NamedTuple

from finetune.data.frame import Frame
from finetune.data.tokenizer import Tokenizer
from finetune.models.library_tokenizer import LibraryTokenizer
from finetune.tasks.tagging.tagged_text import TaggedText


class Unit(NamedTuple):
    """Wordpiece ids, and for each word of the unit, the index of its first wordpiece among them."""

    ids: List[int]
    firsts: List[int]


def units_of(text: TaggedText, tokenizer: Tokenizer, frame: Frame) -> List[Unit]:
    """Returns the units of a text, which together contain each wordpiece and each word once."""
    if isinstance(tokenizer, LibraryTokenizer):
        return _units_by_offsets(text, tokenizer, frame)
    words = map(text.word, range(len(text.words)))
    # A word without wordpieces is [UNK].
    return [Unit(tokenizer.tokenize_to_ids(word) or [frame.unknown_id], [0]) for word in words]


def _units_by_offsets(text: TaggedText, tokenizer: Tokenizer, frame: Frame) -> List[Unit]:
    """Returns the units; a word's first wordpiece is the first one that overlaps it.

    A word without wordpieces has that of the word before it.
    """
    tokens = tokenizer.tokenize_with_offsets(text.text)
    if not tokens:
        return [Unit([frame.unknown_id], [0] * len(text.words))] if text.words else []
    ids = [tokenizer.vocab[token.text] for token in tokens]
    firsts: List[int] = []  # The index of each word's first wordpiece
    starts: List[int] = []  # The index of each unit's first word
    at, previous_end = 0, 0
    for i, (start, end) in enumerate(text.words):
        while at < len(tokens) - 1 and tokens[at].end <= start:
            at += 1
        first = at if tokens[at].start < end else max(at - 1, 0)
        if not firsts or (first > firsts[-1] and tokens[first].start >= previous_end):
            starts.append(i)
        firsts.append(first)
        previous_end = end
    units = []
    for i, next_i in zip(starts, [*starts[1:], len(firsts)]):
        # Wordpieces between words belong to the unit before them.
        begin = firsts[i] if i else 0
        end = firsts[next_i] if next_i < len(firsts) else len(ids)
        units.append(Unit(ids[begin:end], [first - begin for first in firsts[i:next_i]]))
    return units
