"""The right answers of a data set, kept compact, and given out batch by batch."""

import math
from typing import Any, Dict, List, Sequence

import numpy as np

from finetune.arrays import GrowingArray
from finetune.features import Spec, place
from processors import InputExample

_LARGEST = 1e100  # Its square is still a number.


class LabelIds:
    """The label of each row of a data set, as its place in the label list."""

    def __init__(self, labels: Sequence[str]):
        """Starts with no rows."""
        self._place_of = {label: i for i, label in enumerate(labels)}
        self._ids = GrowingArray(np.int32)
        self.specs = {"label_ids": Spec(1)}

    def add(self, example: InputExample) -> int:
        """Adds a row's; raises `ValueError` if it has none, or one that is not in the list."""
        label_id = _label_id(example, example.label, self._place_of)
        self._ids.append(label_id)
        return label_id

    def to_numpy(self) -> np.ndarray:
        """Returns int32 [rows]."""
        return self._ids.to_numpy()

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, int32 [B]."""
        return {"label_ids": self.to_numpy()[rows]}


class LabelSets:
    """The labels of each row of a data set, as their places in the label list."""

    def __init__(self, labels: Sequence[str], separator: str):
        """Starts with no rows."""
        self._place_of = {label: i for i, label in enumerate(labels)}
        self._separator = separator
        self._ids = GrowingArray(np.int32)
        self._starts = GrowingArray(np.int64, [0])
        self.specs = {"label_ids": Spec(2)}

    def add(self, example: InputExample) -> List[int]:
        """Adds a row's; raises `ValueError` if one is not in the list."""
        labels = labels_of(example, self._separator)
        ids = sorted(_label_id(example, label, self._place_of) for label in labels)
        self._ids.extend(ids)
        self._starts.append(len(self._ids))
        return ids

    def flat(self) -> np.ndarray:
        """Returns the labels of all rows, end to end: int32 [labels]."""
        return self._ids.to_numpy()

    def to_numpy(self) -> np.ndarray:
        """Returns int32 [rows, L], 1 where a row has a label."""
        return self.batch(np.arange(len(self._starts) - 1))["label_ids"]

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, int32 [B, L], 1 where a row has a label."""
        ids, starts = self.flat(), self._starts.to_numpy()
        counts = starts[rows + 1] - starts[rows]
        array = np.zeros([len(rows), len(self._place_of)], np.int32)
        for i, (start, count) in enumerate(zip(starts[rows], counts)):
            array[i, ids[start : start + count]] = 1
        return {"label_ids": array}


class Numbers:
    """The number of each row of a data set; the model sees it less a mean, in units of a scale."""

    def __init__(self, mean: float = 0.0, scale: float = 1.0):
        """Starts with no rows."""
        self._mean = mean
        self._scale = scale
        self._numbers = GrowingArray(np.float64)
        self.specs = {"label_ids": Spec(1, "float32")}

    def add(self, example: InputExample) -> float:
        """Adds a row's; raises `ValueError` if its label is no number."""
        number = number_of(example)
        self._numbers.append(number)
        return number

    def to_numpy(self) -> np.ndarray:
        """Returns the numbers as they were given: float64 [rows]."""
        return self._numbers.to_numpy()

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, float32 [B], less the mean and in units of the scale."""
        numbers = (self.to_numpy()[rows] - self._mean) / self._scale
        return {"label_ids": numbers.astype(np.float32)}  # The name is that of all tasks.


def labels_of(example: InputExample, separator: str) -> List[str]:
    """Returns the labels of a text that may have several: a list, or words with a separator."""
    if example.label is None:
        raise ValueError(
            f"{place(example)}: the row has no labels; expected them with {separator!r} between, "
            "or an empty cell for none."
        )
    parts = example.label.split(separator) if isinstance(example.label, str) else example.label
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError(
            f"{place(example)}: the labels are {example.label!r:.60}; expected a list of strings, "
            f"or a string with {separator!r} between them."
        )
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def number_of(example: InputExample) -> float:
    """Returns the label of a text as a number; raises `ValueError` if it is none."""
    try:
        number = float(example.label)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= _LARGEST:
        raise ValueError(
            f"{place(example)}: the label is {example.label!r}; expected a number such as 3.5 "
            "(--problem_type=regression)."
        )
    return number


def _label_id(example: InputExample, label: Any, place_of: Dict[str, int]) -> int:
    if label is None or label == "" or (isinstance(label, str) and not label.strip()):
        raise ValueError(f"{place(example)}: the row has no label; expected {_known(place_of)}.")
    if not isinstance(label, str) or label not in place_of:
        raise ValueError(
            f"{place(example)}: unknown label {label!r}; expected {_known(place_of)}. The labels "
            "are those of --labels, of the task's class in processors.py, or of the training data."
        )
    return place_of[label]


def _known(place_of: Dict[str, int]) -> str:
    known = ", ".join(repr(label) for label in list(place_of)[:20])
    return f"one of {known}" + (" …" if len(place_of) > 20 else "")
