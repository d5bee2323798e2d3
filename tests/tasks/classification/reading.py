"""Helpers of tests that read texts with labels."""

from finetune.data.columns import WantedColumns
from finetune.data.processor import InputExample
from finetune.tasks.classification.readers import TextFormat, read_rows
from tests.support.files import write_data


def examples(*labels):
    """Returns an example with each label; their places are lines 1, 2, …"""
    return [InputExample(f"g{i}", "a", None, x, f"f:{i + 1}") for i, x in enumerate(labels)]


def options(form="auto", delimiter=None, quoting=None, known_labels=(), pairs=False, **wanted):
    return TextFormat(
        form,
        delimiter,
        quoting,
        columns=WantedColumns(**wanted),
        known_labels=known_labels,
        pairs=pairs,
    )


def read(tmp_path, content, name="train.tsv", *, need_label=True, encoding="utf-8", **given):
    """Returns the rows of a file with the given content."""
    path = write_data(tmp_path / name, content, encoding)
    return list(read_rows(path, options(**given), need_label))


def labelled(rows):
    return [(row.text, row.label) for row in rows]


def lines_of(rows):
    return [int(row.where.rpartition(":")[2]) for row in rows]


GOOD_BAD = [("good", "pos"), ("bad", "neg")]
