"""prepare_model.py rejects an incomplete, damaged or inconsistent model."""

import errno
import os
import pickle
import re

import numpy as np
import pytest

import prepare_model
from finetune.models import checkpoints
from tests.support.files import write
from tests.support.installs import (
    DATA,
    INDEX,
    QUERY_KERNEL,
    assert_rejected,
    change_byte,
    edit_config,
    prepare,
    run_main,
)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("vocab.txt", r"source: vocab\.txt is missing; found bert_config\.json, bert_model"),
        ("bert_config.json", r"source: bert_config\.json is missing; found bert_model"),
        (
            INDEX,
            r"source: contains neither bert_model\.ckpt\.index .* nor config\.json .*; found bert",
        ),
        (DATA, r"bert_model\.ckpt: .* cannot be read: .*No such file"),
    ],
)
def test_error_names_the_missing_file(source, model_dir, name, match):
    (source / name).unlink()
    assert_rejected(source, model_dir, match)


def test_pickle_with_anything_but_tensors_is_rejected(hugging_face, model_dir):
    folder = hugging_face()
    (folder / "model.safetensors").unlink()
    write(folder / "pytorch_model.bin", pickle.dumps({"a": os.getcwd}))
    match = r"pytorch_model\.bin: cannot be read as PyTorch weights \(.*Nothing in it was run"
    assert_rejected(folder, model_dir, match)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda f: os.truncate(f / DATA, 50021), r"bert_model\.ckpt: bert/.* cannot be read"),
        (lambda f: change_byte(f / DATA, 5003), r"bert_model\.ckpt: bert/.* cannot be read"),
        (lambda f: os.truncate(f / INDEX, 701), r"bert_model\.ckpt: the checkpoint is damaged"),
        (lambda f: os.truncate(f / INDEX, 0), r"bert_model\.ckpt: the checkpoint is damaged"),
        (
            lambda f: write(f / "bert_config.json", "{"),
            r"bert_config\.json: a BERT config must be JSON \(Expecting",
        ),
        (lambda f: write(f / "vocab.txt", b"\xff"), r"vocab\.txt: the vocabulary cannot"),
        (lambda f: write(f / "vocab.txt", "a\nb\n"), r"\[UNK\], \[CLS\], \[SEP\] missing"),
    ],
    ids=[
        "truncated data",
        "changed data",
        "truncated index",
        "empty index",
        "malformed config",
        "vocabulary that is not UTF-8",
        "another word list",
    ],
)
def test_damaged_file_is_rejected(google_models, source, model_dir, damage, match):
    prepare(google_models["other"][0], model_dir)
    damage(source)
    assert_rejected(source, model_dir, match, overwrite=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_rejected(source, arrays, model_dir, value):
    kernel = arrays[QUERY_KERNEL].copy()
    kernel[7, 11] = value
    checkpoints.write(str(source / "bert_model.ckpt"), {**arrays, QUERY_KERNEL: kernel})
    assert_rejected(source, model_dir, f"{QUERY_KERNEL} contains values that are not finite")


def test_vocabulary_of_a_different_size_is_rejected(source, model_dir):
    tokens = (source / "vocab.txt").read_text()
    write(source / "vocab.txt", tokens + "more\n")
    count = len(tokens.splitlines())
    match = rf"vocab\.txt: {count + 1} tokens, but the model's vocab_size is {count}\."
    assert_rejected(source, model_dir, match)


def test_config_with_a_different_width_is_rejected(source, model_dir):
    edit_config(source, hidden_size=48)
    message = assert_rejected(source, model_dir, "does not match")
    assert "bert/embeddings/position_embeddings ([64, 32] in the checkpoint, [64, 48] in" in message


def test_config_with_more_layers_is_rejected(source, model_dir):
    edit_config(source, num_hidden_layers=3)
    message = assert_rejected(source, model_dir, "does not match")
    assert "Missing: 16 (bert/encoder/layer_2/" in message


def test_config_of_a_different_architecture_is_rejected(source, model_dir):
    edit_config(source, model_type="roberta")
    match = r"'roberta'; only BERT models \(model_type 'bert'\) are supported"
    assert_rejected(source, model_dir, match)


def capitalize_one_token(folder):
    """Makes it unclear whether the vocabulary is cased."""
    tokens = (folder / "vocab.txt").read_text()
    assert "\nparis\n" in tokens
    write(folder / "vocab.txt", tokens.replace("\nparis\n", "\nParis\n"))


@pytest.mark.parametrize(
    "spoil",
    [
        capitalize_one_token,
        lambda folder: edit_config(folder, vocab_size=1009),
        lambda folder: edit_config(folder, hidden_size=48),
        lambda folder: os.truncate(folder / DATA, 50021),
        lambda folder: write(folder / "bert_config.json", "{"),
    ],
    ids=["unclear case", "another size", "another width", "truncated data", "malformed config"],
)
def test_messages_name_only_the_users_files_and_flags(source, model_dir, capsys, spoil):
    spoil(source)
    _, message = run_main(capsys, source, "--model_dir", model_dir)
    assert str(source) in message
    assert ".preparing-" not in message  # The scratch folder no longer exists.
    assert set(re.findall(r"--\w+", message)) <= {"--model_dir", "--overwrite"}


@pytest.mark.parametrize("place", ["plain/folder", "plain/folder/below"])
def test_error_names_the_path_if_model_dir_cannot_be_created(source, tmp_path, capsys, place):
    write(tmp_path / "plain", "")
    status, message = run_main(capsys, source, "--model_dir", tmp_path / place)
    assert status == 1
    assert re.search(rf"prepare_model\.py: {tmp_path}/plain\S*: Not a dir", message)
    assert message.count("\n") == 1


def fail_with(error):
    """Returns a function that raises an error, whatever its arguments are."""

    def fail(*arguments, **keywords):
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [ValueError("shapes (3,) (5,)"), FileNotFoundError(2, "No", "/nonexistent/ours")]
)
def test_bug_gets_a_traceback_and_a_line_that_says_so(
    source, model_dir, monkeypatch, caplog, error
):
    monkeypatch.setattr(prepare_model, "prepare", fail_with(error))
    with pytest.raises(type(error)):
        prepare_model.main(["prepare_model.py", str(source), "--model_dir", str(model_dir)])
    assert "prepare_model.py: internal error. This is a bug in the toolkit" in caplog.text


