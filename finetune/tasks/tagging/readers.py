"""Read tagged texts in their usual forms; errors name the file and the line."""

import logging
import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from finetune.data import split_files
from finetune.data.json_lines import has_surrogates, json_object
from finetune.data.lines import DataPath, read_lines
from finetune.tasks.tagging.conll import ConllColumns, is_in_columns, read_sentences
from finetune.tasks.tagging.tagged_text import TaggedText, split_words
from finetune.tasks.tagging.tags import TAG_FORM, Span, is_tag, split_tag
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

# CoNLL columns; a text per line with its tags in labels.txt beside it; JSON lines; bare texts, one
# per line.
FORMS = ("conll", "text_labels", "jsonl", "text")
_ENDINGS = (".txt", ".conll", ".tsv", ".bio", ".iob", ".iob2", ".jsonl", ".json")
_TEXTS, _LABELS = "texts.txt", "labels.txt"
# Ours first, then those of annotation tools (doccano, Prodigy).
_SPAN_KEYS = ("entities", "spans", "labels", "label")
_TYPE_KEYS = ("type", "label", "tag")
_START_KEYS = ("start", "start_offset")
_END_KEYS = ("end", "end_offset")


class TagFormat(NamedTuple):
    """How to read a file.

    Attributes:
      word_column: The column of the word in CoNLL columns: 1 is the first, -1 the last.
      tag_column: The column of the tag; 0: none.
      word_split: How bare text is split into words: one of `tagged_text.WORD_SPLITS`.
      need_tags: Whether a text without tags is an error.
    """

    word_column: int = 1
    tag_column: int = -1
    word_split: str = "punctuation"
    need_tags: bool = True


def find_file(data_dir: str, name: str) -> str:
    """Returns the file of a split: `name`, `name` with a usual ending, or `name`/texts.txt.

    Raises:
      InputError: There is none, or more than one.
    """
    return split_files.find_file(data_dir, name, _ENDINGS, folders=(_TEXTS,))


def read_texts(path: str, form: str, split: str, options: TagFormat) -> List[TaggedText]:
    """Reads a file.

    Args:
      path: The file; for "text_labels" the file of the texts; "-" is standard input.
      form: One of `FORMS`, or "auto": see `find_form`.
      split: The first part of each guid.
      options: How to read it.

    Raises:
      InputError: Something is wrong in the file; the message says where.
    """
    readers: Dict[str, Callable[[str, str, TagFormat], Iterator[TaggedText]]] = {
        "conll": _read_conll,
        "text_labels": _read_text_labels,
        "jsonl": _read_jsonl,
        "text": _read_text,
    }
    rule = "--data_form"
    if form == "auto":
        form, rule = find_form(path, options)
    if path == "-" and form == "text_labels":
        raise InputError("--data_form=text_labels: standard input cannot be two files.")
    texts = list(readers[form](path, split, options))
    _log.info("%s: %s, read as %s (rule: %s)", path, count(len(texts), "text"), form, rule)
    return texts


class _Rule(NamedTuple):
    """A rule: its name in the log, whether it applies to a file, and the form that it implies."""

    name: str
    applies: Callable[[str, TagFormat], bool]
    form: str


def _holds_columns(path: str, options: TagFormat) -> bool:
    # A model of characters, or of words at white space, was not trained on CoNLL columns.
    maybe_untagged = options.word_split == "punctuation"
    columns = ConllColumns(options.word_column, options.tag_column)
    return is_in_columns(path, columns, maybe_untagged)


_JSON_ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_RULES: Sequence[_Rule] = (
    _Rule("standard input", lambda path, _: path == "-", "text"),
    _Rule("the file's name", lambda path, _: os.path.basename(path) == _TEXTS, "text_labels"),
    _Rule("the file's ending", lambda path, _: path.endswith(_JSON_ENDINGS), "jsonl"),
    _Rule("tags are needed", lambda _, options: options.need_tags, "conll"),
    _Rule("its lines look like columns", _holds_columns, "conll"),
    _Rule("its lines do not look like columns", lambda *_: True, "text"),
)


def find_form(path: str, options: TagFormat) -> Tuple[str, str]:
    """Returns the form of a file, and the name of the rule that decided."""
    rule = next(rule for rule in _RULES if rule.applies(path, options))
    return rule.form, rule.name


