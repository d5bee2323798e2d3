"""Find which columns of a table contain the texts and the label."""

from typing import Dict, NamedTuple, Sequence, Tuple

from finetune.data.column_rules import (
    FEWER_DISTINCT_VALUES,
    LABEL_NAMES,
    NAMED_COLUMN_RULES,
    NUMBERED_COLUMN_RULES,
    ColumnIndexes,
    ColumnRule,
    Table,
    TableRows,
    WantedColumns,
    column_index,
    index_of_number,
    is_number,
    missing_column_error,
)
from finetune.data.file_kinds import check_no_markup
from finetune.data.header_rules import HEADER_RULES, ROW_RULES, check_no_late_header
from finetune.data.lines import check_cr
from finetune.util.errors import InputError
from finetune.util.plurals import count

# With fewer rows, labels that all differ mean nothing.
MIN_ROWS_TO_JUDGE_LABELS = 10


class FoundColumns(NamedTuple):
    """The columns of a table, and the name of the rule that found each.

    Attributes:
      indexes: The columns.
      rules: Names of rules by column; under "header", the rule that decided about the header.
      joined: Indexes of further columns, whose texts are joined to the text.
    """

    indexes: ColumnIndexes
    rules: Dict[str, str]
    joined: Tuple[int, ...] = ()

    @property
    def is_label_guessed(self) -> bool:
        """Whether the label was found only by comparing the values of two columns."""
        return self.rules.get("label") == FEWER_DISTINCT_VALUES


def find_columns(
    rows: TableRows, path: str, wanted: WantedColumns, need_label: bool
) -> FoundColumns:
    """Finds the columns of a table.

    Args:
      rows: Its first rows.
      path: Its file, for messages.
      wanted: The settings that flags specify for the columns.
      need_label: Whether a table without labels is an error.

    Raises:
      InputError: A column does not exist, or cannot be told apart from the others.
    """
    try:
        return _find_columns(Table(rows, path, wanted, need_label))
    except InputError:
        check_no_markup(rows[0][1][0], path)
        raise


def _find_columns(table: Table) -> FoundColumns:
    check_no_late_header(table)
    is_header, header_rule = _has_header(table.first, table.wanted)
    if is_header:
        check_cr("\t".join(table.first), table.path, table.rows[0][0])
        named = _find_named_columns(table, header_rule)
        _check_label_column(table, named.indexes)
        row_rule = next((rule for rule in ROW_RULES if rule.applies(table, named.indexes)), None)
        if row_rule is None:
            return named
        header_rule = row_rule.name
    return _find_numbered_columns(table, header_rule)


def _has_header(first: Sequence[str], wanted: WantedColumns) -> Tuple[bool, str]:
    for rule in HEADER_RULES:
        decision = rule.decide(first, wanted)
        if decision is not None:
            return decision, rule.name
    raise AssertionError("The last rule always decides.")


def _find_named_columns(table: Table, header_rule: str) -> FoundColumns:
    found, rules = _apply(NAMED_COLUMN_RULES, table)
    for column in ("text", "text_b", "label"):
        given = table.given(column)
        if column in found or not table.is_needed(column):
            continue
        if given is not None or column != "text_b":
            raise missing_column_error(given or column, table, f"--{column}_column")
    return _make_columns(table, found, rules={"header": header_rule, **rules}, header=True)


def _find_numbered_columns(table: Table, header_rule: str) -> FoundColumns:
    for column, names in table.wanted.columns(table.first).items():
        name = next((name for name in names if not is_number(name)), None)
        if name is not None and not (table.is_remembered(column) and not table.is_needed(column)):
            raise InputError(f"{table.where}: {_name_without_header(table, column, name)}")
    found, rules = _apply(NUMBERED_COLUMN_RULES, table)
    if "text" not in found or (table.need_label and "label" not in found):
        cells = ", ".join(map(repr, table.first))
        raise InputError(
            f"{table.where}: cannot tell which column is the text and which is the label; found "
            f"{count(table.width, 'column')}: {cells:.200}. Specify them with --text_column and "
            "--label_column, by number (1 is the first), or by name if this line is a header. "
            "Use --delimiter to set the character between columns."
        )
    return _make_columns(table, found, rules={"header": header_rule, **rules}, header=False)


