"""Split bare text into words as in the Penn Treebank, adapted to the words of the training data.

text:   Mr. Waugh's visit to Nagorno-Karabakh (U.S.) cost $3.5m, didn't it?
words:  Mr.|Waugh|'s|visit|to|Nagorno-Karabakh|(|U.S.|)|cost|$|3.5m|,|did|n't|it|?

Punctuation is a word of its own at the edges of a word, but not inside it. Abbreviations, clitics
and other exceptions are those that the training data contains.
"""

import collections
import functools
import re
import unicodedata
from typing import Counter, Dict, FrozenSet, Iterable, List, NamedTuple, Sequence, Tuple

Offsets = List[Tuple[int, int]]

_APOSTROPHES = "'’"
_ACRONYM = re.compile(r"[^\W\d_]\.|(?:[^\W\d_]{1,2}\.){2,}")  # "S.", "U.S.", "Ph.D."
_ORDINAL = re.compile(r"\d+\.")
_SHORT_ORDINAL = re.compile(r"\d{1,2}\.")  # A longer number is a year at the end of a sentence.
_ADDRESS = re.compile(r"(?i)\w+://|www\.")
CJK_RANGES = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_CJK = re.compile(f"([{CJK_RANGES}])")
BETWEEN_DIGITS = ",.:"  # Part of a number between digits, as in 1,000 and 2:29.34
JOINER = "\u200d"  # Joins several emoji to one
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
EMOJI_RANGES = "\u2600-\u27bf\U0001f000-\U0001faff"
_EMOJI = re.compile(f"[{EMOJI_RANGES}]")
_MAX_WORDS = 5000
MAX_ABBREVIATION = 40  # Characters
# A character separates words if it is a word of its own this many times as often as it is inside.
_RATIO = 20


class PennRules(NamedTuple):
    """The exceptions of one training data set.

    Attributes:
      words: Words that stay whole or are split off whole: "Corp.", "'s", "n't", "l'", ":-)".
      starts: Punctuation that stays attached to the word after it, such as "#" and "@".
      ends: Punctuation that stays attached to the word before it, such as "%".
      cuts: Punctuation that also separates words where no space is, such as "/".
      acronyms: Whether "U.S." and "J." are one word.
      ordinals: Whether "3." is one word, as in the German "am 3. Oktober".
    """

    words: FrozenSet[str]
    starts: str = "#@"
    ends: str = ""
    cuts: str = ',;!?"“”«»()[]{}。，、；：？！（）「」『』《》〈〉【】'
    acronyms: bool = True
    ordinals: bool = False

    def to_json(self) -> Dict[str, object]:
        """Returns the rules as JSON values."""
        return {**self._asdict(), "words": sorted(self.words)}

    @classmethod
    def from_json(cls, value: Dict) -> "PennRules":
        """Returns the rules that `to_json` returned."""
        return cls(**{**value, "words": frozenset(value["words"])})


# For data that does not show how its words are split.
ENGLISH = PennRules(
    frozenset(
        "'s 'm 'd 're 've 'll n't Mr. Mrs. Ms. Dr. Prof. Rev. Gen. Lt. Col. Capt. Sen. Gov. St. "
        "Jr. Sr. Inc. Corp. Co. Ltd. vs. etc. No. Jan. Feb. Aug. Sept. Oct. Nov. Dec. a.m. p.m. "
        "e.g. i.e.".split()
    )
)


def learn_rules(sentences: Sequence[Sequence[str]]) -> PennRules:
    """Returns the rules under which the words of the training data stay whole."""
    counts: Counter[str] = collections.Counter()
    for words in sentences:
        # A number at the start of a text is that of a list: "1. Schumacher".
        counts.update(words[1:] if words and _ORDINAL.fullmatch(words[0]) else words)
    alone, first, last, inside = (collections.Counter[str]() for _ in range(4))
    for word, number in counts.items():
        _count_places(word, number, alone, first, last, inside)
    # "'s" or "l'" shows that an apostrophe is part of a word.
    parts = {char for word in counts if len(word) > 1 for char in (word[0], word[-1])}
    marks = [char for char in alone if char != "." and not (char in _APOSTROPHES and char in parts)]
    cuts = [char for char in marks if alone[char] >= _RATIO * max(inside[char], 0.2)]
    rules = PennRules(
        words=frozenset(),
        starts="".join(sorted(c for c in first if c not in "." and first[c] > alone[c])),
        ends="".join(sorted(c for c in last if c not in "." and last[c] > alone[c])),
        cuts="".join(sorted({*cuts, *(c for c in ENGLISH.cuts if not inside[c])})),
        acronyms=any(_ACRONYM.fullmatch(word) for word in counts),
        ordinals=_has_ordinals(sentences),
    )
    kept = [word for word, _ in counts.most_common() if _is_exception(word, rules)]
    return rules._replace(words=frozenset(kept[:_MAX_WORDS]))


