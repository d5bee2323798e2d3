"""A remote output directory. TensorFlow's `ram://` file system, in this process, stands for it."""

import os
import re

import pytest

from finetune.output import remote
from finetune.util.errors import InputError
from finetune.util.paths import shown
from tests.support.tensorflow_v1 import tf


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The path of a remote directory that does not exist yet; local copies are in `tmp_path`."""
    monkeypatch.setattr(remote.tempfile, "gettempdir", lambda: str(tmp_path))
    return f"ram://{tmp_path.name}/run"


def put(folder, **files):
    """Makes these the only files in a folder; a name's double underscore stands for a slash."""
    names = {name.replace("__", "/"): text for name, text in files.items()}
    for above, _, found in os.walk(folder):
        for path in (os.path.join(above, name) for name in found):
            if os.path.relpath(path, folder) not in names:
                os.remove(path)
    for name, text in names.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as writer:
            writer.write(text)


def contents(folder):
    """Returns the text of each file in a folder, which may be remote, by relative path."""
    found = {}
    for above, _, names in tf.io.gfile.walk(folder):
        for path in (os.path.join(above, name) for name in names):
            with tf.io.gfile.GFile(path) as reader:
                found[path[len(folder) + 1 :]] = reader.read()
    return found


def test_changes_are_written_back_and_fetched_again(url, tmp_path):
    with remote.opened(url) as copy:
        assert os.path.basename(copy.folder) == "run"
        assert shown(f"in {copy.folder}/best") == f"in {url}/best"
        put(copy.folder, log="a", best__weights="b", old="c")
        copy.publish()
        assert contents(url) == {"log": "a", "best/weights": "b", "old": "c"}
        put(copy.folder, log="ab", best__weights="b", new="d", partial="e")
        unfinished = "report.html.abcdefgh.tmp"
        os.rename(os.path.join(copy.folder, "partial"), os.path.join(copy.folder, unfinished))
    expected = {"log": "ab", "best/weights": "b", "new": "d"}
    assert contents(url) == expected
    assert not os.path.exists(copy.folder)
    with remote.opened(url + "/") as copy:
        assert contents(copy.folder) == expected


def test_only_what_has_changed_is_written(url, monkeypatch):
    with remote.opened(url) as copy:
        put(copy.folder, weights="a", log="b")
    written = []
    rename = tf.io.gfile.rename

    def recorded(source, target, **flags):
        written.append(target)
        rename(source, target, **flags)

    monkeypatch.setattr(remote.tf.io.gfile, "rename", recorded)
    with remote.opened(url) as copy:
        with open(os.path.join(copy.folder, "log"), "a", encoding="utf-8") as writer:
            writer.write("c")
        copy.publish()
        copy.publish()
    assert written == [f"{url}/log"]
    assert contents(url) == {"weights": "a", "log": "bc"}


STATES = [
    {"checkpoint": "1", "ckpt_1": "x", "log": "1"},
    {"checkpoint": "2", "ckpt_2": "y", "log": "12"},
    {"checkpoint": "3", "ckpt_3": "z", "log": "123", "best__checkpoint": "3", "best__ckpt_3": "z"},
]


def kill_at_call(number, monkeypatch):
    """Ends the process at a call of the file system; returns the calls."""
    calls = []

    def kills(function):
        def call(*args, **flags):
            calls.append(args)
            if len(calls) == number:
                raise Killed
            return function(*args, **flags)

        return call

    for name in ("copy", "rename", "remove"):
        monkeypatch.setattr(remote.tf.io.gfile, name, kills(getattr(tf.io.gfile, name)))
    monkeypatch.setattr(remote, "_close", lambda *args: None)
    return calls


@pytest.mark.parametrize("number", range(1, 26))
def test_a_kill_at_any_moment_leaves_the_checkpoint_that_is_named(url, number, monkeypatch):
    calls = kill_at_call(number, monkeypatch)
    with pytest.raises(Killed), remote.opened(url) as copy:
        for files in STATES:
            put(copy.folder, **files)
            copy.publish()
    assert len(calls) == number
    monkeypatch.undo()
    with remote.opened(url) as copy:
        found = contents(copy.folder)
    for path in [path for path in found if os.path.basename(path) == "checkpoint"]:
        assert os.path.join(os.path.dirname(path), f"ckpt_{found[path]}") in found
    # Neither half-written files, nor the local copy of the killed run
    assert set(found.values()) <= {text for files in STATES for text in files.values()}
    assert contents(url) == found


