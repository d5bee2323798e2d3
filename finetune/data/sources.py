"""The examples of a split, read again on each pass, so that few are in memory at a time."""

import collections.abc
import contextlib
import inspect
import itertools
import json
import os
import traceback
from typing import (
    Callable,
    Collection,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

import numpy as np

from finetune.data.data_path import STANDARD_INPUT, DataPath, StreamPath, is_stream
from finetune.data.lines import read_lines
from finetune.data.processor import DataProcessor, Example, SkippedRow
from finetune.data.split_files import MissingData
from finetune.util.errors import HelperError, InputError
from finetune.util.files import check_not_special
from finetune.util.json_files import parse

ExampleType = TypeVar("ExampleType")
ProcessorType = TypeVar("ProcessorType", bound=DataProcessor)

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The toolkit's code; processors.py, beside it, is the user's.
_OURS = tuple(
    os.path.join(_ROOT, name)
    for name in (os.path.join("finetune", ""), "modeling.py", "tokenization.py", "optimization.py")
)
_SPLIT_METHODS = {
    "train": "get_train_examples",
    "dev": "get_dev_examples",
    "test": "get_test_examples",
}


_MAX_WRITTEN_LENGTH = 2**31  # In characters


class Source(Generic[ExampleType]):
    """The examples that a processor reads from a file."""

    def __init__(
        self,
        read: Callable[[], Iterable[object]],
        processor: DataProcessor,
        example_class: Type[ExampleType],
        skip: Callable[[SkippedRow], None] = lambda row: None,
    ):
        """Creates a source.

        Args:
          read: Starts reading and returns the examples.
          processor: The processor that `read` calls; messages name its class.
          example_class: The required class of each example.
          skip: Called with each row that the processor skips, on each pass.
        """
        self._read = read
        self._processor = processor
        self._example_class = example_class
        self._skip = skip

    def __iter__(self) -> Iterator[ExampleType]:
        last: Optional[ExampleType] = None
        with processor_errors(type(self._processor), lambda: last):
            examples = self._read()
            if not isinstance(examples, collections.abc.Iterable):
                raise self._type_error(examples)
            for example in examples:
                if isinstance(example, SkippedRow):
                    self._skip(example)
                    continue
                if not isinstance(example, self._example_class):
                    raise self._type_error(example)
                last = example
                yield example

    def _type_error(self, found: object) -> InputError:
        name = self._example_class.__name__
        return InputError(
            f"{type(self._processor).__name__}: read_examples returned {type(found).__name__}; "
            f"it must yield {name}s or return a list of them."
        )


class Subset(Generic[ExampleType]):
    """Some of the examples of a source, in its order."""

    def __init__(
        self,
        source: Iterable[ExampleType],
        kept: np.ndarray,
        hashes: np.ndarray,
        hash_of: Callable[[ExampleType], int],
    ):
        """Creates a subset.

        Args:
          source: The examples.
          kept: bool [examples], whether the subset contains the example.
          hashes: uint64 [examples], the hash of each example when the source was split.
          hash_of: Computes the hash of an example.
        """
        self._source = source
        self._kept = kept
        self._hashes = hashes
        self._hash_of = hash_of

    def __iter__(self) -> Iterator[ExampleType]:
        num_rows = 0
        for row, example in enumerate(self._source):
            num_rows = row + 1
            if num_rows > len(self._kept) or self._hash_of(example) != self._hashes[row]:
                raise _changed_data_error()
            if self._kept[row]:
                yield example
        if num_rows < len(self._kept):
            raise _changed_data_error()


class Sample(Generic[ExampleType]):
    """A random choice from the examples of a source, in its order, the same on each pass."""

    def __init__(self, source: Iterable[ExampleType], size: int, seed: int):
        """Creates a sample of at most `size` examples."""
        self._source = source
        self._size = size
        self._seed = seed
        self._kept: Optional[np.ndarray] = None

    def __iter__(self) -> Iterator[ExampleType]:
        if self._kept is None:
            total = sum(1 for _ in self._source)
            order = np.random.RandomState(self._seed).permutation(total)
            self._kept = np.zeros(total, bool)
            self._kept[order[: self._size]] = True
        yield from itertools.compress(self._source, self._kept)


def _changed_data_error() -> InputError:
    return InputError(
        "The data changed between two passes over it, so rows could move from one part to another. "
        "Is the file being written, or does the task's class yield its examples in a different "
        "order each time?"
    )


class WrittenSplit(Generic[ExampleType]):
    """Examples that a run wrote into its output directory when it split a file."""

    def __init__(self, path: str, example_class: Type[ExampleType]):
        self._path = path
        self._example_class = example_class

    def __iter__(self) -> Iterator[ExampleType]:
        # A row is longer as JSON than it was as a line.
        file = DataPath.of(self._path, DataPath.encoding, _MAX_WRITTEN_LENGTH)
        for number, line in read_lines(file):
            try:
                yield parse(json.loads(line), self._example_class)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{self._path}:{number}: not an example that a training run wrote ({error}). "
                    "Retrain with --overwrite_output_dir=true."
                ) from error


