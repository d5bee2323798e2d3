"""Read tagged texts in the usual forms; errors name the file and the line."""

import logging
import os
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from finetune.data import split_files
from finetune.data.data_path import StreamPath, is_stream
from finetune.data.file_forms import (
    JSON_EXTENSIONS,
    contains_json,
    extension_of,
    has_json_extension,
)
from finetune.data.lines import DataPath, read_bare_lines
from finetune.data.processor import SkippedRow
from finetune.tasks.tagging.column_table import ConllColumns
from finetune.tasks.tagging.conll import has_shape_of_columns, is_in_columns, read_sentences
from finetune.tasks.tagging.json_reader import read_json_lines
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import TAG_FORM, is_tag
from finetune.tasks.tagging.word_splits import split_words
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

# CoNLL columns; one text per line, with its tags in labels.txt in the same folder; JSON lines; one
# bare text per line.
FORMS = ("conll", "text_labels", "jsonl", "text")
# A file to predict with such an extension is in columns, not bare text.
_COLUMN_ENDINGS = (".conll", ".conllu", ".tsv", ".csv", ".bio", ".iob", ".iob2")
_ENDINGS = (".txt", *_COLUMN_ENDINGS, *JSON_EXTENSIONS)
_TEXTS, _LABELS = "texts.txt", "labels.txt"
_Read = Union[TaggedText, SkippedRow]


def find_file(data_dir: str, name: str) -> str:
    """Returns the file of a split: `name`, `name` with a usual extension, or `name`/texts.txt.

    Raises:
      InputError: There is none, or more than one.
    """
    return split_files.find_file(data_dir, name, _ENDINGS, folders=(_TEXTS,))


def read_texts(path: str, form: str, split: str, options: TagFormat) -> Iterable[_Read]:
    """Reads a file. The texts of a stream are yielded as they come.

    Args:
      path: The file; for "text_labels" the file of the texts; it can be a stream, such as
        "-".
      form: One of `FORMS`, or "auto": see `find_form`.
      split: The first part of each guid.
      options: How to read it.

    Raises:
      InputError: The file contains an error; the message says where.
    """
    readers: Dict[str, Callable[[str, str, TagFormat], Iterator[_Read]]] = {
        "conll": _read_conll,
        "text_labels": _read_text_labels,
        "jsonl": read_json_lines,
        "text": _read_text,
    }
    rule = "--data_form"
    if form == "auto":
        form, rule = find_form(path, options)
    if is_stream(path) and form == "text_labels":
        raise InputError("--data_form=text_labels: a stream cannot be two files.")
    rows = readers[form](path, split, options)
    if isinstance(path, StreamPath):
        return rows
    texts = list(rows)
    number = sum(isinstance(text, TaggedText) for text in texts)
    _log.info("%s: %s, read as %s (rule: %s)", path, count(number, "text"), form, rule)
    return texts


class _TagFormRule(NamedTuple):
    """A rule: its name in the log, whether it applies to a file, and the form that it implies."""

    name: str
    applies: Callable[[str, TagFormat], bool]
    form: str


def _contains_columns(path: str, options: TagFormat) -> bool:
    # With a different word split, the model was not trained on CoNLL columns.
    maybe_untagged = options.is_of_columns or options.split.how in ("punctuation", "penn")
    columns = ConllColumns(options.word_column, options.tag_column)
    return is_in_columns(path, columns, maybe_untagged, options.known_types)


def _has_column_flags(_: str, options: TagFormat) -> bool:
    return options.word_column is not None or options.tag_column is not None


_TAG_FORM_RULES: Sequence[_TagFormRule] = (
    _TagFormRule(
        "the columns are specified",
        lambda path, options: is_stream(path) and _has_column_flags(path, options),
        "conll",
    ),
    _TagFormRule("standard input", lambda path, _: is_stream(path), "text"),
    _TagFormRule(
        "the file's name", lambda path, _: os.path.basename(path) == _TEXTS, "text_labels"
    ),
    _TagFormRule("the file's extension", lambda path, _: has_json_extension(path), "jsonl"),
    _TagFormRule("its content is JSON", lambda path, _: contains_json(path), "jsonl"),
    _TagFormRule("tags are needed", lambda _, options: options.need_tags, "conll"),
    _TagFormRule("the columns are specified", _has_column_flags, "conll"),
    _TagFormRule(
        "the file's extension", lambda path, _: extension_of(path) in _COLUMN_ENDINGS, "conll"
    ),
    _TagFormRule("its lines look like columns", _contains_columns, "conll"),
    # Reading them raises an error that says why they are no columns with tags.
    _TagFormRule(
        "its lines have the shape of columns", lambda p, _: has_shape_of_columns(p), "conll"
    ),
    _TagFormRule("its lines do not look like columns", lambda *_: True, "text"),
)


