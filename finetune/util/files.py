"""Write files completely or not at all; tell the user's file errors from bugs."""

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import shutil
import stat
import tempfile
import time
from typing import IO, Collection, Iterable, Iterator, List, Optional

from finetune.util.errors import InputError

_SECONDS_UNTIL_LOCKED = 10.0  # A younger scratch folder may be one that is about to be locked.


@contextlib.contextmanager
def atomic_text(path: str, keep_partial: bool = False) -> Iterator[IO[str]]:
    """Opens a UTF-8 file that replaces `path` once it is written and closed.

    Args:
      path: The file.
      keep_partial: Whether what was written before an error replaces `path`, too.
    """
    with _replacing(path, keep_partial) as handle:
        with open(handle, "w", encoding="utf-8", newline="") as writer:
            yield writer


@contextlib.contextmanager
def atomic_binary(path: str) -> Iterator[IO[bytes]]:
    """Opens a file of bytes that replaces `path` once it is written and closed."""
    with _replacing(path) as handle, open(handle, "wb") as writer:
        yield writer


@contextlib.contextmanager
def _replacing(path: str, keep_partial: bool = False) -> Iterator[int]:
    """Creates a file that replaces `path` at the end; yields its descriptor, to be closed."""
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(dir=folder or ".", prefix=name + ".", suffix=".tmp")
    is_complete = False
    try:
        yield handle
        is_complete = True
    except OSError as error:
        if is_full_disk(error) and error.filename is None:  # As from any write
            error.filename = path
        raise
    finally:
        if is_complete or (keep_partial and os.path.getsize(temporary)):
            make_readable(temporary)
            os.replace(temporary, path)
        else:
            os.unlink(temporary)


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """Yields a scratch folder that becomes `path` at the end; after an error, it is deleted.

    Missing folders above it are created, and deleted after an error. The scratch folder of a
    process that was killed is deleted by the next one that writes the same folder.

    Args:
      path: A folder that does not exist, or is empty.
    """
    path = os.path.abspath(path)
    above, name = os.path.split(path)
    created = make_folders(above)
    try:
        _delete_abandoned(above, name)
        with _scratch_folder(above, name) as scratch:
            yield scratch
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(scratch, 0o777 & ~mask)  # Only their owner can read those of mkdtemp.
            os.rename(scratch, path)
    except BaseException:
        remove_empty(created)
        raise


@contextlib.contextmanager
def _scratch_folder(above: str, name: str) -> Iterator[str]:
    """Yields a new folder, locked while it is in use; after an error, it is deleted."""
    try:
        scratch = tempfile.mkdtemp(dir=above, prefix=f".{name}-", suffix=".tmp")
        handle = os.open(scratch, os.O_RDONLY)
    except OSError as error:
        error.filename = above  # Which the user knows, unlike the scratch folder.
        raise
    try:
        _lock(handle)
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def _delete_abandoned(above: str, name: str) -> None:
    """Deletes the scratch folders of processes that were killed, which no longer lock them."""
    for scratch in glob.glob(os.path.join(glob.escape(above), f".{glob.escape(name)}-*.tmp")):
        with contextlib.suppress(OSError):  # Another process may delete it, too.
            handle = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                is_young = time.time() - os.fstat(handle).st_mtime < _SECONDS_UNTIL_LOCKED
                if not is_young and _lock(handle):
                    shutil.rmtree(scratch, ignore_errors=True)
            finally:
                os.close(handle)


def _lock(handle: int) -> bool:
    """Locks an open folder until it is closed; returns whether that was possible."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def make_folders(folder: str) -> List[str]:
    """Creates a folder and those above it; returns the new ones, innermost first."""
    missing = []
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    os.makedirs(folder, exist_ok=True)
    return missing


def remove_empty(folders: Iterable[str]) -> None:
    """Deletes folders, innermost first, up to the first one that is not empty."""
    with contextlib.suppress(OSError):  # It is not empty.
        for folder in folders:
            os.rmdir(folder)


def make_readable(path: str) -> None:
    """Gives a file the user's default permissions; mkstemp's can be read only by their owner."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)


@contextlib.contextmanager
def user_path_errors(paths: Collection[str]) -> Iterator[None]:
    """Turns an `OSError` about a file or folder that the user named into an `InputError`.

    The error may also be about a file inside such a folder, or about a folder above it. Any other
    `OSError` is unchanged: it is a bug, or the disk is full.

    Args:
      paths: The files and folders. A path can also be the common prefix of several files, as that
        of a checkpoint is.
    """
    try:
        yield
    except OSError as error:
        found = error.filename
        # Some functions of `os` accept a file descriptor as the path.
        is_path = bool(found) and isinstance(found, (str, bytes, os.PathLike))
        if not is_path or is_full_disk(error):
            raise
        name = os.fsdecode(found)
        if not any(_is_about(path, name) for path in paths):
            raise
        raise InputError(f"{name}: {error.strerror}.") from error


def _is_about(path: str, name: str) -> bool:
    path, name = os.path.realpath(path), os.path.realpath(name)
    is_above = path.startswith(os.path.join(name, ""))
    return name == path or is_above or name.startswith((os.path.join(path, ""), path + "."))


def is_full_disk(error: BaseException) -> bool:
    """Returns whether an error, also one of TensorFlow, means that a disk or a quota is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    message = getattr(error, "message", None) or ""
    return "No space left on device" in message or "Disk quota exceeded" in message


_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: str) -> Optional[str]:
    """Returns what a path is if it is neither a file nor a folder, for example "a pipe"."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), None)


def check_not_special(path: str) -> None:
    """Raises `InputError` if a path is a pipe, a device or a socket, without opening it.

    Opening one can block forever, and reading it may never end.
    """
    kind = special_kind(path)
    if kind is not None:
        raise InputError(f"{path} is {kind}; expected a file, which can be read more than once.")


def check_free_space(folder: str, num_bytes: float, what: str) -> None:
    """Raises `InputError` if a disk has less free space than something needs.

    Args:
      folder: A folder on the disk.
      num_bytes: The number of bytes that it needs at least.
      what: What needs them, for the message.
    """
    disk = shutil.disk_usage(folder)
    if disk.total and disk.free < num_bytes:  # Some file systems report no size.
        raise InputError(
            f"{folder}: {what} needs {num_bytes / 1e6:,.1f} MB, but only {disk.free / 1e6:,.1f} MB "
            "are free on this disk. Free some space, or choose a folder on a different disk."
        )


def check_link(path: str) -> None:
    """Raises `InputError` if a path is a link to a file that does not exist."""
    if os.path.islink(path) and not os.path.exists(path):
        raise InputError(f"{path}: a link to {os.readlink(path)}, which does not exist.")


def copy_file(path: str, target: str) -> None:
    """Copies a regular file; raises `InputError` for a pipe or a device, which may never end."""
    check_not_special(path)
    shutil.copyfile(path, target)


def sha256_of(path: str) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as reader:
        for block in iter(lambda: reader.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def list_folder(folder: str) -> str:
    """Returns the names in a folder, for messages."""
    return ", ".join(sorted(os.listdir(folder))) or "nothing"
