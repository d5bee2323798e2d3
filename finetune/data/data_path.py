"""The path of a data file, with everything that its readers need to know about the file."""

import io
import os
import select
from typing import Callable, Optional, Union

from finetune.util.files import special_kind

STANDARD_INPUT = "-"
MAX_LINE_LENGTH = 1 << 24  # In characters

_PAUSE_SECONDS = 0.1  # A writer that is silent for so long has paused.
_BLOCK_BYTES = 1 << 16


class DataPath(str):
    """A path with the encoding and the maximum line length of its file, for `read_lines`."""

    encoding = "utf-8"
    max_line_length = MAX_LINE_LENGTH

    @classmethod
    def of(cls, path: str, encoding: str, max_line_length: int = MAX_LINE_LENGTH) -> "DataPath":
        """Returns a path.

        Args:
          path: The path.
          encoding: The encoding of its file, as Python names it.
          max_line_length: In characters; a longer line is an error.
        """
        data_path = cls(path)
        data_path.encoding = encoding
        data_path.max_line_length = max_line_length
        return data_path

    @classmethod
    def beside(cls, path: str, other: str) -> "DataPath":
        """Returns a path with the encoding and the maximum line length of another path."""
        known = other if isinstance(other, DataPath) else cls(other)
        return cls.of(path, known.encoding, known.max_line_length)


def max_line_length_of(path: str) -> int:
    """Returns the maximum length of a line in a file, in characters."""
    return path.max_line_length if isinstance(path, DataPath) else MAX_LINE_LENGTH


class InputStream(io.RawIOBase):
    """The bytes of standard input or of a pipe, which can be read only once.

    Attributes:
      on_pause: Called each time the writer has paused, before the stream waits for it.
    """

    def __init__(self, path: str = STANDARD_INPUT):
        """Opens standard input or a pipe."""
        is_standard_input = path == STANDARD_INPUT
        self._handle = 0 if is_standard_input else os.open(path, os.O_RDONLY)
        self._owns_handle = not is_standard_input
        self._waits = True
        self._has_ended = False
        self.on_pause: Callable[[], None] = lambda: None

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Union[bytearray, memoryview]) -> Optional[int]:  # type: ignore[override]
        """Reads what the writer has written, as `io.RawIOBase` describes."""
        if self._has_ended:
            return 0
        if not self._has_data():
            if not self._waits:
                return None
            self.on_pause()
            if self._has_ended:
                return 0
        data = os.read(self._handle, len(buffer))
        self._has_ended = not data
        buffer[: len(data)] = data
        return len(data)

    def _has_data(self) -> bool:
        return bool(select.select([self._handle], [], [], _PAUSE_SECONDS)[0])

    def is_ready(self, reader: io.BufferedReader) -> bool:
        """Returns whether a reader of this stream has more without waiting; True at the end."""
        if reader.closed:
            return True
        self._waits = False
        try:
            return bool(reader.peek(1)) or self._has_ended
        finally:
            self._waits = True

    def is_terminal(self) -> bool:
        """Returns whether a person types the bytes."""
        return os.isatty(self._handle)

    def stop(self) -> None:
        """Makes the stream end, whatever its writer does."""
        self._has_ended = True

    def close(self) -> None:
        """Closes a pipe; standard input stays open."""
        if self._owns_handle and not self.closed:
            os.close(self._handle)
        super().close()


class StreamPath(DataPath):
    """The path of standard input or of a pipe that is being read.

    Attributes:
      stream: The bytes.
      reader: Reads them through a buffer.
    """

    stream: InputStream
    reader: io.BufferedReader

    @classmethod
    def opened(cls, path: str) -> "StreamPath":
        """Opens standard input or a pipe; a `DataPath` keeps its encoding."""
        stream_path = cls.beside(path, path)
        assert isinstance(stream_path, StreamPath)
        stream_path.stream = InputStream(path)
        stream_path.reader = io.BufferedReader(stream_path.stream, _BLOCK_BYTES)
        return stream_path


def is_stream(path: str) -> bool:
    """Returns whether a path is standard input or a pipe that is being read."""
    return path == STANDARD_INPUT or isinstance(path, StreamPath)


def has_more(path: str) -> bool:
    """Returns whether the next rows can be read without waiting for the writer of a stream."""
    return not isinstance(path, StreamPath) or path.stream.is_ready(path.reader)


def stream_of(path: str) -> Optional[str]:
    """Returns the path of the stream that a path names: "-", or a pipe; None if it names none.

    /dev/stdin names standard input, unless that is a file.
    """
    kind = special_kind(path)
    if path == STANDARD_INPUT or kind is None:
        return STANDARD_INPUT if path == STANDARD_INPUT else None
    try:
        if os.path.samestat(os.stat(path), os.fstat(0)):
            return STANDARD_INPUT
    except OSError:
        pass  # Standard input is closed.
    return path if kind == "a pipe" else None