def find_form(path: str, options: TagFormat) -> Tuple[str, str]:
    """Returns the form of a file, and the name of the rule that decided."""
    rule = next(rule for rule in _TAG_FORM_RULES if rule.applies(path, options))
    return rule.form, rule.name


def _read_conll(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    columns = ConllColumns(options.word_column, options.tag_column)
    return read_sentences(path, split, columns, options.need_tags, options.known_types)


def _read_text(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    """Reads bare texts, one per line; an empty line is an empty text."""
    for number, text in read_bare_lines(path):
        words = options.split.split(text)
        yield TaggedText(f"{split}-{number}", text, words, None, f"{path}:{number}")


def _read_text_labels(path: str, split: str, options: TagFormat) -> Iterator[TaggedText]:
    """Reads one text per line, and a tag for each word or character from labels.txt."""
    texts = list(read_bare_lines(path))
    labels_path = _labels_path(path)
    if not os.path.exists(labels_path):
        if options.need_tags:
            raise InputError(f"{labels_path} does not exist; expected the tags of {path} in it.")
        yield from _read_text(path, split, options)
        return
    labels = [line for _, line in read_bare_lines(labels_path)]
    if len(texts) != len(labels):
        raise InputError(
            f"{path} has {count(len(texts), 'line')}, but {labels_path} has {len(labels)}; "
            "expected equally many."
        )
    unit, rule = _find_unit([text for _, text in texts], labels)
    _log.info("%s: one label per %s (rule: %s)", labels_path, unit, rule)
    cut = _labels_of_characters if unit == "character" else _labels_of_words
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
            f"whitespace) in {text_where}; expected one each."
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


class _Fit(NamedTuple):
    """How well lines of labels fit their texts.

    Attributes:
      by_word: Number of lines with a tag for each word.
      by_character: Number of lines with a tag for each character.
      labels: The lines of labels.
    """

    by_word: int
    by_character: int
    labels: Sequence[str]


def _fit_of(texts: Sequence[str], labels: Sequence[str]) -> _Fit:
    by_word = sum(
        len(text.split()) == len(line.split()) and all(map(is_tag, line.split()))
        for text, line in zip(texts, labels)
    )
    by_character = sum(
        len(text) == len(line) and all(map(is_tag, line)) for text, line in zip(texts, labels)
    )
    return _Fit(by_word, by_character, labels)


class _UnitRule(NamedTuple):
    """A rule: its name in the log, whether it applies, and the unit of text that has a label."""

    name: str
    applies: Callable[[_Fit], bool]
    unit: str


_UNIT_RULES: Sequence[_UnitRule] = (
    _UnitRule(
        "more lines fit the characters", lambda fit: fit.by_character > fit.by_word, "character"
    ),
    _UnitRule("as many or more lines fit the words", lambda fit: fit.by_word > 0, "word"),
    _UnitRule(
        "no line fits, and all lines contain only tag letters",
        lambda fit: all(map(is_tag, "".join(fit.labels))),
        "character",
    ),
    _UnitRule("no line fits", lambda fit: True, "word"),
)


def _find_unit(texts: Sequence[str], labels: Sequence[str]) -> Tuple[str, str]:
    """Returns whether each "word" or each "character" has a label, and the rule that decided."""
    fit = _fit_of(texts, labels)
    rule = next(rule for rule in _UNIT_RULES if rule.applies(fit))
    return rule.unit, rule.name


def word_split_for_training_file(path: str) -> Optional[str]:
    """Returns how the texts of a training file are split; None if the file does not show it."""
    if os.path.basename(path) != _TEXTS:
        return None
    texts = [text for _, text in read_bare_lines(path)]
    labels = [line for _, line in read_bare_lines(_labels_path(path))]
    unit, _ = _find_unit(texts, labels)
    return "characters" if unit == "character" else "whitespace"
