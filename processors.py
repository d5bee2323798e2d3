# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Edit this file to read a new data set: add a class that reads it and name it in `PROCESSORS`.

A processor names the files of the splits and converts a file into `InputExample`s, as
`EmotionProcessor` and `MrpcProcessor` do. If it does not list the labels, they are taken from the
training data. run_ner.py uses subclasses of `NERProcessor`, run_squad.py those of
`QuestionAnsweringProcessor`, run_classifier.py all others. See also docs/data.md, docs/tagging.md
and docs/question-answering.md.
"""

import dataclasses
import os
from typing import Dict, Iterable, List, Optional, Type, Union

from finetune.data import split_files as data_files
from finetune.data.columns import WantedColumns
from finetune.data.lines import read_lines
from finetune.data.processor import DataProcessor, InputExample
from finetune.data.split_files import MissingData
from finetune.data.tables import read_cells, read_quoted_cells, read_tsv
from finetune.tasks.classification import readers as text_readers
from finetune.tasks.classification.processor import MulticlassProcessor
from finetune.tasks.classification.readers import TextFormat
from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.tasks.question_answering.question import Answer, Question
from finetune.tasks.tagging import readers as ner_readers
from finetune.tasks.tagging.processor import NERProcessor
from finetune.tasks.tagging.readers import TagFormat
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.errors import InputError

# Everything that a processor needs can be imported from this file.
__all__ = [
    # The data sets, and the base classes of processors.
    "PROCESSORS",
    "BinaryProcessor",
    "DataProcessor",
    "EmotionProcessor",
    "MrpcProcessor",
    "MulticlassProcessor",
    "NERProcessor",
    "QuestionAnsweringProcessor",
    "Wnut17Processor",
    # Examples, options and errors.
    "Answer",
    "InputError",
    "InputExample",
    "MissingData",
    "Question",
    "TagFormat",
    "TaggedText",
    "TextFormat",
    "WantedColumns",
    # Functions that read files, and the modules that read the usual forms.
    "data_files",
    "ner_readers",
    "read_cells",
    "read_lines",
    "read_quoted_cells",
    "read_tsv",
    "text_readers",
    # The standard library's names that classes written for 0.1.0 find here.
    "Dict",
    "Iterable",
    "List",
    "Optional",
    "Type",
    "Union",
    "dataclasses",
    "os",
]


class BinaryProcessor(MulticlassProcessor):
    """Reads every file form in docs/data.md; there must be exactly two labels."""

    num_labels = 2


class EmotionProcessor(DataProcessor):
    """Reads the six emotions of Saravia et al. 2018: `text;label` lines without a header."""

    labels = ["anger", "fear", "joy", "love", "sadness", "surprise"]
    files = {"train": "train.txt", "dev": "val.txt", "test": "test.txt"}

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for line, row in read_lines(path):
            text, separator, label = row.rpartition(";")
            if split == "test" and label not in self.labels:
                text, label = row, None  # A row to predict, without a label
            elif not separator:
                raise InputError(f"{path}:{line}: found {row[:60]!r}; expected text;label.")
            yield InputExample(f"{split}-{line}", text, None, label, f"{path}:{line}")


class MrpcProcessor(DataProcessor):
    """Reads GLUE's Microsoft Research Paraphrase Corpus: 1 if both sentences mean the same."""

    labels = ["0", "1"]

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for row in read_tsv(path):
            texts = row["#1 String"], row["#2 String"]
            yield InputExample(f"{split}-{row.line}", *texts, row.get("Quality"), row.where)


class Wnut17Processor(NERProcessor):
    """Reads the emerging entities of WNUT 2017 (Derczynski et al.) from its original files."""

    files = {
        "train": "wnut17train.conll",
        "dev": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }


# The names that --task_name accepts, each with its processor.
PROCESSORS: Dict[str, Type[DataProcessor]] = {
    "binary": BinaryProcessor,
    "multiclass": MulticlassProcessor,
    "emotion": EmotionProcessor,
    "mrpc": MrpcProcessor,
    "ner": NERProcessor,
    "qa": QuestionAnsweringProcessor,
    "wnut17": Wnut17Processor,
}
