"""Records made before a flag existed, and leaks between the parts of the data."""

import dataclasses

import numpy as np
import pytest

from finetune.config.flags import flag_of, names
from finetune.data import splitting
from finetune.data.cleaning import clean
from finetune.output import run_record
from finetune.tasks.classification.config import ClassifierConfig
from processors import PROCESSORS, DataProcessor, InputExample
from tests.support.classifier import check, run_check, train
from tests.support.files import read_jsonl, write, write_csv

# The settings in run.json of a training run made before problem types and long texts existed.
OLD = {"task_name": "binary", "max_seq_length": 16, "seed": 42, "learning_rate": 5e-3}


def record(settings, labels=("bad", "good")):
    return run_record.RunRecord(dict(settings), list(labels), {}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clean", ["links"]),
        ("long_text", "windows"),
        ("truncation", "tail"),
        ("problem_type", "multi_label"),
        ("label_separator", ";"),
    ],
)
def test_old_record_differs_from_a_run_with_a_new_setting_unless_it_has_its_default(name, value):
    now = {**OLD, "clean": [], "long_text": "truncate", "truncation": "head"}
    now = {**now, "problem_type": "single_label", "label_separator": None}
    assert record(OLD).differences(record(now), ClassifierConfig) == []
    (difference,) = record(OLD).differences(record({**now, name: value}), ClassifierConfig)
    assert difference.startswith(f"{name} was ")


def test_every_flag_is_part_of_the_identity_unless_listed_here():
    reading = {
        "data_form", "header", "delimiter", "quoting", "text_column", "text_b_column",
        "label_column", "data_dir", "train_file", "dev_file", "predict_file", "encoding", "split",
        "split_seed", "num_folds", "labels", "quotechar", "label_pattern", "label_names",
        "max_line_length",
    }  # fmt: skip
    # Fingerprints identify the model, and the data however it was read.
    others = {
        "output_dir", "vocab_file", "bert_config_file", "init_checkpoint", "do_check", "do_train",
        "do_eval", "do_predict", "eval_batch_size", "predict_batch_size", "save_checkpoints_steps",
        "overwrite_output_dir", "debug", "thresholds", "log_steps", "keep_checkpoint_max",
        "resume_with_changes", "verbosity", "num_trials", "grid", "model_dir",
        "do_embed", "embed_pooling", "embed_normalize", "distribution", "num_gpus",
        "worker_timeout",
    }  # fmt: skip
    flags = {field.name for field in dataclasses.fields(ClassifierConfig)}
    assert flags - reading - others == set(names(ClassifierConfig, lambda flag: flag.identity))


def test_record_made_before_a_flag_existed_means_its_default():
    fields = {field.name: field for field in dataclasses.fields(ClassifierConfig)}
    before = {name: flag_of(field).before for name, field in fields.items()}
    for name, value in before.items():
        # Training runs made before these two flags existed used neither feature.
        if value is not None and fields[name].default is not None and name not in (
            "group_by_length", "padding_free",
        ):  # fmt: skip
            assert value == fields[name].default, name
    first_settings = {  # In run.json of the first release
        "task_name", "do_lower_case", "preserve_unused_tokens", "max_seq_length",
        "train_batch_size", "learning_rate", "num_train_epochs", "warmup_proportion",
        "adam_bias_correction", "seed", "doc_stride",
    }  # fmt: skip
    for name in set(names(ClassifierConfig, lambda flag: flag.identity)) - first_settings:
        assert before[name] is not None or fields[name].default is None, name


@pytest.mark.parametrize(
    ("saved", "asked", "kept"),
    [
        ({"split": "4:1", "split_seed": 3}, {"dev_file": "x"}, {}),
        ({"split": "4:1", "split_seed": 3}, {"data_dir": "x"}, {}),
        ({"encoding": "latin-1", "train_file": "a"}, {"predict_file": "-"}, {"train_file": "a"}),
        ({"truncation": "head"}, {"long_text": "windows"}, {}),
        ({"long_text": "windows", "max_windows": 3}, {"long_text": "truncate"},
         {"long_text": "windows"}),
        ({"long_text": "windows", "doc_stride": 5}, {"max_seq_length": 9},
         {"long_text": "windows"}),
        ({"long_text": "windows", "doc_stride": 5}, {"long_text": "truncate"},
         {"long_text": "windows"}),
        ({"problem_type": "multi_label", "label_separator": ";"}, {},
         {"problem_type": "multi_label", "label_separator": ";"}),
        ({"label_column": "mood", "header": True}, {"header": False}, {"header": True}),
        ({"labels": ["a", "b"], "clean": ["case"]}, {}, {"clean": ["case"]}),
    ],
)  # fmt: skip
def test_remembered_setting_is_dropped_if_the_flag_that_it_depends_on_changes(saved, asked, kept):
    config = ClassifierConfig(output_dir="out", do_eval=True, do_predict=True, **asked)
    assert config.remembered(saved) == kept


