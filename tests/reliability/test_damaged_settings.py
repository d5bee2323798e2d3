"""Settings files are damaged key by key; each run ends in one line, or ignores the damage."""

import copy
import json
import shutil

import pytest

import finetune.runs.run
from tests.support import ROOT, tiny
from tests.support.commands import CLASSIFIER, TAGGER, only_line, run
from tests.support.files import read_json, write, write_json
from tests.support.installs import prepare, run_main

GOLDEN = ROOT / "tests" / "golden" / "output_0.x"
MISSING = object()
# Huge values are beyond 64 bits and beyond floating-point numbers.
VALUES = [None, MISSING, True, "64", -1, 2.5, 10**30, 2**31, 1e999, float("nan"), [], {}, [3]]
DEEP = "[" * 100_000


def damaged(content, keys):
    """Yields the content with each other value of a key."""
    for value in VALUES:
        changed = copy.deepcopy(content)
        *above, last = keys
        inner = changed
        for key in above:
            inner = inner[key]
        if value is MISSING:
            del inner[last]
        else:
            inner[last] = value
        if changed != content:
            yield value, changed


def keys_in(content):
    """Yields the path of each key in nested objects."""
    for key, value in content.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *below) for below in keys_in(value))


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A function that runs a script with a copy of its trained model; returns the exit status.

    It does everything except compute predictions.
    """
    monkeypatch.setattr(finetune.runs.run, "predict", lambda run, data: None)
    shutil.copytree(GOLDEN, tmp_path / "out")
    table = write(tmp_path / "new.tsv", "text\na good film\n")
    words = write(tmp_path / "new.txt", "Anna lives here\n")

    def run_script(script, *arguments):
        if script == CLASSIFIER:
            flags = {"output_dir": tmp_path / "out" / "classifier", "predict_file": table}
        else:
            flags = {"output_dir": tmp_path / "out" / "tagger", "predict_file": words}
            flags["data_form"] = "text"
        return run(script, *arguments, do_predict="true", **flags)

    return run_script


FOLDERS = {CLASSIFIER: "classifier", TAGGER: "tagger"}


@pytest.mark.slow
@pytest.mark.parametrize("script", FOLDERS)
@pytest.mark.parametrize("name", ["run.json", "bert_config.json", "tokenizer_config.json"])
def test_each_damage_of_a_trained_model_gets_one_line(
    trained, tmp_path, caplog, capsys, script, name
):
    path = tmp_path / "out" / FOLDERS[script] / name
    content = read_json(path)
    for keys in keys_in(content):
        for value, changed in damaged(content, keys):
            caplog.clear()
            write_json(path, changed)
            status = trained(script)  # Raises an exception if the damage becomes a bug.
            assert status in (0, 1, 2), (keys, value)
            if status:
                line = only_line(caplog, capsys)
                assert len(line) < 500, (keys, value)
                is_named = FOLDERS[script] in line or f"--{keys[-1]}" in line
                assert is_named or "trained with" in line, (keys, value, line)
    path.write_text(json.dumps(content))
    assert trained(script) == 0


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("labels",), None, "labels is null; expected a list"),
        (("labels",), [1, 2], "labels[0] is 1; expected text"),
        (("facts",), [], "facts is []; expected an object"),
        (("facts", "problem_type"), "other", "facts.problem_type is 'other'; expected"),
        (("facts", "pairs"), "no", "facts.pairs is 'no'; expected true or false or null"),
        (("settings",), None, "settings is null; expected an object"),
        (
            ("settings", "max_seq_length"),
            "64",
            "settings.max_seq_length is '64'; expected a whole number, at least 3",
        ),
        (("settings", "max_seq_length"), None, "settings.max_seq_length is null; expected a whole"),
        (("settings", "max_seq_length"), 10**30, "settings.max_seq_length is 100000000"),
        (("settings", "clean"), [3], "settings.clean"),
        (("settings", "long_text"), "both", "settings.long_text is 'both'; expected truncate or w"),
        (("settings", "header"), "true", "settings.header is 'true'; expected true or false"),
        (("settings", "weight_decay"), None, "settings.weight_decay is null; expected a number"),
        (("fingerprints", "vocabulary"), 3, "fingerprints.vocabulary is 3; expected text"),
    ],
)
def test_damage_of_the_record_is_described(trained, tmp_path, caplog, capsys, keys, value, message):
    path = tmp_path / "out" / "classifier" / "run.json"
    content = read_json(path)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    write_json(path, content)
    assert trained(CLASSIFIER) == 1
    line = only_line(caplog, capsys)
    assert line.startswith(
        f"run_classifier.py: {path}: not the record of a training run ({message}"
    )
    assert line.endswith("). Retrain with --overwrite_output_dir=true.")


SHARES = "expected the shares of train, dev and test, for example 70:15:15, or of train and dev, "
SHARES += "for example 80:20."
RETRAIN = "etrain with --overwrite_output_dir=true."


@pytest.mark.parametrize(
    ("script", "key", "value", "message"),
    [
        (CLASSIFIER, "split", "64", f"'64', which …: {SHARES} R{RETRAIN}"),
        (
            TAGGER,
            "split_seed",
            5,
            f"5, which …: --split_seed requires --split or --num_folds. R{RETRAIN}",
        ),
        (
            CLASSIFIER,
            "max_seq_length",
            5003,
            "5003, which …: the model has positions for at most 64 wordpieces. Specify "
            f"--max_seq_length, or r{RETRAIN}",
        ),
        (
            CLASSIFIER,
            "clean",
            ["links", "twice"],
            "['links', 'twice'], which …: expected one or more of links, emails, non_ascii, "
            f"punctuation, underscores, case. Specify --clean, or r{RETRAIN}",
        ),
        (
            CLASSIFIER,
            "label_names",
            ["1=a", "1=b"],
            f"['1=a', '1=b'], which …: an id occurs twice. Specify --label_names, or r{RETRAIN}",
        ),
        (
            TAGGER,
            "num_train_epochs",
            0.0,
            f"0.0, which …: expected a number above 0. Specify --num_train_epochs, or r{RETRAIN}",
        ),
        (
            TAGGER,
            "task_name",
            "nerr",
            "'nerr', which …: no such task; did you mean ner? Known tasks: ner, wnut17 (PROCESSORS "
            f"in processors.py). Specify --task_name, or r{RETRAIN}",
        ),
    ],
)
def test_wrong_setting_that_the_model_remembers_is_not_reported_as_a_flag(
    trained, tmp_path, caplog, capsys, script, key, value, message
):
    path = tmp_path / "out" / FOLDERS[script] / "run.json"
    content = read_json(path)
    content["settings"][key] = value
    write_json(path, content)
    assert trained(script) == 1
    message = message.replace("…", "the model remembers from its training")
    assert only_line(caplog, capsys) == f"{script}: {path}: settings.{key} is {message}"


def test_flag_that_contradicts_a_remembered_one_is_reported_as_a_flag(
    trained, tmp_path, caplog, capsys
):
    assert trained(CLASSIFIER, "--truncation=tail") == 2  # It was trained with windows.
    line = only_line(caplog, capsys)
    assert line.startswith("run_classifier.py: --truncation requires --long_text=truncate.")
    assert trained(CLASSIFIER, "--max_seq_length=65") == 1
    assert only_line(caplog, capsys).startswith("run_classifier.py: --max_seq_length=65: the model")


def test_error_in_the_data_names_the_remembered_settings_that_it_mentions(
    trained, tmp_path, caplog, capsys
):
    path = tmp_path / "out" / "tagger" / "run.json"
    content = read_json(path)
    content["settings"].update(word_column=7, dev_file=None)
    write_json(path, content)
    dev = write(tmp_path / "dev.txt", "anna B-PER\nlives O\n")
    flags = {"output_dir": path.parent, "data_dir": tmp_path, "do_eval": "true"}
    assert run(TAGGER, **flags) == 1
    line = only_line(caplog, capsys)
    assert line.startswith(f"run_ner.py: {dev}: most lines have 2 columns; expected the word in")
    assert line.endswith(f" The model remembers --word_column=7 (settings.word_column in {path}).")


@pytest.mark.parametrize("name", ["run.json", "bert_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", [DEEP, '{"a":' * 100_000, "", "null", "[]", "\0", '{"a"'])
def test_file_that_is_no_json_object_gets_one_line(trained, tmp_path, caplog, capsys, name, text):
    path = write(tmp_path / "out" / "classifier" / name, text)
    assert trained(CLASSIFIER) == 1
    line = only_line(caplog, capsys)
    assert line.startswith(f"run_classifier.py: {path}: ")
    assert len(line) < 500


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hidden_size", 10**30, "hidden_size must be at most 65536; found 1000000000000000000000"),
        ("hidden_size", 2**31, "hidden_size must be at most 65536; found 2147483648."),
        ("num_hidden_layers", 10**9, "num_hidden_layers must be at most 1000; found 1000000000."),
        ("vocab_size", "137", "vocab_size must be a positive integer; found '137'."),
        ("hidden_act", None, "hidden_act must be a name; found None."),
    ],
)
def test_damage_of_a_pretrained_model_is_described(tmp_path, capsys, key, value, message):
    tiny.write_google_model(tmp_path / "model")
    path = tmp_path / "model" / "bert_config.json"
    write_json(path, {**read_json(path), key: value})
    status, errors = run_main(capsys, tmp_path / "model", "--model_dir", tmp_path / "installed")
    assert status == 1
    assert errors.startswith(f"prepare_model.py: {path}: {message}")
    assert errors.count("\n") == 1
    assert not (tmp_path / "installed").exists()


def test_damaged_info_file_does_not_matter(tmp_path):
    tiny.write_google_model(tmp_path / "model")
    prepare(tmp_path / "model", tmp_path / "installed")
    write(tmp_path / "installed" / "model_info.json", DEEP)
    prepare(tmp_path / "model", tmp_path / "installed")
    assert sorted(read_json(tmp_path / "installed" / "model_info.json")) == ["sha256", "source"]


def test_run_deletes_what_a_killed_run_left(trained, tmp_path):
    folder = tmp_path / "out" / "classifier"
    left = write(folder / "run.json.abcdefgh.tmp", "")
    mine = write(folder / "mine.tmp", "")
    assert trained(CLASSIFIER) == 0
    assert not left.exists()
    assert mine.exists()