def test_old_checkpoints_go_first_if_the_run_has_deleted_them(url, monkeypatch):
    with remote.opened(url) as copy:
        put(copy.folder, checkpoint="1", ckpt_1="x", record="old")
        copy.publish()
        put(copy.folder, record="new")
        monkeypatch.setattr(copy, "_put", lambda path: pytest.fail(str(contents(url))))
        with pytest.raises(pytest.fail.Exception, match=re.escape("{'record': 'old'}")):
            copy.publish()
        monkeypatch.undo()


def test_a_file_is_looked_up_without_a_copy(url, monkeypatch):
    with remote.opened(url) as copy:
        put(copy.folder, weights="a")
    assert remote.exists(url, "weights")
    assert not remote.exists(url, "other")

    def fail(*args, **flags):
        raise tf.errors.UnavailableError(None, None, "No network")

    monkeypatch.setattr(remote.tf.io.gfile, "exists", fail)
    with pytest.raises(InputError, match=f"^--output_dir={url} cannot be read: No network"):
        remote.exists(url, "weights")


def test_files_that_could_not_be_written_are_written_later(url, monkeypatch, caplog):
    def fail(*args, **flags):
        raise tf.errors.UnavailableError(None, None, "No network")

    with remote.opened(url) as copy:
        put(copy.folder, weights="a")
        with monkeypatch.context() as patch:
            patch.setattr(remote.tf.io.gfile, "copy", fail)
            copy.publish_or_warn()
        assert f"{url} cannot be written: No network. Check" in caplog.text
        copy.publish_or_warn()
        assert contents(url) == {"weights": "a"}


def test_files_are_kept_if_they_cannot_be_written(url, monkeypatch, tmp_path):
    def fail(*args, **flags):
        raise tf.errors.PermissionDeniedError(None, None, "No access.\nMore")

    with pytest.raises(InputError) as error, remote.opened(url) as copy:
        put(copy.folder, weights="a")
        monkeypatch.setattr(remote.tf.io.gfile, "copy", fail)
    message, _, folder = str(error.value).partition(" The files of this run are in ")
    assert message == (
        f"--output_dir={url} cannot be written: No access. Check the path, the network and your "
        "permissions."
    )
    assert contents(folder.rstrip(".")) == {"weights": "a"}
    assert not os.path.exists(copy.folder)


def test_unusable_directory_is_reported_before_the_run(url, monkeypatch):
    def fail(*args, **flags):
        raise tf.errors.FailedPreconditionError(None, None, "No network")

    monkeypatch.setattr(remote.tf.io.gfile, "makedirs", fail)
    message = f"^--output_dir={url} cannot be written: No network. Check the path"
    with pytest.raises(InputError, match=message), remote.opened(url):
        pytest.fail("the run has started")


def test_object_whose_name_leaves_the_directory_is_refused(url):
    tf.io.gfile.makedirs(f"{url}/..")
    with tf.io.gfile.GFile(f"{url}/../other", "w") as writer:
        writer.write("a")
    with pytest.raises(InputError, match="/other: the path leaves"), remote.opened(url):
        pytest.fail("the run has started")


def test_missing_file_system_is_named():
    message = "^--output_dir=nosuch://a/run: TensorFlow has no file system for nosuch://. Install"
    with pytest.raises(InputError, match=message), remote.opened("nosuch://a/run"):
        pytest.fail("the run has started")


def test_second_run_of_the_same_directory_is_refused(url, monkeypatch):
    monkeypatch.setattr("finetune.util.lock._PATIENCE", 0.0)
    with remote.opened(url), pytest.raises(InputError, match="another run is using this dir"):
        with remote.opened(url):
            pytest.fail("the second run has started")


def test_name_of_the_folder_stays_in_its_place(url, tmp_path):
    with remote.opened(f"{url}/..") as copy:
        assert os.path.basename(copy.folder) == "output"
