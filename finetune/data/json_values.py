"""Read the values in a JSON file: one per line, in arrays, or in any other layout."""

import itertools
import json
import re
from typing import Iterable, Iterator, NamedTuple, Tuple

from finetune.data.data_path import DataPath, is_stream, max_line_length_of
from finetune.data.lines import check_cr, read_lines, read_start
from finetune.util.errors import InputError

_OPEN = ("{", "[", ",")  # A line that ends in one of these does not end its value.
_NOT_SPACE = re.compile(r"\S")
_BLOCK_LENGTH = 1 << 16  # In characters
_MAX_LIST_LENGTH = 1 << 40  # In characters
_DECODER = json.JSONDecoder()


class JsonValue(NamedTuple):
    """A value in a JSON file: its name, unique in the file, its place, and the value."""

    name: str
    where: str
    value: object


def read_values(path: str) -> Iterator[JsonValue]:
    """Yields the values in a JSON file.

    If the first line is a value, each line must be one, and its name is the line's number.
    Otherwise, values can have any layout, and their names are 1, 2, … The items of an array are
    values, unless it is a pair of a text and an object.

    Raises:
      InputError: See `read_lines`; or the file is not JSON.
    """
    if not is_stream(path):
        is_document = _is_document(read_start(path))
        lines = read_lines(_unlimited(path), blank="all") if is_document else read_lines(path)
    else:
        lines = read_lines(path)
        first = next(((number, line) for number, line in lines if line.strip()), (1, ""))
        is_document = _is_document(first[1] + "\n")
        lines = itertools.chain([first], lines)
    if is_document:
        yield from _document_values(path, lines)
        return
    for number, line in lines:
        if line.strip():
            yield JsonValue(str(number), f"{path}:{number}", _decoded(line, path, number))


def _unlimited(path: str) -> DataPath:
    # Programs write a whole list into one line; its end is that of the file.
    return DataPath.of(path, DataPath.beside(path, path).encoding, _MAX_LIST_LENGTH)


def is_json_document(path: str) -> bool:
    """Returns whether a file is JSON, but not one value per line."""
    try:
        first = next(read_values(path), None) if _is_document(read_start(path)) else None
    except InputError:
        return False
    return first is not None and isinstance(first.value, (dict, list))


def _is_document(start: str) -> bool:
    """Returns whether the start of a JSON file does not look like a value in the first line."""
    start = start.lstrip()
    first, line_end, _ = start.partition("\n")
    if not line_end:
        return start.startswith("[")
    return first.startswith("[") or (first[:1] == "{" and first.rstrip().endswith(_OPEN))


def _decoded(line: str, path: str, number: int) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        check_cr(line, path, number)
        raise InputError(
            f"{path}:{number}: not JSON ({error}); expected one object per line, or a "
            "list of objects."
        ) from error


def _document_values(path: str, lines: Iterable[Tuple[int, str]]) -> Iterator[JsonValue]:
    # Values in a stream are yielded as soon as they are there.
    block = 1 if is_stream(path) else _BLOCK_LENGTH
    document = _Document(path, (line + "\n" for _, line in lines), block)
    for number, (line, value) in enumerate(document.values(), start=1):
        yield JsonValue(str(number), f"{path}:{line}, item {number}", value)


class _Document:
    """Decodes the values in a text that is read in pieces, so that few are in memory."""

    def __init__(self, path: str, pieces: Iterable[str], block: int):
        self._path = path
        self._pieces = iter(pieces)
        self._block = block
        self._text = ""
        self._position = 0
        self._lines = 1  # The number of the line that contains `_counted`
        self._counted = 0

    def values(self) -> Iterator[Tuple[int, object]]:
        """Yields each value with the number of its line; items of an array are values."""
        while self._next_char():
            if self._text[self._position] == "[" and self._next_char(offset=1) != '"':
                yield from self._items()
                continue
            line, value = self._line(), self._decode()
            is_pair = isinstance(value, list) and isinstance(value[-1], dict)
            for item in value if isinstance(value, list) and not is_pair else [value]:
                yield line, item

    def _items(self) -> Iterator[Tuple[int, object]]:
        self._position += 1
        while self._next_char() != "]":
            yield self._line(), self._decode()
            if self._next_char() == ",":
                self._position += 1
            elif self._next_char() != "]":
                raise self._error("expected ',' or ']' after an item of a list")
        self._position += 1

    def _next_char(self, offset: int = 0) -> str:
        """Returns the next character that is not whitespace; "" at the end.

        Without an offset from the current position, the position moves to this character.
        """
        while True:
            found = _NOT_SPACE.search(self._text, self._position + offset)
            if found and not offset:
                self._position = found.start()
            if found or not self._fill():
                return found[0] if found else ""

    def _decode(self) -> object:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                offset = error.pos - self._position
                self._check_length()
                if not self._fill():
                    self._position += offset
                    raise self._error(error.msg) from error
            except (ValueError, RecursionError) as error:  # For example, a number of 5,000 digits
                raise self._error(str(error)) from error
            else:
                # A number at the end of a piece can continue in the next one.
                if end < len(self._text) or not self._fill():
                    self._position = end
                    return value

    def _check_length(self) -> None:
        """Raises `InputError` if a value of a stream does not end."""
        limit = max_line_length_of(self._path)
        if is_stream(self._path) and len(self._text) - self._position > limit:
            raise self._error(f"a value is longer than {limit} characters (--max_line_length)")

    def _fill(self) -> bool:
        """Reads a block, or as much as there is left of the last ones; returns whether it could."""
        self._line()
        self._text = self._text[self._position :]
        self._position = self._counted = 0
        wanted = max(self._block, len(self._text))
        added = []
        for piece in self._pieces:
            added.append(piece)
            wanted -= len(piece)
            if wanted <= 0:
                break
        self._text += "".join(added)
        return bool(added)

    def _line(self) -> int:
        """Returns the number of the line that contains the current position."""
        self._lines += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._lines

    def _error(self, reason: str) -> InputError:
        return InputError(
            f"{self._path}:{self._line()}: not JSON ({reason}); expected objects, or a "
            "list of objects."
        )
