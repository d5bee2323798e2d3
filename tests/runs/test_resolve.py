"""Resolving flags into a run: defaults, the task, the data folder and the output directory."""

import dataclasses
import json
import shutil

import pytest

from finetune.output import run_record
from finetune.runs.output_dir import check_output_dir, no_trained_model
from finetune.runs.resolve import resolve
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.forms import TextFormat
from finetune.tasks.classification.task import Classification
from finetune.tasks.tagging.config import NerConfig
from finetune.tasks.tagging.task import Tagging
from finetune.util.errors import InputError, UsageError
from processors import PROCESSORS, MulticlassProcessor, NERProcessor
from tests.support import ROOT
from tests.support.files import write


@pytest.fixture
def files(model, tmp_path):
    """Flags that name a model, and a data folder with a subfolder for the task."""
    write(tmp_path / "data" / "mrpc" / "train.tsv", "")
    return {
        "vocab_file": str(model / "vocab.txt"),
        "bert_config_file": str(model / "bert_config.json"),
        "data_dir": str(tmp_path / "data"),
        "output_dir": str(tmp_path / "out"),
    }


def resolved(**flags):
    return resolve(ClassifierConfig(**flags), Classification, PROCESSORS)


def test_task_and_its_folder_are_found_by_name_in_any_case(files):
    run = resolved(do_train=True, task_name="MRPC", max_seq_length=17, **files)
    assert type(run.processors.files) is PROCESSORS["mrpc"]
    assert run.config.data_dir == f"{files['data_dir']}/mrpc"
    assert (run.max_seq_length, run.pad_to) == (17, None)
    assert (run.record, run.starts_over, run.selects_by_dev) == (None, False, False)


def test_output_directory_named_after_the_task_is_not_its_data_folder(files, tmp_path):
    write(tmp_path / "data" / "mrpc" / "run.json", "{}")
    run = resolved(do_train=True, task_name="mrpc", max_seq_length=17, **files)
    assert run.config.data_dir == files["data_dir"]


def test_rows_are_padded_to_max_seq_length_only_with_xla(files):
    run = resolved(do_train=True, task_name="mrpc", max_seq_length=17, use_xla=True, **files)
    assert run.pad_to == 17


def test_dev_scores_select_the_model_in_trials_and_with_eval_every(files):
    config = ClassifierConfig(do_train=True, task_name="mrpc", max_seq_length=17, **files)
    assert resolve(config, Classification, PROCESSORS, is_trial=True).selects_by_dev
    assert resolved(
        do_train=True, task_name="mrpc", max_seq_length=17, eval_every="epoch", **files
    ).selects_by_dev


def test_default_length_must_fit_the_model(files):
    with pytest.raises(InputError) as error:
        resolved(do_train=True, task_name="mrpc", **files)
    assert str(error.value) == (
        "--max_seq_length=128: the model has positions for at most 64 wordpieces."
    )


def test_model_dir_stands_for_three_flags_which_override_it(model, files, tmp_path):
    files = {name: files[name] for name in ("data_dir", "output_dir")}
    flags = {"do_train": True, "task_name": "mrpc", "max_seq_length": 17, **files}
    config = resolved(model_dir=f"{model}/", **flags).config
    named = (config.vocab_file, config.bert_config_file, config.init_checkpoint)
    assert named == (
        f"{model}/vocab.txt",
        f"{model}/bert_config.json",
        f"{model}/bert_model.ckpt",
    )
    other = str(write(tmp_path / "other.txt", (model / "vocab.txt").read_text()))
    config = resolved(model_dir=str(model), vocab_file=other, **flags).config
    assert (config.vocab_file, config.init_checkpoint) == (other, f"{model}/bert_model.ckpt")
    with pytest.raises(UsageError, match="^--model_dir=none is not a folder; expected that"):
        resolved(model_dir="none", **flags)


def save_record(files, tmp_path, **flags):
    """Writes the record of a training run to the output directory; trains nothing."""
    trained = resolved(do_train=True, task_name="mrpc", max_seq_length=17, **files, **flags)
    record = run_record.make(trained.config, trained.model).with_data(
        labels=["0", "1"], facts={"problem_type": "single_label"}, contents=[("text", "0")]
    )
    (tmp_path / "out").mkdir()
    run_record.save(record, files["output_dir"], trained.model)


