"""Named rules that find the columns of a table.

`columns.py` tries the rules in the order of the lists below, and the first one that applies wins.
The log names the winning rules, so that a user can see why a column was chosen.
"""

import dataclasses
import difflib
import re
from typing import (
    Callable,
    Collection,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finetune.util.errors import InputError
from finetune.util.plurals import count

# Usual column names, including GLUE's and Kaggle's, in order of preference. Case is ignored.
TEXT_NAMES: Tuple[str, ...] = (
    "text", "text_a", "sentence", "sentence1", "#1 string", "premise", "question1",
    "tweet", "review", "comment", "content", "message", "document", "body", "title",
)  # fmt: skip
TEXT_B_NAMES: Tuple[str, ...] = ("text_b", "sentence2", "#2 string", "hypothesis", "question2")
LABEL_NAMES: Tuple[str, ...] = (
    "label", "labels", "class", "category", "target", "sentiment", "quality", "score",
    "rating", "stars", "topic", "intent", "emotion",
)  # fmt: skip
_USUAL_NAMES = {"text": TEXT_NAMES, "text_b": TEXT_B_NAMES, "label": LABEL_NAMES}

TableRows = Sequence[Tuple[int, List[str]]]  # Line number and cells of each row
Found = Mapping[str, int]  # Index of each column found so far: "text", "text_b", "label"


@dataclasses.dataclass(frozen=True)
class WantedColumns:
    """The settings that flags specify for the columns; None if a setting is to be detected.

    Attributes:
      header: Whether the first line names the columns.
      text, text_b, label: Columns by name, or by number: 1 is the first, -1 the last. `text` can
        be several columns, separated by commas, whose texts are joined.
      remembered: The names of the settings above that no flag specifies: they are those of the
        training file, and other files may differ.
    """

    header: Optional[bool] = None
    text: Optional[str] = None
    text_b: Optional[str] = None
    label: Optional[str] = None
    remembered: FrozenSet[str] = frozenset()

    def columns(self, first: Collection[str]) -> Dict[str, List[str]]:
        """Returns the columns that are specified, by "text", "text_b" and "label".

        Args:
          first: The cells of the first line, or the keys: a name in it can contain commas.
        """
        given = {"text": self.text, "text_b": self.text_b, "label": self.label}
        known = {column: [name] for column, name in given.items() if name is not None}
        if self.text is not None and self.text not in first:
            known["text"] = [name.strip() for name in self.text.split(",")]
        return known

    def flag_columns(self, first: Collection[str]) -> List[str]:
        """Returns the columns that flags specify, not those remembered from the training file."""
        columns = self.columns(first)
        return [name for key in columns if key not in self.remembered for name in columns[key]]

    def found(self, columns: "WantedColumns") -> "WantedColumns":
        """Returns the columns that were found with these settings, and which ones are new."""
        names = ("header", "text", "text_b", "label")
        new = {n for n in names if getattr(self, n) is None and getattr(columns, n) is not None}
        return dataclasses.replace(columns, remembered=self.remembered | new)

    def exact(self) -> "WantedColumns":
        """Returns these settings for the training file itself, from which they were learnt."""
        return dataclasses.replace(self, remembered=frozenset())


class ColumnIndexes(NamedTuple):
    """Indexes of the columns in a row, from 0; None if there is no such column."""

    header: bool
    text: int
    text_b: Optional[int]
    label: Optional[int]


class Table(NamedTuple):
    """The first rows of a table, and the requirements for its columns.

    Attributes:
      rows: Its first rows.
      path: Its file.
      wanted: The settings that flags specify for its columns.
      need_label: Whether it must have labels; a file to predict may lack them.
    """

    rows: TableRows
    path: str
    wanted: WantedColumns
    need_label: bool

    @property
    def where(self) -> str:
        """The place of the first row, for messages."""
        return f"{self.path}:{self.rows[0][0]}"

    @property
    def first(self) -> List[str]:
        """The cells of the first row."""
        return self.rows[0][1]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.first)

    def given(self, column: str) -> Optional[str]:
        """Returns the name or number that is specified for a column (the first of several)."""
        return self.wanted.columns(self.first).get(column, [None])[0]

    def is_remembered(self, column: str) -> bool:
        """Returns whether a column is specified only by the training file."""
        return column in self.wanted.remembered

    def is_name(self, given: str) -> bool:
        """Returns whether a specified column is a name in the header.

        If all columns that flags specify are numbers, they are names only if the header contains
        all of them: numbers and names are not mixed.
        """
        flags = self.wanted.flag_columns(self.first)
        are_numbers = given in flags and all(map(is_number, flags))
        return given in self.first and (not are_numbers or set(flags).issubset(self.first))

    def describe(self, column: str) -> str:
        """Returns how a column is specified, for messages."""
        given = self.given(column)
        if given is None:
            return f"the {column} column"
        if self.is_remembered(column):
            kind = f"number {given}" if is_number(given) else repr(given)
            return f"the {column} column of the training file, {kind},"
        return f"--{column}_column={given}"

    def is_needed(self, column: str) -> bool:
        """Returns whether it is an error if the table lacks a column."""
        return column != "label" or self.need_label


