"""Read tagged texts in their usual forms, saying file and line of whatever is wrong in them."""

import logging
import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from finetune import data_files
from finetune.conll import Columns, is_in_columns, read_sentences
from finetune.json_lines import has_surrogates, json_object
from finetune.readers import DataPath, read_lines
from finetune.tagged_text import TaggedText, split_words
from finetune.tagging import TAG_FORM, Span, is_tag, split_tag

_log = logging.getLogger(__name__)

# What a file can be: CoNLL columns, a text a line with its tags in labels.txt beside it, JSON
# lines, or bare texts, one a line.
FORMS = ("conll", "text_labels", "jsonl", "text")
_ENDINGS = (".txt", ".conll", ".tsv", ".bio", ".iob", ".iob2", ".jsonl", ".json")
_TEXTS, _LABELS = "texts.txt", "labels.txt"
# Ours first, then those of annotation tools (doccano, Prodigy).
_SPAN_KEYS = ("entities", "spans", "labels", "label")
_TYPE_KEYS = ("type", "label", "tag")
_START_KEYS = ("start", "start_offset")
_END_KEYS = ("end", "end_offset")


class Options(NamedTuple):
    """How to read a file.

    Attributes:
      word_column: Of CoNLL columns, that of the word: 1 is the first, -1 the last.
      tag_column: That of the tag; 0: none.
      word_split: How texts without given words are cut, of `tagged_text.WORD_SPLITS`.
      need_tags: Whether a text without tags is an error.
    """

    word_column: int = 1
    tag_column: int = -1
    word_split: str = "punctuation"
    need_tags: bool = True


def find_file(data_dir: str, name: str) -> str:
    """Returns the file of a split: `name` itself, with a usual ending, or `name`/texts.txt.

    Raises:
      ValueError: There is none, or more than one.
    """
    return data_files.find_file(data_dir, name, _ENDINGS, folders=(_TEXTS,))


def read_texts(path: str, form: str, split: str, options: Options) -> List[TaggedText]:
    """Reads a file.

    Args:
      path: The file; for "text_labels" that of the texts. "-": standard input.
      form: One of `FORMS`, or "auto": as `find_form` finds.
      split: Its first part of each guid.
      options: How to read it.

    Raises:
      ValueError: Something is wrong in the file; the message says where.
    """
    readers: Dict[str, Callable[[str, str, Options], Iterator[TaggedText]]] = {
        "conll": _read_conll,
        "text_labels": _read_text_labels,
        "jsonl": _read_jsonl,
        "text": _read_text,
    }
    if form == "auto":
        form = find_form(path, options)
    if path == "-" and form == "text_labels":
        raise ValueError("--data_form=text_labels: two files cannot come by standard input.")
    texts = list(readers[form](path, split, options))
    _log.info("%s: %d texts, read as %s (--data_form)", path, len(texts), form)
    return texts


def find_form(path: str, options: Options) -> str:
    """Returns what a file is, by its name and what stands in it.

    A file to predict may hold bare texts: see `conll.is_in_columns`.
    """
    if path == "-":
        return "text"
    if os.path.basename(path) == _TEXTS:
        return "text_labels"
    if path.endswith((".jsonl", ".json", ".jsonl.gz", ".json.gz")):
        return "jsonl"
    # A model of characters, or of words apart by white space, was not trained on CoNLL columns.
    maybe_untagged = options.word_split == "punctuation"
    columns = Columns(options.word_column, options.tag_column)
    if options.need_tags or is_in_columns(path, columns, maybe_untagged):
        return "conll"
    return "text"