def _has_ordinals(sentences: Sequence[Sequence[str]]) -> bool:
    """Returns whether a number and the period after it are one word more often than two."""
    one, two = 0, 0
    for words in sentences:
        for number, period in zip(words[1:], words[2:]):  # The first number is that of a list.
            one += _SHORT_ORDINAL.fullmatch(number) is not None
            two += period == "." and _SHORT_ORDINAL.fullmatch(number + ".") is not None
        two -= len(words) > 2 and words[-1] == "." and len(words[-2]) < 3 and words[-2].isdigit()
    return one > max(two, 2)


def _count_places(
    word: str,
    number: int,
    alone: Counter[str],
    first: Counter[str],
    last: Counter[str],
    inside: Counter[str],
) -> None:
    """Counts the punctuation in a word by its place: alone, at either end, or inside."""
    if len(word) == 1:
        alone[word] += 0 if _is_word_character(word) else number
        return
    if not any(map(str.isalnum, word)):
        return
    for counter, char in ((first, word[0]), (last, word[-1])):
        # "'s" and "l'" are split off, so their apostrophes do not show that one stays attached.
        if not _is_word_character(char) and char not in _APOSTROPHES:
            counter[char] += number
    for before, char, after in zip(word, word[1:], word[2:]):
        if not _is_word_character(char) and not _is_in_number(before, char, after):
            inside[char] += number


def _is_in_number(before: str, char: str, after: str) -> bool:
    return char in BETWEEN_DIGITS and before.isdigit() and after.isdigit()


def _is_exception(word: str, rules: PennRules) -> bool:
    if word.casefold() == "n't":
        return True
    # The period of a word in the middle of a text shows that it is an abbreviation.
    return len(word) > 1 and split_penn(word + " x", rules)[0] != (0, len(word))


def split_penn(text: str, rules: PennRules) -> Offsets:
    """Returns the half-open offsets of a text's words."""
    chunks = [match.span() for match in re.finditer(r"\S+", text)]
    words: Offsets = []
    end = 0
    for number, (start, stop) in enumerate(chunks):
        begins_line = number == 0 or "\n" in text[end:start]
        is_last = number == len(chunks) - 1
        words += _Chunk(text, rules, begins_line=begins_line, is_last=is_last).split(start, stop)
        end = stop
    return words


