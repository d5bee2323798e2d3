"""Read texts with labels in their usual forms; errors name the file and the line."""

import csv
import dataclasses
import itertools
import logging
import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune.data import columns as column_lib
from finetune.data.columns import ColumnIndexes, WantedColumns
from finetune.data.json_lines import find_keys, json_object, label_of, no_key, same_key, text_of
from finetune.data.lines import DataPath, read_lines, refuse_lone_cr
from finetune.data.tables import check_width, read_cells, read_quoted_cells
from finetune.tasks.classification.forms import ENDINGS, FORMS, TextFormat, find_form
from finetune.util.errors import InputError

__all__ = ["ENDINGS", "FORMS", "TextFormat", "TextRow", "find_form", "read_rows", "resolve_format"]

_log = logging.getLogger(__name__)

_PEEKED_ROWS = 1000  # Rows from which the columns of a table are detected
_PEEKED_LINES = 50  # Lines from which the character between columns is detected
_DELIMITERS = ",;\t|"


class TextRow(NamedTuple):
    """One text or pair, as a file has it.

    Attributes:
      name: Its line number, or its file within the folder.
      where: "path:line", or the path of its file.
      text: The text.
      text_b: The second text of a pair.
      label: As written; a list if JSON has one.
    """

    name: str
    where: str
    text: str
    text_b: Optional[str] = None
    label: object = None


