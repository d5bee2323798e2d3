"""Read texts with labels in their usual forms, saying file and line of whatever is wrong."""

import csv
import dataclasses
import itertools
import logging
import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune import columns as column_lib
from finetune.json_lines import find_keys, json_object, label_of, no_key, same_key, text_of
from finetune.readers import (
    DataPath,
    read_cells,
    read_lines,
    read_quoted_cells,
    refuse_lone_cr,
    refuse_width,
)

_log = logging.getLogger(__name__)

# What a file can be: a table, whose cells may be in quotes (csv) or not (tsv); JSON lines;
# `text;label` lines; a folder with a folder of text files for each label; bare texts to predict.
FORMS = ("tsv", "csv", "jsonl", "semicolon", "folders", "text")
ENDINGS = (".tsv", ".tab", ".csv", ".jsonl", ".ndjson", ".json", ".txt")
_BY_ENDING = {
    ".tsv": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".json": "jsonl",
}  # fmt: skip
_PEEKED = 1000  # Rows from which the columns of a file are told
_PEEKED_LINES = 50  # Lines from which the character between columns is told
_DELIMITERS = ",;\t|"


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read a file; None: to be told from the file.

    Attributes:
      form: One of `FORMS`, or "auto".
      delimiter: Character between the columns of a table.
      quoting: Whether cells of a table may be in quotes.
      columns: Of a table, or the keys of JSON objects.
      known_labels: Labels of the model, to tell `text;label` from a text with a semicolon.
      pairs: Whether the model takes pairs of texts; None: it is not known.
      remark: What is odd about the training file.
    """

    form: str = "auto"
    delimiter: Optional[str] = None
    quoting: Optional[bool] = None
    columns: column_lib.Wanted = column_lib.Wanted()
    known_labels: Sequence[str] = ()
    pairs: Optional[bool] = False
    remark: Optional[str] = None


class TextRow(NamedTuple):
    """One text or pair, as it stands in a file.

    Attributes:
      name: Its line, or its file within the folder.
      where: "path:line", or the path of its file.
      label: As it is written; a list where JSON has one.
    """

    name: str
    where: str
    text: str
    text_b: Optional[str] = None
    label: object = None


def read_rows(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    """Yields the rows of a file or folder.

    Args:
      path: The file; "-": standard input, bare texts unless the options say otherwise.
      options: How to read it.
      need_label: Whether a row without a label is an error.

    Raises:
      ValueError: Something is wrong in the file; the message says where.
    """
    readers: Dict[str, Callable[[str, Options, bool], Iterator[TextRow]]] = {
        "tsv": _read_table,
        "csv": _read_table,
        "jsonl": _read_jsonl,
        "semicolon": _read_semicolon,
        "folders": _read_folders,
        "text": _read_text,
    }
    form = find_form(path, options, need_label)
    if need_label and form == "text":
        raise ValueError(f"{path}: bare text has no labels; expected one of the other forms.")
    return readers[form](path, dataclasses.replace(options, form=form), need_label)


def find_form(path: str, options: Options, need_label: bool) -> str:
    """Returns what a file is: as the options say, or by its name, or by its first lines."""
    if path != "-" and os.path.isdir(path):
        return "folders"
    if options.form == "folders":
        raise ValueError(f"{path}: --data_form=folders, but it is no folder.")
    if options.form != "auto":
        return options.form
    if path == "-":
        return "text"
    name = path.lower()
    ending = os.path.splitext(name[:-3] if name.endswith(".gz") else name)[1]
    return _BY_ENDING.get(ending) or _form_of_lines(path, options, need_label)


def _form_of_lines(path: str, options: Options, need_label: bool) -> str:
    lines = [text for _, text in itertools.islice(read_lines(path), 100)]
    if lines and all(line.startswith("{") for line in lines):
        return "jsonl"
    half = len(lines) / 2
    names = {options.columns.text, options.columns.text_b, *column_lib.TEXT_B_NAMES}
    if not need_label and options.pairs and lines and names.isdisjoint(lines[0].split("\t")):
        return "text"
    if lines and "\t" in lines[0] and sum("\t" in line for line in lines) > half:
        return "tsv"
    header = lines[0].split(";") if lines else []
    named = not {options.columns.text, options.columns.label}.isdisjoint(header)
    if len(header) > 1 and (named or column_lib.may_be_header(header)):
        return "csv"
    ends = [line.rpartition(";") for line in lines]
    if need_label and sum(bool(separator) for _, separator, _ in ends) > half:
        return "semicolon"
    if not need_label:
        labelled = sum(bool(text) and label in options.known_labels for text, _, label in ends)
        return "semicolon" if labelled > half else "text"
    raise ValueError(
        f"{path}: neither columns, JSON lines nor text;label: the first line is "
        f"{lines[0] if lines else '':.60}. Say what it is with --data_form "
        f"({', '.join(FORMS)}), and for a table what is between its columns with --delimiter."
    )


def settle(path: str, options: Options) -> Options:
    """Returns the options with what a training file tells of its columns, and what is odd in it.

    Other files are then read as the training file was, whatever they look like.
    """
    form = find_form(path, options, need_label=True)
    remark = None
    if form == "jsonl":
        settled, unused, how = _settled_keys(path, options)
    elif form in ("tsv", "csv"):
        rows = list(
            itertools.islice(_table(path, dataclasses.replace(options, form=form)), _PEEKED)
        )
        if not rows:
            raise _only_blank(path)
        found = column_lib.find_columns(rows, path, options.columns, need_label=True)
        settled, unused = _settled_columns(rows[0][1], found)
        how = "columns by the header" if found.header else "no header, columns by number"
        guessed = not found.header and options.columns.label is None
        remark = column_lib.suspicion(rows, path, found, guessed)
    else:
        return options
    _log.info(
        "%s: %s; text: %r, %slabel: %r%s",
        path,
        how,
        settled.text,
        f"text_b: {settled.text_b!r}, " if settled.text_b is not None else "",
        settled.label,
        f"; not used: {', '.join(map(repr, unused)):.200}" if unused else "",
    )
    return dataclasses.replace(options, columns=settled, remark=remark)


def _settled_columns(
    first: List[str], found: column_lib.Columns
) -> Tuple[column_lib.Wanted, List[str]]:
    """Returns the columns by name or number, and those that are not used."""
    names = first if found.header else [str(i + 1) for i in range(len(first))]
    text, text_b, label = (None if place is None else names[place] for place in found[1:])
    unused = [name for i, name in enumerate(names) if i not in found[1:]]
    return column_lib.Wanted(found.header, text, text_b, label), unused


def _settled_keys(path: str, options: Options) -> Tuple[column_lib.Wanted, List[str], str]:
    """Returns the keys that the first object has, those that are not used, and that in words."""
    number, line = next((row for row in read_lines(path) if row[1].strip()), (0, ""))
    if not number:
        raise _only_blank(path)
    row = json_object(line, f"{path}:{number}")
    keys = find_keys(row, f"{path}:{number}", options.columns, need_label=True)
    unused = [key for key in row if key not in keys]
    settled = column_lib.Wanted(options.columns.header, keys.text, keys.text_b, keys.label)
    return settled, unused, "keys of the first object"


def _table(path: str, options: Options) -> Iterator[Tuple[int, List[str]]]:
    """Yields the rows of a table, the header among them."""
    delimiter = options.delimiter
    if delimiter is None:
        delimiter = "\t" if options.form == "tsv" else _delimiter_of(path)
    quoting = options.quoting
    if quoting is None:
        quoting = options.form == "csv" or _is_quoted(path, delimiter)
    if quoting:
        rows, blank = read_quoted_cells(path, delimiter), []
    else:
        rows, blank = read_cells(path, "inner", delimiter), [""]
    first = next((row for row in rows if row[1] != blank), None)
    if first is None:
        return
    yield first
    single = len(first[1]) == 1  # Then a blank line is a row of empty text.
    for number, cells in rows:
        if cells != blank:
            yield number, cells
        elif single:
            yield number, [""]


def _is_quoted(path: str, delimiter: str) -> bool:
    """Returns whether the names in a header are in quotes, as R writes them."""
    if path == "-":
        return False
    cells = next((text for _, text in read_lines(path)), "").split(delimiter)
    quoted = all(len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in cells)
    return quoted and column_lib.may_be_header([cell[1:-1] for cell in cells])


def _delimiter_of(path: str) -> str:
    """Returns what is between the columns of a CSV file: what gives its first lines one width."""
    if path == "-":
        return ","
    peeked = itertools.islice(read_lines(path), _PEEKED_LINES)
    lines = [text.replace("\r", " ") + "\n" for _, text in peeked]
    if not lines:
        raise _only_blank(path)

    def fit(delimiter: str) -> Tuple[bool, float, bool]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        alike = sum(width == widths[0] for width in widths) / len(widths)
        # A comma is often in texts, and the others seldom are.
        return widths[0] > 1, alike, delimiter != ","

    return max(_DELIMITERS, key=fit)


def _read_table(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    table = _table(path, options)
    peeked = list(itertools.islice(table, _PEEKED))
    if not peeked:
        raise _only_blank(path)
    found = column_lib.find_columns(peeked, path, options.columns, need_label)
    first = peeked[0][1]
    if not found.header and not need_label:
        _warn_of_header(first, f"{path}:{peeked[0][0]}")
    for number, cells in itertools.islice(itertools.chain(peeked, table), int(found.header), None):
        where = f"{path}:{number}"
        refuse_width(cells, first, where)
        if found.header and cells == first and len(first) > 1:
            raise ValueError(f"{where}: the header again. Are two files joined? Delete the line.")
        text_b = None if found.text_b is None else cells[found.text_b]
        label = None if found.label is None else cells[found.label]
        yield TextRow(str(number), where, cells[found.text], text_b, label)


def _warn_of_header(cells: Sequence[str], where: str) -> None:
    if column_lib.may_be_header(cells):
        message = (
            "%s: read as a row, not as a header. If it is one: --header=true (--data_form=tsv)"
        )
        _log.warning(message, where)


def _only_blank(path: str) -> ValueError:
    return ValueError(f"{path}: only blank lines; expected one row a line.")


def _read_semicolon(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    """`text;label` lines: the label is behind the last semicolon."""
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        text, separator, label = line.rpartition(";")
        if number == 1:
            refuse_lone_cr(line, where)
            _warn_of_header((text, label), where)
        if need_label and not separator:
            raise ValueError(f"{where}: found {line[:60]!r}, expected text;label.")
        if not need_label and label not in options.known_labels:
            text, label = line, None  # A row to predict, without a label
        yield TextRow(str(number), where, text, None, label)


def _read_text(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    """Bare texts, one a line, or pairs with a tab between; an empty line is an empty text."""
    for number, line in read_lines(path, blank="all"):
        if number == 1:
            refuse_lone_cr(line, f"{path}:1")
            _warn_of_header([line], f"{path}:1")
        text, tab, text_b = line.partition("\t") if options.pairs else (line, "", "")
        if options.pairs is None and "\t" in line:
            raise ValueError(
                f"{path}:{number}: a tab, and it is not known whether the model takes pairs. "
                "Give a table with a header, `text` or `text` and `text_b`."
            )
        if options.pairs and not tab:
            raise ValueError(
                f"{path}:{number}: found {line[:60]!r}; expected two texts with a tab between, as "
                "the model was trained on pairs."
            )
        yield TextRow(str(number), f"{path}:{number}", text, text_b if tab else None)


def _read_jsonl(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    """A JSON object a line, all with the keys of the first."""
    keys = None
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(line, where)
        keys = keys or find_keys(row, where, options.columns, need_label)
        text = text_of(row, where, keys.text, "--text_column")
        text_b = None
        if keys.text_b is not None and row.get(keys.text_b, "") is not None:
            text_b = text_of(row, where, keys.text_b, "--text_b_column")
        key = same_key(row, keys.label)
        if need_label and key not in row:
            raise no_key(key, row, where, "--label_column")
        label = label_of(row[key], where, key, need_label) if key in row else None
        yield TextRow(str(number), where, text, text_b, label)


def _read_folders(path: str, options: Options, need_label: bool) -> Iterator[TextRow]:
    """A folder of text files for each label; or, to predict, a folder of text files."""
    names = _visible(path)
    labels = [name for name in names if os.path.isdir(os.path.join(path, name))]
    files = [name for name in names if name not in labels]
    if need_label and (files or not labels):
        found = os.path.join(path, files[0]) if files else "nothing"
        raise ValueError(
            f"{path}: found {found}; expected a folder for each label, with text files in it."
        )
    for name in files:
        yield _text_file(path, name, None)
    for label in labels:
        names = _visible(os.path.join(path, label))
        if not names:
            _log.warning("%s: the folder of a label is empty", os.path.join(path, label))
        for name in names:
            yield _text_file(path, os.path.join(label, name), _printable(label))


def _visible(folder: str) -> List[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _text_file(folder: str, name: str, label: Optional[str]) -> TextRow:
    path = DataPath.beside(os.path.join(folder, name), folder)
    if os.path.isdir(path):
        raise ValueError(f"{path}: a folder; expected text files in the folder of a label.")
    is_empty = os.path.exists(path) and os.path.getsize(path) == 0
    lines = () if is_empty else read_lines(path, blank="all")
    text = "\n".join(line for _, line in lines)
    return TextRow(_printable(name), _printable(path), text, None, label)


def _printable(name: str) -> str:
    # A name that is not UTF-8 could not be written.
    return os.fsencode(name).decode("utf-8", "backslashreplace")
