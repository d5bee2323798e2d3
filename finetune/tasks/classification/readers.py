"""Read texts with labels in the usual forms; errors name the file and the line."""

import dataclasses
import itertools
import logging
from typing import Callable, Dict, Iterator, List, Tuple, Union

from finetune.data import column_rules
from finetune.data import columns as column_lib
from finetune.data.columns import WantedColumns
from finetune.data.data_path import has_more, is_stream
from finetune.data.header_rules import RepeatedHeader, header_warning
from finetune.data.json_lines import (
    find_keys,
    label_of,
    match_key,
    missing_key_error,
    skipped_annotation,
    text_of,
)
from finetune.data.json_records import JsonRecord, read_records
from finetune.data.lines import check_cr, read_bare_lines, read_lines
from finetune.data.processor import SkippedRow
from finetune.data.tables import check_width, read_cells, read_quoted_cells
from finetune.data.text_checks import check_text_column
from finetune.tasks.classification.cells import DELIMITERS, Cells, find_cells
from finetune.tasks.classification.forms import (
    ENDINGS,
    FORMS,
    TextFormat,
    TextRow,
    find_form,
    only_blank,
)
from finetune.tasks.classification.label_edits import LabelEdit
from finetune.tasks.classification.label_folders import read_folders
from finetune.tasks.classification.labelled_lines import (
    read_label_first,
    read_semicolon,
    warn_of_header,
)
from finetune.util.decimals import parse_decimal
from finetune.util.errors import InputError

__all__ = ["ENDINGS", "FORMS", "TextFormat", "TextRow", "find_form", "read_rows", "resolve_format"]

_log = logging.getLogger(__name__)

_PEEKED_ROWS = 1000  # Rows from which the columns of a table are detected


def read_rows(
    path: str, text_format: TextFormat, need_label: bool
) -> Iterator[Union[TextRow, SkippedRow]]:
    """Yields the rows of a file or folder.

    Args:
      path: The file. A stream, such as "-", is bare text unless the format specifies a different
        form.
      text_format: How to read it.
      need_label: Whether a row without a label is an error.

    Raises:
      InputError: The file contains an error; the message says where.
    """
    readers: Dict[str, Callable[[str, TextFormat, bool], Iterator[Union[TextRow, SkippedRow]]]] = {
        "tsv": _read_table,
        "csv": _read_table,
        "jsonl": _read_jsonl,
        "semicolon": read_semicolon,
        "label_first": read_label_first,
        "folders": _read_folders,
        "text": _read_text,
    }
    form, _ = find_form(path, text_format, need_label)
    if need_label and form == "text":
        raise InputError(f"{path}: bare text has no labels; expected one of the other forms.")
    rows = readers[form](path, dataclasses.replace(text_format, form=form), need_label)
    return _with_edited_labels(rows, text_format.edit, need_label)


def _with_edited_labels(
    rows: Iterator[Union[TextRow, SkippedRow]], edit: LabelEdit, need_label: bool
) -> Iterator[Union[TextRow, SkippedRow]]:
    for row in rows:
        if isinstance(row, TextRow):
            try:
                row = row._replace(label=edit.apply(row.label, row.where))
            except InputError:
                if need_label:
                    raise
                row = row._replace(label=None)  # Not a label of the model
        yield row


def _read_folders(
    path: str, text_format: TextFormat, need_label: bool
) -> Iterator[Union[TextRow, SkippedRow]]:
    del text_format
    return read_folders(path, need_label)


def resolve_format(path: str, text_format: TextFormat) -> TextFormat:
    """Returns the format with the columns of a training file, and logs them.

    Other files are then read like the training file, whatever their first lines look like.
    """
    form, rule = find_form(path, text_format, need_label=True)
    warning = None
    if form == "semicolon":
        _check_labels_recur(path)
    if form == "jsonl":
        columns, unused, how = _resolve_keys(path, text_format)
    elif form in ("tsv", "csv"):
        cells = find_cells(path, dataclasses.replace(text_format, form=form))
        rows = list(itertools.islice(_table(path, cells), _PEEKED_ROWS))
        if not rows:
            raise only_blank(path)
        found = column_lib.find_columns(rows, path, text_format.columns, need_label=True)
        columns, unused = _resolve_columns(rows[0][1], found)
        how = "; ".join([*cells.notes, _how(found)])
        warning = header_warning(rows, path, found.indexes, found.is_label_guessed)
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
    columns = text_format.columns.found(columns)
    return dataclasses.replace(text_format, columns=columns, warning=warning)


