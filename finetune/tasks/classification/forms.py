"""Detect the form of a file of texts and labels by named rules, tried in order."""

import dataclasses
import functools
import itertools
import os
import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

from finetune.data import column_rules
from finetune.data.data_path import is_stream
from finetune.data.file_forms import (
    JSON_EXTENSIONS,
    PEEKED_LINES,
    contains_json,
    extension_of,
)
from finetune.data.file_kinds import check_no_markup
from finetune.data.lines import read_lines
from finetune.data.tables import excel_delimiter
from finetune.tasks.classification.label_edits import LabelEdit
from finetune.util.errors import InputError

# A table whose cells cannot be quoted (tsv) or can be (csv); JSON lines; `text;label` lines; lines
# that start with a label; a folder that contains a folder of text files for each label; bare text
# to predict.
FORMS = ("tsv", "csv", "jsonl", "semicolon", "label_first", "folders", "text")
LABEL_PREFIX = "__label__"  # fastText's
TABLE_ENDINGS = (".tsv", ".tab", ".csv", *JSON_EXTENSIONS)
ENDINGS = (*TABLE_ENDINGS, ".txt")
_BY_ENDING = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    **dict.fromkeys(JSON_EXTENSIONS, "jsonl"),
}


@dataclasses.dataclass(frozen=True)
class TextFormat:
    """How to read a file. If `delimiter` or `quoting` is None, it is detected from the file.

    Attributes:
      form: One of `FORMS`, or "auto".
      delimiter: Character between the columns of a table.
      quoting: Whether cells of a table can be quoted.
      quotechar: The quote.
      columns: The columns of a table, or the keys of JSON objects.
      known_labels: The model's labels, to distinguish `text;label` from a text with a semicolon.
      pairs: Whether the model takes pairs of texts; None if unknown.
      edit: How to change the labels.
      warning: A warning about the training file, for the data report.
    """

    form: str = "auto"
    delimiter: Optional[str] = None
    quoting: Optional[bool] = None
    quotechar: str = '"'
    columns: column_rules.WantedColumns = column_rules.WantedColumns()
    known_labels: Sequence[str] = ()
    pairs: Optional[bool] = False
    edit: LabelEdit = LabelEdit()
    warning: Optional[str] = None


class TextRow(NamedTuple):
    """One text or pair, as read from a file.

    Attributes:
      name: The row's line number, or the path of its file within the folder.
      where: "path:line", or the path of the row's file.
      text: The text.
      text_b: The second text of a pair.
      label: The label as written; a list if the JSON value is one.
    """

    name: str
    where: str
    text: str
    text_b: Optional[str] = None
    label: object = None


@dataclasses.dataclass(frozen=True)
class _File:
    """A file whose form is to be detected."""

    path: str
    text_format: TextFormat
    need_label: bool

    @property
    def ending(self) -> str:
        return extension_of(self.path)

    @functools.cached_property
    def lines(self) -> List[str]:
        return [text for _, text in itertools.islice(read_lines(self.path), PEEKED_LINES)]

    @property
    def first(self) -> str:
        return self.lines[0] if self.lines else ""

    def most_lines(self, test: Callable[[str], bool]) -> bool:
        return sum(map(test, self.lines)) > len(self.lines) / 2


class _TextFormRule(NamedTuple):
    """A rule: its name in the log, whether it applies, and the form that it implies."""

    name: str
    applies: Callable[[_File], bool]
    form: Union[str, Callable[[_File], str]]


def _contains_bare_pairs(file: _File) -> bool:
    """Returns whether a file contains pairs to predict, without a header."""
    columns = file.text_format.columns
    names = {columns.text, columns.text_b, *column_rules.TEXT_B_NAMES}
    takes_pairs = not file.need_label and bool(file.text_format.pairs)
    return takes_pairs and bool(file.lines) and names.isdisjoint(file.first.split("\t"))


def _contains_tabs(file: _File) -> bool:
    return "\t" in file.first and file.most_lines(lambda line: "\t" in line)


