"""Write sentence vectors as a NumPy file, and the rows that they belong to as a table."""

import contextlib
import csv
from typing import IO, Iterator, Sequence, Tuple

import numpy as np

from finetune.util.files import atomic_binary, atomic_text

_HEADER_BYTES = 128
_DTYPE = np.dtype("<f4")


class EmbeddingFiles:
    """Vectors and their rows, which are written as they are computed.

    Attributes:
      number: How many vectors were written.
    """

    def __init__(self, vectors: IO[bytes], rows: IO[str], width: int):
        """Begins the files.

        Args:
          vectors: The NumPy file.
          rows: The table.
          width: Number of components of a vector.
        """
        self.number = 0
        self._vectors = vectors
        self._table = csv.writer(rows, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        self._quoting = csv.writer(rows, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._width = width
        self._table.writerow(("guid", "text"))
        self._write_header()

    def _write_header(self) -> None:
        # The number of rows is known at the end, so the header has room for any.
        shape = (self.number, self._width)
        about = repr({"descr": _DTYPE.str, "fortran_order": False, "shape": shape})
        magic = np.lib.format.magic(1, 0)
        size = _HEADER_BYTES - len(magic) - 2  # Two bytes say how long the rest is.
        text = about.ljust(size - 1) + "\n"
        self._vectors.seek(0)
        self._vectors.write(magic + size.to_bytes(2, "little") + text.encode("ascii"))

    def write(self, rows: Sequence[Tuple[str, str]], vectors: np.ndarray) -> None:
        """Writes vectors.

        Args:
          rows: The guid and the text of each.
          vectors: float32 [rows, width].
        """
        for row in rows:
            # A lone CR ends a line for readers, but minimal quoting does not quote it.
            has_lone_cr = any("\r" in cell for cell in row)
            (self._quoting if has_lone_cr else self._table).writerow(row)
        self._vectors.write(vectors.astype(_DTYPE).tobytes())
        self.number += len(rows)

    def end(self) -> None:
        """Completes the header."""
        self._write_header()


@contextlib.contextmanager
def opened(vectors_path: str, rows_path: str, width: int) -> Iterator[EmbeddingFiles]:
    """Opens both files, which replace earlier ones when they are complete."""
    with atomic_binary(vectors_path) as vectors, atomic_text(rows_path) as rows:
        files = EmbeddingFiles(vectors, rows, width)
        yield files
        files.end()
