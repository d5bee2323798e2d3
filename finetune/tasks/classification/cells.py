"""Detect how the lines of a table are split into cells, by named rules tried in order."""

import collections
import csv
import dataclasses
import itertools
from typing import Callable, Generic, NamedTuple, Optional, Sequence, Tuple, TypeVar

from finetune.data import column_rules
from finetune.data.data_path import is_stream
from finetune.data.lines import read_lines
from finetune.data.tables import excel_delimiter, limit_cells, read_table_lines
from finetune.tasks.classification.forms import TextFormat, only_blank

_LINES_FOR_DELIMITER = 50  # Number of lines read to detect the delimiter
DELIMITERS = ",;\t|"

FoundT = TypeVar("FoundT")


class Cells(NamedTuple):
    """How the lines of a table are split into cells.

    Attributes:
      delimiter: Character between the columns.
      quoting: Whether cells can be quoted.
      quotechar: The quote.
      notes: For the log: what was detected from the content of the file, with the rule's name.
    """

    delimiter: str
    quoting: bool
    quotechar: str
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class _CellRule(Generic[FoundT]):
    """A rule that finds the delimiter, or decides about quoting.

    Attributes:
      name: The rule's name in the log.
      find: Returns the rule's result for a path and a format, or None if it does not apply.
      reads_file: Whether the rule depends on the content of the file.
    """

    name: str
    find: Callable[[str, TextFormat], Optional[FoundT]]
    reads_file: bool = False


def _most_equal_cells(path: str, given: TextFormat) -> str:
    """Returns the character that splits most of the first lines into equally many cells."""
    peeked = itertools.islice(read_lines(path), _LINES_FOR_DELIMITER)
    lines = [text.replace("\r", " ") + "\n" for _, text in peeked]
    if not lines:
        raise only_blank(path)

    limit_cells(path)

    def fit(delimiter: str) -> Tuple[bool, float, bool]:
        try:
            rows = csv.reader(lines, delimiter=delimiter, quotechar=given.quotechar)
            widths = [len(row) for row in rows if row]
        except csv.Error:  # For example, a quote that is not closed makes a cell that is too large.
            return False, 0.0, False
        # The first line can be a title, with fewer cells.
        width, number = collections.Counter(widths).most_common(1)[0]
        # Commas are frequent in texts; the other characters are not.
        return width > 1, number / len(widths), delimiter != ","

    return max(DELIMITERS, key=fit)


def _excel_delimiter(path: str, _: TextFormat) -> Optional[str]:
    if is_stream(path):
        return None
    return excel_delimiter(next((text for _, text in read_lines(path)), ""))


_DELIMITER_RULES: Sequence[_CellRule[str]] = (
    _CellRule("--delimiter", lambda path, given: given.delimiter),
    _CellRule("Excel's line sep=", _excel_delimiter, reads_file=True),
    _CellRule("the form tsv", lambda path, given: "\t" if given.form == "tsv" else None),
    _CellRule("standard input", lambda path, given: "," if is_stream(path) else None),
    _CellRule("the same number of cells in most lines", _most_equal_cells, reads_file=True),
)


def _has_quoted_header(path: str, text_format: TextFormat) -> Optional[bool]:
    """Returns True if the names in a header are quoted, as R writes them, else None."""
    first = next((text for _, text in read_table_lines(path, "skip")), "")
    cells = first.split(text_format.delimiter)
    quote = text_format.quotechar
    is_quoted = all(len(cell) > 2 and cell[0] == cell[-1] == quote for cell in cells)
    return (is_quoted and column_rules.has_usual_name([cell[1:-1] for cell in cells])) or None


# These rules know the delimiter.
_QUOTING_RULES: Sequence[_CellRule[bool]] = (
    _CellRule("--quoting", lambda path, given: given.quoting),
    _CellRule("the form csv", lambda path, given: given.form == "csv" or None),
    _CellRule("standard input", lambda path, given: False if is_stream(path) else None),
    _CellRule("a usual column name in quotes", _has_quoted_header, reads_file=True),
    _CellRule("no quoted header", lambda path, given: False),
)


def find_cells(path: str, text_format: TextFormat) -> Cells:
    """Returns how the lines of a table are split.

    Args:
      path: The table.
      text_format: Its format; the form is "tsv" or "csv".

    Raises:
      InputError: The file is empty, so that its delimiter cannot be detected.
    """
    delimiter, delimiter_rule = _first_found(_DELIMITER_RULES, path, text_format)
    text_format = dataclasses.replace(text_format, delimiter=delimiter)
    quoting, quoting_rule = _first_found(_QUOTING_RULES, path, text_format)
    notes = []
    if delimiter_rule.reads_file:
        notes.append(f"delimiter {delimiter!r} (rule: {delimiter_rule.name})")
    if quoting_rule.reads_file:
        notes.append(f"cells can be quoted (rule: {quoting_rule.name})")
    return Cells(delimiter, quoting, text_format.quotechar, notes)


def _first_found(
    rules: Sequence[_CellRule[FoundT]], path: str, text_format: TextFormat
) -> Tuple[FoundT, _CellRule[FoundT]]:
    for rule in rules:
        found = rule.find(path, text_format)
        if found is not None:
            return found, rule
    raise AssertionError("The last rule always decides.")
