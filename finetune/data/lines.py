"""Read text files line by line; errors name the file and the line."""

import codecs
import functools
import io
import logging
from typing import Iterator, Optional, Tuple

from finetune.data.containers import DamagedFile, Reader, open_data
from finetune.data.data_path import STANDARD_INPUT, DataPath, max_line_length_of
from finetune.util.errors import InputError
from finetune.util.files import check_link

__all__ = ["DataPath", "check_cr", "read_bare_lines", "read_lines", "read_start"]

_log = logging.getLogger(__name__)

_MARK = "\ufeff"  # The byte order mark
_MARKS = {  # The first that fits counts: the mark of UTF-32 starts with that of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_START_BYTES = 512
_MAX_BYTES_PER_CHARACTER = 4  # In UTF-8 and GB 18030


def read_lines(path: str, blank: str = "skip", keeps_cr: bool = False) -> Iterator[Tuple[int, str]]:
    """Yields (line number from 1, text without line end) from a file.

    The file can be compressed, or in an archive; `containers.py` opens it. The encoding is UTF-8,
    unless the path is a `DataPath` with a different one. A byte order mark is dropped; lines end at
    LF or CRLF.

    Args:
      path: The file, or "-" for standard input.
      blank: Which empty lines to yield: "skip" yields none, "inner" all except those at the end of
        the file, "all" all of them. Line numbers count all of them.
      keeps_cr: Whether a CR at the end of a line is part of its text.

    Raises:
      InputError: The file cannot be opened, is empty or damaged, is not text, or contains bytes
        that its encoding does not allow.
    """
    number = last = 0
    try:
        with open_data(path) as contents:
            for number, text in _decode(contents.reader, path, keeps_cr):
                is_blank = not (text.rstrip("\r") if keeps_cr else text)
                if is_blank and blank != "all":
                    continue
                if blank == "inner":  # Blank lines since the last text are not at the end.
                    yield from ((n, "") for n in range(last + 1, number))
                last = number
                yield number, text
    except DamagedFile as error:
        raise InputError(f"{path}:{number + 1}: {error}") from error
    except OSError as error:
        check_link(path)
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}. Specify files with "
            "--train_file, --dev_file and --predict_file, or put them into --data_dir."
        ) from error
    if number == 0:
        what = "standard input" if path == STANDARD_INPUT else f"{path}: the file"
        raise InputError(f"{what} is empty; expected one row per line.")


def read_start(path: str) -> str:
    """Returns the first characters of a file; "" after an error, which `read_lines` raises."""
    try:
        with open_data(path) as contents:
            start: bytes = contents.reader.peek(_START_BYTES)[:_START_BYTES]
    except (OSError, DamagedFile):
        return ""
    return start.decode(getattr(path, "encoding", DataPath.encoding), "ignore").lstrip(_MARK)


def _decode(reader: Reader, path: str, keeps_cr: bool) -> Iterator[Tuple[int, str]]:
    encoding = getattr(path, "encoding", DataPath.encoding)
    limit = max_line_length_of(path)
    # In UTF-16, for example, a line end is not one byte, so lines are separated after decoding.
    decode_lines = _decode_by_line if "\n".encode(encoding) == b"\n" else _decode_whole
    has_mark_inside = is_json = False
    for number, text in decode_lines(reader, path, encoding, limit):
        if text.startswith(_MARK):
            if number > 1:
                raise InputError(
                    f"{path}:{number}: a byte order mark inside the file. Were two files joined? "
                    "Delete the mark, and the line if it is a second header."
                )
            text = text[1:]
            if not text:
                continue  # The file contains only the byte order mark.
        is_json |= number == 1 and text.lstrip()[:1] in ("{", "[")
        # In JSON, a mark between two records is an error, and one inside a text belongs to it.
        if not has_mark_inside and not is_json and _MARK in text:
            has_mark_inside = True
            _warn_of_mark(path, number)
        if "\0" in text:
            raise InputError(
                f"{path}:{number}: a NUL byte at position {text.index(chr(0)) + 1}; expected text. "
                "Is the file UTF-16 (--encoding=utf-16, utf-16-le or utf-16-be), or damaged?"
            )
        # Python's csv module, used wrongly on Windows, ends lines with CR CR LF.
        bare = text.rstrip("\r\n") if text.endswith("\n") else text
        if len(bare) > limit:
            raise _long_line_error(path, number, limit)
        yield number, text.rstrip("\n") if keeps_cr else bare


@functools.lru_cache(maxsize=100)  # A file is read several times.
def _warn_of_mark(path: str, number: int) -> None:
    # Texts from web pages contain such marks, too, so this is no error.
    _log.warning(
        "%s:%d: a byte order mark inside the line. If two files were joined here, separate the "
        "line into two.",
        path,
        number,
    )


def _decode_by_line(
    reader: Reader, path: str, encoding: str, limit: int
) -> Iterator[Tuple[int, str]]:
    size = _MAX_BYTES_PER_CHARACTER * limit + len("\r\n")
    for number, raw in enumerate(iter(lambda: reader.readline(size), b""), start=1):
        found = _encoding_of(raw) if number == 1 else None
        if found is not None:
            raise InputError(f"{path}:1: the file is {found.upper()}; use --encoding={found}.")
        if len(raw) == size and not raw.endswith(b"\n"):
            raise _long_line_error(path, number, limit)
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise _decoding_error(path, number, error) from error


def _encoding_of(start: bytes) -> Optional[str]:
    """Returns the encoding whose byte order mark a file starts with, other than UTF-8."""
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def _decode_whole(
    reader: Reader, path: str, encoding: str, limit: int
) -> Iterator[Tuple[int, str]]:
    number = 0
    lines = io.TextIOWrapper(reader, encoding, newline="\n")
    try:
        for text in iter(lambda: lines.readline(limit + len("\r\n")), ""):
            number += 1
            yield number, text
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):  # Earlier lines in its block were not yielded.
            number += error.object[: error.start].decode(error.encoding, "ignore").count("\n")
        raise _decoding_error(path, number + 1, error) from error


def _long_line_error(path: str, number: int, limit: int) -> InputError:
    return InputError(
        f"{path}:{number}: the line is longer than {limit} characters; expected one row per line. "
        "If it is a row, set a higher --max_line_length."
    )


def _decoding_error(path: str, number: int, error: UnicodeError) -> InputError:
    found, encoding = f"a byte ({error})", getattr(path, "encoding", DataPath.encoding)
    if isinstance(error, UnicodeDecodeError):
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    return InputError(
        f"{path}:{number}: {found} is not {encoding.upper()}. If the file has another encoding, "
        "specify it, for example --encoding=latin-1, cp1252, utf-16 or utf-16-le; otherwise "
        "correct the line."
    )


def read_bare_lines(path: str) -> Iterator[Tuple[int, str]]:
    """Yields all lines of a file in which each line is a text; see `read_lines` and `check_cr`."""
    for number, text in read_lines(path, blank="all"):
        check_cr(text, path, number)
        yield number, text


def check_cr(line: str, path: str, number: int) -> None:
    """Raises `InputError` if a line contains a CR, which probably ends a line on its own."""
    if "\r" in line:
        raise InputError(
            f"{path}:{number}: a CR inside the line: lines end in CR only, or a text contains one. "
            "Convert the line ends, for example with `perl -pe 's/\\r\\n?/\\n/g'`, or delete "
            "the CR."
        )
