"""Named rules that decide whether the first line of a table is a header.

`columns.py` tries `HEADER_RULES` in order, and the first one that applies wins. If it takes the
line for a header, the line is still read as a row if one of `ROW_RULES` applies.
"""

import collections
import logging
from typing import Callable, List, NamedTuple, Optional, Sequence

from finetune.data.column_rules import (
    LABEL_NAMES,
    TEXT_NAMES,
    ColumnIndexes,
    Table,
    TableRows,
    WantedColumns,
    has_usual_name,
    is_number,
)
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

_MAX_NAME_LENGTH = 100  # In characters; a longer cell is no column name.
MAX_TITLE_LINES = 10  # Programs write a title above the header.
_MIN_ROWS_FOR_WARNING = 3
_NOTHING = WantedColumns()
# With fewer rows, labels that all recur mean nothing.
_MIN_ROWS_TO_JUDGE_LABELS = 10
# A label that occurs only in the first row is taken for a column name if at least this share of the
# others recurs.
_RECURRING_SHARE = 0.94


class HeaderRule(NamedTuple):
    """A rule that decides whether the first line is a header, or None if it does not apply."""

    name: str
    decide: Callable[[Sequence[str], WantedColumns], Optional[bool]]


class RowRule(NamedTuple):
    """A rule that decides whether a line that was taken for a header is a row.

    Attributes:
      name: The rule's name in the log.
      applies: Returns whether it is a row, given the table and the columns that the line names.
    """

    name: str
    applies: Callable[[Table, ColumnIndexes], bool]


def _flag(first: Sequence[str], wanted: WantedColumns) -> Optional[bool]:
    del first
    return None if "header" in wanted.remembered else wanted.header


def _flags_give_a_name(first: Sequence[str], wanted: WantedColumns) -> Optional[bool]:
    return any(not is_number(name) for name in wanted.flag_columns(first)) or None


def _has_known_names(first: Sequence[str], wanted: WantedColumns) -> Optional[bool]:
    names = [name for names in wanted.columns(first).values() for name in names]
    return any(name in first and not is_number(name) for name in names) or None


def _counts_columns(first: Sequence[str], wanted: WantedColumns) -> Optional[bool]:
    del wanted
    return (len(first) > 1 and list(first) == [str(i) for i in range(len(first))]) or None


def _training_file_has_one(first: Sequence[str], wanted: WantedColumns) -> Optional[bool]:
    del first
    return wanted.header or None


HEADER_RULES: Sequence[HeaderRule] = (
    HeaderRule("--header", _flag),
    HeaderRule("a column flag is a name", _flags_give_a_name),
    HeaderRule("a column name of the training file", _has_known_names),
    HeaderRule("the columns' numbers, as pandas writes them", _counts_columns),
    HeaderRule("a usual column name", lambda first, wanted: has_usual_name(first) or None),
    HeaderRule("the training file has a header", _training_file_has_one),
    HeaderRule("no usual column name", lambda first, wanted: False),
)


def _have_known_names(table: Table, columns: ColumnIndexes) -> bool:
    """Returns whether text and label have usual names, or names that flags specify."""
    names = {*TEXT_NAMES, *LABEL_NAMES, table.given("text"), table.given("label")}
    indexes = [index for index in (columns.text, columns.label) if index is not None]
    first = table.first
    return all(first[i] in names or first[i].strip().casefold() in names for i in indexes)


def _first_line_recurs(table: Table, columns: ColumnIndexes) -> bool:
    # A first row can contain a usual name as a word; then it recurs in other rows.
    if _flag(table.first, table.wanted) is not None or _have_known_names(table, columns):
        return False
    return header_warning(table.rows, table.path, columns) is not None


ROW_RULES: Sequence[RowRule] = (
    RowRule("the first line recurs among the rows", _first_line_recurs),
)


def names_text_and_label(cells: Sequence[str], wanted: WantedColumns = _NOTHING) -> bool:
    """Returns whether cells contain names of a text column and of a label column."""
    given = wanted.columns(cells)
    found = []
    for column, usual in (("text", TEXT_NAMES), ("label", LABEL_NAMES)):
        names = {name for name in given.get(column, ()) if not is_number(name)}
        found.append({cell for cell in cells if cell.strip().casefold() in usual or cell in names})
    return all(found) and len(found[0] | found[1]) > 1


