"""The examples of a split, read anew each time they are gone through, so that few are in memory."""

import collections.abc
import contextlib
import inspect
import json
import os
import traceback
from typing import Any, Callable, Dict, Iterable, Iterator, Sequence

import numpy as np

from finetune.data_files import MissingData
from finetune.readers import DataPath, read_lines
from processors import DataProcessor

_SPLIT_METHODS = {
    "train": "get_train_examples", "dev": "get_dev_examples", "test": "get_test_examples",
}  # fmt: skip


class Source:
    """The examples that a processor reads from a file."""

    def __init__(
        self, read: Callable[[], Iterable[Any]], processor: DataProcessor, example_class: type
    ):
        """Keeps how to read.

        Args:
          read: Begins to read, and returns the examples.
          processor: Whose code that is.
          example_class: What each example must be.
        """
        self._read = read
        self._processor = processor
        self._example_class = example_class

    def __iter__(self) -> Iterator[Any]:
        last = None
        with own_errors(type(self._processor), lambda: last):
            for example in self._refused(self._read(), collections.abc.Iterable):
                last = self._refused(example, self._example_class)
                yield last

    def _refused(self, found: Any, wanted: type) -> Any:
        if isinstance(found, wanted):
            return found
        raise ValueError(
            f"{type(self._processor).__name__}: read_examples gave {type(found).__name__}; "
            f"expected {self._example_class.__name__}s, each by yield, or a list of them."
        )


class Subset:
    """Some of the examples of a source, in its order."""

    def __init__(
        self,
        source: Iterable[Any],
        kept: np.ndarray,
        hashes: np.ndarray,
        hash_of: Callable[[Any], int],
    ):
        """Keeps the source and which of its examples to give.

        Args:
          source: The examples.
          kept: bool [examples].
          hashes: uint64 [examples], that of each example when the parts were dealt out.
          hash_of: Returns that of an example now.
        """
        self._source = source
        self._kept = kept
        self._hashes = hashes
        self._hash_of = hash_of

    def __iter__(self) -> Iterator[Any]:
        rows = 0
        for rows, example in enumerate(self._source, start=1):
            if rows > len(self._kept) or self._hash_of(example) != self._hashes[rows - 1]:
                raise _changed()
            if self._kept[rows - 1]:
                yield example
        if rows < len(self._kept):
            raise _changed()


def _changed() -> ValueError:
    return ValueError(
        "The data was not the same when it was read again, so that its parts could mix. Does it "
        "change, or does the task's class give another order each time?"
    )


class WrittenSplit:
    """Examples that were written by `runner` when it split a file."""

    def __init__(self, path: str, example_class: type):
        """Keeps the file and what its lines hold."""
        self._path = path
        self._example_class = example_class

    def __iter__(self) -> Iterator[Any]:
        for number, line in read_lines(self._path):
            try:
                yield self._example_class(**json.loads(line))
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{self._path}:{number}: not an example as the training wrote it ({error})."
                ) from error


def from_processor(
    processor: DataProcessor,
    split: str,
    *,
    data_dir: str,
    path: str,
    encoding: str,
    example_class: type,
) -> Iterable[Any]:
    """Returns the examples of a split.

    Args:
      processor: Reads them.
      split: "train", "dev" or "test".
      data_dir: The folder of the data files.
      path: The file, if it is another than the processor says; "-": standard input.
      encoding: That of the files.
      example_class: What each example must be.

    Raises:
      ValueError: The processor does not read files one by one.
    """
    method = _SPLIT_METHODS[split]
    if reads_its_own_way(processor, split):
        if path:
            raise ValueError(
                f"{path}: {type(processor).__name__} has a {method} of its own, which reads "
                "--data_dir alone. Put the file there, or give the class a read_examples."
            )
        return Source(lambda: getattr(processor, method)(data_dir), processor, example_class)
    if not path:
        with own_errors(type(processor)):
            path = processor.path_of(data_dir, split)
    file = DataPath.of(path, encoding)
    source = Source(lambda: processor.read_examples(file, split), processor, example_class)
    # Standard input comes once.
    return list(source) if path == "-" else source


def reads_its_own_way(processor: DataProcessor, split: str) -> bool:
    """Returns whether a processor finds the data of a split itself, as Google's do."""
    method = _SPLIT_METHODS[split]
    return getattr(type(processor), method) is not getattr(DataProcessor, method)


def existing(processor: DataProcessor, data_dir: str, split: str) -> str:
    """Returns the file that a processor has for a split, or "" if it is not there."""
    try:
        with own_errors(type(processor)):
            path = processor.path_of(data_dir, split)
    except MissingData:
        return ""
    return path if os.path.exists(path) else ""


def is_missing(path: str) -> bool:
    """Returns whether there is no such file or folder."""
    return path != "-" and not os.path.exists(path)


def places(
    source: Iterable[Any], rows: Sequence[int], place: Callable[[Any], str]
) -> Dict[int, str]:
    """Returns where some of the examples stand, by their numbers."""
    wanted = set(rows)
    found = {}
    for row, example in enumerate(source):
        if row in wanted:
            found[row] = place(example)
            if len(found) == len(wanted):
                break
    return found


@contextlib.contextmanager
def own_errors(processor_class: type, last: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """Turns errors in a processor's own code into a `ValueError` that names its line.

    Args:
      processor_class: The processor's class.
      last: Returns the last example that was read, if any.
    """
    try:
        yield
    except (OSError, MissingData, GeneratorExit):
        raise
    except Exception as error:
        # A StopIteration in a generator comes as a RuntimeError without its line.
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            error = error.__cause__
        frames = traceback.extract_tb(error.__traceback__)
        files = {_file_of(cls) for cls in processor_class.__mro__[:-1]} - {""}
        own = [frame for frame in frames if frame.filename in files]
        # The readers' own errors say where in the data; those of Python's parts do not.
        ours = os.path.dirname(frames[-1].filename) == os.path.dirname(os.path.abspath(__file__))
        if not own or (isinstance(error, ValueError) and ours):
            raise
        where = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}, {processor_class.__name__}"
        raise ValueError(_in_words(error, where, own[-1].line, last())) from error


def _file_of(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except TypeError:
        return ""


def _in_words(error: Exception, where: str, line: str, last: Any) -> str:
    if type(error) is ValueError and line.startswith("raise"):
        return f"{error} ({where})"  # It was meant to be read.
    after = getattr(last, "where", None) or getattr(last, "guid", None)
    read = f"the last row read was {after}" if after else "no row was read before"
    return f"{where}: {type(error).__name__}: {error}; {read}. --debug=true shows the traceback."