class ColumnRule(NamedTuple):
    """A rule that finds a column.

    Attributes:
      column: The column: "text", "text_b" or "label".
      name: The rule's name in the log.
      find: Returns the column's index, or None if the rule does not apply.
    """

    column: str
    name: str
    find: Callable[[Table, str, Found], Optional[int]]


def has_usual_name(cells: Sequence[str]) -> bool:
    """Returns whether a first line contains a usual column name."""
    known = {*TEXT_NAMES, *TEXT_B_NAMES, *LABEL_NAMES}
    return any(cell.strip().casefold() in known for cell in cells)


def is_number(given: str) -> bool:
    """Returns whether a column is specified by number."""
    return re.fullmatch(r"-?[0-9]+", given) is not None


def missing_column_error(name: str, table: Table, flag: str) -> InputError:
    """Returns the error for a header that lacks a column name, which `flag` can specify."""
    near = difflib.get_close_matches(name, table.first, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    column = flag.lstrip("-").rpartition("_")[0]
    is_memory = table.is_remembered(column) and name == table.given(column)
    origin = f" (the {column} column of the training file)" if is_memory else ""
    return InputError(
        f"{table.where}: no column {name!r}{origin} in the header; its columns are "
        f"{', '.join(map(repr, table.first)):.300}.{suggestion} Specify the column with {flag}, "
        "by name or number; if the file has no header, use --header=false."
    )


# Rules for the columns of a table with a header.


def _given_by_name(table: Table, column: str, found: Found) -> Optional[int]:
    given = table.given(column)
    return None if given is None else column_index(table, column, given)


def column_index(table: Table, column: str, given: str) -> Optional[int]:
    """Returns the index of a column of a table with a header, by its name or number.

    A column of the training file may be missing.
    """
    if table.is_name(given):
        return table.first.index(given)
    if table.is_remembered(column):
        return None
    if is_number(given):
        return index_of_number(table, column, given)
    if table.is_needed(column):
        raise missing_column_error(given, table, f"--{column}_column")
    return None


def _usual_name(table: Table, column: str, found: Found) -> Optional[int]:
    del found
    if table.given(column) is not None and not table.is_remembered(column):
        return None
    folded = [name.strip().casefold() for name in table.first]
    return next((folded.index(name) for name in _USUAL_NAMES[column] if name in folded), None)


def _remembered_number(table: Table, column: str, found: Found) -> Optional[int]:
    given = table.given(column)
    if given is None or not is_number(given):
        return None
    index = index_of_number(table, column, given)
    return None if index in found.values() else index


def _only_other_column(table: Table, column: str, found: Found) -> Optional[int]:
    others = [index for index in range(table.width) if index not in found.values()]
    if len(others) != 1:
        return None
    if column == "text":
        return others[0] if "label" in found or not table.need_label else None
    is_beside_text = table.width == 2 and "text" in found
    return others[0] if table.need_label and is_beside_text else None


NAMED_COLUMN_RULES: Sequence[ColumnRule] = (
    ColumnRule("text", "--text_column", _given_by_name),
    ColumnRule("text", "usual name", _usual_name),
    ColumnRule("text_b", "--text_b_column", _given_by_name),
    ColumnRule("text_b", "usual name", _usual_name),
    ColumnRule("label", "--label_column", _given_by_name),
    ColumnRule("label", "usual name", _usual_name),
    ColumnRule("text", "the training file's column", _remembered_number),
    ColumnRule("text_b", "the training file's column", _remembered_number),
    ColumnRule("label", "the training file's column", _remembered_number),
    ColumnRule("text", "the only other column", _only_other_column),
    ColumnRule("label", "the only other column", _only_other_column),
)


# Rules for the columns of a table without a header.


def index_of_number(table: Table, column: str, given: str) -> Optional[int]:
    """Returns the index of a column by its number; None if it may be missing.

    Raises:
      InputError: There is no such column.
    """
    width, number = table.width, int(given)
    if not table.is_needed(column) and abs(number) > width:
        return None
    if number != 0 and abs(number) <= width:
        return number - 1 if number > 0 else width + number
    has = f"there {'is' if width == 1 else 'are'} {count(width, 'column')}"
    if table.is_remembered(column):
        raise InputError(
            f"{table.where}: the {column} was column {given} of the training file, but here {has}; "
            f"specify the column of this file with --{column}_column."
        )
    raise InputError(
        f"{table.where}: --{column}_column={given}, but {has}; specify a number from 1 (the first) "
        f"to {width}, or -1 for the last."
    )


def _only_column(table: Table, column: str, found: Found) -> Optional[int]:
    del column, found
    return 0 if _is_single_to_predict(table) else None


def _is_single_to_predict(table: Table) -> bool:
    return table.width == 1 and not table.need_label


def _number_of_several(table: Table, column: str, found: Found) -> Optional[int]:
    # Flags describe the training file, whose columns a single one to predict need not have.
    del found
    given = table.given(column)
    if given is None or _is_single_to_predict(table):
        return None
    if not is_number(given):  # The name of a column of the training file, which is not needed here
        return None
    return index_of_number(table, column, given)


def _other_of_two_columns(table: Table, column: str, found: Found) -> Optional[int]:
    known = found.get("label" if column == "text" else "text")
    if table.width != 2 or known is None or not table.is_needed(column):
        return None
    return 1 - known


def _fewer_distinct_values(table: Table, column: str, found: Found) -> Optional[int]:
    """Finds the label among two columns; on a tie, the column with the shorter values wins."""
    del column
    if table.width != 2 or not table.need_label or "text" in found:
        return None

    def distinct_and_length(index: int) -> Tuple[int, int]:
        values = [cells[index] for _, cells in table.rows if len(cells) == 2]
        return len(set(values)), sum(map(len, values))

    return int(distinct_and_length(1) < distinct_and_length(0))


FEWER_DISTINCT_VALUES = "the column with fewer distinct values"
NUMBERED_COLUMN_RULES: Sequence[ColumnRule] = (
    ColumnRule("text", "the only column", _only_column),
    ColumnRule("label", "--label_column", _number_of_several),
    ColumnRule("text_b", "--text_b_column", _number_of_several),
    ColumnRule("text", "--text_column", _number_of_several),
    ColumnRule("text", "the other of two columns", _other_of_two_columns),
    ColumnRule("label", "the other of two columns", _other_of_two_columns),
    ColumnRule("label", FEWER_DISTINCT_VALUES, _fewer_distinct_values),
    ColumnRule("text", "the other of two columns", _other_of_two_columns),
)
