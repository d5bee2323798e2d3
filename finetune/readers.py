"""Read text files line by line, saying file and line of whatever is wrong in them."""

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from typing import BinaryIO, Dict, Iterator, List, Tuple

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"  # Spreadsheets are such archives, too.
# Characters of a cell in quotes: where a quote is not closed, the rest of the file is one cell.
_LONGEST_CELL = 1 << 24


class DataPath(str):
    """A path that says how its file is encoded, so that each reader of it need not be told."""

    encoding = "utf-8"

    @classmethod
    def of(cls, path: str, encoding: str) -> "DataPath":
        """Returns a path with its file's encoding, a name that Python knows."""
        known = cls(path)
        known.encoding = encoding
        return known

    @classmethod
    def beside(cls, path: str, other: str) -> "DataPath":
        """Returns a path with the encoding of another."""
        return cls.of(path, getattr(other, "encoding", cls.encoding))


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
    """Yields (line number from 1, text without line end) of a file, plain or compressed by gzip.

    It is in UTF-8, unless the path is a `DataPath` that says otherwise. A byte order mark is
    dropped; lines end at LF or CRLF.

    Args:
      path: The file, or "-" for standard input.
      blank: What becomes of lines that hold nothing at all: "skip": they are counted but passed
        over; "inner": those at the file's end alone are; "all": they are yielded.

    Raises:
      ValueError: The file cannot be opened, is empty or damaged, or has bytes that are not of its
        encoding.
    """
    number = 0
    held: List[int] = []  # Blank lines of which it is not known yet whether they end the file
    try:
        with _open(path) as reader:
            for number, text in _decoded(reader, path):
                if not text:
                    held.append(number)
                    continue
                if blank != "skip":
                    yield from ((n, "") for n in held)
                held.clear()
                yield number, text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path}:{number + 1}: the gzip file is damaged or cut off ({error}). Get it again."
        ) from error
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read: {error.strerror or error}. Files are named by --train_file, "
            "--dev_file and --predict_file, or looked for in --data_dir."
        ) from error
    if number == 0:
        what = "standard input" if path == "-" else f"{path}: the file"
        raise ValueError(f"{what} is empty; expected one row a line.")
    if blank == "all":
        yield from ((n, "") for n in held)


@contextlib.contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as raw:
        compressed = raw.peek(2)[:2] == _GZIP
        yield gzip.GzipFile(fileobj=raw) if compressed else raw


def _decoded(reader: BinaryIO, path: str) -> Iterator[Tuple[int, str]]:
    encoding = getattr(path, "encoding", DataPath.encoding)
    # Where a line end is not the byte 10, lines can be told apart after decoding alone.
    decode = _decode_by_line if "\n".encode(encoding) == b"\n" else _decode_whole
    for number, text in decode(reader, path, encoding):
        if number == 1 and text.startswith("\ufeff"):
            text = text[1:]
            if not text:
                continue  # There is nothing else in the file.
        if "\0" in text:
            raise ValueError(
                f"{path}:{number}: a NUL byte at position {text.index(chr(0)) + 1}; expected text. "
                "Is it UTF-16 (--encoding=utf-16, utf-16-le or utf-16-be), or damaged?"
            )
        yield number, text[:-2] if text.endswith("\r\n") else text.rstrip("\n")


def _decode_by_line(reader: BinaryIO, path: str, encoding: str) -> Iterator[Tuple[int, str]]:
    for number, raw in enumerate(reader, start=1):
        if number == 1 and raw.startswith(_UTF16):
            raise ValueError(f"{path}:1: the file is UTF-16; give --encoding=utf-16.")
        if number == 1 and raw.startswith(_ZIP):
            raise ValueError(
                f"{path}:1: a zip archive or a spreadsheet, not text. Save it as CSV in UTF-8."
            )
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise _not_decoded(path, number, error) from error


def _decode_whole(reader: BinaryIO, path: str, encoding: str) -> Iterator[Tuple[int, str]]:
    number = 0
    try:
        for text in io.TextIOWrapper(reader, encoding, newline="\n"):
            number += 1
            yield number, text
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):  # Lines of its block are not yielded yet.
            number += error.object[: error.start].decode(error.encoding, "ignore").count("\n")
        raise _not_decoded(path, number + 1, error) from error


def _not_decoded(path: str, number: int, error: UnicodeError) -> ValueError:
    found, encoding = f"a byte ({error})", getattr(path, "encoding", DataPath.encoding)
    if isinstance(error, UnicodeDecodeError):
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    return ValueError(
        f"{path}:{number}: {found} is not {encoding.upper()}. If the file is in another encoding, "
        "say which, such as --encoding=latin-1, cp1252, utf-16 or utf-16-le; else correct the line."
    )


def read_cells(
    path: str, blank: str = "skip", delimiter: str = "\t"
) -> Iterator[Tuple[int, List[str]]]:
    """Yields (line number, cells) of a tab-separated file; quotes are characters like any other."""
    for number, text in read_lines(path, blank):
        yield number, text.split(delimiter)


def read_quoted_cells(path: str, delimiter: str) -> Iterator[Tuple[int, List[str]]]:
    """Yields (number of the first line, cells) of the rows of a file whose cells may be in quotes.

    A blank line has no cells; those at the file's end are passed over.

    By RFC 4180: within quotes, a delimiter or line end is text, and two quotes are one.

    Raises:
      ValueError: As `read_lines`; or a quote is not closed, or is followed by more text.
    """
    last = 0

    def lines() -> Iterator[str]:
        nonlocal last
        for number, text in read_lines(path, blank="inner"):
            last = number
            yield text + "\n"

    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        first = last + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = {
                "unexpected end of data": "a quote is not closed before the file's end",
                f"'{delimiter}' expected after '\"'": "text goes on behind a closing quote",
            }.get(str(error), str(error))
            if "new-line character" in reason:
                refuse_lone_cr("\r", f"{path}:{first}")
            raise ValueError(
                f"{path}:{first}: {reason} (line {last}). Within quotes, write a quote as two; or "
                "give --quoting=false if quotes are characters like any other."
            ) from error
        yield first, cells


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
            refuse_header(cells, f"{path}:{number}")
            continue
        refuse_width(cells, header, f"{path}:{number}")
        yield Row(dict(zip(header, cells)), path, number)


def refuse_lone_cr(first_line: str, where: str) -> None:
    """Raises `ValueError` if a first line has line ends of another kind within it."""
    if "\r" in first_line:
        raise ValueError(
            f"{where}: lines end in CR alone; convert the file, e.g. with `tr '\\r' '\\n'`."
        )


def refuse_header(cells: List[str], where: str) -> None:
    """Raises `ValueError` if the cells of a first line cannot name columns."""
    refuse_lone_cr("\t".join(cells), where)
    # A table may have columns without a name, such as those behind the last one in a spreadsheet.
    twice = next((name for i, name in enumerate(cells) if name and name in cells[:i]), None)
    if twice is not None:
        raise ValueError(
            f"{where}: the header names a column twice, {twice!r}: {', '.join(cells):.200}."
        )


def refuse_width(cells: List[str], header: List[str], where: str) -> None:
    """Raises `ValueError` if a row has not as many cells as the header, or the first row."""
    if len(cells) != len(header):
        raise ValueError(
            f"{where}: {len(cells)} column(s) found, {len(header)} expected "
            f"({', '.join(header):.200}). Write a separator or line end inside a text as a space, "
            "or put the text in quotes in a file that has them (CSV). --delimiter says what is "
            "between columns."
        )
