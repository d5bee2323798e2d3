"""The examples of a run: from one file per split, from one file that is split, or from folds."""

import contextlib
import dataclasses
import json
import logging
import os
from typing import Any, Dict, Iterable, List, Optional, Tuple, Type

import numpy as np

from finetune.config.config import Config
from finetune.config.flags import split_flags
from finetune.data import sources, splitting
from finetune.data.data_path import (
    STANDARD_INPUT,
    InputStream,
    StreamPath,
    is_stream,
    stream_of,
)
from finetune.data.processor import SkippedRow
from finetune.data.row_statistics import text_hash
from finetune.output import names
from finetune.tasks.task import Processors, Task
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text, check_link, check_not_special
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation: its rows are the dev data, all others the training data.

    Attributes:
      index: Index of the fold, from 0.
      count: Number of folds.
      seed: Seed for assigning rows to folds.
    """

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
        """Creates a data set without reading any data.

        Args:
          config: The configuration, including the values that the trained model remembers.
          task_class: The class of the task, which decides how examples are stratified.
          processors: The processors that read the examples.
          model_folder: Output directory of the trained model, which contains the parts of a split
            file.
          fold: The fold of this training run; None without --num_folds.
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
        self._whole: Optional[Iterable[Any]] = None  # The file that is split
        # The rows that processors skipped, by split; each once, however often a file is read.
        self._skipped: Dict[str, Dict[SkippedRow, None]] = {split: {} for split in splitting.SPLITS}

    def read_with(self, processors: Processors) -> None:
        """Reads the remaining splits with new processors, which know the model's labels."""
        self._processors = processors
        if not self._task_class.reads_once:
            self._whole = None

    def examples(self, split: str) -> Iterable[Any]:
        """Returns the examples of a split, which can be iterated over repeatedly.

        Raises:
          InputError: The split has no rows.
        """
        if split in self._known:
            return self._known[split]
        source = self._source(split)
        if split == "train" and self._config.max_train_rows:
            source = sources.Sample(source, self._config.max_train_rows, self._config.seed)
        examples = self.checked(split, source)
        if next(iter(examples), None) is None:
            rows = "" if self._parts is None else f" (of {count(len(self._parts), 'row')})"
            raise InputError(
                f"{self._place(split)}: no rows in the {split} data{rows}; expected at least one."
            )
        self._known[split] = examples
        if split != "train" and not self._is_part(split):
            self._log_form(split)
        return examples

    def _log_form(self, split: str) -> None:
        """Logs how a file is read that a flag names, which can be other than the user expects."""
        path = self._given_path(split)
        if path and path != STANDARD_INPUT and not _is_written_part(path):
            file = self._config.data_file(path)
            form = self._processors.files.describe_form(file)
            if form is not None:
                _log.info("%s: read as %s", path, form)

    def is_stream(self, split: str) -> bool:
        """Returns whether a split is standard input or a pipe, which can be read only once."""
        path = self._given_path(split)
        return split == "test" and bool(path) and stream_of(path or "") is not None

    def stream(self) -> Tuple[Iterable[Any], InputStream]:
        """Opens the stream to predict; returns its rows as they come, and its bytes."""
        given = self._given_path("test") or ""
        path = StreamPath.opened(self._config.data_file(stream_of(given) or given))
        return self._read("test", path), path.stream

    def skipped_rows(self, split: str) -> List[SkippedRow]:
        """Returns the rows that the processor has skipped so far while it read a split's file."""
        return list(self._skipped[split])

    def examples_with_labels(self) -> Iterable[Any]:
        """Returns all rows from which the labels are learnt, whichever part contains them."""
        if not self._is_part("train") and not self._config.max_train_rows:
            return self.examples("train")
        return self.checked("train", self._whole_file())

    def checked(self, split: str, examples: Iterable[Any]) -> Iterable[Any]:
        """Returns examples after the processor has checked them together."""
        with sources.processor_errors(type(self._processors.files)):
            return self._processors.files.checked(split, examples)

    def has(self, split: str) -> bool:
        """Returns whether there is data for a split that can be read more than once."""
        if self.is_stream(split):
            return False
        if self._is_part(split) or self._given_path(split):
            return True
        return bool(self._config.data_dir) and self._has_file(split)

    def file_of(self, split: str) -> str:
        """Returns the path of the file that contains a split, or contained it when it was made."""
        if self._is_part(split) and not self._fold:
            return _part_file(os.path.join(self._model_folder, names.SPLIT), split)
        path = self._place(split)
        if path == self._config.data_dir:
            return sources.existing_file(self._processors.files, path, split) or path
        return path

    def has_test_part(self) -> bool:
        """Returns whether --split makes a test part, and the run reads no other test file."""
        return self._is_part("test")

    def _has_file(self, split: str) -> bool:
        processor, data_dir = self._processors.files, self._config.data_dir or ""
        if not sources.overrides_reading(processor, split):
            return bool(sources.existing_file(processor, data_dir, split))
        try:
            return next(iter(self._read(split, "")), None) is not None
        except (InputError, OSError):
            return False

    def fold_of_rows(self) -> np.ndarray:
        """Returns the index of the fold that holds out each row of the file: int [rows]."""
        assert self._fold is not None and self._parts is not None
        return self._parts

    def write_split(self, output_dir: str) -> None:
        """Writes the parts into which --split divides a file, for later runs and inspection."""
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
                    # A processor may use NumPy numbers as labels.
                    line = json.dumps(row, ensure_ascii=False, default=lambda value: value.item())
                    writer.write(line + "\n")

    def _part_names(self) -> List[str]:
        return list(splitting.SPLITS[: len(self._shares())])

    def _shares(self) -> List[float]:
        """Returns each part's or fold's share of the training file; [] if it is not split."""
        if self._fold is not None:
            return [1 / self._fold.count] * self._fold.count
        return splitting.parse_shares(self._config.split) if self._config.split else []

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
        whole = self._whole_file()
        if self._parts is None:
            self._parts = self._assign_parts(whole)
        if self._fold is None:
            kept = self._parts == splitting.SPLITS.index(split)
        else:
            kept = (self._parts == self._fold.index) == (split == "dev")
        return sources.Subset(whole, kept, self._hashes, self._hash_of)

    def _whole_file(self) -> Iterable[Any]:
        """Returns the examples of the file that --split or --num_folds splits."""
        if self._whole is None:
            whole = self._read("train", self._path("train"))
            self._whole = list(whole) if self._task_class.reads_once else whole
        return self._whole

    def _hash_of(self, example: Any) -> int:
        return text_hash(self._task_class.model_texts(self._config, example))

    def _read(self, split: str, path: str) -> Iterable[Any]:
        """Reads a split from a path; if the path is "", from the file that the processor finds."""
        processor = self._processors.bare_text if is_stream(path) else self._processors.files
        return sources.from_processor(
            processor,
            split,
            data_dir=self._config.data_dir or "",
            path=path,
            as_file=self._config.data_file,
            example_class=self._task_class.example_class,
            skip=lambda row: self._skipped[split].setdefault(row),
        )

    def _assign_parts(self, whole: Iterable[Any]) -> np.ndarray:
        strata, groups = GrowingArray(np.int32), GrowingArray(np.uint64)
        strata.extend(splitting.number_names(map(self._task_class.stratum_of(self._config), whole)))
        groups.extend(map(self._hash_of, whole))
        self._hashes = groups.to_numpy()
        rows = (strata.to_numpy(), self._hashes)
        if self._fold is not None:
            self._check_fold_count(self._fold.count)
            return splitting.assign_parts(
                *rows, self._shares(), self._fold.seed, no_part_empty=True
            )
        all_strata_in_first = self._task_class.trains_on_each_stratum(self._config)
        seed = self._config.value_of("split_seed")
        return splitting.assign_parts(*rows, self._shares(), seed, all_strata_in_first)

    def _check_fold_count(self, num_folds: int) -> None:
        """Raises `InputError` if there are more folds than distinct texts."""
        num_texts = len(np.unique(self._hashes))
        if num_texts < num_folds:
            raise InputError(
                f"{self._place('train')}: {count(len(self._hashes), 'row')} with "
                f"{count(num_texts, 'distinct text')}, but --num_folds={num_folds}; expected at "
                "least one distinct text per fold."
            )

    def _path(self, split: str) -> str:
        """Returns the file of a split; "" if the processor finds it in --data_dir."""
        path, flag = self._given_path(split), self._flags[split]
        if path:
            if sources.is_missing(path):
                check_link(path)
                raise InputError(f"--{flag}={path}: no such file.")
            if path != STANDARD_INPUT:
                check_not_special(path)
            return path
        if not self._config.data_dir:
            other = f"--data_dir with a {split} file"
            if self._config.split:
                other += ", or a third proportion in --split"
            elif split == "dev":
                other += ", or --split=80:20"
            raise UsageError(f"--{flag} is missing. Set it, or {other}.")
        return ""

    def _place(self, split: str) -> str:
        if self._is_part(split):
            split = "train"
        return self._given_path(split) or self._config.data_dir or split


def _part_file(folder: str, split: str) -> str:
    return os.path.join(folder, f"{split}.jsonl")


def _is_written_part(path: str) -> bool:
    """Returns whether `DataSet.write_split` wrote this file into an output directory."""
    if not path:
        return False
    folder, name = os.path.split(os.path.abspath(path))
    output_dir, folder_name = os.path.split(folder)
    is_ours = folder_name == names.SPLIT and name in {f"{s}.jsonl" for s in splitting.SPLITS}
    return is_ours and os.path.exists(os.path.join(output_dir, names.RECORD))
