"""Each pass over a split reads it again; an error in a user's class names the line of code."""

import gzip
import json

import numpy as np
import pytest

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath
from finetune.data.sources import (
    Sample,
    Subset,
    WrittenSplit,
    is_missing,
    places,
)
from finetune.tasks.classification.readers import TextFormat
from finetune.util.errors import InputError
from processors import DataProcessor, InputExample, MulticlassProcessor
from tests.data.reading import Lines, line_of, source
from tests.support.files import write_data

# Sources of examples


def test_examples_are_read_from_the_file_or_the_data_folder(tmp_path):
    write_data(tmp_path / "train.tsv", "a/x\nb/y\n")
    other = write_data(tmp_path / "other.tsv", "c/z\n")
    assert [e.text_a for e in source(Lines(), data_dir=str(tmp_path))] == ["a", "b"]
    (example,) = source(Lines(), "test", data_dir=str(tmp_path), path=other)
    assert (example.guid, example.text_a, example.label) == ("test-1", "c", "z")
    assert example.where == f"{other}:1"


def test_each_pass_reads_the_examples_again(tmp_path):
    path, processor = write_data(tmp_path / "train.tsv", "a/x\nb/y\n"), Lines()
    examples = source(processor, path=path)
    assert processor.num_reads == 0
    assert list(examples) == list(examples)
    assert processor.num_reads == 2
    write_data(tmp_path / "train.tsv", "a/x\nb/y\nc/z\n")
    assert len(list(examples)) == 3


def test_examples_are_read_one_by_one(tmp_path):
    path = write_data(tmp_path / "train.tsv", "a/x\n" * 4999 + "no label\n")
    examples = iter(source(Lines(), path=path))
    assert next(examples).guid == "train-1"
    assert next(examples).guid == "train-2"
    rows = 2
    with pytest.raises(InputError, match=r"the last row read was .*train\.tsv:4999"):
        for _ in examples:
            rows += 1
    assert rows == 4999


def test_files_are_read_in_the_specified_encoding(tmp_path):
    path = write_data(tmp_path / "train.tsv", b"caf\xe9/x\n")
    (example,) = source(Lines(), path=path, encoding="latin-1")
    assert example.text_a == "caf\u00e9"
    (example,) = source(Lines(), data_dir=str(tmp_path), encoding="latin-1")
    assert example.text_a == "caf\u00e9"
    with pytest.raises(InputError, match=r"train\.tsv:1: byte 0xe9.*--encoding=latin-1"):
        list(source(Lines(), path=path))


def test_multiclass_processor_reads_a_different_form_for_each_split(tmp_path):
    class Stars(MulticlassProcessor):
        options = TextFormat(columns=WantedColumns(text="review", label="stars"))

    write_data(tmp_path / "train.csv.gz", gzip.compress(b'id,stars,review\n1,5,"good, really"\n'))
    write_data(tmp_path / "valid.jsonl", '{"review": "bad", "stars": 1}\n')
    (tmp_path / "test").mkdir()
    write_data(tmp_path / "test/1.txt", "nice")
    read = {
        split: list(source(Stars(), split, str(tmp_path))) for split in ("train", "dev", "test")
    }
    assert [(e.guid, e.text_a, e.label) for es in read.values() for e in es] == [
        ("train-2", "good, really", "5"), ("dev-1", "bad", "1"), ("test-1.txt", "nice", None),
    ]  # fmt: skip


class GoogleLike(DataProcessor):
    """A class written for Google's BERT."""

    def get_train_examples(self, data_dir):
        rows = self._read_tsv(f"{data_dir}/train.tsv")
        return [InputExample(f"train-{i}", row[3], None, row[1]) for i, row in enumerate(rows)]

    def get_labels(self):
        return ["0", "1"]


