"""Keep an output directory at a remote path, for example gs://bucket/run.

A run works in a local copy of the directory, because it locks, appends to, replaces and maps files.
The copy is fetched before the run, and what has changed is written back after each checkpoint and
at the end, by TensorFlow's file systems. After a kill, the same command resumes: the `checkpoint`
file is written after the files that it names.
"""

import contextlib
import hashlib
import importlib
import logging
import os
import shutil
import stat
import tempfile
from typing import Dict, Iterator, List, Tuple

import tensorflow.compat.v1 as tf

from finetune.output import names
from finetune.output.files import is_unfinished
from finetune.util.errors import InputError
from finetune.util.files import check_free_space
from finetune.util.lock import Lock
from finetune.util.paths import show_as
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_INSTALL = "pip install tensorflow-io==0.36.0"
_UPLOADING = ".upload.tmp"  # Added to the name of a file until it is complete


class RemoteCopy:
    """A local copy of a remote directory.

    Attributes:
      url: The remote directory.
      folder: The local one.
    """

    def __init__(self, url: str, folder: str):
        """Stores the paths; `fetch` then fills the folder."""
        self.url = url
        self.folder = folder
        self._known: Dict[str, Tuple[int, int]] = {}  # Size and time of each file that both have

    def fetch(self) -> None:
        """Replaces the contents of the local folder with those of the remote one.

        Raises:
          InputError: The remote directory cannot be read, or the disk lacks the space for it.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with _errors(self.url, "written"):  # Hours later, it would be too late to find out.
            self._try_to_write()
        with _errors(self.url, "read"):
            sizes = {path: tf.io.gfile.stat(self._remote(path)).length for path in self._listed()}
            total = sum(sizes.values())
            check_free_space(self.folder, total, f"a copy of {self.url}")
            what = f"{count(len(sizes), 'file')} of {self.url} ({total / 1e6:,.1f} MB)"
            _log.info("Copying %s to %s, where this run works", what, self.folder)
            for path in sizes:
                target = self._local(path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                tf.io.gfile.copy(self._remote(path), target)
        self._known = self._changed_since({})

    def publish_or_warn(self) -> None:
        """Does what `publish` does, but if it fails, only warns: the next call tries again."""
        try:
            self.publish()
        except InputError as error:
            _log.warning("%s Training continues; the next checkpoint tries again.", error)

    def publish(self) -> None:
        """Writes what has changed in the local folder to the remote one.

        Raises:
          InputError: The remote directory cannot be written.
        """
        changed = self._changed_since(self._known)
        removed = [path for path in self._known if not os.path.exists(self._local(path))]
        with _errors(self.url, "written"):
            # New checkpoints are complete before the old ones go. Without new ones, the run has
            # deleted the old ones before it wrote anything.
            replaces = any(map(_names_checkpoints, changed))
            for path in [] if replaces else removed:
                self._remove(path)
            for path in sorted(changed, key=_names_checkpoints):
                self._put(path)
                self._known[path] = changed[path]
            for path in removed if replaces else []:
                self._remove(path)

    def _try_to_write(self) -> None:
        tf.io.gfile.makedirs(self.url)
        probe = self._remote(_UPLOADING)
        with tf.io.gfile.GFile(probe, "w") as writer:
            writer.write("This file shows that the directory can be written.\n")
        tf.io.gfile.remove(probe)

    def _listed(self) -> List[str]:
        """Returns the relative paths of the remote files; deletes those of interrupted copies."""
        found = []
        for folder, _, files in tf.io.gfile.walk(self.url):
            # Some file systems add a slash to the names of folders.
            inside = folder.rstrip("/")[len(self.url) :].strip("/")
            found += [os.path.join(inside, name) for name in files if name]
        for path in found:
            if ".." in path.split("/"):  # The name of an object in a bucket can be anything.
                raise InputError(f"{self._remote(path)}: the path leaves the directory. Rename it.")
            if path.endswith(_UPLOADING):
                tf.io.gfile.remove(self._remote(path))
        return sorted(path for path in found if not path.endswith(_UPLOADING))

    def _changed_since(self, known: Dict[str, Tuple[int, int]]) -> Dict[str, Tuple[int, int]]:
        """Returns the size and time of each local file for which they are not the known ones."""
        found = {}
        for folder, _, files in os.walk(self.folder):
            for name in filter(lambda name: not is_unfinished(name), files):
                path = os.path.relpath(os.path.join(folder, name), self.folder)
                status = os.stat(self._local(path))
                found[path] = (status.st_size, status.st_mtime_ns)
        return {path: state for path, state in found.items() if known.get(path) != state}

    def _put(self, path: str) -> None:
        """Copies a local file; the remote one is replaced once the copy is complete."""
        target = self._remote(path)
        tf.io.gfile.makedirs(os.path.dirname(target))
        tf.io.gfile.copy(self._local(path), target + _UPLOADING, overwrite=True)
        tf.io.gfile.rename(target + _UPLOADING, target, overwrite=True)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(tf.errors.NotFoundError):
            tf.io.gfile.remove(self._remote(path))
        del self._known[path]

    def _remote(self, path: str) -> str:
        return f"{self.url}/{path}"

    def _local(self, path: str) -> str:
        return os.path.join(self.folder, path)


@contextlib.contextmanager
def _errors(url: str, done: str) -> Iterator[None]:
    """Turns errors of TensorFlow's file systems into `InputError`."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.split("\n")[0].rstrip(".")
        raise InputError(
            f"--output_dir={url} cannot be {done}: {reason}. Check the path, the network and your "
            "permissions."
        ) from error