@pytest.mark.parametrize("name", ["run[1]", "a\\b"])
def test_name_of_model_dir_that_tensorflow_misreads_is_rejected(source, tmp_path, capsys, name):
    folder = tmp_path / name / "model"
    status, message = run_main(capsys, source, "--model_dir", folder)
    assert (status, message.count("\n")) == (1, 1)
    assert f"prepare_model.py: --model_dir={folder}: TensorFlow reads the" in message
    assert not (tmp_path / name).exists()


def test_full_disk_is_not_a_bug(source, model_dir, monkeypatch, capsys):
    error = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(prepare_model, "prepare", fail_with(error))
    status, message = run_main(capsys, source, "--model_dir", model_dir)
    assert (status, message.count("\n")) == (1, 1)
    assert f"prepare_model.py: no space is left on the disk of {model_dir}." in message


def test_special_files_are_refused_without_being_opened(source, model_dir, tmp_path):
    os.mkfifo(tmp_path / "model.zip")  # To open it would wait for ever.
    refusal = r"model\.zip is a pipe; expected a file, which can be read more than once\.$"
    assert_rejected(tmp_path / "model.zip", model_dir, refusal)
    (source / "vocab.txt").unlink()
    os.symlink("/dev/zero", source / "vocab.txt")
    assert_rejected(source, model_dir, r"source/vocab\.txt is a device; expected a file")


def test_a_model_dir_that_is_no_folder_is_rejected(capsys, source, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    for path in (tmp_path / "pipe", tmp_path / "link", source / "vocab.txt"):
        expected = (
            f"prepare_model.py: --model_dir={path} is not a folder; expected a folder to fill."
        )
        assert run_main(capsys, source, f"--model_dir={path}") == (1, expected + "\n")


def test_flags_cannot_control_the_terminal(capsys):
    with pytest.raises(SystemExit):
        prepare_model.main(["prepare_model.py", "--\x1b]0;title\x07\r\u202e"])
    error = capsys.readouterr().err
    assert "unrecognized arguments: --\\x1b]0;title\\x07\\r\\u202e\n" in error


def test_an_empty_model_dir_and_dangling_links_are_named(capsys, source, model_dir):
    expected = "prepare_model.py: --model_dir is empty; expected a folder to fill.\n"
    assert run_main(capsys, source, "--model_dir=") == (1, expected)
    (source / "vocab.txt").unlink()
    (source / "vocab.txt").symlink_to("/no/such/vocab.txt")
    refusal = r"vocab\.txt: a link to /no/such/vocab\.txt, which does not exist\.$"
    assert_rejected(source, model_dir, refusal)
