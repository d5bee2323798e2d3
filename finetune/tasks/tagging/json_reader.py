"""Read tagged texts from JSON lines, in this project's form and in those of annotation tools."""

import bisect
import functools
import itertools
import logging
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

from finetune.data.data_path import is_stream
from finetune.data.json_lines import has_surrogates, skipped_annotation
from finetune.data.json_records import read_records
from finetune.data.processor import SkippedRow
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.tagged_text import OverlapError, TaggedText
from finetune.tasks.tagging.tags import TAG_FORM, Span, is_tag, split_tag
from finetune.tasks.tagging.word_splits import are_characters
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_Read = Union[TaggedText, SkippedRow]

# This project's keys first, then those of annotation tools (doccano, Prodigy, spaCy).
_SPAN_KEYS = ("entities", "spans", "ents", "labels", "label")
_SURFACE_KEYS = ("text", "surface", "value")  # The text of the span itself
_TYPE_KEYS = ("type", "label", "tag")
_START_KEYS = ("start", "start_offset")
_WORDS_KEYS = ("tokens", "words")
_TAG_KEYS = ("ner_tags", "tags", "ner", "labels")  # The tags of a list of words
_KEEP_LONGEST = "--overlaps=longest keeps the longest of them."
_EXTRA_KEYS = ("id", "meta")
_END_KEYS = ("end", "end_offset")


def read_json_lines(path: str, split: str, options: TagFormat) -> Iterator[_Read]:
    """Reads JSON objects: `text`, and `entities` with `start`, `end` and `type`."""
    changes, overlapping = _Changes(), _Places()
    for record in read_records(path, options.need_tags):
        if isinstance(record, SkippedRow):
            yield record
            continue
        name, where, row = record
        rejected = skipped_annotation(row, where)
        if rejected is not None and options.need_tags:
            yield rejected
            continue
        guid = f"{split}-{name}"
        tokens = _tokens_of(row)
        if tokens is not None:
            changes.without_word.add(where, sum(not token.strip() for token in tokens))
            yield _from_tokens(row, tokens, guid, where, options)
            continue
        found = None if rejected is not None else _found_spans(row, options)
        try:
            yield _from_text(row, guid, where, options, found, changes)
        except OverlapError as error:
            if is_stream(path):
                raise InputError(f"{error} {_KEEP_LONGEST}") from error
            overlapping.add(str(error), 1)
    if overlapping.count:
        raise InputError(
            f"{overlapping.first[0]} {count(overlapping.count, 'text')} in the file "
            f"{'has' if overlapping.count == 1 else 'have'} overlapping spans. "
            f"{_KEEP_LONGEST}"
        )
    changes.log()


def _found_spans(row: dict, options: TagFormat) -> object:
    """Returns the spans of a row, unchecked, or None for a row to predict without spans."""
    found = next((row[key] for key in _SPAN_KEYS if key in row), None)
    # In data to predict, this can be anything, for example a label of the whole text.
    return found if options.need_tags or isinstance(found, list) else None


def _from_text(
    row: dict, guid: str, where: str, options: TagFormat, found: object, changes: "_Changes"
) -> TaggedText:
    """Returns a text with the spans that were found; without tags if they are None."""
    text = _text_of(row, where)
    given = None if found is None and not options.need_tags else _spans(found, where, row)
    spans = given
    if given is not None and isinstance(found, list):
        spans = [_with_its_text(*pair, text, where) for pair in zip(given, found)]
    example = TaggedText.from_spans(guid, text, spans, where, options.word_split, options.overlaps)
    example.extra = _extra(row)
    if given is not None and spans is not None:
        changes.converted.add(where, sum(old != new for old, new in zip(given, spans)))
        changes.widened.add(where, sum(_cuts_a_word(span, example.words) for span in spans))
    return example


class _Changes:
    """The places of spans that were changed, and of tokens that were skipped."""

    def __init__(self) -> None:
        self.without_word = _Places()
        self.converted = _Places()
        self.widened = _Places()

    def log(self) -> None:
        """Warns of the changes, once for all texts."""
        if self.without_word.count:
            _log.warning(
                "%s without a visible character: skipped, with their tags (%s)",
                count(self.without_word.count, "token"),
                ", ".join(self.without_word.first),
            )
        offsets = "with offsets in UTF-16 units, as JavaScript counts them: converted to characters"
        ends = "beginning or ending inside a word: widened to the whole word"
        for places, what in ((self.converted, offsets), (self.widened, ends)):
            if places.count:
                spans = count(places.count, "span")
                _log.warning("%s %s (%s)", spans, what, ", ".join(places.first))


class _Places:
    """The places of a finding, in bounded memory.

    Attributes:
      count: How many there are.
      first: The first three.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: List[str] = []

    def add(self, where: str, number: int) -> None:
        """Adds a place `number` times."""
        self.first += [where] * min(number, 3 - len(self.first))
        self.count += number


def _extra(row: dict) -> Dict[str, object]:
    """Returns the values that the results repeat."""
    return {key: row[key] for key in _EXTRA_KEYS if key in row}


def _tokens_of(row: dict) -> Optional[List[str]]:
    """Returns the words of a row that is a list of words, as in Hugging Face's data sets."""
    tokens = next((row[key] for key in _WORDS_KEYS if key in row), None)
    is_list = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    return tokens if is_list and not isinstance(row.get("text"), str) else None


