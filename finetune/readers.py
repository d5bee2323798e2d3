"""Read text files line by line, saying file and line of whatever is wrong in them."""

import codecs
from typing import Dict, Iterator, List, Tuple


class Row(Dict[str, str]):
    """The cells of one line by column name, and where they stand."""

    def __init__(self, cells: Dict[str, str], path: str, line: int):
        super().__init__(cells)
        self.path = path
        self.line = line

    @property
    def where(self) -> str:
        """The place of the row: "path:line"."""
        return f"{self.path}:{self.line}"

    def __missing__(self, column: str) -> str:
        raise ValueError(
            f"{self.path}:1: no column {column!r} in the header; its columns are "
            f"{', '.join(map(repr, self))}. Rename one, or edit the task's class in processors.py."
        )


def read_lines(path: str, blank: str = "skip") -> Iterator[Tuple[int, str]]:
    """Yields (line number from 1, text without line end) of a UTF-8 file.

    A byte order mark is dropped; lines end at LF or CRLF.

    Args:
      path: The file, or "-" for standard input.
      blank: What becomes of lines that hold nothing at all: "skip": they are counted but passed
        over; "inner": those at the file's end alone are; "all": they are yielded.

    Raises:
      ValueError: The file cannot be opened, is empty, or has bytes that are not UTF-8.
    """
    number = 0
    held: List[int] = []  # Blank lines of which it is not known yet whether they end the file
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as reader:
            for number, raw in enumerate(reader, start=1):
                if number == 1 and raw.startswith(codecs.BOM_UTF8):
                    raw = raw[len(codecs.BOM_UTF8) :]
                text = _decode(raw, path, number)
                if not text:
                    held.append(number)
                    continue
                if blank != "skip":
                    yield from ((n, "") for n in held)
                held.clear()
                yield number, text
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read: {error.strerror}. The folder is --data_dir's, the name "
            "that of the task's class in processors.py."
        ) from error
    if number == 0:
        raise ValueError(f"{path}: the file is empty; expected one row a line.")
    if blank == "all":
        yield from ((n, "") for n in held)


def _decode(raw: bytes, path: str, number: int) -> str:
    if number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(
            f"{path}:1: the file is UTF-16; convert it, e.g. with `iconv -f UTF-16 -t UTF-8`."
        )
    if b"\0" in raw:
        raise ValueError(
            f"{path}:{number}: a NUL byte at position {raw.index(0) + 1}; expected text. Is it "
            "UTF-16, or damaged?"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}:{number}: byte 0x{raw[error.start]:02x} at position {error.start + 1} is not "
            "UTF-8; convert the file, e.g. with `iconv -f LATIN1 -t UTF-8`."
        ) from error
    return text[:-2] if text.endswith("\r\n") else text.rstrip("\n")


def read_cells(path: str, blank: str = "skip") -> Iterator[Tuple[int, List[str]]]:
    """Yields (line number, cells) of a tab-separated file; quotes are characters like any other."""
    for number, text in read_lines(path, blank):
        yield number, text.split("\t")


def read_tsv(path: str) -> Iterator[Row]:
    """Yields the rows of a tab-separated file whose first line names the columns.

    Blank lines are passed over, but with a single column a blank line is a row of empty text.

    Raises:
      ValueError: As `read_lines`; or the header names a column twice, or a row has more or fewer
        cells than the header.
    """
    header: List[str] = []
    for number, cells in read_cells(path, blank="inner"):
        if cells == [""] and len(header) != 1:
            continue
        if not header:
            header = cells
            if "\r" in cells[-1]:
                raise ValueError(
                    f"{path}:{number}: lines end in CR alone; convert the file, e.g. with "
                    "`tr '\\r' '\\n'`."
                )
            if len(set(header)) < len(header):
                raise ValueError(
                    f"{path}:{number}: the header names a column twice: {', '.join(header)}."
                )
            continue
        if len(cells) != len(header):
            raise ValueError(
                f"{path}:{number}: {len(cells)} column(s) found, {len(header)} expected "
                f"({', '.join(header)}). Columns are separated by one tab each; write a tab or "
                "line end inside a text as a space."
            )
        yield Row(dict(zip(header, cells)), path, number)
