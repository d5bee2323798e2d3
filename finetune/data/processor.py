"""The base class of processors, which read data sets, and the examples that they yield."""

import collections.abc
import dataclasses
import numbers
import os
from typing import Any, Dict, Iterable, List, Optional, Protocol, Sequence, Tuple, Union

from finetune.data import split_files
from finetune.data.tables import read_cells
from finetune.util.errors import InputError


class Example(Protocol):
    """The interface of every task's examples; see `InputExample`."""

    guid: str
    where: Optional[str]

    @property
    def place(self) -> str:
        """Where the example is, for messages."""

    @property
    def texts(self) -> List[str]:
        """The texts of the example."""

    @property
    def content(self) -> Tuple[object, ...]:
        """Everything in the example that affects a training run."""


@dataclasses.dataclass
class InputExample:
    """One text, or pair of texts, with its label.

    Attributes:
      guid: Name of the example, unique in its split, such as "train-7" for line 7.
      text_a: The text, or the first text of a pair.
      text_b: The second text of a pair.
      label: The label, a list of labels in multi-label data, or a number in regression; None in
        data to predict.
      where: "path:line", for messages.
    """

    guid: str
    text_a: str
    text_b: Optional[str] = None
    label: Union[str, float, List[str], None] = None
    where: Optional[str] = None

    @property
    def place(self) -> str:
        """Where the example is, for messages."""
        return self.where or f"example {self.guid}"

    @property
    def texts(self) -> List[str]:
        """The text, or both texts of a pair."""
        return [self.text_a] if self.text_b is None else [self.text_a, self.text_b]

    @property
    def content(self) -> Tuple[object, ...]:
        """Everything in the example that affects a training run."""
        return self.text_a, self.text_b, self.label


@dataclasses.dataclass(frozen=True)
class SkippedRow:
    """A row that is not an example; yielded in its place, so that the data report counts it.

    Attributes:
      where: "path:line".
      reason: Why it is skipped, the same words for all rows that are skipped for this reason.
    """

    where: str
    reason: str


class DataProcessor:
    """Reads a data set.

    Subclasses define `read_examples` and override other attributes and methods where their data
    differs. Examples are `InputExample`s, or objects of the task's own class.
    """

    script: str = "run_classifier.py"  # The script that uses the processor
    example_class: type = InputExample
    files: Dict[str, str] = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
    labels: Optional[List[str]] = None  # If None, the sorted labels of the training data
    num_labels: Optional[int] = None  # The required number of labels; if None, at least two
    problem_type: str = "single_label"  # Or "multi_label" or "regression"; see --problem_type

    def read_examples(self, path: str, split: str) -> Iterable[Union[Example, SkippedRow]]:
        """Yields the examples of one file; `split` is "train", "dev" or "test"."""
        raise InputError(
            f"{type(self).__name__} does not define read_examples(self, path, split), which yields "
            "the examples of a file (see processors.py)."
        )

    # Any, because a subclass accepts only examples of its own class.
    def checked(self, split: str, examples: Iterable[Any]) -> Iterable[Any]:
        """Checks a split's examples together, and returns them.

        Raises:
          InputError: A check fails.
        """
        del split
        return examples

    def path_of(self, data_dir: str, split: str) -> str:
        """Returns the file of a split."""
        return os.path.join(data_dir, self.file_name(split))

    def file_name(self, split: str) -> str:
        """Returns the name of a split's file, from `files`."""
        files = self.files
        if not isinstance(files, collections.abc.Mapping):
            expected = "a dict that maps each split to the name of its file"
            raise invalid_attribute(self, "files", files, expected)
        if split not in files:
            raise split_files.MissingData(
                f"{type(self).__name__}: `files` has no entry for {split} data."
            )
        if not isinstance(files[split], (str, os.PathLike)):
            raise invalid_attribute(self, f"files[{split!r}]", files[split], "the name of a file")
        return os.fspath(files[split])

    def describe_form(self, path: str) -> Optional[str]:
        """Describes the form in which a file to predict is read, for the log; None if not known."""
        del path
        return None

    def get_train_examples(self, data_dir: str) -> List[Example]:
        """Returns the examples to train on."""
        return self._examples(data_dir, "train")

    def get_dev_examples(self, data_dir: str) -> List[Example]:
        """Returns the examples to evaluate on."""
        return self._examples(data_dir, "dev")

    def get_test_examples(self, data_dir: str) -> List[Example]:
        """Returns the examples to predict, with or without labels."""
        return self._examples(data_dir, "test")

    def _examples(self, data_dir: str, split: str) -> List[Example]:
        rows = self.read_examples(self.path_of(data_dir, split), split)
        return [row for row in rows if not isinstance(row, SkippedRow)]

    def get_labels(self) -> Optional[List[str]]:
        """Returns the list of labels, or None to use those found in the training data."""
        return self.labels

    @classmethod
    def _read_tsv(cls, input_file: str, quotechar: Optional[str] = None) -> List[List[str]]:
        """Returns the cells of each line. Processors written for Google's BERT call this."""
        del quotechar  # Quotes are ordinary characters: unbalanced ones would join rows.
        return [cells for _, cells in read_cells(input_file)]


def invalid_attribute(
    processor: DataProcessor, attribute: str, value: object, expected: str
) -> InputError:
    """Returns an error about the value that the user's class gave an attribute."""
    name = type(processor).__name__
    return InputError(f"{name}: `{attribute}` is {value!r:.80}; expected {expected}.")


def check_choice(
    processor: DataProcessor, attribute: str, value: object, allowed: Sequence[str]
) -> None:
    """Raises `InputError` if the value of a processor's attribute is not one of those allowed."""
    if value not in allowed:
        expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise invalid_attribute(processor, attribute, value, expected)


def check_integer(processor: DataProcessor, attribute: str, value: object) -> None:
    """Raises `InputError` if the value of a processor's attribute is not an integer."""
    if not isinstance(value, numbers.Integral):
        raise invalid_attribute(processor, attribute, value, "an integer")