def test_texts_equal_after_cleaning_stay_in_one_part(model, tmp_path):
    rows = [(f"great {word} https://t.co/{i}", "pos" if word > "m" else "neg")
            for i in range(4) for word in ("art", "bed", "oil", "sun", "tea")]  # fmt: skip
    path = write_csv(tmp_path / "a.csv", rows)
    report = check(model, tmp_path / "out", train_file=path, split="60:20:20", clean="links")
    assert [split["rows"] for split in report["splits"].values()] == [12, 4, 4]
    assert [split["also_in_train"] for split in report["splits"].values()] == [0, 0, 0]
    assert report["splits"]["train"]["duplicates"] == 9


class Shuffling(DataProcessor):
    """Yields its examples in a different order on each pass."""

    labels = ["neg", "pos"]
    reads = 0

    def read_examples(self, path, split):
        Shuffling.reads += 1
        for row in np.random.RandomState(Shuffling.reads).permutation(30):
            yield InputExample(f"row-{row}", f"text {row}", None, self.labels[row % 2])


def test_processor_with_a_changing_order_cannot_be_split(model, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(PROCESSORS, "mine", Shuffling)
    path = write(tmp_path / "a.txt", "\n")
    flags = {"task_name": "mine", "train_file": path, "split": "70:30"}
    assert train(model, **flags, output_dir=tmp_path / "out") == 1
    assert "changed between two passes" in caplog.text


class NumPyNumbers(DataProcessor):
    problem_type = "regression"

    def read_examples(self, path, split):
        for row in range(10):
            yield InputExample(f"row-{row}", f"text {row}", None, np.float32(row))


def test_numpy_numbers_as_labels_can_be_split(model, tmp_path, monkeypatch):
    monkeypatch.setitem(PROCESSORS, "mine", NumPyNumbers)
    # Stops the run after it has written the split.
    monkeypatch.setattr("finetune.runs.start.make_training_input_fn", None)
    path = write(tmp_path / "a.txt", "\n")
    flags = {"task_name": "mine", "train_file": path, "split": "70:30"}
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        train(model, **flags, output_dir=tmp_path / "out")
    rows = read_jsonl(tmp_path / "out" / "split" / "dev.jsonl")
    assert [row["text_a"] for row in rows] == [f"text {row['label']:.0f}" for row in rows]
    assert len(rows) == 3


def test_labels_with_a_single_row_do_not_change_the_shares_of_others():
    strata = [*range(1000), *[1000] * 1000, *[1001] * 1000]
    parts = splitting.assign_parts(
        strata, range(3000), [0.7, 0.15, 0.15], 0, all_strata_in_first=True
    )
    assert set(parts[:1000]) == {0}
    for start in (1000, 2000):
        counts = np.bincount(parts[start : start + 1000]).tolist()
        assert counts == pytest.approx([700, 150, 150], abs=2)


@pytest.mark.parametrize("step", ["links", "emails", "non_ascii", "punctuation", "case"])
def test_cleaning_takes_linear_time(step):
    # If cleaning took quadratic time, this would take more than a minute.
    assert clean("a" * 100_000, [step]) == "a" * 100_000


def test_pairs_need_a_length_of_at_least_five(model, tmp_path, caplog):
    path = write(tmp_path / "a.csv", "text,text_b,label\na,b,x\nc,d,y\n")
    flags = {"train_file": path, "max_seq_length": 4, "long_text": "windows"}
    assert run_check(model, **flags) == 2
    assert "--max_seq_length=4: expected at least 5 for pairs" in caplog.text
