# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""THE FILE TO EDIT for a new data set: a class that reads it, and its name in `PROCESSORS`.

`EmotionProcessor` and `MrpcProcessor` are worked examples. A processor names the files of the
splits
and turns a file into `InputExample`s. Labels are those found in the training data, unless the class
lists them. `NERProcessor`s are for run_ner.py, all others for run_classifier.py. docs/data.md and
docs/tagging.md explain more.
"""

from typing import Dict, Iterable, Type

from finetune.data.lines import read_lines
from finetune.data.processor import DataProcessor, InputExample
from finetune.data.tables import read_cells, read_tsv
from finetune.tasks.classification.processor import MulticlassProcessor
from finetune.tasks.tagging.processor import NERProcessor
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.errors import InputError

# What data set classes need, from one place.
__all__ = [
    "PROCESSORS",
    "BinaryProcessor",
    "DataProcessor",
    "EmotionProcessor",
    "InputError",
    "InputExample",
    "MrpcProcessor",
    "MulticlassProcessor",
    "NERProcessor",
    "TaggedText",
    "Wnut17Processor",
    "read_cells",
    "read_lines",
    "read_tsv",
]


class BinaryProcessor(MulticlassProcessor):
    """Reads the usual forms, with exactly two labels."""

    num_labels = 2


class EmotionProcessor(DataProcessor):
    """Reads `text;label` lines without a header: the six emotions of Saravia et al. 2018."""

    labels = ["anger", "fear", "joy", "love", "sadness", "surprise"]
    files = {"train": "train.txt", "dev": "val.txt", "test": "test.txt"}

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for line, row in read_lines(path):
            text, separator, label = row.rpartition(";")
            if split == "test" and label not in self.labels:
                text, label = row, None  # A row to predict, without a label
            elif not separator:
                raise InputError(f"{path}:{line}: found {row[:60]!r}, expected text;label.")
            yield InputExample(f"{split}-{line}", text, None, label, f"{path}:{line}")


class MrpcProcessor(DataProcessor):
    """Reads GLUE's Microsoft Research Paraphrase Corpus: do two sentences mean the same (1)?"""

    labels = ["0", "1"]

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for row in read_tsv(path):
            texts = row["#1 String"], row["#2 String"]
            yield InputExample(f"{split}-{row.line}", *texts, row.get("Quality"), row.where)


class Wnut17Processor(NERProcessor):
    """Reads the emerging entities of WNUT 2017 (Derczynski et al.), under its own file names."""

    files = {
        "train": "wnut17train.conll",
        "dev": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }


# The tasks, by the name that --task_name gives.
PROCESSORS: Dict[str, Type[DataProcessor]] = {
    "binary": BinaryProcessor,
    "multiclass": MulticlassProcessor,
    "emotion": EmotionProcessor,
    "mrpc": MrpcProcessor,
    "ner": NERProcessor,
    "wnut17": Wnut17Processor,
}