def test_trained_model_supplies_omitted_flags(files, tmp_path):
    save_record(files, tmp_path)
    run = resolved(do_predict=True, output_dir=files["output_dir"], predict_file="new.tsv")
    assert (run.config.task_name, run.max_seq_length) == ("mrpc", 17)
    assert run.config.vocab_file == f"{files['output_dir']}/vocab.txt"
    assert run.record.labels == ["0", "1"]
    with pytest.raises(InputError, match="--problem_type=multi_label: the model was trained with"):
        resolved(do_predict=True, output_dir=files["output_dir"], problem_type="multi_label")


@pytest.mark.parametrize(
    ("trained_with", "flags", "message"),
    [
        ({}, {"split": "1:1"}, "--split=1:1: the model was trained without it. Omit the flag."),
        (
            {"split": "4:1"},
            {"split": "1:1"},
            "--split=1:1: the model was trained with 4:1. Omit the flag.",
        ),
        (
            {"split": "4:1"},
            {"split_seed": 5},
            "--split_seed=5: the model was trained without it. Omit the flag.",
        ),
        (
            {"split": "4:1", "split_seed": 3},
            {"split_seed": 5},
            "--split_seed=5: the model was trained with 3. Omit the flag.",
        ),
        (
            {"split": "4:1", "split_seed": 3},
            {"split_seed": 0},
            "--split_seed=0: the model was trained with 3. Omit the flag.",
        ),
    ],
)
def test_split_and_its_seed_must_be_as_in_training(files, tmp_path, trained_with, flags, message):
    save_record(files, tmp_path, **trained_with)
    with pytest.raises(UsageError) as error:
        resolved(do_eval=True, output_dir=files["output_dir"], **flags)
    assert str(error.value) == message
    # The same values as in training are accepted.
    run = resolved(do_eval=True, output_dir=files["output_dir"], **trained_with)
    assert {name: getattr(run.config, name) for name in trained_with} == trained_with


def test_default_seed_of_the_split_is_as_in_training_if_it_was_unset(files, tmp_path):
    save_record(files, tmp_path, split="4:1")
    run = resolved(do_eval=True, output_dir=files["output_dir"], split_seed=0)
    assert run.config.split_seed == 0


def test_only_classifiers_group_batches_by_length_unless_asked(files):
    flags = {"do_train": True, "max_seq_length": 17, **files}
    assert resolved(**flags, task_name="mrpc").config.group_by_length is True
    tagger = resolve(NerConfig(**flags, task_name="ner"), Tagging, PROCESSORS)
    assert tagger.config.group_by_length is False


def test_resumed_tagger_of_0_1_0_groups_batches_as_it_did(tmp_path):
    out = shutil.copytree(ROOT / "tests" / "golden" / "output_0.x" / "tagger", tmp_path / "out")
    old = run_record.load(str(out))
    assert old.settings["group_by_length"] is True
    config = NerConfig(
        do_train=True, train_file="data/train.txt", max_seq_length=8, doc_stride=3,
        train_batch_size=4, learning_rate=2e-3, num_train_epochs=4.0, use_crf=True,
        vocab_file=str(out / "vocab.txt"), bert_config_file=str(out / "bert_config.json"),
        output_dir=str(out),
    )  # fmt: skip
    run = resolve(config, Tagging, PROCESSORS)
    assert run.config.group_by_length is True
    again = run_record.make(run.config, run.model)
    assert old.differences(again, NerConfig) == ["the initial checkpoint changed"]  # None is given


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize(
    ("rate", "epochs"), [(2e-3, 4.0), (5e-5, 3.0)], ids=["flags", "defaults of 0.1.0"]
)
def test_run_of_0_1_0_keeps_its_learning_rate_and_epochs(tmp_path, rate, epochs, is_finished):
    out = shutil.copytree(ROOT / "tests" / "golden" / "output_0.x" / "tagger", tmp_path / "out")
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    record["settings"].update(learning_rate=rate, num_train_epochs=epochs)
    write(out / "run.json", json.dumps(record))
    if not is_finished:
        for path in out.glob("model.ckpt-12.*"):
            path.rename(out / path.name.replace("model.ckpt-12", "train.ckpt-6"))
        state = (out / "checkpoint").read_text(encoding="utf-8")
        write(out / "checkpoint", state.replace("model.ckpt-12", "train.ckpt-6"))
    config = NerConfig(do_train=True, output_dir=str(out))
    # The defaults would be 3e-4 and 20.
    found = resolve(config, Tagging, PROCESSORS).with_size_defaults(7).config
    assert (found.learning_rate, found.num_train_epochs) == (rate, epochs)


