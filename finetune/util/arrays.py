"""Arrays that grow row by row, and move to disk when they are large."""

import array
import itertools
import tempfile
from typing import IO, Iterable, Optional

import numpy as np

_TYPE_CODES = {np.dtype(np.int32): "i", np.dtype(np.int64): "q", np.dtype(np.uint64): "Q",
               np.dtype(np.float64): "d"}  # fmt: skip
_AT_ONCE = 1 << 16
_HELD_BYTES = 16 << 20  # Kept in memory before it is written to disk


class GrowingArray:
    """Numbers of a data set, of which at most a few megabytes are in memory at a time."""

    def __init__(self, dtype: type, first: Iterable = ()):
        """Creates an array.

        Args:
          dtype: int32, int64, uint64 or float64.
          first: The first numbers.
        """
        self._dtype = np.dtype(dtype)
        self._held = array.array(_TYPE_CODES[self._dtype], first)
        self._file: Optional[IO[bytes]] = None
        self._on_disk = 0
        self._read = False
        self._mapped: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return self._on_disk + len(self._held)

    def append(self, number) -> None:
        """Adds a number; see `extend`."""
        self._refuse_if_read()
        self._held.append(number)
        self._spill_if_large()

    def extend(self, numbers: Iterable) -> None:
        """Adds numbers; those of a NumPy array are added at once.

        Raises:
          RuntimeError: The numbers have been read already.
        """
        self._refuse_if_read()
        if isinstance(numbers, np.ndarray):
            whole = np.ascontiguousarray(numbers.astype(self._dtype, casting="safe", copy=False))
            self._held.frombytes(memoryview(whole).cast("B"))
            self._spill_if_large()
            return
        iterator = iter(numbers)
        while True:
            before = len(self._held)
            self._held.extend(itertools.islice(iterator, _AT_ONCE))
            if len(self._held) == before:
                return
            self._spill_if_large()

    def _refuse_if_read(self) -> None:
        if self._read:
            raise RuntimeError("The array has been read and cannot grow any more.")

    def _spill_if_large(self) -> None:
        if len(self._held) * self._dtype.itemsize >= _HELD_BYTES:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            # It has no name, so it disappears with the process, however that ends.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._held.tofile(self._file)
        self._on_disk += len(self._held)
        del self._held[:]

    def to_numpy(self) -> np.ndarray:
        """Returns the numbers without copying, in memory or mapped from disk; ends the growth."""
        self._read = True
        if self._file is None:
            return (
                np.frombuffer(self._held, self._dtype) if self._held else np.zeros(0, self._dtype)
            )
        if self._mapped is None:
            self._spill()
            self._file.flush()
            self._mapped = np.memmap(self._file, self._dtype, mode="r", shape=(self._on_disk,))
        return self._mapped
