"""Files are written completely or not at all; errors of the user's files are told from bugs."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from finetune.util.errors import InputError
from finetune.util.files import atomic_folder, atomic_text, sha256_of, user_path_errors


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "results.tsv"
    with atomic_text(str(path)) as writer:
        writer.write("é\r\n\u2028")
        assert not path.exists()
    assert path.read_bytes() == b"\xc3\xa9\r\n\xe2\x80\xa8"
    assert os.listdir(tmp_path) == ["results.tsv"]


def test_an_error_keeps_the_previous_file(tmp_path):
    path = tmp_path / "results.tsv"
    path.write_text("previous")
    with pytest.raises(KeyboardInterrupt):
        with atomic_text(str(path)) as writer:
            writer.write("new")
            raise KeyboardInterrupt
    assert path.read_text() == "previous"
    assert os.listdir(tmp_path) == ["results.tsv"]


def test_on_request_an_error_keeps_what_was_written(tmp_path):
    path = tmp_path / "results.tsv"
    for content in ("", "some"):
        path.write_text("previous")
        with pytest.raises(KeyboardInterrupt):
            with atomic_text(str(path), keep_partial=True) as writer:
                writer.write(content)
                raise KeyboardInterrupt
        assert path.read_text() == (content or "previous")
        assert os.listdir(tmp_path) == ["results.tsv"]


def test_a_path_without_a_folder_is_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with atomic_text("results.tsv") as writer:
        writer.write("a")
    assert (tmp_path / "results.tsv").read_text() == "a"


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_permissions_follow_the_users_umask(tmp_path, umask, expected):
    previous = os.umask(umask)
    try:
        with atomic_text(str(tmp_path / "results.tsv")):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "results.tsv").stat().st_mode) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # FIPS 180-2, appendix B.1 and B.3: "abc", and a million times "a".
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ],
)
def test_sha256_equals_published_digests(tmp_path, content, expected):
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(str(tmp_path / "file")) == expected


def test_a_folder_appears_when_it_is_complete(tmp_path):
    (tmp_path / "new").mkdir()
    with atomic_folder(str(tmp_path / "new")) as scratch:
        with open(os.path.join(scratch, "file"), "w") as writer:
            writer.write("text")
        assert os.listdir(tmp_path / "new") == []
    assert (tmp_path / "new" / "file").read_text() == "text"
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_error_leaves_nothing_of_a_folder_or_those_above_it(tmp_path, error):
    with pytest.raises(error):
        with atomic_folder(str(tmp_path / "above" / "new")) as scratch:
            open(os.path.join(scratch, "file"), "w").close()
            raise error
    assert os.listdir(tmp_path) == []


_KILLED = """
import os, signal, sys
from finetune.util.files import atomic_folder
with atomic_folder(sys.argv[1]) as scratch:
    open(os.path.join(scratch, "file"), "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_scratch_folder_of_a_killed_process_is_deleted_by_the_next_one(tmp_path):
    path = str(tmp_path / "new")
    killed = subprocess.run([sys.executable, "-c", _KILLED, path])
    assert killed.returncode == -signal.SIGKILL
    (abandoned,) = os.listdir(tmp_path)
    with atomic_folder(path):
        assert abandoned in os.listdir(tmp_path)  # It might be one that is about to be locked.
    os.rmdir(path)
    os.utime(tmp_path / abandoned, (0, 0))
    with atomic_folder(path):
        assert abandoned not in os.listdir(tmp_path)
    assert os.listdir(tmp_path) == ["new"]


def test_the_scratch_folder_of_another_process_or_folder_stays(tmp_path):
    (tmp_path / ".new.model-a.tmp").mkdir()
    with atomic_folder(str(tmp_path / "new")) as first:
        os.utime(first, (0, 0))
        with atomic_folder(str(tmp_path / "new")) as second:
            assert first != second
            assert os.path.isdir(first)
        os.rmdir(tmp_path / "new")
    assert sorted(os.listdir(tmp_path)) == [".new.model-a.tmp", "new"]


def test_sha256_covers_every_block(tmp_path):
    # 1 MiB is the size of a block: the files differ only in the second one.
    (tmp_path / "a").write_bytes(b"\0" * (1 << 20) + b"a")
    (tmp_path / "b").write_bytes(b"\0" * (1 << 20) + b"b")
    assert sha256_of(str(tmp_path / "a")) != sha256_of(str(tmp_path / "b"))


@pytest.mark.parametrize(
    "name",
    ["data", "data/a/train.csv", "model", "model/bert.ckpt.index", "link/b.csv", b"data/dev.csv"],
)
def test_error_on_a_path_that_the_user_named_is_an_input_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.symlink("data", "link")
    cause = OSError(errno.EACCES, "Permission denied", name)
    with pytest.raises(InputError) as caught:
        with user_path_errors(["data/", "model/bert.ckpt"]):
            raise cause
    assert str(caught.value) == f"{os.fsdecode(name)}: Permission denied."
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied", "database/train.csv"),
        OSError(errno.EACCES, "Permission denied", "elsewhere"),
        OSError(errno.EACCES, "Permission denied", "model/vocab.txt"),
        OSError(errno.EBADF, "Bad file descriptor", 7),
        OSError(errno.ENOENT, "No such file or directory", ""),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ENOSPC, "No space left on device", "data/train.csv"),
        ValueError("data"),
    ],
)
def test_any_other_error_is_unchanged(error):
    with pytest.raises(type(error)) as caught:
        with user_path_errors(["data", "model/bert.ckpt"]):
            raise error
    assert caught.value is error


def test_root_folder_contains_every_path():
    with pytest.raises(InputError, match=r"^/a: Permission denied\.$"):
        with user_path_errors(["/"]):
            raise OSError(errno.EACCES, "Permission denied", "/a")
