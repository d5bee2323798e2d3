"""run.json: its contents, and the differences that make a different training run."""

import types

import pytest

from finetune.output import run_record
from finetune.output.run_record import RunRecord
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import InputError
from tests.support.files import write


def record(settings=None, labels=("a", "b"), facts=None, **fingerprints):
    fingerprints = {"training data": "1", "vocabulary": "2", **fingerprints}
    fingerprints = {name.replace("_", " "): value for name, value in fingerprints.items()}
    return RunRecord(settings or {}, list(labels), fingerprints, {"python": "3.9"}, facts or {})


def differences(one, other):
    """Returns all differences between two records, and those that rule out resuming."""
    return (
        one.differences(other, ClassifierConfig),
        one.fixed_differences(other, ClassifierConfig),
    )


def test_equal_training_runs_do_not_differ():
    assert differences(record(), record()) == ([], [])
    # --log_steps does not affect training.
    assert differences(record({"log_steps": 3}), record({"log_steps": 7})) == ([], [])


def test_settings_that_affect_training_are_compared():
    one = record({"seed": 3, "problem_type": "single_label", "weight_decay": 0.5})
    other = record({"seed": 7, "problem_type": "regression", "weight_decay": 0.5})
    fixed = "problem_type was 'single_label', now 'regression'"
    assert differences(one, other) == (["seed was 3, now 7", fixed], [fixed])


def test_flag_missing_from_an_older_record_has_its_value_before():
    assert differences(record({}), record({"weight_decay": 0.01})) == ([], [])
    text = "weight_decay was 0.01, now 0.5"
    assert differences(record({}), record({"weight_decay": 0.5})) == ([text], [])


def test_labels_data_and_vocabulary_are_compared():
    labels = "labels were ['a', 'b'], now ['a', 'c']"
    assert differences(record(), record(labels=("a", "c"))) == ([labels], [labels])
    assert differences(record(), record(training_data="7")) == (["the training data changed"], [])
    vocabulary = "the vocabulary changed"
    assert differences(record(), record(vocabulary="7")) == ([vocabulary], [vocabulary])


def test_incomplete_record_is_compared_without_labels_and_data():
    incomplete = RunRecord({}, [], {"vocabulary": "2"}, {})
    assert not incomplete.complete and record().complete
    assert differences(record(dev_data="5"), incomplete) == ([], [])


def test_evaluations_are_comparable_only_with_the_same_metric_and_dev_data():
    one = record({"metric_for_best": "f1"}, dev_data="5")
    assert one.evaluates_like(record({"metric_for_best": "f1", "seed": 7}, dev_data="5"))
    assert not one.evaluates_like(record({"metric_for_best": "f1"}, dev_data="6"))
    assert not one.evaluates_like(record({"metric_for_best": "mcc"}, dev_data="5"))


def test_data_is_recorded_as_a_hash():
    incomplete = RunRecord({}, [], {"vocabulary": "2"}, {})
    complete = incomplete.with_data(
        labels=["x"], facts={"k": 1}, contents=iter([("a", None, "x")]), dev_contents=[]
    )
    assert (complete.labels, complete.facts) == (["x"], {"k": 1})
    assert complete.fingerprints == {
        # printf "('a', None, 'x')" | sha256sum
        "training data": "f811ae5e260970380a3113f301ffe9e93dbc1abadc9e01f07d269b901220fa60",
        "vocabulary": "2",
        # sha256sum </dev/null
        "dev data": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"ner_head": "linear", "use_crf": True},
            "This model was trained by run_ner.py",
        ),
        ({"problem_type": "regression"}, "--problem_type=single_label: the model was trained with"),
    ],
)
def test_model_with_a_different_head_is_rejected(settings, message):
    config = ClassifierConfig(do_eval=True, output_dir="out", problem_type="single_label")
    with pytest.raises(InputError) as error:
        record(settings).check_same_head(config, "run_ner.py")
    assert str(error.value).startswith(message)


