"""A text split into words, with or without tags, and how to make one."""

import dataclasses
import re
from typing import List, Optional, Sequence, Tuple

from finetune.tasks.tagging.tags import Span, tags_of
from finetune.util.errors import InputError
from tokenization import BasicTokenizer

# How bare text is split: at white space; also at punctuation and CJK characters, like BERT's
# tokenizer; or into single characters.
WORD_SPLITS = ("punctuation", "whitespace", "characters")


@dataclasses.dataclass
class TaggedText:
    """One text for sequence labelling, its words and their tags.

    Attributes:
      guid: Name of the text, unique in its split.
      text: The text as given, or the words joined by spaces.
      words: Half-open code-point offsets of each word in the text.
      tags: A tag for each word, in any scheme of `tags.SCHEMES`; None in data to predict.
      where: "path:line" of the first word, for messages.
      word_a_line: Whether each word has its own line, one after the other.
    """

    guid: str
    text: str
    words: List[Tuple[int, int]]
    tags: Optional[List[str]] = None
    where: Optional[str] = None
    word_a_line: bool = False

    @classmethod
    def from_words(
        cls,
        guid: str,
        words: Sequence[str],
        tags: Optional[Sequence[str]] = None,
        where: Optional[str] = None,
        word_a_line: bool = False,
    ) -> "TaggedText":
        """Makes a text from words and, if there are any, their tags."""
        offsets, end = [], -1
        for word in words:
            offsets.append((end + 1, end + 1 + len(word)))
            end += 1 + len(word)
        tags = None if tags is None else list(tags)
        return cls(guid, " ".join(words), offsets, tags, where, word_a_line)

    @classmethod
    def from_spans(
        cls,
        guid: str,
        text: str,
        spans: Optional[Sequence[Span]],
        where: Optional[str] = None,
        word_split: str = "punctuation",
    ) -> "TaggedText":
        """Makes a text with tags from character spans; None: a text to predict.

        A span that begins or ends inside a word is widened to the whole word.

        Raises:
          InputError: Spans overlap, lie outside the text or contain no word.
        """
        words = split_words(text, word_split)
        tags = None
        if spans is not None:
            covered = [_words_under(span, text, words, where) for span in spans]
            _check_overlaps(sorted(covered), words, text, where)
            tags = tags_of(covered, len(words))
        return cls(guid, text, words, tags, where)

    def word(self, i: int) -> str:
        """Returns word `i` as spelled in the text."""
        start, end = self.words[i]
        return self.text[start:end]

    @property
    def place(self) -> str:
        """Where the text is, for messages."""
        return self.where or f"example {self.guid}"

    @property
    def texts(self) -> List[str]:
        """The text, in a list as every example has it."""
        return [self.text]

    @property
    def content(self) -> Tuple:
        """Everything that a training depends on."""
        return self.text, self.words, self.tags

    def place_of_word(self, i: int) -> str:
        """Returns where word `i` is, for messages."""
        first = re.fullmatch(r"(.*:)(\d+)", self.where or "")
        if first and self.word_a_line:
            return f"{first[1]}{int(first[2]) + i}"
        return f"{self.where or self.guid}, word {i + 1}"


def split_words(text: str, how: str) -> List[Tuple[int, int]]:
    """Returns the half-open offsets of a text's words, split as one of `WORD_SPLITS`."""
    if how == "punctuation":
        words = BasicTokenizer(do_lower_case=False).split(text)
        return [(min(word.sources), max(word.sources) + 1) for word in words]
    pattern = r"\S" if how == "characters" else r"\S+"
    return [match.span() for match in re.finditer(pattern, text)]


def _words_under(
    span: Span, text: str, words: Sequence[Tuple[int, int]], where: Optional[str]
) -> Span:
    start, end, kind = span
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: span {start} to {end} ({kind}) is outside the text, which has "
            f"{len(text)} characters; expected 0 <= start < end <= {len(text)}."
        )
    under = [i for i, (first, last) in enumerate(words) if first < end and start < last]
    if not under:
        raise InputError(
            f"{where}: span {start} to {end} ({kind}) contains no word: {text[start:end]!r}."
        )
    return under[0], under[-1] + 1, kind


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
            raise InputError(
                f"{where}: the spans {first!r} ({kind}) and {second!r} ({next_kind}) overlap; "
                "expected spans that share no word. Delete one of them."
            )
