"""The examples of a run: of a file for each split, of one file that is split, or of folds."""

import contextlib
import dataclasses
import json
import os
from typing import Any, Dict, Iterable, NamedTuple, Optional

import numpy as np

from finetune import sources, splitting
from finetune.arrays import GrowingArray
from finetune.config import Config, UsageError
from finetune.files import atomic_text
from finetune.run_record import RECORD_FILE
from finetune.survey import text_hash
from finetune.tasks import Task

SPLIT_FOLDER = "split"
_FLAGS = {"train": "train_file", "dev": "dev_file", "test": "predict_file"}
DATA_FLAGS = tuple(_FLAGS.values())


class Fold(NamedTuple):
    """One fold of several: its rows are the dev data, all others the training data."""

    index: int
    count: int
    seed: int


class DataSet:
    """The examples of a run."""

    def __init__(
        self, config: Config, task: Task, *, model_folder: str, fold: Optional[Fold] = None
    ):
        """Keeps where the data is.

        Args:
          config: The configuration, with what the trained model keeps filled in.
          task: Reads the examples.
          model_folder: Folder of the trained model; it has what --split made of a file.
          fold: For one training of --num_folds.
        """
        self._config = config
        self._task = task
        self._model_folder = model_folder
        self._fold = fold
        self._parts: Optional[np.ndarray] = None  # Of each row of the whole, once dealt out
        self._hashes = np.zeros(0, np.uint64)  # Of each row's text
        self._known: Dict[str, Iterable[Any]] = {}

    def examples(self, split: str) -> Iterable[Any]:
        """Returns the examples of a split; they can be gone through again and again.

        Raises:
          ValueError: There are none.
        """
        if split in self._known:
            return self._known[split]
        examples = self._task.checked(split, self._source(split))
        if next(iter(examples), None) is None:
            raise ValueError(
                f"{self._place(split)}: no rows in the {split} data; expected at least one."
            )
        self._known[split] = examples
        return examples

    def is_there(self, split: str) -> bool:
        """Returns whether there is data of a split, for --do_check."""
        if self._parts_of(split) or self._path_given(split):
            return True
        data_dir = self._config.data_dir
        return bool(data_dir and self._task.has_file(data_dir, split))

    def write_split(self, output_dir: str) -> None:
        """Writes what --split makes of the file: for later runs, and for all to see."""
        if not self._config.split or self._fold:
            return
        folder = os.path.join(output_dir, SPLIT_FOLDER)
        os.makedirs(folder, exist_ok=True)
        for stale in set(splitting.SPLITS) - set(self._split_names()):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(folder, f"{stale}.jsonl"))
        for split in self._split_names():
            with atomic_text(os.path.join(folder, f"{split}.jsonl")) as writer:
                for example in self._source(split):
                    row = dataclasses.asdict(example)
                    # NumPy's numbers, which a processor may give for labels, as Python's.
                    line = json.dumps(row, ensure_ascii=False, default=lambda value: value.item())
                    writer.write(line + "\n")

    def _split_names(self) -> Iterable[str]:
        shares = splitting.parse_shares(self._config.split)
        return splitting.SPLITS[: len(shares)]

    def _parts_of(self, split: str) -> bool:
        """Returns whether a split is a part of the training file."""
        if self._path_given(split) and split != "train":
            return False
        if self._fold is not None:
            return split != "test"
        return bool(self._config.split) and split in self._split_names()

    def _path_given(self, split: str) -> Optional[str]:
        return getattr(self._config, _FLAGS[split])

    def _source(self, split: str) -> Iterable[Any]:
        if not self._parts_of(split):
            path = self._path(split)
            if _is_written_split(path):
                return sources.WrittenSplit(path, self._task.example_class)
            return self._task.source(split, path)
        if not self._config.begins:
            path = os.path.join(self._model_folder, SPLIT_FOLDER, f"{split}.jsonl")
            return sources.WrittenSplit(path, self._task.example_class)
        whole = self._task.source("train", self._path("train"))
        if self._parts is None:
            self._parts = self._dealt(whole)
        if self._fold is None:
            kept = self._parts == splitting.SPLITS.index(split)
        else:
            kept = (self._parts == self._fold.index) == (split == "dev")
        return sources.Subset(whole, kept, self._hashes, self._hash_of)

    def _hash_of(self, example: Any) -> int:
        return text_hash(self._task.texts(example))

    def whole(self) -> Iterable[Any]:
        """Returns all rows from which a training learns its labels."""
        if not self._parts_of("train"):
            return self.examples("train")
        return self._task.checked("train", self._task.source("train", self._path("train")))

    def _dealt(self, whole: Iterable[Any]) -> np.ndarray:
        strata, groups = GrowingArray(np.int32), GrowingArray(np.uint64)
        strata.extend(splitting.number_names(self._task.stratum(example) for example in whole))
        groups.extend(map(self._hash_of, whole))
        self._hashes = groups.to_numpy()
        rows, seed = (strata.to_numpy(), self._hashes), self._config.split_seed or 0
        if self._fold is None:
            shares = splitting.parse_shares(self._config.split)
            return splitting.deal(*rows, shares, seed, self._task.learns_strata)
        count = self._fold.count
        if len(np.unique(rows[1])) < count:
            raise ValueError(
                f"{self._place('train')}: {len(rows[0])} row(s), of different texts "
                f"{len(np.unique(rows[1]))}, for --num_folds={count}; expected one for each fold."
            )
        return splitting.deal(*rows, [1 / count] * count, self._fold.seed)

    def _path(self, split: str) -> str:
        """Returns the file of a split; "": the processor's own in --data_dir."""
        path = self._path_given(split)
        if path:
            if sources.is_missing(path):
                raise ValueError(f"--{_FLAGS[split]}={path}: no such file.")
            if path != "-" and not (os.path.isfile(path) or os.path.isdir(path)):
                raise ValueError(
                    f"--{_FLAGS[split]}={path} is a pipe or the like, which can be read only once; "
                    "expected a file. Texts to predict may come by --predict_file=-."
                )
            return path
        if not self._config.data_dir:
            third = ", or a third share in --split" if self._config.split else ""
            raise UsageError(
                f"--{_FLAGS[split]}, or --data_dir with a {split} file{third}, is missing."
            )
        return ""

    def _place(self, split: str) -> str:
        if self._parts_of(split):
            split = "train"
        return self._path_given(split) or self._config.data_dir or split


def _is_written_split(path: str) -> bool:
    """Returns whether a file is one that `DataSet.write_split` wrote into an output directory."""
    folder, name = os.path.split(os.path.abspath(path))
    output_dir, folder_name = os.path.split(folder)
    ours = folder_name == SPLIT_FOLDER and name in {f"{split}.jsonl" for split in splitting.SPLITS}
    return bool(path) and ours and os.path.exists(os.path.join(output_dir, RECORD_FILE))