def _read_conll(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    columns = Columns(options.word_column, options.tag_column)
    return read_sentences(path, split, columns, options.need_tags)


def _read_text(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """Bare texts, one a line; an empty line is an empty text."""
    for number, text in read_lines(path, blank="all"):
        words = split_words(text, options.word_split)
        yield TaggedText(f"{split}-{number}", text, words, None, f"{path}:{number}")


def _read_text_labels(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """A text a line, and beside it labels.txt: a tag for each word, or for each character."""
    texts = list(read_lines(path, blank="all"))
    labels_path = _labels_path(path)
    if not os.path.exists(labels_path):
        if options.need_tags:
            raise ValueError(f"{labels_path} is not there; expected the tags of {path} in it.")
        yield from _read_text(path, split, options)
        return
    labels = [line for _, line in read_lines(labels_path, blank="all")]
    if len(texts) != len(labels):
        raise ValueError(
            f"{path} has {len(texts)} lines, {labels_path} {len(labels)}; expected as many."
        )
    cut = _labels_of_words
    if _are_characters([text for _, text in texts], labels):
        cut = _labels_of_characters
    for (number, text), line in zip(texts, labels):
        words, tags = cut(text, line, f"{labels_path}:{number}", f"{path}:{number}")
        wrong = next((tag for tag in tags if not is_tag(tag)), None)
        if wrong is not None:
            raise ValueError(
                f"{labels_path}:{number}: found {wrong!r} for a tag; expected {TAG_FORM}."
            )
        yield TaggedText(f"{split}-{number}", text, words, tags, f"{labels_path}:{number}")


def _labels_path(path: str) -> str:
    return DataPath.beside(os.path.join(os.path.dirname(path), _LABELS), path)


def _labels_of_words(
    text: str, line: str, where: str, text_where: str
) -> Tuple[List[Tuple[int, int]], List[str]]:
    words, tags = split_words(text, "whitespace"), line.split()
    if len(tags) != len(words):
        raise ValueError(
            f"{where}: {len(tags)} labels, but {len(words)} words (apart by white space) in "
            f"{text_where}; expected one each."
        )
    return words, tags


def _labels_of_characters(
    text: str, line: str, where: str, text_where: str
) -> Tuple[List[Tuple[int, int]], List[str]]:
    if len(line) != len(text):
        raise ValueError(
            f"{where}: {len(line)} labels, but {len(text)} characters in {text_where}; expected "
            "one each."
        )
    words = split_words(text, "characters")
    return words, [line[start] for start, _ in words]


def _are_characters(texts: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are characters, one for each character of the texts, as far as most say."""
    by_word = sum(
        len(text.split()) == len(line.split()) and all(map(is_tag, line.split()))
        for text, line in zip(texts, labels)
    )
    by_character = sum(
        len(text) == len(line) and all(map(is_tag, line)) for text, line in zip(texts, labels)
    )
    if by_word or by_character:
        return by_character > by_word
    return all(map(is_tag, "".join(labels)))  # Nothing fits: letters alone mean characters.


def word_split_of(path: str) -> str:
    """Returns how texts to predict are to be cut, so as to be like those of a training file."""
    if os.path.basename(path) != _TEXTS:
        return "punctuation"
    texts = [text for _, text in read_lines(path, blank="all")]
    labels = [line for _, line in read_lines(_labels_path(path), blank="all")]
    return "characters" if _are_characters(texts, labels) else "whitespace"


def _read_jsonl(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """A JSON object a line: `text`, and `entities` with `start`, `end` and `type`."""
    widened: List[str] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(line, where)
        text = _text_of(row, where)
        found = next((row[key] for key in _SPAN_KEYS if key in row), None)
        # What stands there in data to predict may be anything, such as a label of the whole text.
        unlabelled = not options.need_tags and not isinstance(found, list)
        spans = None if unlabelled else _spans(found, where)
        guid = f"{split}-{number}"
        example = TaggedText.from_spans(guid, text, spans, where, options.word_split)
        widened += [where for span in spans or () if _cuts_a_word(span, example.words)]
        yield example
    if widened:
        message = "%d span(s) begin or end within a word and are widened to the whole of it (%s)"
        _log.warning(message, len(widened), ", ".join(widened[:3]))


def _text_of(row: dict, where: str) -> str:
    text = row.get("text")
    if not isinstance(text, str):
        keys = ", ".join(map(repr, row))
        raise ValueError(
            f'{where}: found {text!r:.60} for "text"; expected a string. The keys are {keys}.'
        )
    if has_surrogates(text):
        raise ValueError(f"{where}: the text holds half a surrogate pair, which is no character.")
    return text


def _cuts_a_word(span: Span, words: Sequence[Tuple[int, int]]) -> bool:
    return any(first < end < last for end in span[:2] for first, last in words)


def _spans(value: object, where: str) -> List[Span]:
    if not isinstance(value, list):
        raise ValueError(
            f'{where}: found {value!r:.60} for "{_SPAN_KEYS[0]}"; expected a list of spans.'
        )
    return [_span(item, where) for item in value]


def _span(item: object, where: str) -> Span:
    span = item
    if isinstance(item, dict):
        keys = (_START_KEYS, _END_KEYS, _TYPE_KEYS)
        span = [next((item[k] for k in some if k in item), None) for some in keys]
    whole = isinstance(span, list) and len(span) == 3
    numbers = whole and all(isinstance(n, int) and not isinstance(n, bool) for n in span[:2])
    if not numbers or not isinstance(span[2], str) or not is_tag(f"B-{span[2]}"):
        raise ValueError(
            f'{where}: found {item!r:.80} for a span; expected {{"start": 0, "end": 5, '
            '"type": "PER"}, or [0, 5, "PER"], with no white space in the type.'
        )
    return span[0], span[1], split_tag(f"B-{span[2]}")[1]
