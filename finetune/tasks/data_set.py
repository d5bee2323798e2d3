"""The examples of a run: from one file per split, from one file that is split, or from folds."""

import contextlib
import dataclasses
import json
import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Type

import numpy as np

from finetune.config.config import Config
from finetune.config.flags import split_flags
from finetune.data import sources, splitting
from finetune.data.lines import DataPath
from finetune.data.row_statistics import text_hash
from finetune.output import names
from finetune.tasks.task import Processors, Task
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text
from finetune.util.plurals import count


class Fold(NamedTuple):
    """One fold of a cross-validation: its rows are the dev data, all others the training data."""

    index: int
    count: int
    seed: int


class DataSet:
    """The examples of a run."""

    def __init__(
        self,
        config: Config,
        task_class: Type[Task],
        processors: Processors,
        *,
        model_folder: str,
        fold: Optional[Fold] = None,
    ):
        """Creates a data set; nothing is read yet.

        Args:
          config: The configuration, with the values that the trained model remembers.
          task_class: Says how examples are stratified.
          processors: Read the examples.
          model_folder: Folder of the trained model, in which the parts of a split file are.
          fold: For one training of --num_folds.
        """
        self._config = config
        self._task_class = task_class
        self._processors = processors
        self._model_folder = model_folder
        self._fold = fold
        self._flags = split_flags(type(config))
        self._parts: Optional[np.ndarray] = None  # The part of each row, once assigned
        self._hashes = np.zeros(0, np.uint64)  # The hash of each row's text
        self._known: Dict[str, Iterable[Any]] = {}

    def read_with(self, processors: Processors) -> None:
        """Reads what is not read yet with other processors, which know the model's labels."""
        self._processors = processors

    def examples(self, split: str) -> Iterable[Any]:
        """Returns the examples of a split; one can iterate over them again and again.

        Raises:
          InputError: There are none.
        """
        if split in self._known:
            return self._known[split]
        examples = self._processors.files.checked(split, self._source(split))
        if next(iter(examples), None) is None:
            raise InputError(
                f"{self._place(split)}: no rows in the {split} data; expected at least one."
            )
        self._known[split] = examples
        return examples

    def examples_with_labels(self) -> Iterable[Any]:
        """Returns all rows from which a training learns its labels, those of every part."""
        if not self._is_part("train"):
            return self.examples("train")
        whole = self._read("train", self._path("train"))
        return self._processors.files.checked("train", whole)

    def has(self, split: str) -> bool:
        """Returns whether there is data for a split."""
        if self._is_part(split) or self._given_path(split):
            return True
        return bool(self._config.data_dir) and self._has_file(split)

    def _has_file(self, split: str) -> bool:
        processor, data_dir = self._processors.files, self._config.data_dir or ""
        if not sources.overrides_reading(processor, split):
            return bool(sources.existing_file(processor, data_dir, split))
        try:
            return next(iter(self._read(split, "")), None) is not None
        except (InputError, OSError):
            return False

    def write_split(self, output_dir: str) -> None:
        """Writes the parts that --split makes of a file, for later runs and for inspection."""
        if not self._config.split or self._fold:
            return
        folder = os.path.join(output_dir, names.SPLIT)
        os.makedirs(folder, exist_ok=True)
        for stale in set(splitting.SPLITS) - set(self._part_names()):
            with contextlib.suppress(FileNotFoundError):
                os.remove(_part_file(folder, stale))
        for split in self._part_names():
            with atomic_text(_part_file(folder, split)) as writer:
                for example in self._source(split):
                    row = dataclasses.asdict(example)
                    # A processor may use NumPy's numbers as labels.
                    line = json.dumps(row, ensure_ascii=False, default=lambda value: value.item())
                    writer.write(line + "\n")

    def _part_names(self) -> List[str]:
        shares = splitting.parse_shares(self._config.split)
        return list(splitting.SPLITS[: len(shares)])

    def _is_part(self, split: str) -> bool:
        """Returns whether a split is a part of the training file."""
        if self._given_path(split) and split != "train":
            return False
        if self._fold is not None:
            return split != "test"
        return bool(self._config.split) and split in self._part_names()

    def _given_path(self, split: str) -> Optional[str]:
        return getattr(self._config, self._flags[split])

    def _source(self, split: str) -> Iterable[Any]:
        example_class = self._task_class.example_class
        if not self._is_part(split):
            path = self._path(split)
            if _is_written_part(path):
                return sources.WrittenSplit(path, example_class)
            return self._read(split, path)
        if not self._config.learns_labels:
            folder = os.path.join(self._model_folder, names.SPLIT)
            return sources.WrittenSplit(_part_file(folder, split), example_class)
        whole = self._read("train", self._path("train"))
        if self._parts is None:
            self._parts = self._assign_parts(whole)
        if self._fold is None:
            kept = self._parts == splitting.SPLITS.index(split)
        else:
            kept = (self._parts == self._fold.index) == (split == "dev")
        return sources.Subset(whole, kept, self._hashes, self._hash_of)

    def _hash_of(self, example: Any) -> int:
        return text_hash(self._task_class.model_texts(self._config, example))

    def _read(self, split: str, path: str) -> Iterable[Any]:
        """Reads a split from a path, or (path "") from the file that its processor finds."""
        is_bare_text = path == "-"
        processor = self._processors.bare_text if is_bare_text else self._processors.files
        return sources.from_processor(
            processor,
            split,
            data_dir=self._config.data_dir or "",
            path=path,
            encoding=self._config.encoding or DataPath.encoding,
            example_class=self._task_class.example_class,
        )

    def _assign_parts(self, whole: Iterable[Any]) -> np.ndarray:
        strata, groups = GrowingArray(np.int32), GrowingArray(np.uint64)
        strata.extend(splitting.number_names(map(self._task_class.stratum_of(self._config), whole)))
        groups.extend(map(self._hash_of, whole))
        self._hashes = groups.to_numpy()
        rows, seed = (strata.to_numpy(), self._hashes), self._config.split_seed or 0
        if self._fold is None:
            shares = splitting.parse_shares(self._config.split)
            learn_all = self._task_class.trains_on_each_stratum(self._config)
            return splitting.assign_parts(*rows, shares, seed, learn_all)
        num_texts = len(np.unique(self._hashes))
        if num_texts < self._fold.count:
            raise InputError(
                f"{self._place('train')}: {count(len(self._hashes), 'row')} with "
                f"{count(num_texts, 'distinct text')}, for --num_folds={self._fold.count}; "
                "expected at least one for each fold."
            )
        return splitting.assign_parts(
            *rows, [1 / self._fold.count] * self._fold.count, self._fold.seed
        )

    def _path(self, split: str) -> str:
        """Returns the file of a split; "" stands for the processor's own in --data_dir."""
        path, flag = self._given_path(split), self._flags[split]
        if path:
            if sources.is_missing(path):
                raise InputError(f"--{flag}={path}: no such file.")
            if path != "-" and not (os.path.isfile(path) or os.path.isdir(path)):
                raise InputError(
                    f"--{flag}={path} is a pipe or a device, which can be read only once; expected "
                    "a file. To predict texts from a pipe, give --predict_file=-."
                )
            return path
        if not self._config.data_dir:
            third = ", or a third proportion in --split" if self._config.split else ""
            raise UsageError(f"--{flag}, or --data_dir with a {split} file{third}, is missing.")
        return ""

    def _place(self, split: str) -> str:
        if self._is_part(split):
            split = "train"
        return self._given_path(split) or self._config.data_dir or split


def _part_file(folder: str, split: str) -> str:
    return os.path.join(folder, f"{split}.jsonl")


def _is_written_part(path: str) -> bool:
    """Returns whether a file is one that `DataSet.write_split` wrote into an output directory."""
    if not path:
        return False
    folder, name = os.path.split(os.path.abspath(path))
    output_dir, folder_name = os.path.split(folder)
    is_ours = folder_name == names.SPLIT and name in {f"{s}.jsonl" for s in splitting.SPLITS}
    return is_ours and os.path.exists(os.path.join(output_dir, names.RECORD))