def read_rows(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Yields the rows of a file or folder.

    Args:
      path: The file; "-" is standard input, bare texts unless the format says otherwise.
      text_format: How to read it.
      need_label: Whether a row without a label is an error.

    Raises:
      InputError: Something is wrong in the file; the message says where.
    """
    readers: Dict[str, Callable[[str, TextFormat, bool], Iterator[TextRow]]] = {
        "tsv": _read_table,
        "csv": _read_table,
        "jsonl": _read_jsonl,
        "semicolon": _read_semicolon,
        "folders": _read_folders,
        "text": _read_text,
    }
    form, _ = find_form(path, text_format, need_label)
    if need_label and form == "text":
        raise InputError(f"{path}: bare text has no labels; expected one of the other forms.")
    return readers[form](path, dataclasses.replace(text_format, form=form), need_label)


def resolve_format(path: str, text_format: TextFormat) -> TextFormat:
    """Returns the format with the columns that a training file determines, and logs them.

    Other files are then read as the training file was, whatever they look like.
    """
    form, rule = find_form(path, text_format, need_label=True)
    warning = None
    if form == "jsonl":
        columns, unused, how = _resolve_keys(path, text_format)
    elif form in ("tsv", "csv"):
        table = _table(path, dataclasses.replace(text_format, form=form))
        rows = list(itertools.islice(table, _PEEKED_ROWS))
        if not rows:
            raise _only_blank(path)
        found = column_lib.find_columns(rows, path, text_format.columns, need_label=True)
        columns, unused = _resolve_columns(rows[0][1], found.indexes)
        how = _how(found)
        guessed = found.rules["label"] == column_lib.FEWER_VALUES
        warning = column_lib.header_warning(rows, path, found.indexes, guessed)
    else:
        _log.info("%s: read as %s (rule: %s)", path, form, rule)
        return text_format
    _log.info(
        "%s: read as %s (rule: %s); %s; text: %r, %slabel: %r%s",
        path,
        form,
        rule,
        how,
        columns.text,
        f"text_b: {columns.text_b!r}, " if columns.text_b is not None else "",
        columns.label,
        f"; unused: {', '.join(map(repr, unused)):.200}" if unused else "",
    )
    return dataclasses.replace(text_format, columns=columns, warning=warning)


def _how(found: column_lib.FoundColumns) -> str:
    kind = "columns by the header" if found.indexes.header else "no header, columns by number"
    rules = ", ".join(f"{column}: {rule}" for column, rule in found.rules.items())
    return f"{kind} (rules: {rules})"


def _resolve_columns(first: List[str], found: ColumnIndexes) -> Tuple[WantedColumns, List[str]]:
    """Returns the columns by name or number, and those that are unused."""
    names = first if found.header else [str(i + 1) for i in range(len(first))]
    text, text_b, label = (None if index is None else names[index] for index in found[1:])
    unused = [name for i, name in enumerate(names) if i not in found[1:]]
    return WantedColumns(found.header, text, text_b, label), unused


def _resolve_keys(path: str, text_format: TextFormat) -> Tuple[WantedColumns, List[str], str]:
    """Returns the keys that the first object has, those that are unused, and how both are known."""
    number, line = next((row for row in read_lines(path) if row[1].strip()), (0, ""))
    if not number:
        raise _only_blank(path)
    row = json_object(line, f"{path}:{number}")
    keys = find_keys(row, f"{path}:{number}", text_format.columns, need_label=True)
    unused = [key for key in row if key not in keys]
    header = text_format.columns.header
    columns = WantedColumns(header, keys.text, keys.text_b, keys.label)
    return columns, unused, "keys of the first object"


def _table(path: str, text_format: TextFormat) -> Iterator[Tuple[int, List[str]]]:
    """Yields the rows of a table, including the header."""
    delimiter = text_format.delimiter
    if delimiter is None:
        delimiter = "\t" if text_format.form == "tsv" else _find_delimiter(path)
    quoting = text_format.quoting
    if quoting is None:
        quoting = text_format.form == "csv" or _has_quoted_header(path, delimiter)
    if quoting:
        rows, blank = read_quoted_cells(path, delimiter), []
    else:
        rows, blank = read_cells(path, "inner", delimiter), [""]
    first = next((row for row in rows if row[1] != blank), None)
    if first is None:
        return
    yield first
    is_single = len(first[1]) == 1  # Then an empty line is a row with an empty text.
    for number, cells in rows:
        if cells != blank:
            yield number, cells
        elif is_single:
            yield number, [""]


def _has_quoted_header(path: str, delimiter: str) -> bool:
    """Returns whether the names in a header are quoted, as R writes them."""
    if path == "-":
        return False
    cells = next((text for _, text in read_lines(path)), "").split(delimiter)
    is_quoted = all(len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in cells)
    return is_quoted and column_lib.may_be_header([cell[1:-1] for cell in cells])


def _find_delimiter(path: str) -> str:
    """Returns the character that gives the first lines of a CSV file the same number of cells."""
    if path == "-":
        return ","
    peeked = itertools.islice(read_lines(path), _PEEKED_LINES)
    lines = [text.replace("\r", " ") + "\n" for _, text in peeked]
    if not lines:
        raise _only_blank(path)

    def fit(delimiter: str) -> Tuple[bool, float, bool]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        share = sum(width == widths[0] for width in widths) / len(widths)
        # Commas are frequent in texts, the other characters are not.
        return widths[0] > 1, share, delimiter != ","

    return max(_DELIMITERS, key=fit)


def _read_table(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    table = _table(path, text_format)
    peeked = list(itertools.islice(table, _PEEKED_ROWS))
    if not peeked:
        raise _only_blank(path)
    found = column_lib.find_columns(peeked, path, text_format.columns, need_label).indexes
    first = peeked[0][1]
    if not found.header and not need_label:
        _warn_of_header(first, f"{path}:{peeked[0][0]}")
    for number, cells in itertools.islice(itertools.chain(peeked, table), int(found.header), None):
        where = f"{path}:{number}"
        check_width(cells, first, where)
        if found.header and cells == first and len(first) > 1:
            raise InputError(f"{where}: the header again. Were two files joined? Delete the line.")
        text_b = None if found.text_b is None else cells[found.text_b]
        label = None if found.label is None else cells[found.label]
        yield TextRow(str(number), where, cells[found.text], text_b, label)


def _warn_of_header(cells: Sequence[str], where: str) -> None:
    if column_lib.may_be_header(cells):
        _log.warning(
            "%s: read as a row, not as a header. If it is a header, give --header=true "
            "(--data_form=tsv)",
            where,
        )


def _only_blank(path: str) -> InputError:
    return InputError(f"{path}: only blank lines; expected one row per line.")


def _read_semicolon(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads `text;label` lines: the label follows the last semicolon."""
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        text, separator, label = line.rpartition(";")
        if number == 1:
            refuse_lone_cr(line, where)
            _warn_of_header((text, label), where)
        if need_label and not separator:
            raise InputError(f"{where}: found {line[:60]!r}, expected text;label.")
        if not need_label and label not in text_format.known_labels:
            yield TextRow(str(number), where, line)  # A row to predict, without a label
        else:
            yield TextRow(str(number), where, text, None, label)


def _read_text(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads bare texts, one per line, or pairs separated by a tab; an empty line is a text."""
    for number, line in read_lines(path, blank="all"):
        where = f"{path}:{number}"
        if number == 1:
            refuse_lone_cr(line, where)
            _warn_of_header([line], where)
        text, tab, text_b = line.partition("\t") if text_format.pairs else (line, "", "")
        if text_format.pairs is None and "\t" in line:
            raise InputError(
                f"{where}: found a tab, but it is not known whether the model takes pairs. Give a "
                "table with a header: `text`, or `text` and `text_b`."
            )
        if text_format.pairs and not tab:
            raise InputError(
                f"{where}: found {line[:60]!r}; expected two texts separated by a tab, as the "
                "model "
                "was trained on pairs."
            )
        yield TextRow(str(number), where, text, text_b if tab else None)


def _read_jsonl(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads a JSON object per line, all with the keys of the first."""
    keys = None
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(line, where)
        keys = keys or find_keys(row, where, text_format.columns, need_label)
        text = text_of(row, where, keys.text, "--text_column")
        text_b = None
        if keys.text_b is not None and row.get(keys.text_b, "") is not None:
            text_b = text_of(row, where, keys.text_b, "--text_b_column")
        key = same_key(row, keys.label)
        if need_label and key not in row:
            raise no_key(key or "label", row, where, "--label_column")
        label = label_of(row[key], where, key, need_label) if key in row else None
        yield TextRow(str(number), where, text, text_b, label)


def _read_folders(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads a folder of text files for each label; to predict, also a folder of text files."""
    names = _visible(path)
    labels = [name for name in names if os.path.isdir(os.path.join(path, name))]
    files = [name for name in names if name not in labels]
    if need_label and (files or not labels):
        found = os.path.join(path, files[0]) if files else "nothing"
        raise InputError(
            f"{path}: found {found}; expected a folder for each label, with text files in it."
        )
    for name in files:
        yield _text_file(path, name, None)
    for label in labels:
        names = _visible(os.path.join(path, label))
        if not names:
            _log.warning("%s: the folder of this label is empty", os.path.join(path, label))
        for name in names:
            yield _text_file(path, os.path.join(label, name), _printable(label))


def _visible(folder: str) -> List[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _text_file(folder: str, name: str, label: Optional[str]) -> TextRow:
    path = DataPath.beside(os.path.join(folder, name), folder)
    if os.path.isdir(path):
        raise InputError(f"{path}: a folder; expected text files in the folder of a label.")
    is_empty = os.path.exists(path) and os.path.getsize(path) == 0
    lines = () if is_empty else read_lines(path, blank="all")
    text = "\n".join(line for _, line in lines)
    return TextRow(_printable(name), _printable(path), text, None, label)


def _printable(name: str) -> str:
    # A name that is not UTF-8 could not be written.
    return os.fsencode(name).decode("utf-8", "backslashreplace")