def check_no_late_header(table: Table) -> None:
    """Raises `InputError` if a line below the first one looks like the header."""
    is_without_header = table.wanted.header is False and "header" not in table.wanted.remembered
    if is_without_header or names_text_and_label(table.first, table.wanted):
        return
    for number, cells in table.rows[1:MAX_TITLE_LINES]:
        if names_text_and_label(cells, table.wanted):
            raise late_header_error(table.path, number)


class RepeatedHeader:
    """Finds a second header among the rows of a table, as in joined files."""

    def __init__(self, path: str, first: Sequence[str] = (), has_header: bool = False):
        """Creates the check.

        Args:
          path: The file, for messages.
          first: The first row of the table.
          has_header: Whether it is the header.
        """
        self._path, self._first, self._has_header = path, list(first), has_header
        self._names = sorted(map(_folded, first))

    def check(self, number: int, cells: List[str]) -> None:
        """Checks a row, given the number of its line and its cells.

        Raises:
          InputError: It is a header. Case, spaces around names, and their order do not matter.
        """
        where = f"{self._path}:{number}"
        if len(self._first) == 1 and self._has_header:
            if cells == self._first and has_usual_name(cells):  # A text can be a single word.
                _log.warning("%s: the header occurs again; it is read as a row", where)
        elif self._is_header(number, cells):
            raise InputError(f"{where}: a repeated header. Were two files joined? Delete the line.")

    def _is_header(self, number: int, cells: List[str]) -> bool:
        if self._has_header:
            return _folded(cells[0]) in self._names and sorted(map(_folded, cells)) == self._names
        # `check_no_late_header` checks the lines at the top.
        is_short = number > MAX_TITLE_LINES and max(map(len, cells)) <= _MAX_NAME_LENGTH
        return is_short and names_text_and_label(cells)


def _folded(cell: str) -> str:
    return cell[:_MAX_NAME_LENGTH].strip().casefold()


def late_header_error(path: str, number: int) -> InputError:
    """Returns the error for a header that is not in the first line."""
    return InputError(
        f"{path}:{number}: the line looks like a header, but is not the first line. Delete the "
        "lines above it; if it is a row, use --header=false."
    )


def header_warning(
    rows: TableRows, path: str, columns: ColumnIndexes, is_label_guessed: bool = False
) -> Optional[str]:
    """Returns a warning if the first line may have been misread, else None.

    A header whose label occurs as a label in other rows is probably a row. A first row whose label
    occurs in no other row, while nearly all other labels recur, is probably a header.

    Args:
      rows: The first rows of the table.
      path: Its file, for messages.
      columns: Its columns.
      is_label_guessed: See `FoundColumns.is_label_guessed`.
    """
    number, first = rows[0]
    if columns.label is None or len(rows) < _MIN_ROWS_FOR_WARNING:
        return None
    if len(first) <= max(columns.text, columns.label):
        return None
    texts = [cells[columns.text] for _, cells in rows if len(cells) > columns.text]
    labels = [cells[columns.label] for _, cells in rows if len(cells) > columns.label]
    where = f"{path}:{number}"
    if columns.header:
        warning = _row_as_header(labels, "label", where) or _row_as_header(texts, "text", where)
    else:
        warning = _header_as_row(labels, len(rows), where)
    if warning is None and is_label_guessed and len(set(labels)) == len(set(texts)):
        return (
            f"{path}: column {columns.label + 1} was guessed to be the label, but both columns "
            "have the same number of distinct values. Specify them with --text_column and "
            "--label_column."
        )
    return warning


def _row_as_header(values: List[str], column: str, where: str) -> Optional[str]:
    """Returns a warning if a column's name is also a value, and some values recur."""
    name, others = values[0], values[1:]
    if name not in others or len(set(others)) == len(others):
        return None
    return (
        f"{where}: read as a header, but {name!r} is also the {column} of other rows. If it is a "
        "row, use --header=false and specify the columns by number."
    )


def _header_as_row(labels: List[str], num_rows: int, where: str) -> Optional[str]:
    """Returns a warning if the first label occurs only once while nearly all others recur."""
    first, others = labels[0], labels[1:]
    counts = collections.Counter(others)
    recurring = sum(number for number in counts.values() if number > 1)
    if (
        first in counts
        or len(others) < _MIN_ROWS_TO_JUDGE_LABELS
        or recurring < _RECURRING_SHARE * len(others)
    ):
        return None
    return (
        f"{where}: read as a row, but its label {first!r} occurs in no other of the first "
        f"{num_rows} rows. If the line is a header, use --header=true."
    )
