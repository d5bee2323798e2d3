"""Read text files line by line; errors name the file and the line."""

import codecs
import contextlib
import gzip
import io
import zlib
from typing import BinaryIO, Iterator, List, Tuple

from finetune.util.errors import InputError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"  # Spreadsheets are zip archives too.


class DataPath(str):
    """A path that knows its file's encoding, so that its readers need not be told."""

    encoding = "utf-8"

    @classmethod
    def of(cls, path: str, encoding: str) -> "DataPath":
        """Returns a path with its file's encoding, a name that Python knows."""
        known = cls(path)
        known.encoding = encoding
        return known

    @classmethod
    def beside(cls, path: str, other: str) -> "DataPath":
        """Returns a path with the encoding of another path."""
        return cls.of(path, getattr(other, "encoding", cls.encoding))


def read_lines(path: str, blank: str = "skip") -> Iterator[Tuple[int, str]]:
    """Yields (line number from 1, text without line end) from a file, plain or gzip-compressed.

    The encoding is UTF-8, unless the path is a `DataPath` with another one. A byte order mark is
    dropped; lines end at LF or CRLF.

    Args:
      path: The file, or "-" for standard input.
      blank: How to treat empty lines: "skip" counts them but does not yield them; "inner" yields
        all except those at the end of the file; "all" yields all.

    Raises:
      InputError: The file cannot be opened, is empty or damaged, or contains bytes that its
        encoding does not allow.
    """
    number = 0
    held: List[int] = []  # Empty lines that may turn out to be at the end of the file
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
        raise InputError(
            f"{path}:{number + 1}: the gzip file is damaged or truncated ({error}). Get it again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}. Name files by --train_file, "
            "--dev_file and --predict_file, or put them into --data_dir."
        ) from error
    if number == 0:
        what = "standard input" if path == "-" else f"{path}: the file"
        raise InputError(f"{what} is empty; expected one row per line.")
    if blank == "all":
        yield from ((n, "") for n in held)


@contextlib.contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as raw:
        is_compressed = raw.peek(2)[:2] == _GZIP
        yield gzip.GzipFile(fileobj=raw) if is_compressed else raw


def _decoded(reader: BinaryIO, path: str) -> Iterator[Tuple[int, str]]:
    encoding = getattr(path, "encoding", DataPath.encoding)
    # If a line end is not the byte 10, lines can only be separated after decoding.
    decode = _decode_by_line if "\n".encode(encoding) == b"\n" else _decode_whole
    for number, text in decode(reader, path, encoding):
        if number == 1 and text.startswith("\ufeff"):
            text = text[1:]
            if not text:
                continue  # The file contains nothing else.
        if "\0" in text:
            raise InputError(
                f"{path}:{number}: a NUL byte at position {text.index(chr(0)) + 1}; expected text. "
                "Is the file UTF-16 (--encoding=utf-16, utf-16-le or utf-16-be), or damaged?"
            )
        yield number, text[:-2] if text.endswith("\r\n") else text.rstrip("\n")


def _decode_by_line(reader: BinaryIO, path: str, encoding: str) -> Iterator[Tuple[int, str]]:
    for number, raw in enumerate(reader, start=1):
        if number == 1 and raw.startswith(_UTF16):
            raise InputError(f"{path}:1: the file is UTF-16; give --encoding=utf-16.")
        if number == 1 and raw.startswith(_ZIP):
            raise InputError(
                f"{path}:1: a zip archive or a spreadsheet, not text. Save it as CSV in UTF-8."
            )
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise _undecodable(path, number, error) from error


def _decode_whole(reader: BinaryIO, path: str, encoding: str) -> Iterator[Tuple[int, str]]:
    number = 0
    try:
        for text in io.TextIOWrapper(reader, encoding, newline="\n"):
            number += 1
            yield number, text
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):  # The lines of its block are not yielded yet.
            number += error.object[: error.start].decode(error.encoding, "ignore").count("\n")
        raise _undecodable(path, number + 1, error) from error


def _undecodable(path: str, number: int, error: UnicodeError) -> InputError:
    found, encoding = f"a byte ({error})", getattr(path, "encoding", DataPath.encoding)
    if isinstance(error, UnicodeDecodeError):
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    return InputError(
        f"{path}:{number}: {found} is not {encoding.upper()}. If the file has another encoding, "
        "name it, for example --encoding=latin-1, cp1252, utf-16 or utf-16-le; otherwise correct "
        "the line."
    )


def refuse_lone_cr(first_line: str, where: str) -> None:
    """Raises `InputError` if a first line contains CR characters: the lines end in CR only."""
    if "\r" in first_line:
        raise InputError(
            f"{where}: lines end in CR only; convert the file, for example with `tr '\\r' '\\n'`."
        )