def describe_form(path: str, text_format: TextFormat) -> str:
    """Describes how a file other than the training file is read, for the log."""
    form, rule = find_form(path, text_format, need_label=False)
    if form not in ("tsv", "csv") or is_stream(path):
        return f"{form} (rule: {rule})"
    cells = find_cells(path, dataclasses.replace(text_format, form=form))
    rows = list(itertools.islice(_table(path, cells), _PEEKED_ROWS))
    if not rows:
        raise only_blank(path)
    found = column_lib.find_columns(rows, path, text_format.columns, need_label=False)
    return f"{form} (rule: {rule}); {_how(found)}"


def _how(found: column_lib.FoundColumns) -> str:
    kind = "columns by the header" if found.indexes.header else "no header, columns by number"
    rules = ", ".join(f"{column}: {rule}" for column, rule in found.rules.items())
    return f"{kind} (rules: {rules})"


def _resolve_columns(
    first: List[str], found: column_lib.FoundColumns
) -> Tuple[WantedColumns, List[str]]:
    """Returns the columns by name or number, and those that are unused."""
    header, *used = found.indexes
    # A name that occurs twice does not identify a column.
    names = [
        name if header and first.count(name) == 1 else str(i + 1) for i, name in enumerate(first)
    ]
    text, text_b, label = (None if index is None else names[index] for index in used)
    text = ",".join([text or "", *(names[index] for index in found.joined)])
    unused = [name for i, name in enumerate(names) if i not in (*used, *found.joined)]
    return WantedColumns(header, text, text_b, label), unused


def _check_labels_recur(path: str) -> None:
    """Raises `InputError` if each label of a `text;label` file occurs only once."""
    lines = [line for _, line in itertools.islice(read_lines(path), _PEEKED_ROWS)]
    labels = [line.rpartition(";")[2] for line in lines]
    if len(set(labels)) < len(labels) or len(labels) < column_lib.MIN_ROWS_TO_JUDGE_LABELS:
        return
    if all(parse_decimal(label) is not None for label in labels):
        return  # The targets of a regression can all differ.
    raise InputError(
        f"{path}:1: each label of the first {len(labels)} rows occurs only once; expected "
        "text;label. If the label comes first, use --data_form=csv --delimiter=';' --header=false "
        "--label_column=1 --text_column=2."
    )


def _first_keys(path: str) -> Tuple[str, dict]:
    """Returns the place of the first object of a file, and the keys of the first objects.

    Exports of tools omit keys whose value is null, so the first object alone may lack some.
    """
    first = ""
    merged: Dict[str, object] = {}
    records = itertools.islice(read_records(path, need_label=False), _PEEKED_ROWS)
    try:
        for record in records:
            if isinstance(record, JsonRecord):
                first = first or record.where
                merged = {**merged, **record.row}
    except InputError:
        if not first:
            raise
    return first, merged  # An error in a later object is raised when its row is read.


def _resolve_keys(path: str, text_format: TextFormat) -> Tuple[WantedColumns, List[str], str]:
    """Returns the keys of the first objects, the unused ones, and a note of their origin."""
    where, row = _first_keys(path)
    if not where:
        raise only_blank(path)
    keys = find_keys(row, where, text_format.columns, need_label=True)
    unused = [key for key in row if key not in (*keys.texts, keys.text_b, keys.label)]
    header = text_format.columns.header
    columns = WantedColumns(header, ",".join(keys.texts), keys.text_b, keys.label)
    return columns, unused, "keys of the first objects"


def _table(path: str, cells: Cells) -> Iterator[Tuple[int, List[str]]]:
    """Yields the rows of a table, including the header."""
    if cells.quoting:
        rows, blank = read_quoted_cells(path, cells.delimiter, cells.quotechar), []
    else:
        rows, blank = read_cells(path, "inner", cells.delimiter), [""]
    first = next((row for row in rows if row[1] != blank), None)
    if first is None:
        return
    yield first
    is_single = len(first[1]) == 1  # Then an empty line is a row with an empty text.
    for number, row in rows:
        if row != blank:
            yield number, row
        elif is_single:
            yield number, [""]


