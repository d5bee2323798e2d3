"""A text split into words, with or without tags."""

import bisect
import dataclasses
import re
from typing import Dict, List, Optional, Sequence, Tuple, Union

from finetune.tasks.tagging.tags import Span, tags_of
from finetune.tasks.tagging.word_splits import WordSplit
from finetune.util.errors import InputError

OVERLAPS = ("error", "longest")  # How to treat spans that share words


class OverlapError(InputError):
    """Spans of a text share words."""


@dataclasses.dataclass
class TaggedText:
    """A text for sequence labelling, with its words and their tags.

    Attributes:
      guid: Name of the text, unique in its split.
      text: The text as given, or the words joined by spaces.
      words: Half-open code-point offsets of each word in the text.
      tags: A tag for each word, in any scheme of `tags.SCHEMES`; None in data to predict.
      where: "path:line" of the first word, for messages.
      word_a_line: Whether the words are on consecutive lines, one word per line.
      is_joined: Whether the data had words only, which were joined to make the text.
      extra: Other values of the input that the results repeat, such as its "id".
    """

    guid: str
    text: str
    words: List[Tuple[int, int]]
    tags: Optional[List[str]] = None
    where: Optional[str] = None
    word_a_line: bool = False
    is_joined: bool = False
    extra: Dict[str, object] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_words(
        cls,
        guid: str,
        words: Sequence[str],
        tags: Optional[Sequence[str]] = None,
        where: Optional[str] = None,
        word_a_line: bool = False,
        spaces: bool = True,
    ) -> "TaggedText":
        """Creates a text from words and, if there are any, their tags.

        The words are joined by spaces; if `spaces` is false, only words of several characters are.
        """
        parts: List[str] = []
        offsets, end = [], 0
        for i, word in enumerate(words):
            if i and (spaces or min(len(word), len(words[i - 1])) > 1):
                parts.append(" ")
                end += 1
            parts.append(word)
            offsets.append((end, end + len(word)))
            end += len(word)
        tags = None if tags is None else list(tags)
        text = "".join(parts)
        return cls(guid, text, offsets, tags, where, word_a_line, is_joined=True)

    @classmethod
    def from_spans(
        cls,
        guid: str,
        text: str,
        spans: Optional[Sequence[Span]],
        where: Optional[str] = None,
        word_split: Union[str, WordSplit] = "punctuation",
        overlaps: str = "error",
    ) -> "TaggedText":
        """Creates a text with tags from character spans; if `spans` is None, a text to predict.

        A span that begins or ends inside a word is widened to the whole word. If `overlaps` is
        "longest", only the longest of several overlapping spans is used, in a tie the first.

        Raises:
          OverlapError: Spans overlap.
          InputError: Spans lie outside the text or contain no word.
        """
        split = WordSplit(word_split) if isinstance(word_split, str) else word_split
        words = split.split(text)
        tags = None
        if spans is not None:
            starts, ends = [first for first, _ in words], [last for _, last in words]
            covered = [_words_under(span, text, starts, ends, where) for span in spans]
            if overlaps == "longest":
                covered = _longest(covered)
            _check_overlaps(sorted(covered), words, text, where)
            tags = tags_of(covered, len(words))
        return cls(guid, text, words, tags, where)

    def word(self, i: int) -> str:
        """Returns word `i` as it appears in the text."""
        start, end = self.words[i]
        return self.text[start:end]

    @property
    def gold_tags(self) -> List[str]:
        """The tags of a text that has them."""
        if self.tags is None:
            raise ValueError(f"{self.place} has no tags.")
        return self.tags

    @property
    def place(self) -> str:
        """Where the text is, for messages."""
        return self.where or f"example {self.guid}"

    @property
    def texts(self) -> List[str]:
        """The text, as a list of one."""
        return [self.text]

    @property
    def content(self) -> Tuple:
        """Everything that affects a training run."""
        if self.is_joined:  # How the words are joined does not affect it.
            words = [self.word(i) for i in range(len(self.words))]
            spaced = TaggedText.from_words(self.guid, words)
            return spaced.text, spaced.words, self.tags
        return self.text, self.words, self.tags

    def place_of_word(self, i: int) -> str:
        """Returns where word `i` is, for messages."""
        first = re.fullmatch(r"(.*:)(\d+)", self.where or "")
        if first and self.word_a_line:
            return f"{first[1]}{int(first[2]) + i}"
        return f"{self.where or self.guid}, word {i + 1}"


def _words_under(
    span: Span, text: str, starts: Sequence[int], ends: Sequence[int], where: Optional[str]
) -> Span:
    """Returns the words that a span of characters touches, as a span of words."""
    start, end, kind = span
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: span {start} to {end} ({kind}) is outside the text, which has "
            f"{len(text)} characters; expected 0 <= start < end <= {len(text)}."
        )
    # Words are in order and do not overlap, so both lists are sorted.
    first_word = bisect.bisect_right(ends, start)
    end_word = bisect.bisect_left(starts, end)
    if first_word >= end_word:
        raise InputError(
            f"{where}: span {start} to {end} ({kind}) contains no word: {text[start:end]!r}."
        )
    return first_word, end_word, kind


def _longest(spans: Sequence[Span]) -> List[Span]:
    """Returns the spans that overlap no longer one."""
    kept: List[Span] = []
    for span in sorted(set(spans), key=lambda span: (span[0] - span[1], span)):
        i = bisect.bisect(kept, span)
        after_previous = i == 0 or kept[i - 1][1] <= span[0]
        if after_previous and (i == len(kept) or span[1] <= kept[i][0]):
            kept.insert(i, span)
    return kept


def _check_overlaps(
    spans: Sequence[Span],
    words: Sequence[Tuple[int, int]],
    text: str,
    where: Optional[str],
) -> None:
    for (start, end, kind), (next_start, next_end, next_kind) in zip(spans, spans[1:]):
        if next_start < end:
            first = text[words[start][0] : words[end - 1][1]]
            second = text[words[next_start][0] : words[next_end - 1][1]]
            raise OverlapError(
                f"{where}: the spans {first!r} ({kind}) and {second!r} ({next_kind}) overlap; "
                "expected spans that share no word. Delete one of them."
            )
