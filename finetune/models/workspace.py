"""The scratch folder in which prepare_model.py puts a model together."""

import contextlib
import logging
import os
import re
import shutil
import tempfile
from typing import Iterator

from finetune.util.files import make_folders, remove_empty
from finetune.util.lock import Lock

_log = logging.getLogger(__name__)

_PREFIX = ".preparing-"
_NAME = re.compile(re.escape(_PREFIX) + r"[a-z0-9_]{8}")  # As `tempfile` completes it


@contextlib.contextmanager
def workspace(model_dir: str) -> Iterator[str]:
    """Creates the model's folder if missing, locks it, and yields a scratch folder inside.

    Scratch folders of killed processes are deleted. If the body fails, folders that this function
    created are deleted, too, unless they contain something.

    Raises:
      InputError: Another process is preparing a model in this folder.
    """
    created = make_folders(model_dir)
    try:
        with contextlib.closing(Lock(model_dir, "model_dir")) as lock:
            lock.take()
            if lock.is_exclusive:  # Otherwise, another process may use its folder now.
                _remove_abandoned(model_dir)
            with tempfile.TemporaryDirectory(dir=model_dir, prefix=_PREFIX) as work:
                yield work
    except BaseException:
        remove_empty(created)
        raise


def _remove_abandoned(model_dir: str) -> None:
    """Deletes the scratch folders of processes that were killed."""
    with os.scandir(model_dir) as entries:
        abandoned = [
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
    for path in abandoned:
        shutil.rmtree(path, ignore_errors=True)
        _log.info("Removed %s, which an interrupted run left behind", path)
