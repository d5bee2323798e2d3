"""Write predictions to the result files and, if they answer a stream, to standard output."""

import contextlib
import os
import sys
from typing import IO, Iterator, List, Optional, Sequence, cast

from finetune.util.files import atomic_text
from finetune.util.printable import printable


class StandardOutput:
    """Standard output, as a file to write to; a terminal gets control characters as escapes."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self._waiting: List[str] = []

    def write(self, text: str) -> int:
        """Takes a text, which `flush` passes on."""
        self._waiting.append(text)
        return len(text)

    def flush(self) -> None:
        """Passes on what was written.

        Raises:
          OSError: Standard output is closed, or its disk is full.
        """
        text = "".join(self._waiting)
        self._waiting.clear()
        with self._ends_if_closed():
            sys.stdout.write(printable(text) if self.is_terminal else text)
            sys.stdout.flush()

    @contextlib.contextmanager
    def _ends_if_closed(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # At exit, Python writes what is left in its buffer, and would fail again.
            with open(os.devnull, "w", encoding="utf-8") as nothing:
                os.dup2(nothing.fileno(), sys.stdout.fileno())
            raise


class _Copied:
    """A file whose content is also written to standard output."""

    def __init__(self, file: IO[str], copy: StandardOutput):
        self._file = file
        self._copy = copy

    def write(self, text: str) -> int:
        self._file.write(text)
        return self._copy.write(text)


@contextlib.contextmanager
def opened_results(
    paths: Sequence[str], copy: Optional[StandardOutput] = None
) -> Iterator[List[IO[str]]]:
    """Opens result files, which replace earlier ones when they are complete.

    Args:
      paths: The files.
      copy: Gets what is written to the last file. The answers that it got stay in the files, even
        if an error follows.
    """
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(atomic_text(path, keep_partial=copy is not None)) for path in paths
        ]
        if copy is not None:
            writers[-1] = cast(IO[str], _Copied(writers[-1], copy))
        yield writers
