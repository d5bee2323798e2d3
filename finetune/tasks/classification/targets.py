"""The gold labels of a data set, stored compactly and returned batch by batch."""

import math
from typing import Any, Dict, List, Sequence

import numpy as np

from finetune.data.processor import InputExample
from finetune.data.rows import Spec
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError

_LARGEST = 1e100  # The square of this is still a finite number.


class LabelIds:
    """The label of each row of a data set, as its index in the label list."""

    def __init__(self, labels: Sequence[str]):
        """Creates the targets of a data set that has no rows yet."""
        self._id_of = {label: i for i, label in enumerate(labels)}
        self._ids = GrowingArray(np.int32)
        self.specs = {"label_ids": Spec(1)}

    def add(self, example: InputExample) -> int:
        """Adds a row's label; raises `InputError` if it is missing or not in the list."""
        label_id = _label_id(example, example.label, self._id_of)
        self._ids.append(label_id)
        return label_id

    def to_numpy(self) -> np.ndarray:
        """Returns int32 [rows]."""
        return self._ids.to_numpy()

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, int32 [B]."""
        return {"label_ids": self.to_numpy()[rows]}


class LabelSets:
    """The labels of each row of a multi-label data set, as their indexes in the label list."""

    def __init__(self, labels: Sequence[str], separator: str):
        """Creates the targets of a data set that has no rows yet."""
        self._id_of = {label: i for i, label in enumerate(labels)}
        self._separator = separator
        self._ids = GrowingArray(np.int32)
        self._starts = GrowingArray(np.int64, [0])
        self.specs = {"label_ids": Spec(2)}

    def add(self, example: InputExample) -> List[int]:
        """Adds a row's labels; raises `InputError` if one is not in the list."""
        labels = labels_of(example, self._separator)
        ids = sorted(_label_id(example, label, self._id_of) for label in labels)
        self._ids.extend(ids)
        self._starts.append(len(self._ids))
        return ids

    def flat(self) -> np.ndarray:
        """Returns the labels of all rows, one row after the other: int32 [labels]."""
        return self._ids.to_numpy()

    def to_numpy(self) -> np.ndarray:
        """Returns int32 [rows, L], 1 where a row has a label."""
        return self.batch(np.arange(len(self._starts) - 1))["label_ids"]

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, int32 [B, L], 1 where a row has a label."""
        ids, starts = self.flat(), self._starts.to_numpy()
        counts = starts[rows + 1] - starts[rows]
        array = np.zeros([len(rows), len(self._id_of)], np.int32)
        for i, (start, count) in enumerate(zip(starts[rows], counts)):
            array[i, ids[start : start + count]] = 1
        return {"label_ids": array}


class Numbers:
    """The number of each row of a data set; the model sees it standardised."""

    def __init__(self, mean: float = 0.0, scale: float = 1.0):
        """Creates the targets of a data set that has no rows yet.

        Args:
          mean: Subtracted from each number.
          scale: Divides the difference.
        """
        self._mean = mean
        self._scale = scale
        self._numbers = GrowingArray(np.float64)
        self.specs = {"label_ids": Spec(1, "float32")}

    def add(self, example: InputExample) -> float:
        """Adds a row's number; raises `InputError` if its label is not a number."""
        number = number_of(example)
        self._numbers.append(number)
        return number

    def to_numpy(self) -> np.ndarray:
        """Returns the numbers in the data's unit: float64 [rows]."""
        return self._numbers.to_numpy()

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, float32 [B], standardised."""
        numbers = (self.to_numpy()[rows] - self._mean) / self._scale
        return {"label_ids": numbers.astype(np.float32)}  # The name is the same for all tasks.


def labels_of(example: InputExample, separator: str) -> List[str]:
    """Returns the labels of a multi-label text, given as a list or as text with separators."""
    if example.label is None:
        raise InputError(
            f"{example.place}: the row has no labels; expected labels separated by {separator!r}, "
            "or an empty cell for none."
        )
    parts = example.label.split(separator) if isinstance(example.label, str) else example.label
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise InputError(
            f"{example.place}: the labels are {example.label!r:.60}; expected a list of strings, "
            f"or a string with labels separated by {separator!r}."
        )
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def number_of(example: InputExample) -> float:
    """Returns the label of a text as a number; raises `InputError` if it is not one."""
    label: Any = example.label
    try:
        number = float(label)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= _LARGEST:
        raise InputError(
            f"{example.place}: the label is {label!r}; expected a number such as 3.5 "
            "(--problem_type=regression)."
        )
    return number


def _label_id(example: InputExample, label: Any, id_of: Dict[str, int]) -> int:
    if label is None or (isinstance(label, str) and not label.strip()):
        raise InputError(f"{example.place}: the row has no label; expected {_known(id_of)}.")
    if not isinstance(label, str) or label not in id_of:
        raise InputError(
            f"{example.place}: unknown label {label!r}; expected {_known(id_of)}. The labels are "
            "those of --labels, of the task's class in processors.py, or of the training data."
        )
    return id_of[label]


def _known(id_of: Dict[str, int]) -> str:
    known = ", ".join(repr(label) for label in list(id_of)[:20])
    return f"one of {known}" + (" …" if len(id_of) > 20 else "")
