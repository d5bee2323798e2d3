"""The examples of a split, read anew each time they are gone through, so that few are in memory."""

import inspect
import itertools
import json
import os
import traceback
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence, Tuple

import numpy as np

from finetune.readers import DataPath, read_lines
from processors import DataProcessor

_SPLIT_METHODS = {
    "train": "get_train_examples", "dev": "get_dev_examples", "test": "get_test_examples",
}  # fmt: skip


class Source:
    """The examples that a processor reads from a file."""

    def __init__(self, read: Callable[[], Iterable[Any]], processor: DataProcessor):
        """Keeps how to read.

        Args:
          read: Begins to read, and returns the examples.
          processor: Whose code that is.
        """
        self._read = read
        self._processor = processor

    def __iter__(self) -> Iterator[Any]:
        last = None
        try:
            for last in self._read():
                yield last
        except (OSError, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:
            own = _own_line(error, self._processor)
            if own is None:
                raise
            raise ValueError(_in_own_code(error, own, self._processor, last)) from error


class Subset:
    """Some of the examples of a source, in its order."""

    def __init__(self, source: Iterable[Any], kept: np.ndarray):
        """Keeps the source and which of its examples to give: bool [examples]."""
        self._source = source
        self._kept = kept

    def __iter__(self) -> Iterator[Any]:
        return itertools.compress(self._source, self._kept)


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
    processor: DataProcessor, split: str, *, data_dir: str, path: str, encoding: str
) -> Iterable[Any]:
    """Returns the examples of a split.

    Args:
      processor: Reads them.
      split: "train", "dev" or "test".
      data_dir: The folder of the data files.
      path: The file, if it is another than the processor says; "-": standard input.
      encoding: That of the files.

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
        return Source(lambda: getattr(processor, method)(data_dir), processor)
    if not path:
        path = next(iter(Source(lambda: [processor.path_of(data_dir, split)], processor)))
    file = DataPath.of(path, encoding)
    source = Source(lambda: processor.read_examples(file, split), processor)
    # Standard input comes once.
    return list(source) if path == "-" else source


def reads_its_own_way(processor: DataProcessor, split: str) -> bool:
    """Returns whether a processor finds the data of a split itself, as Google's do."""
    method = _SPLIT_METHODS[split]
    return getattr(type(processor), method) is not getattr(DataProcessor, method)


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


def _own_line(error: Exception, processor: DataProcessor) -> "Tuple[str, int] | None":
    """Returns file and line of the processor where an error comes from; None: not from there."""
    own_files = {_file_of(cls) for cls in type(processor).__mro__[:-1]} - {""}
    frames: List[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ValueError) and frames[-1].filename not in own_files:
        # The readers' own errors say where in the data. Those of Python's parts do not.
        ours = os.path.dirname(os.path.abspath(__file__))
        if os.path.dirname(frames[-1].filename) == ours:
            return None
    own = [frame for frame in frames if frame.filename in own_files]
    return (own[-1].filename, own[-1].lineno) if own else None


def _file_of(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except TypeError:
        return ""


def _in_own_code(
    error: Exception, own: Tuple[str, int], processor: DataProcessor, last: Any
) -> str:
    where = f"{os.path.basename(own[0])}:{own[1]}, {type(processor).__name__}"
    if isinstance(error, ValueError) and type(error) is ValueError:
        return f"{error} ({where})"
    after = getattr(last, "where", None) or getattr(last, "guid", None)
    read = f"the last row read was {after}" if after else "no row was read before"
    return f"{where}: {type(error).__name__}: {error}; {read}. --debug=true shows the traceback."
