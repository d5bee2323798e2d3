"""Result rows: each input row once, in order, and readable whatever the text holds."""

import csv

import numpy as np
import pytest

from finetune.predictions import write_classification
from processors import InputExample

TEXTS = ['"open quote', "a\ttab", "two\nlines", "lone\rCR", "naïve 博 😀"]


def read(path):
    with open(path, encoding="utf-8", newline="") as reader:
        return list(csv.reader(reader, dialect="excel-tab"))


def test_any_text_comes_back_as_it_was(tmp_path):
    examples = [InputExample(f"test-{i}", text) for i, text in enumerate(TEXTS)]
    logits = np.log([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1], [0.125, 0.875], [1.0, 1.0]])
    path = tmp_path / "test_results.tsv"
    written = write_classification(str(path), examples, [logits[:3], logits[3:]], ["text", "no"])
    header, *rows = read(path)
    assert written == 5
    # Where a label is named like another column, all are told apart.
    assert header == ["guid", "text", "prediction", "score", "label_text", "label_no"]
    assert [row[1] for row in rows] == TEXTS
    assert [row[0] for row in rows] == [f"test-{i}" for i in range(5)]
    assert rows[0][2:] == ["no", "0.750000", "0.250000", "0.750000"]
    assert rows[2][2:] == ["text", "0.900000", "0.900000", "0.100000"]


def test_pairs_have_two_text_columns(tmp_path):
    path = tmp_path / "test_results.tsv"
    examples = [InputExample("test-1", "one", "two")]
    write_classification(str(path), examples, [np.zeros((1, 2))], ["x", "y"])
    assert read(path)[0][:3] == ["guid", "text_a", "text_b"]
    assert read(path)[1][:3] == ["test-1", "one", "two"]


def test_a_failure_midway_leaves_the_old_results_and_no_scrap(tmp_path):
    path = tmp_path / "test_results.tsv"
    path.write_text("old")

    def failing():
        yield np.zeros((1, 2))
        raise RuntimeError("interrupted")

    examples = [InputExample(f"test-{i}", "x") for i in range(2)]
    with pytest.raises(RuntimeError, match="interrupted"):
        write_classification(str(path), examples, failing(), ["x", "y"])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["test_results.tsv"]