@pytest.mark.parametrize(
    ("task_name", "message"),
    [
        (
            "mprc",
            "--task_name=mprc: no such task; did you mean mrpc? Known tasks: binary, multiclass, "
            "emotion, mrpc (PROCESSORS in processors.py).",
        ),
        (
            "ner",
            "--task_name=ner is not a task of this script, whose tasks are binary, multiclass, "
            "emotion, mrpc. Use run_ner.py for it.",
        ),
    ],
)
def test_unknown_task_is_rejected(files, task_name, message):
    with pytest.raises(UsageError) as error:
        resolved(do_train=True, task_name=task_name, **files)
    assert str(error.value) == message


class Ratings(MulticlassProcessor):
    """Sets its options in `__init__`, and lists its instances."""

    created = []

    def __init__(self):
        super().__init__()
        self.problem_type = "regression"
        self.options = dataclasses.replace(self.options, form="csv")
        self.created.append(self)


class ThirdColumn(NERProcessor):
    """Sets its column in `__init__`, which does not call that of its base class."""

    created = []

    def __init__(self):
        self.tag_column = 3
        self.created.append(self)


def test_classifier_calls_init_of_the_users_class_without_arguments(files):
    file = write(f"{files['data_dir']}/train.txt", "5.5,a film\n2.5,a book\n")
    flags = {"do_train": True, "train_file": str(file), "delimiter": ",", "text_column": "2"}
    config = ClassifierConfig(**flags, task_name="own", max_seq_length=17, **files)
    run = resolve(config, Classification, {"own": Ratings})
    assert run.config.problem_type == "regression"
    assert (run.config.text_column, run.config.label_column) == ("2", "1")
    processor = run.processors.files
    assert (type(processor), processor.options.form) == (Ratings, "csv")
    assert [(e.text_a, e.label) for e in run.data.examples("train")] == [
        ("a film", "5.5"),
        ("a book", "2.5"),
    ]
    (created,) = Ratings.created  # The options were set in copies.
    assert created.options == TextFormat("csv")


def test_tagger_calls_init_of_the_users_class_without_arguments(files):
    file = write(f"{files['data_dir']}/train.txt", "Anna x B-PER y\nruns x O y\n")
    flags = {"do_train": True, "train_file": str(file), "data_form": "conll"}
    config = NerConfig(**flags, task_name="own", max_seq_length=17, **files)
    run = resolve(config, Tagging, {"own": ThirdColumn})
    processor = run.processors.files
    assert (type(processor), processor.data_form) == (ThirdColumn, "conll")
    assert (processor.tag_column, processor.word_split) == (3, None)
    (text,) = run.data.examples("train")
    assert text.tags == ["B-PER", "O"]
    (created,) = ThirdColumn.created  # The options were set in copies.
    assert vars(created) == {"tag_column": 3}


