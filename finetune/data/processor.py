"""The base class of data set classes, and the examples that they yield."""

import dataclasses
import os
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

from finetune.data import split_files
from finetune.data.tables import read_cells
from finetune.util.errors import InputError


@dataclasses.dataclass
class InputExample:
    """One text, or pair of texts, with its label.

    Attributes:
      guid: Name of the example, unique in its split, such as "train-7" for line 7.
      text_a: The text, or the first text of a pair.
      text_b: The second text of a pair.
      label: The label, or a list of labels in multi-label data; None in data to predict.
      where: "path:line", for messages.
    """

    guid: str
    text_a: str
    text_b: Optional[str] = None
    label: Union[str, List[str], None] = None
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
    def content(self) -> Tuple:
        """Everything that a training depends on."""
        return self.text_a, self.text_b, self.label


class DataProcessor:
    """Reads a data set. Subclasses define `read_examples`, and override what else differs."""

    example_class: type = InputExample
    files: Dict[str, str] = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
    labels: Optional[List[str]] = None  # None: those of the training data, sorted
    num_labels: Optional[int] = None  # The number of labels that there must be; None: two or more
    problem_type: str = "single_label"  # Or "multi_label" or "regression", as --problem_type

    def read_examples(self, path: str, split: str) -> Iterable[Any]:
        """Yields the examples of one file; `split` is "train", "dev" or "test"."""
        raise InputError(
            f"{type(self).__name__} does not define read_examples(self, path, split), which yields "
            "the examples of a file (see processors.py)."
        )

    def checked(self, split: str, examples: Iterable[Any]) -> Iterable[Any]:
        """Returns a split's examples after checks that need all of them.

        Raises:
          InputError: The examples do not pass.
        """
        del split
        return examples

    def path_of(self, data_dir: str, split: str) -> str:
        """Returns the file of a split."""
        return os.path.join(data_dir, self.file_name(split))

    def file_name(self, split: str) -> str:
        """Returns the file name that `files` has for a split."""
        if split not in self.files:
            raise split_files.MissingData(f"{type(self).__name__}: its files name no {split} data.")
        return self.files[split]

    def get_train_examples(self, data_dir: str) -> List[Any]:
        """Returns the examples to train on."""
        return list(self.read_examples(self.path_of(data_dir, "train"), "train"))

    def get_dev_examples(self, data_dir: str) -> List[Any]:
        """Returns the examples to evaluate on."""
        return list(self.read_examples(self.path_of(data_dir, "dev"), "dev"))

    def get_test_examples(self, data_dir: str) -> List[Any]:
        """Returns the examples to predict; their labels, if any, are not used."""
        return list(self.read_examples(self.path_of(data_dir, "test"), "test"))

    def get_labels(self) -> Optional[List[str]]:
        """Returns the list of labels, or None to use those found in the training data."""
        return self.labels

    @classmethod
    def _read_tsv(cls, input_file: str, quotechar: Optional[str] = None) -> List[List[str]]:
        """Returns the cells of each line, for processors written for Google's BERT."""
        del quotechar  # Quotes are ordinary characters: as quoting, they swallow rows.
        return [cells for _, cells in read_cells(input_file)]
