"""The examples of a run: from files, from a file that is split, and from folds."""

import os

import pytest

from finetune.data.processor import InputExample
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.processor import MulticlassProcessor
from finetune.tasks.data_set import DataSet, Fold
from finetune.tasks.task import Processors, Task
from finetune.util.errors import InputError, UsageError


class SingleLabelTask(Task):
    """A task without a model."""

    example_class = InputExample

    @classmethod
    def stratum_of(cls, config):
        return lambda example: example.label


ROWS = [(f"text {i}", "ab"[i % 2]) for i in range(20)]


@pytest.fixture
def train_file(tmp_path):
    path = tmp_path / "all.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS))
    return str(path)


def data_set(tmp_path, fold=None, **flags):
    config = ClassifierConfig(output_dir=str(tmp_path / "out"), do_train=True, **flags)
    processor = MulticlassProcessor()
    processors = Processors(processor, processor)
    return DataSet(config, SingleLabelTask, processors, model_folder=config.output_dir, fold=fold)


def texts_of(data, split):
    return [example.text_a for example in data.examples(split)]


def test_each_split_has_its_own_file(tmp_path, train_file):
    dev_file = tmp_path / "dev.tsv"
    dev_file.write_text("text\tlabel\nanother text\ta\n")
    data = data_set(tmp_path, train_file=train_file, dev_file=str(dev_file))
    assert texts_of(data, "train") == [text for text, _ in ROWS]
    assert texts_of(data, "dev") == ["another text"]
    assert [data.has(split) for split in ("train", "dev", "test")] == [True, True, False]


def test_split_file_is_divided_by_its_shares(tmp_path, train_file):
    data = data_set(tmp_path, train_file=train_file, split="60:20:20")
    parts = [texts_of(data, split) for split in ("train", "dev", "test")]
    assert [len(part) for part in parts] == [12, 4, 4]
    assert sorted(text for part in parts for text in part) == sorted(text for text, _ in ROWS)
    for split, expected in (("train", 6), ("dev", 2), ("test", 2)):
        assert sum(example.label == "a" for example in data.examples(split)) == expected


def test_labels_are_learnt_from_every_part(tmp_path, train_file):
    data = data_set(tmp_path, train_file=train_file, split="80:20")
    assert len(list(data.examples_with_labels())) == 20
    assert len(texts_of(data, "train")) == 16
    assert not data.has("test")


def test_split_seed_changes_the_parts(tmp_path, train_file):
    parts = [
        texts_of(data_set(tmp_path, train_file=train_file, split="80:20", split_seed=seed), "dev")
        for seed in (0, 0, 1)
    ]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


def test_written_parts_can_be_read_again(tmp_path, train_file):
    data = data_set(tmp_path, train_file=train_file, split="80:20")
    out = tmp_path / "out"
    stale = out / "split" / "test.jsonl"
    os.makedirs(stale.parent)
    stale.write_text("")
    data.write_split(str(out))
    assert sorted(os.listdir(out / "split")) == ["dev.jsonl", "train.jsonl"]
    config = ClassifierConfig(
        output_dir=str(out), do_eval=True, train_file=train_file, split="80:20"
    )
    processors = Processors(MulticlassProcessor(), MulticlassProcessor())
    again = DataSet(config, SingleLabelTask, processors, model_folder=str(out))
    assert list(again.examples("dev")) == list(data.examples("dev"))


def test_folds_divide_the_training_data(tmp_path, train_file):
    dev_texts = []
    for index in range(3):
        data = data_set(tmp_path, Fold(index, 3, seed=5), train_file=train_file)
        train, dev = texts_of(data, "train"), texts_of(data, "dev")
        assert sorted(train + dev) == sorted(text for text, _ in ROWS)
        dev_texts += dev
    assert sorted(dev_texts) == sorted(text for text, _ in ROWS)


def test_more_folds_than_distinct_texts_raise_an_error(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("text\tlabel\n" + "same\ta\n" * 3 + "other\tb\n")
    data = data_set(tmp_path, Fold(0, 3, seed=0), train_file=str(path))
    message = (
        r"t\.tsv: 4 rows with 2 distinct texts, but --num_folds=3; expected at least one distinct "
        r"text per fold\.$"
    )
    with pytest.raises(InputError, match=message):
        data.examples("train")


def test_error_names_the_flag_of_a_missing_file(tmp_path, train_file):
    data = data_set(tmp_path, train_file=train_file)
    missing = r"^--dev_file is missing\. Set it, or --data_dir with a dev file, or --split=80:20\.$"
    with pytest.raises(UsageError, match=missing):
        data.examples("dev")
    data = data_set(tmp_path, train_file=train_file, split="80:20")
    with pytest.raises(UsageError, match=r"or a third proportion in --split\.$"):
        data.examples("test")
    data = data_set(tmp_path, train_file=str(tmp_path / "none.tsv"))
    with pytest.raises(InputError, match=r"^--train_file=.*none\.tsv: no such file\.$"):
        data.examples("train")


def test_split_without_rows_raises_an_error(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("text\tlabel\n")
    data = data_set(tmp_path, train_file=str(path))
    with pytest.raises(InputError, match=r"t\.tsv: no rows in the train data; expected at least"):
        data.examples("train")
