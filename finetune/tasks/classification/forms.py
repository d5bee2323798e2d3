"""Which form a file of texts and labels has: named rules, tried in order."""

import dataclasses
import functools
import itertools
import os
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

from finetune.data import columns as column_lib
from finetune.data.lines import read_lines
from finetune.util.errors import InputError

# A table whose cells can be quoted (csv) or cannot (tsv); JSON lines; `text;label` lines; a folder
# with a folder of text files for each label; bare texts to predict.
FORMS = ("tsv", "csv", "jsonl", "semicolon", "folders", "text")
ENDINGS = (".tsv", ".tab", ".csv", ".jsonl", ".ndjson", ".json", ".txt")
_BY_ENDING = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_PEEKED_LINES = 100


@dataclasses.dataclass(frozen=True)
class TextFormat:
    """How to read a file; None: to be detected from the file.

    Attributes:
      form: One of `FORMS`, or "auto".
      delimiter: Character between the columns of a table.
      quoting: Whether cells of a table can be quoted.
      columns: The columns of a table, or the keys of JSON objects.
      known_labels: The model's labels, to tell `text;label` from a text with a semicolon.
      pairs: Whether the model takes pairs of texts; None: unknown.
      warning: What is odd about the training file.
    """

    form: str = "auto"
    delimiter: Optional[str] = None
    quoting: Optional[bool] = None
    columns: column_lib.WantedColumns = column_lib.WantedColumns()
    known_labels: Sequence[str] = ()
    pairs: Optional[bool] = False
    warning: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class _File:
    """A file whose form is to be found."""

    path: str
    text_format: TextFormat
    need_label: bool

    @property
    def ending(self) -> str:
        name = self.path.lower()
        return os.path.splitext(name[:-3] if name.endswith(".gz") else name)[1]

    @functools.cached_property
    def lines(self) -> List[str]:
        return [text for _, text in itertools.islice(read_lines(self.path), _PEEKED_LINES)]

    @property
    def first(self) -> str:
        return self.lines[0] if self.lines else ""

    def most_lines(self, test: Callable[[str], bool]) -> bool:
        return sum(map(test, self.lines)) > len(self.lines) / 2


class _Rule(NamedTuple):
    """A rule: its name in the log, whether it applies, and the form that it implies."""

    name: str
    applies: Callable[[_File], bool]
    form: Union[str, Callable[[_File], str]]


def _holds_json(file: _File) -> bool:
    return bool(file.lines) and all(line.startswith("{") for line in file.lines)


def _holds_bare_pairs(file: _File) -> bool:
    """Whether a file to predict holds pairs without a header, for a model of pairs."""
    columns = file.text_format.columns
    names = {columns.text, columns.text_b, *column_lib.TEXT_B_NAMES}
    takes_pairs = not file.need_label and bool(file.text_format.pairs)
    return takes_pairs and bool(file.lines) and names.isdisjoint(file.first.split("\t"))


def _holds_tabs(file: _File) -> bool:
    return "\t" in file.first and file.most_lines(lambda line: "\t" in line)


def _has_semicolon_header(file: _File) -> bool:
    header, columns = file.first.split(";"), file.text_format.columns
    is_named = not {columns.text, columns.label}.isdisjoint(header)
    return len(header) > 1 and (is_named or column_lib.may_be_header(header))


def _holds_labels_after_semicolons(file: _File) -> bool:
    return file.need_label and file.most_lines(lambda line: ";" in line)


def _holds_known_labels(file: _File) -> bool:
    known = file.text_format.known_labels

    def is_labelled(line: str) -> bool:
        text, _, label = line.rpartition(";")
        return bool(text) and label in known

    return not file.need_label and file.most_lines(is_labelled)


_RULES: Sequence[_Rule] = (
    _Rule("a folder", lambda f: f.path != "-" and os.path.isdir(f.path), "folders"),
    _Rule("--data_form", lambda f: f.text_format.form != "auto", lambda f: f.text_format.form),
    _Rule("standard input", lambda f: f.path == "-", "text"),
    _Rule("the file's ending", lambda f: f.ending in _BY_ENDING, lambda f: _BY_ENDING[f.ending]),
    _Rule("every line starts with {", _holds_json, "jsonl"),
    _Rule("the model takes pairs, and there is no header", _holds_bare_pairs, "text"),
    _Rule("most lines contain tabs", _holds_tabs, "tsv"),
    _Rule("a header with semicolons", _has_semicolon_header, "csv"),
    _Rule("most lines contain semicolons", _holds_labels_after_semicolons, "semicolon"),
    _Rule("most lines end in ;label", _holds_known_labels, "semicolon"),
    _Rule("no other form, and no labels needed", lambda f: not f.need_label, "text"),
)


def find_form(path: str, text_format: TextFormat, need_label: bool) -> Tuple[str, str]:
    """Returns the form of a file, and the name of the rule that decided.

    Raises:
      InputError: No rule applies.
    """
    file = _File(path, text_format, need_label)
    for rule in _RULES:
        if rule.applies(file):
            form = rule.form if isinstance(rule.form, str) else rule.form(file)
            if form == "folders" and rule.name == "--data_form":
                raise InputError(f"{path}: --data_form=folders, but it is not a folder.")
            return form, rule.name
    raise InputError(
        f"{path}: cannot recognise the form: neither a table, nor JSON lines, nor text;label "
        f"lines. First line: {file.first:.60}. Name the form with --data_form "
        f"({', '.join(FORMS)}), and for a table the character between columns with --delimiter."
    )