def exists(url: str, path: str) -> bool:
    """Returns whether a remote directory contains a file.

    Args:
      url: The directory.
      path: The path of the file in it.

    Raises:
      InputError: The directory cannot be read.
    """
    load_file_system(url)
    with _errors(url, "read"):
        return tf.io.gfile.exists(f"{url}/{path}")


def _names_checkpoints(path: str) -> bool:
    return os.path.basename(path) == names.CHECKPOINT_STATE


def load_file_system(url: str) -> None:
    """Makes TensorFlow know the file system of a path; raises `InputError` if that is impossible.

    TensorFlow itself has that of gs://, and the package tensorflow-io has more.
    """
    scheme = url.partition(":")[0]
    if scheme in tf.io.gfile.get_registered_schemes():
        return
    try:
        importlib.import_module("tensorflow_io")
    except ImportError as error:
        raise InputError(
            f"--output_dir={url}: TensorFlow has no file system for {scheme}://. Install one, for "
            f"example with `{_INSTALL}`, which has those of s3, az and hdfs."
        ) from error


@contextlib.contextmanager
def opened(url: str) -> Iterator[RemoteCopy]:
    """Yields a copy of a remote directory; at the end, what has changed is written back.

    From then on, messages show the remote path in place of the local one.

    Args:
      url: The remote directory.

    Raises:
      InputError: The directory cannot be read or written. If it cannot be written at the end, the
        local copy is kept, and a message names it.
    """
    load_file_system(url)
    url = url.rstrip("/")
    place = os.path.join(_own_folder(), hashlib.sha256(url.encode()).hexdigest()[:16])
    os.makedirs(place, exist_ok=True)
    name = url.rpartition("/")[2]
    copy = RemoteCopy(url, os.path.join(place, name if name.strip(".") else "output"))
    with contextlib.closing(Lock(place)) as lock:
        lock.take()
        copy.fetch()
        show_as(copy.folder, url)
        try:
            yield copy
        finally:
            _close(copy, place)


def _close(copy: RemoteCopy, place: str) -> None:
    """Writes the changes back and deletes the local copy, or keeps it if that fails."""
    try:
        copy.publish()
    except InputError as error:
        kept = tempfile.mkdtemp(prefix="not-written-", dir=os.path.dirname(place))
        kept = shutil.move(copy.folder, kept)
        raise InputError(f"{error} The files of this run are in {kept}.") from error
    shutil.rmtree(place, ignore_errors=True)


def _own_folder() -> str:
    """Returns the folder of this user's local copies, which nobody else can write."""
    folder = os.path.join(tempfile.gettempdir(), f"finetune-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, mode=0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise InputError(f"{folder} belongs to someone else. Set TMPDIR to a folder of your own.")
    return folder
