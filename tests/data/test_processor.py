"""The base class of processors, and its examples."""

import pytest

from finetune.data.processor import DataProcessor, InputExample
from finetune.data.split_files import MissingData
from finetune.util.errors import InputError


class Words(DataProcessor):
    files = {"train": "train.txt", "test": "test.txt"}
    labels = ["no", "yes"]

    def read_examples(self, path, split):
        yield InputExample(f"{split}-1", path)


def test_an_example_has_its_place_texts_and_content():
    single = InputExample("dev-7", "a", label="x", where="dev.tsv:7")
    assert single.place == "dev.tsv:7"
    assert single.texts == ["a"]
    assert single.content == ("a", None, "x")
    pair = InputExample("dev-7", "a", "b", ["x", "y"])
    assert pair.place == "example dev-7"
    assert pair.texts == ["a", "b"]
    assert pair.content == ("a", "b", ["x", "y"])


def test_splits_are_read_from_their_files():
    assert [example.text_a for example in Words().get_train_examples("data")] == ["data/train.txt"]
    assert [example.guid for example in Words().get_test_examples("data")] == ["test-1"]
    assert Words().path_of("data", "test") == "data/test.txt"
    assert Words().get_labels() == ["no", "yes"]


def test_a_split_without_a_file_name_raises_missing_data():
    with pytest.raises(MissingData, match=r"^Words: `files` has no entry for dev data\.$"):
        Words().get_dev_examples("data")


def test_a_class_without_a_reader_raises_an_error():
    with pytest.raises(InputError, match=r"^DataProcessor does not define read_examples\(self, "):
        DataProcessor().get_train_examples("data")


def test_the_defaults_are_googles_file_names_and_the_labels_of_the_data():
    assert DataProcessor.files == {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
    assert DataProcessor().get_labels() is None
    examples = [InputExample("1", "a")]
    assert DataProcessor().checked("train", examples) is examples


def test_read_tsv_of_google_bert_ignores_quotes(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text('a\t"b\n\nc\td"\n')
    assert DataProcessor._read_tsv(str(path)) == [["a", '"b'], ["c", 'd"']]
