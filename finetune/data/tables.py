"""Read tables: split lines at the delimiter, handle quoted cells, look up cells by name."""

import csv
import itertools
import re
from typing import Dict, Iterator, List, Optional, Tuple

from finetune.data.data_path import has_more, max_line_length_of
from finetune.data.lines import check_cr, read_lines
from finetune.util.errors import InputError
from finetune.util.plurals import count

_PEEKED_LINES = 50
_PEEKED_CHARACTERS = 1 << 16


class Row(Dict[str, str]):
    """The cells of one row by column name, and the row's place in its file."""

    def __init__(self, cells: Dict[str, str], path: str, line: int):
        super().__init__(cells)
        self.path = path
        self.line = line

    @property
    def where(self) -> str:
        """The place of the row: "path:line"."""
        return f"{self.path}:{self.line}"

    def __missing__(self, column: str) -> str:
        raise InputError(
            f"{self.path}:1: no column {column!r} in the header; its columns are "
            f"{', '.join(map(repr, self))}. Rename a column, or edit the task's class in "
            "processors.py."
        )


def excel_delimiter(line: str) -> Optional[str]:
    """Returns the delimiter in a line such as sep=; that Excel reads as a setting, else None."""
    found = re.fullmatch(r"\"?sep=([^\w\s\"]|\t)\"?\1*", line, re.IGNORECASE)
    return found[1] if found else None


def read_table_lines(path: str, blank: str, keeps_cr: bool = False) -> Iterator[Tuple[int, str]]:
    """Yields the lines of a table like `read_lines`, without Excel's setting in the first line."""
    for number, text in read_lines(path, blank, keeps_cr):
        if number > 1 or excel_delimiter(text.rstrip("\r")) is None:
            yield number, text


def read_cells(
    path: str, blank: str = "skip", delimiter: str = "\t"
) -> Iterator[Tuple[int, List[str]]]:
    """Yields (line number, cells) from a tab-separated file; quotes are ordinary characters."""
    for number, text in read_table_lines(path, blank):
        yield number, text.split(delimiter)


def read_quoted_cells(
    path: str, delimiter: str, quotechar: str = '"', keeps_cr: bool = False
) -> Iterator[Tuple[int, List[str]]]:
    """Yields (number of the first line, cells) from a file whose cells can be quoted.

    An empty line has no cells; empty lines at the end of the file are skipped. As in RFC 4180, a
    delimiter or line end inside quotes is text, and two quotes inside quotes are one quote.

    Args:
      path: The file.
      delimiter: The character between cells.
      quotechar: The character around quoted cells.
      keeps_cr: Whether a line end CR LF inside quotes stays as it is; otherwise it becomes LF. If
        true, empty lines at the end of the file are rows without cells.

    Raises:
      InputError: See `read_lines`; or a quote is not closed, or text follows a closing quote.
    """
    source = read_table_lines(path, "all" if keeps_cr else "inner", keeps_cr)
    head = _first_lines(source, path)
    lines = _CountedLines(itertools.chain(head, source))
    limit_cells(path)
    # Some programs write a space before each quote.
    has_spaces = any(f"{delimiter} {quotechar}" in text for _, text in head)
    rows = csv.reader(
        lines, delimiter=delimiter, quotechar=quotechar, strict=True, skipinitialspace=has_spaces
    )
    while True:
        first = lines.last + 1
        try:
            yield first, next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if "new-line character" in str(error) and lines.last == 1:
                check_cr("\r", path, lines.last)
            reason = _reason(str(error), path, delimiter, quotechar)
            raise InputError(f"{path}:{first}: {reason.format(f'(line {lines.last})')}") from error


class _CountedLines:
    """The lines of a file, for the csv module.

    Attributes:
      last: The number of the last line that was read; 0 before the first.
    """

    def __init__(self, lines: Iterator[Tuple[int, str]]):
        self.last = 0
        self._lines = lines

    def __iter__(self) -> "_CountedLines":
        return self

    def __next__(self) -> str:
        self.last, text = next(self._lines)
        return text + "\n"


def _reason(error: str, path: str, delimiter: str, quotechar: str) -> str:
    """Returns what is wrong with a cell, and what to do; {} is the place of the line."""
    advice = "Inside quotes, double each quote; or use --quoting=false if quotes are ordinary "
    advice += "characters."
    if "new-line character" in error:
        return "a CR (^M) inside a cell without quotes {}. Delete it, or quote the cell."
    if "field larger than" in error:
        return (
            f"a cell is longer than {max_line_length_of(path)} characters (--max_line_length); "
            f"is a quote not closed? {{}} {advice}"
        )
    known = {
        "unexpected end of data": "a quote is not closed before the end of the file",
        f"'{delimiter}' expected after '{quotechar}'": "unexpected text after a closing quote",
    }
    return f"{known.get(error, error)} {{}}. {advice}"


def limit_cells(path: str) -> None:
    """Sets the csv module's limit for the whole process: a cell can be as long as a line.

    By default, the limit is 131,072 characters. If a quote is not closed, the rest of the file is
    one cell; this limits its size.
    """
    csv.field_size_limit(max_line_length_of(path))


def _first_lines(lines: Iterator[Tuple[int, str]], path: str) -> List[Tuple[int, str]]:
    """Takes lines from the start of a file, in bounded memory."""
    taken: List[Tuple[int, str]] = []
    size = 0
    for number, text in lines:
        taken.append((number, text))
        size += len(text) + 1
        is_enough = len(taken) == _PEEKED_LINES or size >= _PEEKED_CHARACTERS
        if is_enough or not has_more(path):
            break
    return taken


def read_tsv(path: str) -> Iterator[Row]:
    """Yields the rows of a tab-separated file whose first line names the columns.

    Empty lines are skipped, unless there is a single column: then they are rows with an empty text.

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
            check_cr("\t".join(cells), path, number)
            check_header(cells, f"{path}:{number}")
            continue
        check_width(cells, header, f"{path}:{number}")
        yield Row(dict(zip(header, cells)), path, number)


def check_header(cells: List[str], where: str) -> None:
    """Raises `InputError` if the cells of a first line cannot be column names."""
    # Columns without a name are allowed: spreadsheets often have empty ones at the end.
    repeated = next((name for i, name in enumerate(cells) if name and name in cells[:i]), None)
    if repeated is not None:
        raise InputError(
            f"{where}: the header names a column twice, {repeated!r}: {', '.join(cells):.200}."
        )


def check_width(cells: List[str], first: List[str], where: str) -> None:
    """Raises `InputError` if a row has more or fewer cells than the first line."""
    if len(cells) != len(first):
        path, _, number = where.rpartition(":")
        check_cr("".join(cells), path, int(number))
        raise InputError(
            f"{where} has {count(len(cells), 'column')}; the first line has {len(first)}: "
            f"{' | '.join(map(repr, first)):.200}. Replace a separator or line end inside a text "
            "by a space, or quote the text (in a CSV file). Use --delimiter to set the character "
            "between columns."
        )
