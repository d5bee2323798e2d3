"""The lock on an output directory."""

import subprocess
import sys

import pytest

from finetune.output import lock
from finetune.output.lock import Lock
from finetune.util.errors import InputError
from tests.support import ROOT

HOLD = """
import sys
from finetune.output.lock import Lock
held = Lock(sys.argv[1])
held.take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def no_patience(monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.2)


def test_second_lock_is_refused_until_the_first_is_released(tmp_path, no_patience):
    first, second = Lock(str(tmp_path)), Lock(str(tmp_path))
    first.take()
    first.take()  # Taking it again is allowed.
    message = f"--output_dir={tmp_path}: another run is using this folder. Wait until that run"
    with pytest.raises(InputError) as error:
        second.take()
    assert str(error.value).startswith(message)
    first.close()
    second.take()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_lock_ends_with_its_process(tmp_path, no_patience):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(InputError):
        Lock(str(tmp_path)).take()
    process.kill()
    process.communicate()
    held = Lock(str(tmp_path))
    held.take()
    held.close()


def test_missing_folder_is_not_locked(tmp_path):
    held = Lock(str(tmp_path / "none"))
    held.take()
    assert not (tmp_path / "none").exists()