def test_a_class_written_for_google_bert_works(tmp_path):
    path = write_data(tmp_path / "train.tsv", "gj04\t1\t\tThe sailors\nks08\t0\t*\tKim rode.\n")
    examples = source(GoogleLike(), data_dir=str(tmp_path))
    assert [(e.text_a, e.label) for e in examples] == [("The sailors", "1"), ("Kim rode.", "0")]
    with pytest.raises(InputError, match=r"train\.tsv: GoogleLike overrides get_train_examples"):
        source(GoogleLike(), path=path)
    write_data(tmp_path / "train.tsv", "gj04\t1\n")
    with pytest.raises(InputError) as caught:
        list(examples)
    line = line_of(GoogleLike, "row[3]")
    assert str(caught.value) == (
        f"test_sources.py:{line}, GoogleLike: IndexError: list index out of range; no row had been "
        "read. --debug=true shows the traceback."
    )


# Subsets and written splits


def subset(source, *kept):
    """Makes a subset in which the hash of a row is the code of its first letter."""
    hashes = np.array([ord(letter) for letter in "abcde"[: len(kept)]], np.uint64)
    return Subset(source, np.array(kept), hashes, lambda row: ord(getattr(row, "text_a", row)[0]))


def test_a_subset_keeps_the_order_on_every_pass():
    rows = subset(["a", "b", "c", "d", "e"], True, False, False, True, True)
    assert list(rows) == ["a", "d", "e"]
    assert list(rows) == ["a", "d", "e"]
    assert list(subset(["a", "b"], False, False)) == []


@pytest.mark.parametrize("rows", [["b", "a", "c"], ["a", "b"], ["a", "b", "c", "d"]])
def test_rows_that_change_between_two_passes_raise_an_error(rows):
    with pytest.raises(InputError, match="changed between two passes"):
        list(subset(rows, True, False, True))


def test_an_error_in_a_skipped_row_of_a_subset_is_raised(tmp_path):
    path = write_data(tmp_path / "train.tsv", "a/x\nno label\nb/y\n")
    with pytest.raises(InputError, match=r"reading\.py:\d+, Lines"):
        list(subset(source(Lines(), path=path), True, False, True))


def test_written_examples_are_read_back_unchanged(tmp_path):
    rows = [InputExample("train-7", "a", "b", ["x", "y"], "f:7"), InputExample("1", "\u2028\n")]
    path = write_data(tmp_path / "dev.jsonl", "".join(json.dumps(vars(row)) + "\n" for row in rows))
    examples = WrittenSplit(path, InputExample)
    assert list(examples) == rows
    assert list(examples) == rows


@pytest.mark.parametrize("line", ["{", "[]", '{"guid": "1"}', '{"guid": "1", "text_a": 1}'])
def test_an_invalid_written_example_raises_an_error_with_its_line(tmp_path, line):
    path = write_data(tmp_path / "dev.jsonl", f'{{"guid": "1", "text_a": "a"}}\n{line}\n')
    with pytest.raises(InputError, match=r"dev\.jsonl:2: not an example that a training run wrote"):
        list(WrittenSplit(path, InputExample))


def test_places_are_found_by_row_number():
    examples = [InputExample(str(i), "", where=f"f:{i}") for i in (3, 5, 7, 11)]
    assert places(examples, [2, 0]) == {0: "f:3", 2: "f:7"}
    assert places(examples, []) == {}
    assert places(examples, [9]) == {}


def test_places_stops_reading_at_the_last_requested_row():
    def read():
        yield InputExample("1", "", where="f:1")
        yield InputExample("2", "", where="f:2")
        raise AssertionError("read too far")

    assert places(read(), [1]) == {1: "f:2"}


def test_a_path_is_missing_if_neither_file_nor_folder_nor_standard_input(tmp_path):
    path = write_data(tmp_path / "train.tsv", "")
    assert [is_missing(p) for p in (path, str(tmp_path), "-", path + "x")] == [0, 0, 0, 1]
    assert is_missing(DataPath.of(path + "x", "latin-1"))


def test_a_sample_is_the_same_on_each_pass_and_keeps_the_order():
    sample = Sample(range(100), 7, seed=42)
    first = list(sample)
    assert len(first) == 7 and first == sorted(set(first)) == list(sample)
    assert list(Sample(range(100), 7, seed=42)) == first != list(Sample(range(100), 7, seed=43))
    assert list(Sample(range(5), 7, seed=1)) == list(range(5))
