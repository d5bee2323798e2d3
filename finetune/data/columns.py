"""Which columns of a table are the text and the label: named rules, tried in order."""

import collections
import dataclasses
import difflib
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finetune.data.tables import check_header
from finetune.util.errors import InputError
from finetune.util.plurals import count

# Usual column names, ours first, including GLUE's. Their case does not matter.
TEXT_NAMES = ("text", "text_a", "sentence", "sentence1", "#1 string", "premise", "question1")
TEXT_NAMES += ("tweet", "review", "comment", "content", "message", "document", "body", "title")
TEXT_B_NAMES = ("text_b", "sentence2", "#2 string", "hypothesis", "question2")
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "quality", "score")
LABEL_NAMES += ("rating", "stars", "topic", "intent", "emotion")
_USUAL_NAMES = {"text": TEXT_NAMES, "text_b": TEXT_B_NAMES, "label": LABEL_NAMES}

TableRows = Sequence[Tuple[int, List[str]]]  # Line number and cells of each row


@dataclasses.dataclass(frozen=True)
class WantedColumns:
    """What flags say about the columns; None: to be detected.

    Attributes:
      header: Whether the first line names the columns.
      text, text_b, label: Columns by name, or by number: 1 is the first, -1 the last.
    """

    header: Optional[bool] = None
    text: Optional[str] = None
    text_b: Optional[str] = None
    label: Optional[str] = None


class ColumnIndexes(NamedTuple):
    """Indexes of the columns in a row, from 0; None: there is no such column."""

    header: bool
    text: int
    text_b: Optional[int]
    label: Optional[int]


class FoundColumns(NamedTuple):
    """The columns of a table, and the names of the rules that found them, by column."""

    indexes: ColumnIndexes
    rules: Dict[str, str]


class _Table(NamedTuple):
    """The first rows of a table, and what is known about its columns."""

    rows: TableRows
    where: str
    wanted: WantedColumns
    need_label: bool
    found: Dict[str, int]

    @property
    def first(self) -> List[str]:
        return self.rows[0][1]

    @property
    def width(self) -> int:
        return len(self.first)

    def given(self, column: str) -> Optional[str]:
        return getattr(self.wanted, column)

    def is_needed(self, column: str) -> bool:
        # A file to predict may lack the label that flags name.
        return column != "label" or self.need_label

    def others(self) -> List[int]:
        return [i for i in range(self.width) if i not in self.found.values()]


class _Rule(NamedTuple):
    """A rule: the column it finds, its name in the log, and how it finds the column's index."""

    column: str
    name: str
    find: Callable[[_Table, str], Optional[int]]


def find_columns(
    rows: TableRows, path: str, wanted: WantedColumns, need_label: bool
) -> FoundColumns:
    """Finds the columns of a table.

    Args:
      rows: Its first rows.
      path: Its file, for messages.
      wanted: What is known about the columns.
      need_label: Whether a table without labels is an error.

    Raises:
      InputError: A column does not exist, or cannot be told apart from the others.
    """
    table = _Table(rows, f"{path}:{rows[0][0]}", wanted, need_label, {})
    is_header, header_rule = _has_header(table.first, wanted)
    if is_header:
        check_header(table.first, table.where)
        named = _named_columns(table, header_rule)
        _check_label_column(table, named.indexes)
        # A first row can contain a usual name as a word; then it recurs in other rows.
        is_certain = wanted.header is not None or _all_named(table, named.indexes)
        if is_certain or header_warning(rows, path, named.indexes) is None:
            return named
        header_rule = "the first line recurs among the rows"
    return _numbered_columns(table._replace(found={}), header_rule)


# Whether the first line is a header: the first rule that does not return None decides.
_HEADER_RULES: Sequence[Tuple[str, Callable[[Sequence[str], WantedColumns], Optional[bool]]]] = (
    ("--header", lambda first, wanted: wanted.header),
    ("a column flag is a name", lambda first, wanted: _gives_name(first, wanted) or None),
    ("a usual column name", lambda first, wanted: may_be_header(first) or None),
    ("no usual column name", lambda first, wanted: False),
)


def _has_header(first: Sequence[str], wanted: WantedColumns) -> Tuple[bool, str]:
    for name, rule in _HEADER_RULES:
        answer = rule(first, wanted)
        if answer is not None:
            return answer, name
    raise AssertionError("The last rule always decides.")


def _gives_name(first: Sequence[str], wanted: WantedColumns) -> bool:
    given = [name for name in (wanted.text, wanted.text_b, wanted.label) if name is not None]
    return any(name in first or not is_number(name) for name in given)


