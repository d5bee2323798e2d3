"""Read tables: cells separated by a character, cells in quotes, rows by column name."""

import csv
from typing import Dict, Iterator, List, Tuple

from finetune.data.lines import read_lines, refuse_lone_cr
from finetune.util.errors import InputError
from finetune.util.plurals import count

# Maximum characters in a quoted cell: if a quote is not closed, the rest of the file is one cell.
_MAX_CELL = 1 << 24


class Row(Dict[str, str]):
    """The cells of one line by column name, and where they are."""

    def __init__(self, cells: Dict[str, str], path: str, line: int):
        super().__init__(cells)
        self.path = path
        self.line = line

    @property
    def where(self) -> str:
        """Where the row is: "path:line"."""
        return f"{self.path}:{self.line}"

    def __missing__(self, column: str) -> str:
        raise InputError(
            f"{self.path}:1: no column {column!r} in the header; its columns are "
            f"{', '.join(map(repr, self))}. Rename one, or edit the task's class in processors.py."
        )


def read_cells(
    path: str, blank: str = "skip", delimiter: str = "\t"
) -> Iterator[Tuple[int, List[str]]]:
    """Yields (line number, cells) from a tab-separated file; quotes are ordinary characters."""
    for number, text in read_lines(path, blank):
        yield number, text.split(delimiter)


def read_quoted_cells(path: str, delimiter: str) -> Iterator[Tuple[int, List[str]]]:
    """Yields (number of the first line, cells) from a file whose cells can be quoted.

    An empty line has no cells; those at the end of the file are skipped. As in RFC 4180, a
    delimiter or line end inside quotes is text, and two quotes inside quotes are one.

    Raises:
      InputError: See `read_lines`; or a quote is not closed, or text follows a closing quote.
    """
    last = 0

    def lines() -> Iterator[str]:
        nonlocal last
        for number, text in read_lines(path, blank="inner"):
            last = number
            yield text + "\n"

    csv.field_size_limit(_MAX_CELL)
    rows = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        first = last + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = {
                "unexpected end of data": "a quote is not closed before the end of the file",
                f"'{delimiter}' expected after '\"'": "unexpected text after a closing quote",
            }.get(str(error), str(error))
            if "new-line character" in reason:
                refuse_lone_cr("\r", f"{path}:{first}")
            raise InputError(
                f"{path}:{first}: {reason} (line {last}). Inside quotes, write a quote as two; or "
                "give --quoting=false if quotes are ordinary characters."
            ) from error
        yield first, cells


def read_tsv(path: str) -> Iterator[Row]:
    """Yields the rows of a tab-separated file whose first line names the columns.

    Empty lines are skipped, but with a single column an empty line is a row with an empty text.

    Raises:
      InputError: See `read_lines`; or the header names a column twice, or a row has more or fewer
        cells than the header.
    """
    header: List[str] = []
    for number, cells in read_cells(path, blank="inner"):
        if cells == [""] and len(header) != 1:
            continue
        if not header:
            header = cells
            check_header(cells, f"{path}:{number}")
            continue
        check_width(cells, header, f"{path}:{number}")
        yield Row(dict(zip(header, cells)), path, number)


def check_header(cells: List[str], where: str) -> None:
    """Raises `InputError` if the cells of a first line cannot be column names."""
    refuse_lone_cr("\t".join(cells), where)
    # A table can have columns without a name, like the empty ones at the end of a spreadsheet.
    twice = next((name for i, name in enumerate(cells) if name and name in cells[:i]), None)
    if twice is not None:
        raise InputError(
            f"{where}: the header names a column twice, {twice!r}: {', '.join(cells):.200}."
        )


def check_width(cells: List[str], first: List[str], where: str) -> None:
    """Raises `InputError` if a row has more or fewer cells than the first line."""
    if len(cells) != len(first):
        raise InputError(
            f"{where} has {count(len(cells), 'column')}; the first line has {len(first)}: "
            f"{' | '.join(map(repr, first)):.200}. Write a separator or line end inside a text as "
            "a space, or quote the text in a file that has quotes (CSV). --delimiter names the "
            "character between columns."
        )
