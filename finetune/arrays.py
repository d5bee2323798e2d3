"""Arrays that grow row by row, on disk once they are large."""

import array
import itertools
import tempfile
from typing import IO, Iterable, Optional

import numpy as np

_TYPE_CODES = {np.dtype(np.int32): "i", np.dtype(np.int64): "q", np.dtype(np.uint64): "Q",
               np.dtype(np.float64): "d"}  # fmt: skip
_AT_ONCE = 1 << 16
_HELD_BYTES = 16 << 20  # What is kept in memory before it goes to disk


class GrowingArray:
    """Numbers of a data set, of which memory holds no more than some megabytes at a time."""

    def __init__(self, dtype: type, first: Iterable = ()):
        """Starts with some numbers.

        Args:
          dtype: int32, int64, uint64 or float64.
          first: The first ones.
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
        """Adds a number; raises as `extend`."""
        self._refuse_if_read()
        self._held.append(number)
        self._spill_if_large()

    def extend(self, numbers: Iterable) -> None:
        """Adds numbers, of which an array is added at once.

        Raises:
          RuntimeError: The numbers have been read.
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
            raise RuntimeError("The array has been read; it grows no more.")

    def _spill_if_large(self) -> None:
        if len(self._held) * self._dtype.itemsize >= _HELD_BYTES:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            # Without a name: it is gone with the process, however that ends.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._held.tofile(self._file)
        self._on_disk += len(self._held)
        del self._held[:]

    def to_numpy(self) -> np.ndarray:
        """Returns the numbers, in memory or mapped from disk, without a copy; ends the growing."""
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
