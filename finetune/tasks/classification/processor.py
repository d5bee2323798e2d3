"""The processor of texts or pairs with labels, in the usual forms."""

import copy
import dataclasses
from typing import Iterable, Optional, Sequence, TypeVar, Union

from finetune.data import split_files
from finetune.data.columns import WantedColumns
from finetune.data.processor import (
    DataProcessor,
    InputExample,
    SkippedRow,
    check_choice,
    check_integer,
    invalid_attribute,
)
from finetune.tasks.classification.config import PROBLEM_TYPES
from finetune.tasks.classification.readers import (
    ENDINGS,
    FORMS,
    TextFormat,
    describe_form,
    read_rows,
)

ProcessorT = TypeVar("ProcessorT", bound="MulticlassProcessor")


class MulticlassProcessor(DataProcessor):
    """Reads the usual forms: a table, JSON lines, `text;label` lines, a folder for each label.

    A subclass can set `options`; flags override them. docs/data.md describes the forms. A subclass
    can define `__init__(self)`: the toolkit calls it without arguments, and sets options only in
    the copies that `with_options` returns.
    """

    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual extensions
    options = TextFormat()

    def with_options(self: ProcessorT, options: TextFormat) -> ProcessorT:
        """Returns a shallow copy of this processor that has the given options."""
        processor = copy.copy(self)
        processor.options = options
        return processor

    def for_model(self: ProcessorT, labels: Sequence[str], pairs: Optional[bool]) -> ProcessorT:
        """Returns a shallow copy of this processor that knows what a model predicts.

        Args:
          labels: The model's labels.
          pairs: Whether the model takes pairs of texts; None if unknown.
        """
        options = dataclasses.replace(self.options, known_labels=labels, pairs=pairs)
        return self.with_options(options)

    def path_of(self, data_dir: str, split: str) -> str:
        return split_files.find_file(data_dir, self.file_name(split), ENDINGS, folders=("",))

    def describe_form(self, path: str) -> Optional[str]:
        return describe_form(path, self.options)

    def read_examples(self, path: str, split: str) -> Iterable[Union[InputExample, SkippedRow]]:
        options = self.options
        if split == "train":  # The file from which the columns were learnt
            options = dataclasses.replace(options, columns=options.columns.exact())
        for row in read_rows(path, options, need_label=split != "test"):
            if isinstance(row, SkippedRow):
                yield row
                continue
            yield InputExample(
                guid=f"{split}-{row.name}",
                text_a=row.text,
                text_b=row.text_b,
                label=row.label,  # type: ignore[arg-type]  # Checked by the task's targets
                where=row.where,
            )


def check_attributes(processor: DataProcessor) -> None:
    """Raises `InputError` if the user's class set an attribute to an invalid value."""
    check_choice(processor, "problem_type", processor.problem_type, PROBLEM_TYPES)
    if processor.num_labels is not None:
        check_integer(processor, "num_labels", processor.num_labels)
    if not isinstance(processor, MulticlassProcessor):
        return
    options = processor.options
    if not isinstance(options, TextFormat):
        raise invalid_attribute(processor, "options", options, "a TextFormat")
    if not isinstance(options.columns, WantedColumns):
        raise invalid_attribute(processor, "options.columns", options.columns, "WantedColumns")
    check_choice(processor, "options.form", options.form, ("auto", *FORMS))


def bare_text_processor(pairs: bool) -> MulticlassProcessor:
    """Returns the processor for bare text, one text (or pair) per line."""
    return MulticlassProcessor().with_options(TextFormat(form="text", pairs=pairs))