def test_model_with_the_same_head_is_accepted():
    config = NerConfig(do_eval=True, output_dir="out", use_crf=True)
    record({"ner_head": "linear", "use_crf": True}).check_same_head(config, "run_ner.py")


@pytest.fixture
def pretrained(tmp_path):
    return types.SimpleNamespace(
        vocab_file=str(write(tmp_path / "source" / "vocab.txt", "[PAD]\r\né\n")),
        bert_config=types.SimpleNamespace(to_json_string=lambda: '{"hidden_size": 7}\n'),
        do_lower_case=True,
        tokenizer_settings={"do_lower_case": True},
    )


def test_record_is_written_together_with_the_small_files_of_the_model(tmp_path, pretrained):
    saved = record({"seed": 3, "task_name": "ü", "vocab_file": "v"}, labels=["é"], facts={"k": [1]})
    run_record.save(saved, str(tmp_path), pretrained)
    assert (tmp_path / "run.json").read_text(encoding="utf-8") == (
        '{\n  "settings": {\n    "seed": 3,\n    "task_name": "ü",\n    "vocab_file": "v"\n  },\n'
        '  "labels": [\n    "é"\n  ],\n'
        '  "fingerprints": {\n    "training data": "1",\n    "vocabulary": "2"\n  },\n'
        '  "versions": {\n    "python": "3.9"\n  },\n'
        '  "facts": {\n    "k": [\n      1\n    ]\n  }\n}'
    )
    assert (tmp_path / "vocab.txt").read_bytes() == "[PAD]\r\né\n".encode()
    assert (tmp_path / "bert_config.json").read_text() == '{"hidden_size": 7}\n'
    assert (tmp_path / "tokenizer_config.json").read_text() == '{"do_lower_case": true}'

    loaded = run_record.load(str(tmp_path))
    assert loaded.settings == {
        "seed": 3,
        "task_name": "ü",
        "vocab_file": str(tmp_path / "vocab.txt"),
        "bert_config_file": str(tmp_path / "bert_config.json"),
    }
    assert (loaded.labels, loaded.facts) == (["é"], {"k": [1]})


def test_record_recognises_its_model(pretrained, tmp_path):
    fingerprints = {
        # printf '[PAD]\r\né\n' | sha256sum; printf '{"hidden_size": 7}\n' | sha256sum
        "vocabulary": "62e7fbae5c0d503a3fb91546147f993d449c8351c54616e886adc9df76749c4f",
        "BERT configuration": "dc83250b8678ab592f7f9a4aed5ad7c2667f5dfb7f154ff9a46e96b2a0b49c73",
    }
    RunRecord({}, [], fingerprints, {}).check_same_model(pretrained)
    write(tmp_path / "source" / "vocab.txt", "[PAD]\n")
    with pytest.raises(
        InputError, match="^The specified vocabulary is not the one that the model was"
    ):
        RunRecord({}, [], fingerprints, {}).check_same_model(pretrained)


def test_directory_without_a_record_has_none(tmp_path):
    assert run_record.load(str(tmp_path)) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100000,
        '{"labels": []}',
        '{"settings": 3, "other": 1}',
        '{"settings": 3, "labels": [], "fingerprints": {}, "versions": {}}',
        '{"settings": {}, "labels": [3], "fingerprints": {}, "versions": {}}',
        '{"settings": {}, "labels": [], "fingerprints": [], "versions": {}}',
        '{"settings": {}, "labels": null, "fingerprints": {}, "versions": {}}',
        '{"settings": {}, "labels": ["a", "a"], "fingerprints": {}, "versions": {}}',
        '{"settings": {}, "labels": [], "fingerprints": {}, "versions": {}, "facts": []}',
    ],
)
def test_damaged_record_is_rejected(tmp_path, content):
    path = write(tmp_path / "run.json", content)
    with pytest.raises(InputError) as error:
        run_record.load(str(tmp_path))
    assert str(error.value).startswith(f"{path}: not the record of a training run (")
    assert str(error.value).endswith("). Retrain with --overwrite_output_dir=true.")
