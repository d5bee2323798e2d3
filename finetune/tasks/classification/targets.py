"""The gold labels of a data set, stored compactly and returned batch by batch."""

from typing import Dict, List, Optional, Sequence

import numpy as np

from finetune.data.processor import InputExample
from finetune.data.rows import Spec
from finetune.tasks.classification.label_cells import label_of, labels_of, number_of
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError


class LabelIds:
    """The label of each row of a data set, as its index in the label list."""

    def __init__(self, labels: Sequence[str]):
        """Creates the targets of a data set that has no rows yet."""
        self._id_of = {label: i for i, label in enumerate(labels)}
        self._ids = GrowingArray(np.int32)
        self.specs = {"label_ids": Spec(1)}

    def add(self, example: InputExample) -> int:
        """Adds a row's label; raises `InputError` if it is missing or not in the list."""
        label_id = _label_id(example, label_of(example), self._id_of)
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
        """Returns the label ids of all rows, one row after the other: int32 [label ids]."""
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
    """The regression target of each row of a data set; the model sees it standardised."""

    def __init__(self, mean: float = 0.0, scale: float = 1.0):
        """Creates the targets of a data set that has no rows yet.

        Args:
          mean: Mean of the training targets, which is subtracted from each target.
          scale: Standard deviation of the training targets, by which the difference is divided.
        """
        self._mean = mean
        self._scale = scale
        self._numbers = GrowingArray(np.float64)
        self.specs = {"label_ids": Spec(1, "float32")}

    def add(self, example: InputExample) -> float:
        """Adds a row's target; raises `InputError` if its label is not a number."""
        number = number_of(example)
        self._numbers.append(number)
        return number

    def to_numpy(self) -> np.ndarray:
        """Returns the targets in the unit of the data: float64 [rows]."""
        return self._numbers.to_numpy()

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns `label_ids`, float32 [B], standardised."""
        numbers = (self.to_numpy()[rows] - self._mean) / self._scale
        return {"label_ids": numbers.astype(np.float32)}  # All tasks use this name.


def _label_id(example: InputExample, label: Optional[str], id_of: Dict[str, int]) -> int:
    if label is None or not label.strip():
        raise InputError(f"{example.place}: the row has no label; expected {_known(id_of)}.")
    if label not in id_of:
        raise InputError(
            f"{example.place}: unknown label {label!r}; expected {_known(id_of)}. The labels are "
            "those of --labels, of the task's class in processors.py, or of the training data."
        )
    return id_of[label]


def _known(id_of: Dict[str, int]) -> str:
    known = ", ".join(repr(label) for label in list(id_of)[:20])
    return f"one of {known}" + (" …" if len(id_of) > 20 else "")
