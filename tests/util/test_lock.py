"""The lock on an output directory."""

import subprocess
import sys

import pytest

from finetune.util import lock
from finetune.util.errors import InputError
from finetune.util.lock import Lock
from tests.support import ROOT

HOLD = """
import sys
from finetune.util.lock import Lock
held = Lock(sys.argv[1])
held.take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def no_patience(monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.2)


def test_second_lock_is_rejected_until_the_first_is_released(tmp_path, no_patience):
    first, second = Lock(str(tmp_path)), Lock(str(tmp_path))
    first.take()
    first.take()  # Taking a lock that is already held is allowed.
    message = f"--output_dir={tmp_path}: another run is using this directory. Wait until that"
    with pytest.raises(InputError) as error:
        second.take()
    assert str(error.value).startswith(message)
    first.close()
    second.take()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_lock_is_released_when_its_process_is_killed(tmp_path, no_patience):
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


def test_missing_directory_is_neither_locked_nor_created(tmp_path):
    held = Lock(str(tmp_path / "none"))
    held.take()
    assert not (tmp_path / "none").exists()