def from_processor(
    processor: DataProcessor,
    split: str,
    *,
    data_dir: str,
    path: str,
    as_file: Callable[[str], DataPath],
    example_class: Type[ExampleType],
    skip: Callable[[SkippedRow], None] = lambda row: None,
) -> Iterable[ExampleType]:
    """Returns the examples of a split.

    Args:
      processor: The processor that reads them.
      split: "train", "dev" or "test".
      data_dir: The folder of the data files.
      path: The file, a `StreamPath`, which can be read only once, or "" for the file that the
        processor finds in `data_dir`.
      as_file: Returns a path with the encoding of its file; see `DataPath`.
      example_class: The required class of each example.
      skip: Called with each row that the processor skips, on each pass.

    Raises:
      InputError: A path is specified, but the processor does not read single files.
    """
    method = _SPLIT_METHODS[split]
    if overrides_reading(processor, split):
        if path:
            raise InputError(
                f"{path}: {type(processor).__name__} overrides {method}, which reads only "
                "--data_dir. Put the file there, or define read_examples in the class."
            )
        return Source(lambda: getattr(processor, method)(data_dir), processor, example_class, skip)
    path = path or _path_of(processor, data_dir, split)
    if not is_stream(path):
        check_not_special(path)
    file = path if isinstance(path, StreamPath) else as_file(path)
    return Source(lambda: processor.read_examples(file, split), processor, example_class, skip)


def overrides_reading(processor: DataProcessor, split: str) -> bool:
    """Returns whether a processor defines its own method for a split, as Google's do."""
    method = _SPLIT_METHODS[split]
    return getattr(type(processor), method) is not getattr(DataProcessor, method)


def existing_file(processor: DataProcessor, data_dir: str, split: str) -> str:
    """Returns the file that a processor finds for a split, or "" if there is none."""
    try:
        path = _path_of(processor, data_dir, split)
    except MissingData:
        return ""
    return path if os.path.exists(path) else ""


def _path_of(processor: DataProcessor, data_dir: str, split: str) -> str:
    with processor_errors(type(processor)):
        path: object = processor.path_of(data_dir, split)
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"{type(processor).__name__}: path_of returned {path!r:.80}; expected the path of the "
            f"{split} data."
        )
    return os.fspath(path)


def is_missing(path: str) -> bool:
    """Returns whether a path names neither a file nor a folder nor standard input."""
    return path != STANDARD_INPUT and not os.path.exists(path)


def places(source: Iterable[Example], rows: Sequence[int]) -> Dict[int, str]:
    """Returns the place of each example whose index is in `rows`, by index."""
    wanted = set(rows)
    found: Dict[int, str] = {}
    for row, example in enumerate(source):
        if row in wanted:
            found[row] = example.place
            if len(found) == len(wanted):
                break
    return found


def make_processor(processor_class: Type[ProcessorType]) -> ProcessorType:
    """Creates a processor, without arguments, so that its class can define its own `__init__`.

    Raises:
      InputError: The class requires arguments or is abstract, or its `__init__` raises an error.
    """
    with processor_errors(processor_class):
        try:
            return processor_class()
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # It was raised inside `__init__`, not by the call.
            raise InputError(
                f"{processor_class.__name__}: {error}. The toolkit creates each processor without "
                "arguments."
            ) from error


@contextlib.contextmanager
def processor_errors(
    processor_class: Type[DataProcessor], last: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Turns an error in a user's processor into an `InputError` that names the line of code.

    Args:
      processor_class: The processor's class.
      last: Returns the last example that was read, or None.

    Raises:
      InputError: The user's code failed, or a library that it called.
      HelperError: The toolkit failed when the user's code called it.
    """
    try:
        yield
    except (InputError, HelperError, MemoryError, GeneratorExit):
        raise  # An InputError of the readers already gives the place in the data.
    except Exception as error:
        # Python turns StopIteration in a generator into RuntimeError, which hides its line.
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            error = error.__cause__
        files = {_file_of(cls) for cls in processor_class.__mro__}
        caller, helpers = _last_frames(error, {file for file in files if not _is_ours(file)})
        if caller is None or (helpers and isinstance(error, OSError)):
            raise
        where = f"{_place(caller)}, {processor_class.__name__}"
        if not helpers:
            message = _message(error, where, code=caller.line or "", last=last())
            raise InputError(message) from error
        raise HelperError(
            f"{where}: the call of {helpers[0].name} failed at {_place(helpers[-1])}: "
            f"{type(error).__name__}: {error}. If the call is correct, this is a bug in the "
            "toolkit: please report it with the traceback below."
        ) from error


def _last_frames(
    error: BaseException, files: Collection[str]
) -> Tuple[Optional[traceback.FrameSummary], List[traceback.FrameSummary]]:
    """Returns the last frame of an error in some files, and the toolkit's frames below it."""
    caller: Optional[traceback.FrameSummary] = None
    helpers: List[traceback.FrameSummary] = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in files:
            caller, helpers = frame, []
        elif _is_ours(frame.filename):
            helpers.append(frame)
    return caller, helpers


def _is_ours(file: str) -> bool:
    # Generated code has no file; Python calls it <string>, for example.
    return not file.startswith("<") and os.path.abspath(file).startswith(_OURS)


def _place(frame: traceback.FrameSummary) -> str:
    return f"{os.path.basename(frame.filename)}:{frame.lineno}"


def _file_of(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except TypeError:
        return ""


def _message(error: Exception, where: str, code: str, last: object) -> str:
    if type(error) is ValueError and code.startswith("raise"):
        return f"{error} ({where})"  # The processor raised it as a message to the user.
    place = getattr(last, "where", None) or getattr(last, "guid", None)
    after = f"the last row read was {place}" if place else "no row had been read"
    return f"{where}: {type(error).__name__}: {error}; {after}. --debug=true shows the traceback."
