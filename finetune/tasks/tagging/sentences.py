"""Find the sentences in a text that is split into words."""

import bisect
import itertools
import re
from typing import Iterable, List

from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.word_splits import is_unspaced

END = ".!?…‼⁇⁈⁉؟۔։።।॥。！？｡"  # Words of these characters end a sentence.
CLOSING = "\"'”’»)]}」』）】》〉"  # Words of these characters close quotations and brackets.
OTHER_QUOTES = "“‘«‹›"  # They close in German, and open in English and Chinese.
_END = re.compile(f"[{END}]+")
_CLOSING = re.compile(f"[{re.escape(CLOSING)}]+")
_OTHER_QUOTES = re.compile(f"[{OTHER_QUOTES}]")
_NON_SPACES = re.compile(r"\S+")
MIN_WIDTH = 40  # Shorter lines are not wrapped.
# Wrapped lines without spaces are at least this full; a Latin word or a mark can make them shorter.
MIN_FILL = 0.8
# Training texts are sentences if at most this share of them has the end of another one inside.
_MAX_SHARE = 0.1


def sentence_starts(text: TaggedText) -> List[int]:
    """Returns the index of the first word of each sentence.

    A sentence ends after a word such as "." or "?" and the quotes that close, unless the next word
    begins in lower case. It also ends before an empty line, and at the end of a line that was not
    wrapped, such as a title. An abbreviation ("U.S.") is one word, so its period ends no sentence.
    """
    starts = [0] if text.words else []
    lines = _Lines(text.text)
    ended = False
    for i in range(1, len(text.words)):
        ended = bool(_END.fullmatch(text.word(i - 1)) or (ended and _closes(text, i - 1)))
        if lines.separate(text, i) or (ended and _begins(text, i)):
            starts.append(i)
            ended = False
    return starts


class _Lines:
    """The lines of a text, and the number of characters to which they were wrapped."""

    def __init__(self, text: str):
        lines = text.splitlines(keepends=True)
        self._starts = list(itertools.accumulate(map(len, lines), initial=0))
        self._width = max((len(line.rstrip()) for line in lines), default=0)

    def separate(self, text: TaggedText, i: int) -> bool:
        """Returns whether word `i` begins a line that does not continue the one before.

        Such a line follows an empty one, or one in which its first word would still have fitted.
        """
        end, start = text.words[i - 1][1], text.words[i][0]
        line = bisect.bisect(self._starts, end - 1)
        breaks = bisect.bisect(self._starts, start) - line
        if breaks != 1 or text.word(i)[0].islower():
            return breaks > 1
        length = end - self._starts[line - 1]
        if is_unspaced(text.text[start]):
            return length < MIN_FILL * max(MIN_WIDTH // 2, self._width)
        first_word = _NON_SPACES.match(text.text, start)
        assert first_word is not None
        return length + len(" ") + len(first_word[0]) <= max(MIN_WIDTH, self._width)


def _gap_before(text: TaggedText, i: int) -> bool:
    """Returns whether there is space before word `i`, or the end of the text."""
    return i == len(text.words) or text.words[i - 1][1] < text.words[i][0]


def _closes(text: TaggedText, i: int) -> bool:
    """Returns whether word `i` closes a quotation or brackets that word `i - 1` is inside."""
    if _gap_before(text, i) and not text.is_joined:
        return False
    if _CLOSING.fullmatch(text.word(i)):
        return True
    if text.is_joined or _OTHER_QUOTES.fullmatch(text.word(i)) is None:
        return False
    return _gap_before(text, i + 1) or _CLOSING.fullmatch(text.word(i + 1)) is not None


def _begins(text: TaggedText, i: int) -> bool:
    """Returns whether word `i`, which follows the end of a sentence, is in the next sentence."""
    word = text.word(i)
    if word[0].islower() or _END.fullmatch(word) or _closes(text, i):
        return False
    # In "U.S" and "3.5", split at punctuation, no sentence ends.
    return _gap_before(text, i) or text.word(i - 1) != "."


def are_sentences(texts: Iterable[TaggedText]) -> bool:
    """Returns whether most texts are one sentence each, as in most data for tagging."""
    several = [len(sentence_starts(text)) > 1 for text in texts]
    return bool(several) and sum(several) <= _MAX_SHARE * len(several)
