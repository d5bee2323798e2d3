"""The examples of a split, read afresh on each pass, so that few are in memory at a time."""

import collections.abc
import contextlib
import inspect
import json
import os
import traceback
from typing import Any, Callable, Dict, Iterable, Iterator, Sequence, Type

import numpy as np

from finetune.data.lines import DataPath, read_lines
from finetune.data.processor import DataProcessor
from finetune.data.split_files import MissingData
from finetune.util.errors import InputError

_TOOLKIT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_SPLIT_METHODS = {
    "train": "get_train_examples",
    "dev": "get_dev_examples",
    "test": "get_test_examples",
}


class Source:
    """The examples that a processor reads from a file."""

    def __init__(
        self, read: Callable[[], Iterable[Any]], processor: DataProcessor, example_class: type
    ):
        """Creates a source.

        Args:
          read: Starts reading and returns the examples.
          processor: Owns the code of `read`; its class is named in messages.
          example_class: The class that each example must have.
        """
        self._read = read
        self._processor = processor
        self._example_class = example_class

    def __iter__(self) -> Iterator[Any]:
        last = None
        with processor_errors(type(self._processor), lambda: last):
            for example in self._checked(self._read(), collections.abc.Iterable):
                last = self._checked(example, self._example_class)
                yield last

    def _checked(self, found: Any, wanted: type) -> Any:
        if isinstance(found, wanted):
            return found
        raise InputError(
            f"{type(self._processor).__name__}: read_examples returned {type(found).__name__}; "
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
        """Creates a subset.

        Args:
          source: The examples.
          kept: bool [examples], whether the subset has the example.
          hashes: uint64 [examples], the hash of each example when the source was split.
          hash_of: Computes the hash of an example.
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


def _changed() -> InputError:
    return InputError(
        "The data changed between two passes over it, so its parts could mix. Is the file being "
        "written, or does the task's class yield another order each time?"
    )


class WrittenSplit:
    """Examples that a run wrote into its output directory when it split a file."""

    def __init__(self, path: str, example_class: type):
        self._path = path
        self._example_class = example_class

    def __iter__(self) -> Iterator[Any]:
        for number, line in read_lines(self._path):
            try:
                yield self._example_class(**json.loads(line))
            except (TypeError, ValueError) as error:
                raise InputError(
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
      path: The file, if it is not the one that the processor finds; "-": standard input.
      encoding: The files' encoding.
      example_class: The class that each example must have.

    Raises:
      InputError: A path is given, but the processor does not read single files.
    """
    method = _SPLIT_METHODS[split]
    if overrides_reading(processor, split):
        if path:
            raise InputError(
                f"{path}: {type(processor).__name__} overrides {method}, which only reads "
                "--data_dir. Put the file there, or define read_examples in the class."
            )
        return Source(lambda: getattr(processor, method)(data_dir), processor, example_class)
    if not path:
        with processor_errors(type(processor)):
            path = processor.path_of(data_dir, split)
    file = DataPath.of(path, encoding)
    source = Source(lambda: processor.read_examples(file, split), processor, example_class)
    # Standard input can be read only once.
    return list(source) if path == "-" else source


def overrides_reading(processor: DataProcessor, split: str) -> bool:
    """Returns whether a processor finds a split's data itself, as those of Google's BERT do."""
    method = _SPLIT_METHODS[split]
    return getattr(type(processor), method) is not getattr(DataProcessor, method)


def existing_file(processor: DataProcessor, data_dir: str, split: str) -> str:
    """Returns the file that a processor finds for a split, or "" if there is none."""
    try:
        with processor_errors(type(processor)):
            path = processor.path_of(data_dir, split)
    except MissingData:
        return ""
    return path if os.path.exists(path) else ""


def is_missing(path: str) -> bool:
    """Returns whether a path names neither a file, nor a folder, nor standard input."""
    return path != "-" and not os.path.exists(path)


def places(source: Iterable[Any], rows: Sequence[int]) -> Dict[int, str]:
    """Returns where the examples with the given numbers are, by number."""
    wanted = set(rows)
    found: Dict[int, str] = {}
    for row, example in enumerate(source):
        if row in wanted:
            found[row] = example.place
            if len(found) == len(wanted):
                break
    return found


@contextlib.contextmanager
def processor_errors(
    processor_class: Type[DataProcessor], last: Callable[[], Any] = lambda: None
) -> Iterator[None]:
    """Turns errors in a processor's own code into an `InputError` that names its line.

    Args:
      processor_class: The processor's class.
      last: Returns the last example that was read, if any.
    """
    try:
        yield
    except (OSError, MissingData, GeneratorExit):
        raise
    except Exception as error:
        # Python turns a StopIteration in a generator into a RuntimeError without its line.
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            error = error.__cause__
        frames = traceback.extract_tb(error.__traceback__)
        files = {_file_of(cls) for cls in processor_class.__mro__}
        own = [f for f in frames if f.filename in files and not f.filename.startswith(_TOOLKIT)]
        # The readers' own messages say where in the data the fault is.
        if not own or isinstance(error, InputError):
            raise
        where = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}, {processor_class.__name__}"
        raise InputError(_described(error, where, own[-1].line or "", last())) from error


def _file_of(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except TypeError:
        return ""


def _described(error: Exception, where: str, line: str, last: Any) -> str:
    if type(error) is ValueError and line.startswith("raise"):
        return f"{error} ({where})"  # The class raised it for the user to read.
    after = getattr(last, "where", None) or getattr(last, "guid", None)
    read = f"the last row read was {after}" if after else "no row had been read"
    return f"{where}: {type(error).__name__}: {error}; {read}. --debug=true shows the traceback."