class _Chunk:
    """Splits one stretch of text without whitespace."""

    def __init__(self, text: str, rules: PennRules, *, begins_line: bool, is_last: bool):
        self._text = text
        self._rules = rules
        self._longest = longest_of(rules.words)
        self._begins_line = begins_line
        self._is_last = is_last

    def split(self, start: int, end: int) -> Offsets:
        """Returns the words between two offsets: first the punctuation around them is split off."""
        before: Offsets = []
        after: Offsets = []
        while start < end and self._starts_with_mark(start, end):
            stop = _end_of_mark(self._text, start, end)
            before.append((start, stop))
            start = stop
        while start < end and self._ends_with_mark(start, end):
            stop = _start_of_mark(self._text, start, end)
            after.append((stop, end))
            end = stop
        return before + self._split_inside(start, end) + after[::-1]

    def _is_listed(self, start: int, end: int) -> bool:
        return end - start <= self._longest and self._text[start:end] in self._rules.words

    def _starts_with_mark(self, start: int, end: int) -> bool:
        char = self._text[start]
        if _is_word_character(char) or self._is_listed(start, end):
            return False
        if end == start + 1:
            return True
        is_sign = char in "-+." and self._text[start + 1].isdigit()
        return not (char in self._rules.starts or is_sign)

    def _ends_with_mark(self, start: int, end: int) -> bool:
        base = _base_of_last(self._text, start, end)
        char = self._text[base]
        if _is_word_character(char) or base == start:
            return not _is_word_character(char)
        if char == "." and self._text[base - 1] != ".":
            return not self._keeps_period(start, end)
        return char not in self._rules.ends and not self._is_listed(start, end)

    def _keeps_period(self, start: int, end: int) -> bool:
        """Returns whether the period belongs to the word; at the end of a text, it rarely does."""
        if end - start > max(self._longest, MAX_ABBREVIATION):
            return False
        word = self._text[start:end]
        if self._is_last:
            return "." in word[:-1] and self._is_abbreviation(word)
        if self._begins_line and len(word) <= 4 and _ORDINAL.fullmatch(word):
            return True
        if self._rules.ordinals and _SHORT_ORDINAL.fullmatch(word):
            return True
        return self._is_abbreviation(word)

    def _is_abbreviation(self, word: str) -> bool:
        if word in self._rules.words:
            return True
        return self._rules.acronyms and _ACRONYM.fullmatch(word) is not None

    def _split_inside(self, start: int, end: int) -> Offsets:
        word = self._text[start:end]
        if start == end or word in self._rules.words or _ADDRESS.match(word):
            return [(start, end)] if start < end else []
        cuts = sorted({0, len(word), *self._cuts(word), *self._clitic_cuts(word)})
        return [(start + a, start + b) for a, b in zip(cuts, cuts[1:])]

    def _cuts(self, word: str) -> Iterable[int]:
        """Yields the offsets inside a word at which punctuation and CJK characters are cut off."""
        for match in _CJK.finditer(word):
            yield from match.span()
        for match in _EMOJI.finditer(word):
            yield from (match.start(), _end_of_mark(word, match.start(), len(word)))
        for i, char in enumerate(word):
            is_inside = 0 < i < len(word) - 1
            if char in self._rules.cuts and is_inside and not _is_in_number(*word[i - 1 : i + 2]):
                yield from (i, i + 1)

    def _clitic_cuts(self, word: str) -> Iterable[int]:
        """Yields the offsets at which clitics are cut off: "they|'d|'ve", "l'|homme"."""
        plain = word.replace("’", "'")
        end = len(plain)
        for i in (i for i in reversed(range(len(plain))) if plain[i] == "'"):
            if self._is_clitic(plain, i, end):
                end = i
                yield end
            elif i > 1 and "n't" in self._rules.words and plain[i - 1 : end].casefold() == "n't":
                end = i - 1
                yield end
            elif self._is_clitic(plain, 0, i + 1):
                yield i + 1

    def _is_clitic(self, plain: str, start: int, end: int) -> bool:
        if end - start > self._longest:
            return False
        clitic = plain[start:end]
        return clitic in self._rules.words or clitic.casefold() in self._rules.words


@functools.lru_cache(maxsize=8)
def longest_of(words: FrozenSet[str]) -> int:
    """Returns the length of the longest word."""
    return max(map(len, words), default=0)


def _is_word_character(char: str) -> bool:
    # Combining marks (the vowel signs of Hindi) and invisible characters are no punctuation.
    return char.isalnum() or unicodedata.category(char)[0] not in "PS"


def _is_attached(char: str) -> bool:
    """Returns whether a character is a part of the one before it, such as an accent."""
    return char in SKIN_TONES or unicodedata.category(char)[0] == "M" or char == JOINER


def _end_of_mark(text: str, start: int, end: int) -> int:
    """Returns the end of the mark that starts at an offset; "...", "--" and "``" are one mark."""
    stop = start + 1
    while stop < end and text[stop] == text[start]:
        stop += 1
    while stop < end and (_is_attached(text[stop]) or text[stop - 1] == JOINER):
        stop += 1
    return stop


def _base_of_last(text: str, start: int, end: int) -> int:
    """Returns the offset of the last character that is not attached to one before it."""
    base = end - 1
    while base > start and (_is_attached(text[base]) or text[base - 1] == JOINER):
        base -= 1
    return base


def _start_of_mark(text: str, start: int, end: int) -> int:
    """Returns the start of the mark that ends at an offset; see `_end_of_mark`."""
    base = _base_of_last(text, start, end)
    while base == end - 1 > start and text[base - 1] == text[base]:
        base, end = base - 1, end - 1
    return base
