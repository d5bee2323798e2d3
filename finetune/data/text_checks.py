"""Check that the columns of a file to predict contain what they contained in the training file."""

import logging
from typing import Collection, List, Sequence, Set

from finetune.data.column_rules import TableRows, WantedColumns, has_usual_name
from finetune.data.columns import FoundColumns
from finetune.util.decimals import parse_decimal
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

_MIN_ROWS = 2  # A single text can be a label or a number.


def check_text_column(
    rows: TableRows,
    path: str,
    wanted: WantedColumns,
    found: FoundColumns,
    known_labels: Collection[str],
) -> None:
    """Checks the text column of a file to predict, unless a flag specifies it.

    Logs a warning if a line that names no known column was taken for the header, or if the texts
    are numbers.

    Args:
      rows: The first rows of the table.
      path: Its file, for messages.
      wanted: The settings that flags specify for the columns.
      found: The columns.
      known_labels: The model's labels.

    Raises:
      InputError: The column contains the model's labels, and another column does not.
    """
    if wanted.text is not None and "text" not in wanted.remembered:
        return
    first = rows[0][1]
    header, text = found.indexes.header, found.indexes.text
    if header and not (has_usual_name(first) or set(first) & _names(wanted, first)):
        _log.warning(
            "%s:%d: read as the header, because the training file has one: %s. If the line is a "
            "row, use --header=false.",
            path,
            rows[0][0],
            ", ".join(map(repr, first))[:200],
        )
    body = [cells for _, cells in rows[int(header) :] if len(cells) == len(first)]
    if not header and len(body) > _MIN_ROWS:
        body = body[1:]  # The first line can be a header.
    if len(body) >= _MIN_ROWS:
        _check_values(body, text, path, known_labels)


def _check_values(
    rows: Sequence[List[str]], text: int, path: str, known_labels: Collection[str]
) -> None:
    what = f"{path}: the text in column {text + 1} is"
    advice = (
        "If the columns are not those of the training file, specify the column of the texts with "
        "--text_column (1 is the first)."
    )
    columns = range(len(rows[0]))
    labels = [_are_all(rows, index, known_labels) for index in columns]
    numbers = [_are_numbers(rows, index) for index in columns]
    if labels[text] and not all(labels):
        raise InputError(
            f"{what} the label {rows[0][text]!r}, and the other texts are labels, too; expected "
            f"texts. {advice}"
        )
    if numbers[text] and not all(numbers):
        _log.warning(
            "%s the number %s, and the other texts are numbers, too. %s",
            what,
            rows[0][text],
            advice,
        )


def _names(wanted: WantedColumns, first: Sequence[str]) -> Set[str]:
    return {name for names in wanted.columns(first).values() for name in names}


def _are_all(rows: Sequence[List[str]], index: int, values: Collection[str]) -> bool:
    return all(cells[index].strip() in values for cells in rows)


def _are_numbers(rows: Sequence[List[str]], index: int) -> bool:
    return all(parse_decimal(cells[index]) is not None for cells in rows)
