"""One run at a time in an output directory."""

import fcntl
import logging
import os
import time
from typing import Optional

from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

# Seconds to wait: the processes that tokenize outlive a killed parent by up to a second.
_PATIENCE = 3.0


class Lock:
    """A lock on a folder. The system releases it when the process ends, even if it is killed."""

    def __init__(self, folder: str):
        self._folder = folder
        self._handle: Optional[int] = None

    def take(self) -> None:
        """Takes the lock, if the folder exists and this object does not hold the lock already.

        Raises:
          InputError: Another process holds it.
        """
        if self._handle is not None or not os.path.isdir(self._folder):
            return
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            self._wait_for(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def _wait_for(self, handle: int) -> None:
        started_at = time.monotonic()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() - started_at > _PATIENCE:
                    raise InputError(
                        f"--output_dir={self._folder}: another run is using this folder. Wait "
                        "until that run has ended, or give another folder."
                    ) from error
                time.sleep(0.1)
            except OSError as error:  # Some network file systems have no locks.
                _log.warning("%s cannot be locked: %s", self._folder, error.strerror)
                return

    def close(self) -> None:
        """Releases the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