def may_be_header(cells: Sequence[str]) -> bool:
    """Returns whether a first line contains a usual column name."""
    known = {*TEXT_NAMES, *TEXT_B_NAMES, *LABEL_NAMES}
    return any(cell.strip().casefold() in known for cell in cells)


def _given_name(table: _Table, column: str) -> Optional[int]:
    given, names = table.given(column), table.first
    if given is None:
        return None
    if given in names:
        return names.index(given)
    if is_number(given):
        return _given_number(table, column)
    if table.is_needed(column):
        raise _no_column(given, names, table.where, f"--{column}_column")
    return None


def _usual_name(table: _Table, column: str) -> Optional[int]:
    if table.given(column) is not None:
        return None
    folded = [name.strip().casefold() for name in table.first]
    return next((folded.index(name) for name in _USUAL_NAMES[column] if name in folded), None)


def _only_other(table: _Table, column: str) -> Optional[int]:
    others = table.others()
    if len(others) != 1:
        return None
    if column == "text":
        return others[0] if "label" in table.found or not table.need_label else None
    is_pair_of_columns = table.width == 2 and "text" in table.found
    return others[0] if table.need_label and is_pair_of_columns else None


def _given_number(table: _Table, column: str) -> Optional[int]:
    given = table.given(column)
    if given is None or (not table.is_needed(column) and abs(int(given)) > table.width):
        return None
    return _index(given, table.width, table.where, f"--{column}_column")


def _other_of_two(table: _Table, column: str) -> Optional[int]:
    known = table.found.get("label" if column == "text" else "text")
    if table.width != 2 or known is None or not table.is_needed(column):
        return None
    return 1 - known


def _fewer_values(table: _Table, column: str) -> Optional[int]:
    """Of two columns, the one with fewer distinct values, or else with shorter ones."""
    if table.width != 2 or not table.need_label or "text" in table.found:
        return None

    def measure(index: int) -> Tuple[int, int]:
        values = [cells[index] for _, cells in table.rows if len(cells) == 2]
        return len(set(values)), sum(map(len, values))

    return int(measure(1) < measure(0))


_NAMED_RULES = (
    _Rule("text", "--text_column", _given_name),
    _Rule("text", "usual name", _usual_name),
    _Rule("text_b", "--text_b_column", _given_name),
    _Rule("text_b", "usual name", _usual_name),
    _Rule("label", "--label_column", _given_name),
    _Rule("label", "usual name", _usual_name),
    _Rule("text", "the only other column", _only_other),
    _Rule("label", "the only other column", _only_other),
)
_NUMBERED_RULES = (
    _Rule("label", "--label_column", _given_number),
    _Rule("text_b", "--text_b_column", _given_number),
    _Rule("text", "--text_column", _given_number),
    _Rule("text", "the other of two columns", _other_of_two),
    _Rule("label", "the other of two columns", _other_of_two),
    _Rule("label", "the column with fewer distinct values", _fewer_values),
    _Rule("text", "the other of two columns", _other_of_two),
)
FEWER_VALUES = "the column with fewer distinct values"


def _apply(rules: Sequence[_Rule], table: _Table, header_rule: str) -> Dict[str, str]:
    """Fills `table.found` by the first rule that finds each column; returns the rules' names."""
    names = {"header": header_rule}
    for rule in rules:
        if rule.column not in table.found:
            index = rule.find(table, rule.column)
            if index is not None:
                table.found[rule.column] = index
                names[rule.column] = rule.name
    return names


def _named_columns(table: _Table, header_rule: str) -> FoundColumns:
    rules = _apply(_NAMED_RULES, table, header_rule)
    for column in ("text", "label"):
        if column not in table.found and table.is_needed(column):
            raise _no_column(column, table.first, table.where, f"--{column}_column")
    return _checked(table, rules, header=True)


def _numbered_columns(table: _Table, header_rule: str) -> FoundColumns:
    for column in ("text", "text_b", "label"):
        given = table.given(column)
        if given is not None and not is_number(given):
            raise InputError(
                f"{table.where}: --{column}_column={given} is a name, but the file is read without "
                "a header. Give the column's number (1 is the first, -1 the last), or add "
                "--header=true if the file has a header."
            )
    if table.width == 1 and not table.need_label:
        rules = {"header": header_rule, "text": "the only column"}
        return FoundColumns(ColumnIndexes(False, 0, None, None), rules)
    rules = _apply(_NUMBERED_RULES, table, header_rule)
    if "text" not in table.found or (table.need_label and "label" not in table.found):
        cells = ", ".join(map(repr, table.first))
        raise InputError(
            f"{table.where}: {count(table.width, 'column')}, {cells:.200}, none of which is named "
            "as text or label. Name them with --text_column and --label_column, by number (1 is "
            "the first), or by name if this line is a header. --delimiter names the character "
            "between columns."
        )
    return _checked(table, rules, header=False)