def _first_rows(table: Iterator[Tuple[int, List[str]]], path: str) -> List[Tuple[int, List[str]]]:
    """Takes the rows from which the columns are detected: fewer if a stream pauses."""
    taken: List[Tuple[int, List[str]]] = []
    for row in table:
        taken.append(row)
        if len(taken) == _PEEKED_ROWS or not has_more(path):
            break
    return taken


def _read_table(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    split = find_cells(path, text_format)
    table = _table(path, split)
    peeked = _first_rows(table, path)
    if not peeked:
        raise only_blank(path)
    columns = column_lib.find_columns(peeked, path, text_format.columns, need_label)
    found, texts = columns.indexes, (columns.indexes.text, *columns.joined)
    first = peeked[0][1]
    if not need_label:
        if not found.header:
            warn_of_header(first, f"{path}:{peeked[0][0]}")
        wanted, labels = text_format.columns, text_format.known_labels
        check_text_column(peeked, path, wanted, columns, labels)
    repeated_header = RepeatedHeader(path, first, found.header)
    for number, cells in itertools.islice(itertools.chain(peeked, table), int(found.header), None):
        where = f"{path}:{number}"
        check_width(cells, first, where)
        if len(first) == 1 and not split.quoting:
            check_cr(cells[0], path, number)
        repeated_header.check(number, cells)
        text_b = None if found.text_b is None else cells[found.text_b]
        label = None if found.label is None else cells[found.label]
        text = " ".join(cells[index] for index in texts)
        yield TextRow(str(number), where, text, text_b, label)


def _warn_of_table(line: str, where: str) -> None:
    """Warns if the first line of bare texts looks like the header of a table."""
    if any(column_rules.has_usual_name(line.split(char)) for char in DELIMITERS):
        _log.warning(
            "%s: %.60r is read as a text, not as a header. If the file is a table, specify "
            "--data_form=csv (or tsv, or jsonl).",
            where,
            line,
        )


def _check_no_late_text_b(row: dict, where: str) -> None:
    late = [key for key in row if key.strip().casefold() in column_rules.TEXT_B_NAMES]
    if any(row[key] is not None for key in late):
        raise InputError(
            f"{where}: found {late[0]!r}, which the first {_PEEKED_ROWS} objects lack; expected "
            "texts without a second text. If the rows are pairs, specify --text_b_column, and add "
            "the key to all objects."
        )


def _read_text(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads bare texts, one per line, or pairs separated by a tab; an empty line is a text."""
    for number, line in read_bare_lines(path):
        where = f"{path}:{number}"
        if number == 1:
            _warn_of_table(line, where)
        text, tab, text_b = line.partition("\t") if text_format.pairs else (line, "", "")
        if text_format.pairs is None and "\t" in line:
            raise InputError(
                f"{where}: found a tab, but it is not known whether the model takes pairs. Use a "
                "table with a header: `text`, or `text` and `text_b`."
            )
        if text_format.pairs and not tab:
            raise InputError(
                f"{where}: found {line[:60]!r}; expected two texts separated by a tab, because "
                "the model was trained on pairs."
            )
        yield TextRow(str(number), where, text, text_b if tab else None)


def _read_jsonl(
    path: str, text_format: TextFormat, need_label: bool
) -> Iterator[Union[TextRow, SkippedRow]]:
    """Reads the objects of a JSON file; the first ones determine the keys."""
    keys = None
    if not is_stream(path):
        where, first = _first_keys(path)
        if where:
            keys = find_keys(first, where, text_format.columns, need_label)
    for record in read_records(path, need_label):
        if isinstance(record, SkippedRow):
            yield record
            continue
        name, where, row = record
        keys = keys or find_keys(row, where, text_format.columns, need_label)
        skipped = skipped_annotation(row, where, keys.label) if need_label else None
        if skipped is not None:
            yield skipped
            continue
        text = " ".join(text_of(row, where, key, "--text_column") for key in keys.texts)
        text_b = None
        if keys.text_b is not None and row.get(keys.text_b, "") is not None:
            text_b = text_of(row, where, keys.text_b, "--text_b_column")
        elif keys.text_b is None:
            _check_no_late_text_b(row, where)
        key = match_key(row, keys.label)
        if need_label and key not in row:
            raise missing_key_error(key or "label", row, where, "--label_column")
        label = None
        if key is not None and key in row:
            label = label_of(row[key], where, key, need_label)
        yield TextRow(name, where, text, text_b, label)