def _read_conll(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    columns = ConllColumns(options.word_column, options.tag_column)
    return read_sentences(path, split, columns, options.need_tags)


def _read_text(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    """Reads bare texts, one per line; an empty line is an empty text."""
    for number, text in read_lines(path, blank="all"):
        words = split_words(text, options.word_split)
        yield TaggedText(f"{split}-{number}", text, words, None, f"{path}:{number}")


def _read_text_labels(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    """Reads a text per line, and from labels.txt a tag for each word, or for each character."""
    texts = list(read_lines(path, blank="all"))
    labels_path = _labels_path(path)
    if not os.path.exists(labels_path):
        if options.need_tags:
            raise InputError(f"{labels_path} does not exist; expected the tags of {path} in it.")
        yield from _read_text(path, split, options)
        return
    labels = [line for _, line in read_lines(labels_path, blank="all")]
    if len(texts) != len(labels):
        raise InputError(
            f"{path} has {len(texts)} lines, {labels_path} {len(labels)}; expected equally many."
        )
    cut = _labels_of_words
    if _are_characters([text for _, text in texts], labels):
        cut = _labels_of_characters
    for (number, text), line in zip(texts, labels):
        words, tags = cut(text, line, f"{labels_path}:{number}", f"{path}:{number}")
        wrong = next((tag for tag in tags if not is_tag(tag)), None)
        if wrong is not None:
            raise InputError(
                f"{labels_path}:{number}: found {wrong!r} as a tag; expected {TAG_FORM}."
            )
        yield TaggedText(f"{split}-{number}", text, words, tags, f"{labels_path}:{number}")


def _labels_path(path: str) -> str:
    return DataPath.beside(os.path.join(os.path.dirname(path), _LABELS), path)


def _labels_of_words(
    text: str, line: str, where: str, text_where: str
) -> Tuple[List[Tuple[int, int]], List[str]]:
    words, tags = split_words(text, "whitespace"), line.split()
    if len(tags) != len(words):
        raise InputError(
            f"{where}: {count(len(tags), 'label')}, but {count(len(words), 'word')} (separated by "
            f"white space) in {text_where}; expected one each."
        )
    return words, tags


def _labels_of_characters(
    text: str, line: str, where: str, text_where: str
) -> Tuple[List[Tuple[int, int]], List[str]]:
    if len(line) != len(text):
        raise InputError(
            f"{where}: {count(len(line), 'label')}, but {count(len(text), 'character')} in "
            f"{text_where}; expected one each."
        )
    words = split_words(text, "characters")
    return words, [line[start] for start, _ in words]


def _are_characters(texts: Sequence[str], labels: Sequence[str]) -> bool:
    """Returns whether most lines of labels have one character for each character of the text."""
    by_word = sum(
        len(text.split()) == len(line.split()) and all(map(is_tag, line.split()))
        for text, line in zip(texts, labels)
    )
    by_character = sum(
        len(text) == len(line) and all(map(is_tag, line)) for text, line in zip(texts, labels)
    )
    if by_word or by_character:
        return by_character > by_word
    return all(map(is_tag, "".join(labels)))  # Neither fits: only letters mean characters.


def word_split_for_training_file(path: str) -> str:
    """Returns how to split texts to predict, so that their words are like the training file's."""
    if os.path.basename(path) != _TEXTS:
        return "punctuation"
    texts = [text for _, text in read_lines(path, blank="all")]
    labels = [line for _, line in read_lines(_labels_path(path), blank="all")]
    return "characters" if _are_characters(texts, labels) else "whitespace"


def _read_jsonl(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    """Reads a JSON object per line: `text`, and `entities` with `start`, `end` and `type`."""
    widened: List[str] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(line, where)
        text = _text_of(row, where)
        found = next((row[key] for key in _SPAN_KEYS if key in row), None)
        # In data to predict, this can be anything, for example a label of the whole text.
        unlabelled = not options.need_tags and not isinstance(found, list)
        spans = None if unlabelled else _spans(found, where)
        guid = f"{split}-{number}"
        example = TaggedText.from_spans(guid, text, spans, where, options.word_split)
        widened += [where for span in spans or () if _cuts_a_word(span, example.words)]
        yield example
    if widened:
        _log.warning(
            "%s beginning or ending inside a word: widened to the whole word (%s)",
            count(len(widened), "span"),
            ", ".join(widened[:3]),
        )


def _text_of(row: dict, where: str) -> str:
    text = row.get("text")
    if not isinstance(text, str):
        keys = ", ".join(map(repr, row))
        raise InputError(
            f'{where}: found {text!r:.60} as "text"; expected a string. The keys are {keys}.'
        )
    if has_surrogates(text):
        raise InputError(
            f"{where}: the text contains half a surrogate pair, which is not a character."
        )
    return text


def _cuts_a_word(span: Span, words: Sequence[Tuple[int, int]]) -> bool:
    return any(first < end < last for end in span[:2] for first, last in words)


def _spans(value: object, where: str) -> List[Span]:
    if not isinstance(value, list):
        raise InputError(
            f'{where}: found {value!r:.60} as "{_SPAN_KEYS[0]}"; expected a list of spans.'
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
        raise InputError(
            f'{where}: found {item!r:.80} as a span; expected {{"start": 0, "end": 5, '
            '"type": "PER"}, or [0, 5, "PER"], without white space in the type.'
        )
    return span[0], span[1], split_tag(f"B-{span[2]}")[1]
