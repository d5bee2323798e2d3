"""Rows of results: one per input row, in order, and readable whatever the text contains."""

import csv

import numpy as np
import pytest

from finetune.tasks.classification.predictions import PredictionTable
from finetune.tasks.classification.problem_types import SingleLabel
from finetune.util.errors import InputError
from finetune.util.files import atomic_text
from processors import InputExample

TEXTS = ['"open quote', "a\ttab", "two\nlines", "lone\rCR", "naïve 博 😀"]


def read(path):
    with open(path, encoding="utf-8", newline="") as reader:
        return list(csv.reader(reader, dialect="excel-tab"))


def write(path, examples, answers, columns=("prediction",), pairs=False):
    with atomic_text(str(path)) as writer:
        PredictionTable(writer, columns=columns, pairs=pairs).write(examples, answers)


def test_any_text_survives_writing_and_reading(tmp_path):
    examples = (InputExample(f"test-{i}", text) for i, text in enumerate(TEXTS))
    logits = np.log([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1], [0.125, 0.875], [1.0, 1.0]])
    problem = SingleLabel(["text", "no"])
    path = tmp_path / "test_results.tsv"
    write(path, examples, problem.prediction_rows(logits), problem.prediction_columns())
    header, *rows = read(path)
    assert len(rows) == 5
    # All column names are distinct, even if a label is named like another column.
    assert header == ["guid", "text", "prediction", "score", "label_text", "label_no"]
    assert [row[1] for row in rows] == TEXTS
    assert [row[0] for row in rows] == [f"test-{i}" for i in range(5)]
    assert rows[0][2:] == ["no", "0.750000", "0.250000", "0.750000"]
    assert rows[2][2:] == ["text", "0.900000", "0.900000", "0.100000"]


def test_any_label_survives_writing_and_reading(tmp_path):
    path = tmp_path / "test_results.tsv"
    examples = [InputExample(f"test-{i}", "x") for i in range(5)]
    write(path, examples, ([text] for text in TEXTS))
    assert [row[2] for row in read(path)[1:]] == TEXTS


def test_pairs_have_two_text_columns(tmp_path):
    path = tmp_path / "test_results.tsv"
    examples = [InputExample("test-1", "one", "two"), InputExample("test-2", "three")]
    write(path, examples, [["x"], ["y"]], pairs=True)
    assert read(path) == [
        ["guid", "text_a", "text_b", "prediction"],
        ["test-1", "one", "two", "x"],
        ["test-2", "three", "", "y"],
    ]


def test_failure_while_writing_keeps_the_old_results(tmp_path):
    path = tmp_path / "test_results.tsv"
    path.write_text("old")

    def failing():
        yield ["x"]
        raise RuntimeError("interrupted")

    examples = [InputExample(f"test-{i}", "x") for i in range(2)]
    with pytest.raises(RuntimeError, match="interrupted"):
        write(path, examples, failing())
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["test_results.tsv"]


@pytest.mark.parametrize("num_answers", [1, 3])
def test_row_count_differing_from_prediction_count_raises_an_error(tmp_path, num_answers):
    path = tmp_path / "test_results.tsv"
    path.write_text("old")
    examples = [InputExample(f"test-{i}", "x") for i in range(2)]
    with pytest.raises(InputError, match="The data to predict changed while it was being read"):
        write(path, examples, [["x"]] * num_answers)
    assert path.read_text() == "old"


def test_a_pair_after_single_texts_of_a_stream_raises_an_error(tmp_path):
    examples = [InputExample("test-1", "one"), InputExample("test-2", "two", "three", where="-:2")]
    with pytest.raises(InputError, match="^-:2: found a second text, but the first rows had none"):
        write(tmp_path / "test_results.tsv", examples, [["x"], ["y"]])