@pytest.mark.parametrize(
    ("base", "attribute", "value", "message"),
    [
        (MulticlassProcessor, "problem_type", ["a"], "['a']; expected single_label, multi_label or "
         "regression."),
        (MulticlassProcessor, "num_labels", "2", "'2'; expected an integer."),
        (NERProcessor, "word_column", "2", "'2'; expected an integer."),
        (NERProcessor, "tag_column", "3", "'3'; expected an integer."),
        (MulticlassProcessor, "options", None, "None; expected a TextFormat."),
        (MulticlassProcessor, "options.columns", TextFormat(columns=None), "None; expected "
         "WantedColumns."),
        (MulticlassProcessor, "options.form", TextFormat("xml"), "'xml'; expected auto, tsv, csv, "
         "jsonl, semicolon, label_first, folders or text."),
        (NERProcessor, "data_form", "xml", "'xml'; expected auto, conll, text_labels, jsonl or "
         "text."),
        (NERProcessor, "tag_scheme", None, "None; expected auto, IOB2, IOB1, IOBES, BMES, BILOU or "
         "lenient."),
        (NERProcessor, "word_split", "words", "'words'; expected punctuation, whitespace, "
         "characters or penn."),
    ],
)  # fmt: skip
def test_error_names_an_invalid_attribute_of_the_users_class(
    files, base, attribute, value, message
):
    own = type("Own", (base,), {attribute.partition(".")[0]: value})
    is_tagger = base is NERProcessor
    config_class, task = (NerConfig, Tagging) if is_tagger else (ClassifierConfig, Classification)
    config = config_class(do_train=True, task_name="own", max_seq_length=17, **files)
    with pytest.raises(InputError) as error:
        resolve(config, task, {"own": own})
    assert str(error.value) == f"Own: `{attribute}` is {message}"


@pytest.mark.parametrize("entry", [MulticlassProcessor.files, "MrpcProcessor", dict])
def test_error_names_an_entry_of_processors_that_is_not_a_processor(files, entry):
    config = ClassifierConfig(do_train=True, task_name="mrpc", max_seq_length=17, **files)
    with pytest.raises(InputError) as error:
        resolve(config, Classification, {**PROCESSORS, "own": entry})
    assert str(error.value) == (
        f"PROCESSORS['own'] in processors.py is {entry!r}; expected a subclass of DataProcessor."
    )


def test_error_names_the_missing_data_folder(files):
    files["data_dir"] += "-none"
    with pytest.raises(InputError) as error:
        resolved(do_train=True, task_name="mrpc", max_seq_length=17, **files)
    assert str(error.value) == (
        f"--data_dir={files['data_dir']} does not exist; expected a folder of data files."
    )


def test_error_names_all_missing_flags_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError) as error:
        resolved(do_train=True, output_dir=str(tmp_path), train_file="none.csv")
    assert str(error.value) == (
        "Missing flags: --model_dir (or --vocab_file and --bert_config_file). Add them; --help "
        "describes each. `python prepare_model.py` installs a model in model_dir/."
    )


def test_unusable_output_directories_are_rejected(tmp_path):
    def message(output_dir, starts_over=False, **flags):
        with pytest.raises(InputError) as error:
            check_output_dir(
                ClassifierConfig(do_train=True, output_dir=str(output_dir), **flags), starts_over
            )
        return str(error.value)

    file = write(tmp_path / "file", "")
    assert message(file) == f"--output_dir={file} is a file; expected a directory."
    assert "TensorFlow reads the * in a checkpoint's path" in message(tmp_path / "a*")
    vocab = write(tmp_path / "vocab.txt", "[PAD]\n")
    assert message(tmp_path, starts_over=True, vocab_file=str(vocab)) == (
        f"--overwrite_output_dir=true would delete --vocab_file={vocab}, which this run needs. "
        "Set a different --output_dir."
    )
    write(tmp_path / "model.ckpt-7.index", "")
    assert "would delete --init_checkpoint=" in message(
        tmp_path, starts_over=True, init_checkpoint=str(tmp_path / "model.ckpt-7")
    )
    config = ClassifierConfig(do_train=True, output_dir=str(tmp_path), vocab_file=str(vocab))
    check_output_dir(config, starts_over=False)


def test_message_says_whether_the_output_directory_exists(tmp_path):
    end = "; expected the directory of a finished training run."
    assert f"{tmp_path} contains no trained model{end}" in no_trained_model(str(tmp_path))
    assert f"{tmp_path}/none does not exist{end}" in no_trained_model(f"{tmp_path}/none")
