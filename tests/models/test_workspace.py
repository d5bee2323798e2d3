"""The scratch folder of prepare_model.py."""

import os
import subprocess
import sys

import pytest

from finetune.models.workspace import workspace
from finetune.util import lock
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import write

PREPARE = """
import sys
from finetune.models.workspace import workspace
with workspace(sys.argv[1]) as work:
    open(work + "/part", "w").close()
    print(work, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def running(tmp_path, monkeypatch):
    """Another process that uses a folder, and its scratch folder."""
    monkeypatch.setattr(lock, "_PATIENCE", 0.2)
    process = subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(tmp_path / "model_dir")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_scratch_folder_is_deleted_and_the_models_folder_stays(tmp_path):
    with workspace(str(tmp_path / "a" / "b")) as work:
        assert os.path.dirname(work) == str(tmp_path / "a" / "b")
        write(work + "/part", "")
    assert os.listdir(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, OSError])
def test_failure_leaves_no_new_folder(tmp_path, error):
    with pytest.raises(error):
        with workspace(str(tmp_path / "a" / "b")):
            raise error
    assert os.listdir(tmp_path) == []


def test_failure_keeps_folders_that_existed_or_contain_something(tmp_path):
    with pytest.raises(KeyError):
        with workspace(str(tmp_path / "a" / "b")):
            write(tmp_path / "a" / "b" / "model.zip.part", "")
            raise KeyError
    assert os.listdir(tmp_path / "a" / "b") == ["model.zip.part"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeyError):
        with workspace(str(tmp_path / "empty")):
            raise KeyError
    assert (tmp_path / "empty").exists()


def test_folder_of_a_killed_process_is_deleted_by_the_next(tmp_path, running):
    process, work = running
    folder = tmp_path / "model_dir"
    # Not ours: other names, a file, and a link to a folder.
    for name in (".preparing-", ".preparing-notes", ".preparing-Abcdefgh", "preparing-abcdefgh"):
        write(folder / name / "mine.txt", "")
    write(folder / ".preparing-filefile", "")
    os.symlink(tmp_path / "elsewhere", folder / ".preparing-linklink")
    write(tmp_path / "elsewhere" / "mine.txt", "")
    kept = sorted(name for name in os.listdir(folder) if name != os.path.basename(work))
    process.kill()
    process.communicate()
    assert os.path.exists(work + "/part")
    with workspace(str(folder)):
        assert not os.path.exists(work)
    assert sorted(os.listdir(folder)) == kept
    assert (tmp_path / "elsewhere" / "mine.txt").exists()


def test_folder_of_a_live_process_is_kept_and_a_second_run_rejected(tmp_path, running):
    _, work = running
    message = rf"^--model_dir={tmp_path}/model_dir: another run is using this directory\."
    with pytest.raises(InputError, match=message):
        with workspace(str(tmp_path / "model_dir")):
            raise AssertionError("not reached")
    assert os.path.exists(work + "/part")