def _from_tokens(
    row: dict, tokens: Sequence[str], guid: str, where: str, options: TagFormat
) -> TaggedText:
    _check_characters(" ".join(tokens), where)
    found = next((row[key] for key in _TAG_KEYS if key in row), None)
    tags = None
    if found is not None or options.need_tags:
        if not isinstance(found, list) or len(found) != len(tokens):
            raise InputError(
                f'{where}: found {found!r:.60} as "{_TAG_KEYS[0]}"; expected a tag for each of the '
                f"{count(len(tokens), 'token')}."
            )
        pairs = zip(tokens, found)
        tags = [_tag_of(tag, where, options.labels) for token, tag in pairs if token.strip()]
    words = [token for token in tokens if token.strip()]
    text = TaggedText.from_words(guid, words, tags, where, spaces=not are_characters(words))
    text.extra = _extra(row)
    return text


def _tag_of(tag: object, where: str, labels: Sequence[str]) -> str:
    """Returns a tag that is given as text, or by its number in the list of labels."""
    if isinstance(tag, int) and not isinstance(tag, bool):
        if not 0 <= tag < len(labels) or not is_tag(labels[tag]):
            raise InputError(
                f"{where}: found the number {tag} as a tag; expected the names of all tags, in the "
                "order of their numbers, in --labels, for example --labels=O,B-PER,I-PER."
            )
        tag = labels[tag]
    if not isinstance(tag, str) or not is_tag(tag):
        raise InputError(f"{where}: found {tag!r:.40} as a tag; expected {TAG_FORM}.")
    return tag


def _text_of(row: dict, where: str) -> str:
    text = row.get("text")
    if not isinstance(text, str):
        keys = ", ".join(map(repr, row))
        raise InputError(
            f'{where}: found {text!r:.60} as "text"; expected a string. The keys are {keys}.'
        )
    _check_characters(text, where)
    return text


def _check_characters(text: str, where: str) -> None:
    if has_surrogates(text):
        raise InputError(
            f"{where}: the text contains half a surrogate pair, which is not a character."
        )


def _cuts_a_word(span: Span, words: Sequence[Tuple[int, int]]) -> bool:
    for end in span[:2]:
        i = bisect.bisect_left(words, (end, 0)) - 1  # The last word that starts before `end`
        if i >= 0 and end < words[i][1]:
            return True
    return False


def _spans(value: object, where: str, row: dict) -> List[Span]:
    if not isinstance(value, list):
        key = next((key for key in _SPAN_KEYS if key in row), _SPAN_KEYS[0])
        raise InputError(
            f'{where}: found {value!r:.60} under the key "{key}"; expected a list of spans.'
        )
    return [_span(item, where) for item in value]


def _surface_of(item: object) -> Optional[str]:
    """Returns the text that a span says it has, or None."""
    if not isinstance(item, dict):
        return None
    found = next((item[key] for key in _SURFACE_KEYS if key in item), None)
    return found if isinstance(found, str) else None


@functools.lru_cache(maxsize=1)
def _utf16_offsets(text: str) -> List[int]:
    """Returns the offset of each character, and the text's length, in UTF-16 units."""
    return [0, *itertools.accumulate(1 + (char > "\uffff") for char in text)]


def _with_its_text(span: Span, item: object, text: str, where: str) -> Span:
    """Returns a span that has the text that the file says it has.

    JavaScript counts a character beyond U+FFFF, such as an emoji, as two; if that explains the
    difference, the span is converted.

    Raises:
      InputError: The span's offsets contradict its text.
    """
    stated = _surface_of(item)
    start, end, kind = span
    if stated is None or text[start:end].split() == stated.split():
        return span
    units = _utf16_offsets(text)
    first, last = (bisect.bisect_left(units, offset) for offset in (start, end))
    if text[first:last].split() == stated.split():
        return first, last, kind
    raise InputError(
        f"{where}: the span {start} to {end} says that its text is {stated!r:.40}, but these "
        f"characters of the text are {text[start:end]!r:.40}; expected offsets in characters."
    )


def _span(item: object, where: str) -> Span:
    start, end, kind = _span_parts(item)
    if (
        isinstance(start, int)
        and isinstance(end, int)
        and bool not in (type(start), type(end))
        and isinstance(kind, str)
        and is_tag(f"B-{kind}")
    ):
        return start, end, split_tag(f"B-{kind}")[1]
    raise InputError(
        f'{where}: found {item!r:.80} as a span; expected {{"start": 0, "end": 5, '
        '"type": "PER"}, or [0, 5, "PER"], without whitespace in the type.'
    )


def _span_parts(item: object) -> Tuple[object, object, object]:
    """Returns start, end and type of a span, unchecked; None for each that is missing."""
    if isinstance(item, dict):
        start, end, kind = (
            next((item[key] for key in keys if key in item), None)
            for keys in (_START_KEYS, _END_KEYS, _TYPE_KEYS)
        )
        return start, end, kind
    if isinstance(item, list) and len(item) == 3:
        return item[0], item[1], item[2]
    return None, None, None
