"""A text cut into words, with or without tags, and the ways to make one."""

import dataclasses
import re
from typing import List, Optional, Sequence, Tuple

from finetune.tagging import Span, tags_of
from tokenization import BasicTokenizer

# How a text without given words is cut: at white space; also at punctuation and CJK characters,
# as BERT's tokenizer does; or into single characters.
WORD_SPLITS = ("punctuation", "whitespace", "characters")


@dataclasses.dataclass
class TaggedText:
    """One text for sequence labelling, its words and their tags.

    Attributes:
      guid: Name of the text, unique in its split.
      text: The text as it was given, or the words with a space between.
      words: Half-open code-point offsets of each word in the text.
      tags: A tag for each word, in any scheme of `finetune.tagging`; None in data to predict.
      where: "path:line" of the first word, for messages.
      word_a_line: Whether each word has a line of its own, one after another.
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
        """Makes one of words and, if there are any, their tags."""
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
        """Makes one of a text and its character spans; None: a text to predict.

        A span that begins or ends within a word is widened to the whole of it.

        Raises:
          ValueError: Spans overlap, lie outside the text or hold no word.
        """
        words = split_words(text, word_split)
        tags = None
        if spans is not None:
            covered = [_words_under(span, text, words, where) for span in spans]
            _refuse_overlaps(sorted(covered), words, text, where)
            tags = tags_of(covered, len(words))
        return cls(guid, text, words, tags, where)

    def word(self, i: int) -> str:
        """Returns word `i` as it stands in the text."""
        start, end = self.words[i]
        return self.text[start:end]

    def place(self, i: int) -> str:
        """Returns where word `i` stands, for messages."""
        first = re.fullmatch(r"(.*:)(\d+)", self.where or "")
        if first and self.word_a_line:
            return f"{first[1]}{int(first[2]) + i}"
        return f"{self.where or self.guid}, word {i + 1}"


def split_words(text: str, how: str) -> List[Tuple[int, int]]:
    """Returns the half-open offsets of a text's words, cut in one of the ways `WORD_SPLITS`."""
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
        raise ValueError(
            f"{where}: span {start} to {end} ({kind}) is not in the text, which has "
            f"{len(text)} characters; expected 0 <= start < end <= {len(text)}."
        )
    under = [i for i, (first, last) in enumerate(words) if first < end and start < last]
    if not under:
        raise ValueError(
            f"{where}: span {start} to {end} ({kind}) holds no word: {text[start:end]!r}."
        )
    return under[0], under[-1] + 1, kind


def _refuse_overlaps(
    spans: Sequence[Span],
    words: Sequence[Tuple[int, int]],
    text: str,
    where: Optional[str],
) -> None:
    for (start, end, kind), (next_start, next_end, next_kind) in zip(spans, spans[1:]):
        if next_start < end:
            first = text[words[start][0] : words[end - 1][1]]
            second = text[words[next_start][0] : words[next_end - 1][1]]
            raise ValueError(
                f"{where}: the spans {first!r} ({kind}) and {second!r} ({next_kind}) overlap; "
                "expected spans that share no word. Leave one of them out."
            )
