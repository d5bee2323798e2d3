# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""THE FILE TO EDIT for a new data set: a class that reads it, and its name in `PROCESSORS`.

`EmotionProcessor` and `MrpcProcessor` are worked examples. A processor says which files hold the
splits, and turns a file into `InputExample`s. Labels are those found in the training data, unless
the class lists them. `NERProcessor`s are for run_ner.py, all others for run_classifier.py.
"""

import dataclasses
import os
from typing import Dict, Iterable, List, Optional, Type, Union

from finetune import data_files, ner_readers, text_readers
from finetune.readers import read_cells, read_lines, read_tsv
from finetune.tagged_text import TaggedText


@dataclasses.dataclass
class InputExample:
    """One text, or pair of texts, with its label.

    Attributes:
      guid: Name of the example, unique in its split, such as "train-7" for line 7.
      text_a: The text, or the first of a pair.
      text_b: The second of a pair.
      label: The label, or a list of labels for those that have several; None in data to predict.
      where: "path:line", for messages.
    """

    guid: str
    text_a: str
    text_b: Optional[str] = None
    label: Union[str, List[str], None] = None
    where: Optional[str] = None


class DataProcessor:
    """Reads a data set. Subclasses give `read_examples`, and what differs of the rest."""

    files = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
    labels: Optional[List[str]] = None  # None: those of the training data, sorted
    num_labels: Optional[int] = None  # How many there must be; None: two or more
    problem_type: str = "single_label"  # Or "multi_label" or "regression", as --problem_type

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        """Yields the examples of one file; `split` is "train", "dev" or "test"."""
        raise NotImplementedError(f"{type(self).__name__} does not define read_examples")

    def path_of(self, data_dir: str, split: str) -> str:
        """Returns the file of a split."""
        return os.path.join(data_dir, self.file_name(split))

    def file_name(self, split: str) -> str:
        """Returns the name that `files` has for a split."""
        if split not in self.files:
            raise data_files.MissingData(f"{type(self).__name__}: its files name no {split} data.")
        return self.files[split]

    def get_train_examples(self, data_dir: str) -> List[InputExample]:
        """Returns the examples to train on."""
        return list(self.read_examples(self.path_of(data_dir, "train"), "train"))

    def get_dev_examples(self, data_dir: str) -> List[InputExample]:
        """Returns the examples to evaluate on."""
        return list(self.read_examples(self.path_of(data_dir, "dev"), "dev"))

    def get_test_examples(self, data_dir: str) -> List[InputExample]:
        """Returns the examples to predict; their labels, if any, are not used."""
        return list(self.read_examples(self.path_of(data_dir, "test"), "test"))

    def get_labels(self) -> Optional[List[str]]:
        """Returns the list of labels, or None for those found in the training data."""
        return self.labels

    @classmethod
    def _read_tsv(cls, input_file: str, quotechar: Optional[str] = None) -> List[List[str]]:
        """Returns the cells of each line, for processors written for Google's BERT."""
        del quotechar  # Quotes are characters like any other: as quoting, they swallow rows.
        return [cells for _, cells in read_cells(input_file)]


class MulticlassProcessor(DataProcessor):
    """Texts or pairs with labels, in the usual forms: a table, JSON lines, `text;label`, folders.

    The options are flags too, which go before them. README.md has the forms.
    """

    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual endings
    options = text_readers.Options()

    def path_of(self, data_dir: str, split: str) -> str:
        endings = text_readers.ENDINGS
        return data_files.find_file(data_dir, self.file_name(split), endings, folders=("",))

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for row in text_readers.read_rows(path, self.options, need_label=split != "test"):
            guid = f"{split}-{row.name}"
            yield InputExample(guid, row.text, row.text_b, row.label, row.where)


class BinaryProcessor(MulticlassProcessor):
    """The same forms, with two labels."""

    num_labels = 2


class EmotionProcessor(DataProcessor):
    """`text;label` lines without a header: the six emotions of Saravia et al. 2018."""

    labels = ["anger", "fear", "joy", "love", "sadness", "surprise"]
    files = {"train": "train.txt", "dev": "val.txt", "test": "test.txt"}

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for line, row in read_lines(path):
            text, separator, label = row.rpartition(";")
            if split == "test" and label not in self.labels:
                text, label = row, None  # A row to predict, without a label
            elif not separator:
                raise ValueError(f"{path}:{line}: found {row[:60]!r}, expected text;label.")
            yield InputExample(f"{split}-{line}", text, None, label, f"{path}:{line}")


class MrpcProcessor(DataProcessor):
    """Microsoft Research Paraphrase Corpus as GLUE has it: do two sentences mean the same (1)?"""

    labels = ["0", "1"]

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for row in read_tsv(path):
            texts = row["#1 String"], row["#2 String"]
            yield InputExample(f"{split}-{row.line}", *texts, row.get("Quality"), row.where)


class NERProcessor(DataProcessor):
    """Texts whose words are tagged, for run_ner.py, in CoNLL columns and the other usual forms.

    The last four attributes are flags too, which go before them. For another form, a subclass has
    a `read_examples` of its own that yields `TaggedText`s, made by `TaggedText.from_words` or
    `TaggedText.from_spans`.
    """

    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual endings
    data_form: str = "auto"  # Or one of ner_readers.FORMS
    word_column: int = 1  # Of CoNLL columns: 1 is the first, -1 the last
    tag_column: int = -1  # 0: none
    word_split: Optional[str] = None  # How bare text is cut into words: tagged_text.WORD_SPLITS

    def path_of(self, data_dir: str, split: str) -> str:
        return ner_readers.find_file(data_dir, self.file_name(split))

    def read_examples(self, path: str, split: str) -> Iterable[TaggedText]:
        options = ner_readers.Options(
            word_column=self.word_column,
            tag_column=self.tag_column,
            word_split=self.word_split or "punctuation",
            need_tags=split != "test",
        )
        return ner_readers.read_texts(path, self.data_form, split, options)


class Wnut17Processor(NERProcessor):
    """Emerging entities of WNUT 2017 (Derczynski et al.), under the names of its files."""

    files = {
        "train": "wnut17train.conll",
        "dev": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }


# What --task_name names.
PROCESSORS: Dict[str, Type[DataProcessor]] = {
    "binary": BinaryProcessor,
    "multiclass": MulticlassProcessor,
    "emotion": EmotionProcessor,
    "mrpc": MrpcProcessor,
    "ner": NERProcessor,
    "wnut17": Wnut17Processor,
}