def _has_semicolon_header(file: _File) -> bool:
    header, columns = file.first.split(";"), file.text_format.columns
    is_named = not {columns.text, columns.label}.isdisjoint(header)
    return len(header) > 1 and (is_named or column_rules.has_usual_name(header))


def _contains_labels_after_semicolons(file: _File) -> bool:
    return file.need_label and file.most_lines(lambda line: ";" in line)


def _starts_with_prefixed_labels(file: _File) -> bool:
    return file.most_lines(lambda line: line.startswith(LABEL_PREFIX))


def _starts_with_labels(file: _File) -> bool:
    """Returns whether each line starts with a label such as DESC:manner, and labels recur."""
    words = [line.split(None, 1)[0] for line in file.lines if line.strip()]
    recur = 0 < len(set(words)) <= len(words) / 2
    return file.need_label and recur and all(re.fullmatch(r"[^\W_]+:\w+", word) for word in words)


def _starts_with_known_labels(file: _File) -> bool:
    known, edit = file.text_format.known_labels, file.text_format.edit

    def is_labelled(line: str) -> bool:
        word, _, text = line.partition(" ")
        return bool(text) and edit.quietly(word) in known

    return not file.need_label and file.most_lines(is_labelled)


def _contains_known_labels(file: _File) -> bool:
    known = file.text_format.known_labels

    def is_labelled(line: str) -> bool:
        text, _, label = line.rpartition(";")
        return bool(text) and file.text_format.edit.quietly(label) in known

    return not file.need_label and file.most_lines(is_labelled)


_TEXT_FORM_RULES: Sequence[_TextFormRule] = (
    _TextFormRule("a folder", lambda f: not is_stream(f.path) and os.path.isdir(f.path), "folders"),
    _TextFormRule(
        "--data_form", lambda f: f.text_format.form != "auto", lambda f: f.text_format.form
    ),
    _TextFormRule("standard input", lambda f: is_stream(f.path), "text"),
    _TextFormRule(
        "the file's extension", lambda f: f.ending in _BY_ENDING, lambda f: _BY_ENDING[f.ending]
    ),
    _TextFormRule("Excel's line sep=", lambda f: excel_delimiter(f.first) is not None, "csv"),
    _TextFormRule("its content is JSON", lambda f: contains_json(f.path), "jsonl"),
    _TextFormRule(
        f"most lines start with {LABEL_PREFIX}", _starts_with_prefixed_labels, "label_first"
    ),
    _TextFormRule("the model takes pairs, and there is no header", _contains_bare_pairs, "text"),
    _TextFormRule("most lines contain tabs", _contains_tabs, "tsv"),
    _TextFormRule("a header with semicolons", _has_semicolon_header, "csv"),
    _TextFormRule("most lines contain semicolons", _contains_labels_after_semicolons, "semicolon"),
    _TextFormRule("most lines end in ;label", _contains_known_labels, "semicolon"),
    _TextFormRule("each line starts with a label", _starts_with_labels, "label_first"),
    _TextFormRule("most lines start with a label", _starts_with_known_labels, "label_first"),
    _TextFormRule("no other form, and no labels needed", lambda f: not f.need_label, "text"),
)


def find_form(path: str, text_format: TextFormat, need_label: bool) -> Tuple[str, str]:
    """Returns the form of a file, and the name of the rule that decided.

    Raises:
      InputError: No rule applies.
    """
    file = _File(path, text_format, need_label)
    for rule in _TEXT_FORM_RULES:
        if rule.applies(file):
            form = rule.form if isinstance(rule.form, str) else rule.form(file)
            if form == "folders" and rule.name == "--data_form":
                raise InputError(f"{path}: --data_form=folders, but the path is not a folder.")
            return form, rule.name
    check_no_markup(file.first, path)
    raise InputError(
        f"{path}: cannot recognise the form: the file is not a table, JSON lines or text;label "
        f"lines. First line: {file.first:.60}. Specify the form with --data_form "
        f"({', '.join(FORMS)}), for example label_first if each line starts with its label; for a "
        "table, also specify the character between columns with --delimiter."
    )


def only_blank(path: str) -> InputError:
    """Returns the error for a file without any row."""
    return InputError(f"{path}: only blank lines; expected one row per line.")