def _checked(table: _Table, rules: Dict[str, str], header: bool) -> FoundColumns:
    found = table.found
    if len(set(found.values())) < len(found):
        raise InputError(
            f"{table.where}: the same column is used for two of text, text_b and label; expected "
            "different ones (--text_column, --text_b_column, --label_column)."
        )
    indexes = ColumnIndexes(header, found["text"], found.get("text_b"), found.get("label"))
    return FoundColumns(indexes, rules)


def _check_label_column(table: _Table, columns: ColumnIndexes) -> None:
    """Raises `InputError` if the column that was left for the label is none, such as an id."""
    names = table.first
    if columns.label is None or table.wanted.label is not None:
        return
    name = names[columns.label]
    labels = [cells[columns.label] for _, cells in table.rows[1:] if len(cells) == len(names)]
    if name.strip().casefold() not in LABEL_NAMES and len(set(labels)) == len(labels) >= 10:
        raise _no_column("label", names, table.where, "--label_column")


def _all_named(table: _Table, columns: ColumnIndexes) -> bool:
    """Returns whether text and label have usual names, or those that flags give."""
    names = {*TEXT_NAMES, *LABEL_NAMES, table.wanted.text, table.wanted.label}
    indexes = [index for index in (columns.text, columns.label) if index is not None]
    first = table.first
    return all(first[i] in names or first[i].strip().casefold() in names for i in indexes)


def header_warning(
    rows: TableRows, path: str, columns: ColumnIndexes, guessed: bool = False
) -> Optional[str]:
    """Returns why the first line may not be what it was taken for, or None.

    A header whose label occurs as a label in other rows is probably a row. A first row whose label
    occurs in no other row, while all other labels recur, is probably a header.
    """
    if columns.label is None or len(rows) < 3:
        return None
    number, first = rows[0]
    if len(first) <= max(columns.text, columns.label):
        return None
    texts, labels = (
        [cells[index] for _, cells in rows[1:] if len(cells) > index]
        for index in (columns.text, columns.label)
    )
    for name, kind, values in (
        (first[columns.label], "label", labels),
        (first[columns.text], "text", texts),
    ):
        if columns.header and name in values and len(set(values)) < len(values):
            return (
                f"{path}:{number}: read as a header, but {name!r} is also the {kind} of other "
                "rows. If it is a row, give --header=false and the columns by number."
            )
    counts = collections.Counter(labels)
    recurring = sum(number for number in counts.values() if number > 1)
    is_unique = first[columns.label] not in counts
    if not columns.header and is_unique and len(labels) >= 10 and recurring >= 0.94 * len(labels):
        return (
            f"{path}:{number}: read as a row, but its label {first[columns.label]!r} occurs in no "
            f"other of the first {len(rows)} rows. If the line is a header, give --header=true."
        )
    distinct = [{first[columns.label], *labels}, {first[columns.text], *texts}]
    if guessed and len(distinct[0]) == len(distinct[1]):
        return (
            f"{path}: column {columns.label + 1} was guessed to be the label, but both columns "
            "have equally many values. Name them with --text_column and --label_column."
        )
    return None


def _no_column(wanted: str, names: List[str], where: str, flag: str) -> InputError:
    near = difflib.get_close_matches(wanted, names, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(
        f"{where}: no column {wanted!r} in the header; its columns are "
        f"{', '.join(map(repr, names)):.300}.{meant} Name the column with {flag}, by name or "
        "number; if the file has no header, give --header=false."
    )


def is_number(given: str) -> bool:
    """Returns whether a column is given by number."""
    return re.fullmatch(r"-?[0-9]+", given) is not None


def _index(given: str, width: int, where: str, flag: str) -> int:
    number = int(given)
    if number == 0 or abs(number) > width:
        raise InputError(
            f"{where}: {flag}={given}, but there {'is' if width == 1 else 'are'} "
            f"{count(width, 'column')}: expected 1 for the first to {width}, or -1 for the last."
        )
    return number - 1 if number > 0 else width + number
