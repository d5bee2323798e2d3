"""Helpers of tests that read examples with a processor."""

import inspect

from finetune.data.data_path import DataPath
from finetune.data.lines import read_lines
from finetune.data.sources import (
    from_processor,
)
from processors import DataProcessor, InputExample


class Lines(DataProcessor):
    """Reads one text per line, as a user's class would; counts how often reading starts."""

    num_reads = 0

    def read_examples(self, path, split):
        self.num_reads += 1
        for number, line in read_lines(path):
            cells = line.split("/")
            yield InputExample(
                f"{split}-{number}", cells[0], None, cells[1], where=f"{path}:{number}"
            )


def source(processor, split="train", data_dir="", path="", encoding="utf-8"):
    return from_processor(
        processor,
        split,
        data_dir=data_dir,
        path=str(path),
        as_file=lambda path: DataPath.of(path, encoding),
        example_class=InputExample,
    )


def line_of(cls, code):
    """Returns the number of the line in its file where a class or function contains some code."""
    lines, first = inspect.getsourcelines(cls)
    (place,) = (i for i, line in enumerate(lines) if code in line)
    return first + place
