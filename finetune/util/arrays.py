"""Arrays that grow row by row and move to disk once they are large."""

import array
import itertools
import tempfile
from typing import IO, Iterable, Optional, Type, Union

import numpy as np

Number = Union[int, float]

_TYPE_CODES = {
    np.dtype(np.int32): "i",
    np.dtype(np.int64): "q",
    np.dtype(np.uint64): "Q",
    np.dtype(np.float64): "d",
}
_BLOCK_LENGTH = 1 << 16  # How many numbers are taken from an iterator at a time
_MAX_BYTES_IN_MEMORY = 16 << 20  # An array that reaches this size is moved to disk.


class GrowingArray:
    """An array of numbers that grows until it is read, with at most 16 MiB in memory."""

    def __init__(self, dtype: Type[np.generic], first: Iterable[Number] = ()):
        """Creates an array.

        Args:
          dtype: int32, int64, uint64 or float64.
          first: The initial numbers.
        """
        self._dtype: np.dtype = np.dtype(dtype)
        self._in_memory: array.array = array.array(_TYPE_CODES[self._dtype], first)
        self._file: Optional[IO[bytes]] = None
        self._num_on_disk = 0
        self._is_read = False
        self._mapped: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return self._num_on_disk + len(self._in_memory)

    def append(self, number: Number) -> None:
        """Adds a number; see `extend`."""
        self._check_not_read()
        self._in_memory.append(number)
        self._move_to_disk_if_large()

    def extend(self, numbers: Iterable[Number]) -> None:
        """Adds numbers. A NumPy array is added as a whole, which is faster.

        Raises:
          RuntimeError: The array has already been read.
        """
        self._check_not_read()
        if isinstance(numbers, np.ndarray):
            whole = np.ascontiguousarray(numbers.astype(self._dtype, casting="safe", copy=False))
            self._in_memory.frombytes(whole.view(np.uint8).data)
            self._move_to_disk_if_large()
            return
        iterator = iter(numbers)
        while True:
            length_before = len(self._in_memory)
            self._in_memory.extend(itertools.islice(iterator, _BLOCK_LENGTH))
            if len(self._in_memory) == length_before:
                return
            self._move_to_disk_if_large()

    def _check_not_read(self) -> None:
        if self._is_read:
            raise RuntimeError("The array has been read and can no longer grow.")

    def _move_to_disk_if_large(self) -> None:
        if len(self._in_memory) * self._dtype.itemsize >= _MAX_BYTES_IN_MEMORY:
            self._move_to_disk()

    def _move_to_disk(self) -> IO[bytes]:
        if self._file is None:
            # The file has no name, so it disappears with the process, however the process ends.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._in_memory.tofile(self._file)
        self._num_on_disk += len(self._in_memory)
        del self._in_memory[:]
        return self._file

    def to_numpy(self) -> np.ndarray:
        """Returns the numbers without copying them, in memory or mapped from disk.

        After this, the array cannot grow.
        """
        self._is_read = True
        if self._file is None:
            if not self._in_memory:
                return np.zeros(0, self._dtype)
            return np.frombuffer(self._in_memory, self._dtype)
        if self._mapped is None:
            file = self._move_to_disk()
            file.flush()
            self._mapped = np.memmap(file, self._dtype, mode="r", shape=(self._num_on_disk,))
        return self._mapped
