"""Texts or pairs with labels, in the usual forms."""

import dataclasses
from typing import Iterable, Optional

from finetune.data import split_files
from finetune.data.processor import DataProcessor, InputExample
from finetune.tasks.classification.readers import ENDINGS, TextFormat, read_rows


class MulticlassProcessor(DataProcessor):
    """Reads the usual forms: a table, JSON lines, `text;label` lines, a folder for each label.

    A subclass can set `options`; flags override them. docs/data.md describes the forms.
    """

    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual endings
    options = TextFormat()

    def __init__(self, options: Optional[TextFormat] = None):
        """Creates a processor that reads as `options` say, or else as its class does."""
        if options is not None:
            self.options = options

    def with_options(self, **changes: object) -> "MulticlassProcessor":
        """Returns a processor of the same class with some options changed."""
        return type(self)(dataclasses.replace(self.options, **changes))

    def path_of(self, data_dir: str, split: str) -> str:
        return split_files.find_file(data_dir, self.file_name(split), ENDINGS, folders=("",))

    def read_examples(self, path: str, split: str) -> Iterable[InputExample]:
        for row in read_rows(path, self.options, need_label=split != "test"):
            guid = f"{split}-{row.name}"
            yield InputExample(guid, row.text, row.text_b, row.label, row.where)


def bare_text_processor(pairs: bool) -> MulticlassProcessor:
    """Returns the processor of bare text, one text (or pair) per line."""
    return MulticlassProcessor(TextFormat(form="text", pairs=pairs))