def _name_without_header(table: Table, column: str, name: str) -> str:
    advice = (
        "Specify the column's number (1 is the first, -1 the last), or add --header=true if the "
        "file has a header."
    )
    if table.is_remembered(column):
        return (
            f"the {column} column of the training file is {name!r}, but this file is read without "
            f"a header. {advice}"
        )
    return f"--{column}_column={name} is a name, but the file is read without a header. {advice}"


def _apply(rules: Sequence[ColumnRule], table: Table) -> Tuple[Dict[str, int], Dict[str, str]]:
    """Returns the index of each column that a rule finds, and the name of that rule."""
    found: Dict[str, int] = {}
    names: Dict[str, str] = {}
    for rule in rules:
        if rule.column in found:
            continue
        index = rule.find(table, rule.column, found)
        if index is not None:
            found[rule.column] = index
            names[rule.column] = rule.name
    return found, names


def _make_columns(
    table: Table, found: Dict[str, int], *, rules: Dict[str, str], header: bool
) -> FoundColumns:
    joined = _joined_columns(table, header)
    _check_distinct(table, found, joined, header)
    if header:
        _check_names(table, (*found.values(), *joined))
    indexes = ColumnIndexes(header, found["text"], found.get("text_b"), found.get("label"))
    return FoundColumns(indexes, rules, joined)


def _joined_columns(table: Table, header: bool) -> Tuple[int, ...]:
    """Returns the indexes of the columns after the first that --text_column specifies."""
    names = table.wanted.columns(table.first).get("text", [])[1:]
    if table.is_remembered("text") and table.width == 1:
        return ()
    find = column_index if header else index_of_number
    indexes = [find(table, "text", name) for name in names]
    for name, index in zip(names, indexes):
        if index is None:
            raise missing_column_error(name, table, "--text_column")
    return tuple(index for index in indexes if index is not None)


def _check_distinct(
    table: Table, found: Dict[str, int], joined: Tuple[int, ...], header: bool
) -> None:
    """Raises `InputError` if one column of the table is used twice."""
    column_at: Dict[int, str] = {}
    for column, index in (*found.items(), *(("text", index) for index in joined)):
        other = column_at.setdefault(index, column)
        if other != column or (index in joined and index == found["text"]):
            hint = " If the file has no header, use --header=false." if header else ""
            raise InputError(
                f"{table.where}: {table.describe(other)} and {table.describe(column)} are the same "
                f"column, {table.first[index]!r}. "
                f"Specify different ones.{hint}"
            )


def _check_names(table: Table, used: Sequence[int]) -> None:
    """Raises `InputError` if a column that is used by its name is not the only one of this name."""
    names, given = table.first, table.wanted.columns(table.first)
    numbers = {int(name) for g in given.values() for name in g if is_number(name)}
    for index in used:
        is_by_number = not numbers.isdisjoint((index + 1, index - len(names)))
        if names.count(names[index]) > 1 and not is_by_number:
            raise InputError(
                f"{table.where}: the header names a column twice, {names[index]!r}: "
                f"{', '.join(names):.200}. Specify the column by its number, for example with "
                "--text_column or --label_column."
            )


def _check_label_column(table: Table, columns: ColumnIndexes) -> None:
    """Raises `InputError` if the column that was left for the label contains ids, not labels."""
    names = table.first
    if columns.label is None or table.given("label") is not None:
        return
    name = names[columns.label]
    labels = [cells[columns.label] for _, cells in table.rows[1:] if len(cells) == len(names)]
    are_distinct = len(set(labels)) == len(labels) >= MIN_ROWS_TO_JUDGE_LABELS
    if name.strip().casefold() not in LABEL_NAMES and are_distinct:
        raise missing_column_error("label", table, "--label_column")
