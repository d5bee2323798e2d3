"""Keep a second run out of a directory."""

import fcntl
import logging
import os
import time
from typing import Optional

from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

# Seconds to wait: tokenizing processes outlive a killed parent by up to a second.
_PATIENCE = 3.0


class Lock:
    """A lock on a directory. The system releases it when the process ends or is killed.

    Attributes:
      is_exclusive: Whether no other process can hold the lock; False if it is not taken, or if the
        file system does not support locks.
    """

    is_exclusive = False

    def __init__(self, folder: str, flag: str = "output_dir"):
        """Creates a lock that is not taken yet.

        Args:
          folder: The directory.
          flag: The flag that names it, for messages.
        """
        self._folder = folder
        self._flag = flag
        self._handle: Optional[int] = None

    def take(self) -> None:
        """Takes the lock unless the directory is missing or this object already holds the lock.

        Raises:
          InputError: Another process holds the lock.
        """
        if self._handle is not None or not os.path.isdir(self._folder):
            return
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            self.is_exclusive = self._wait_for(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def _wait_for(self, handle: int) -> bool:
        """Returns whether the lock is taken: not all file systems support locks."""
        started_at = time.monotonic()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError as error:
                if time.monotonic() - started_at > _PATIENCE:
                    raise InputError(
                        f"--{self._flag}={self._folder}: another run is using this directory. Wait "
                        "until that run ends, or choose another directory."
                    ) from error
                time.sleep(0.1)
            except OSError as error:  # Some network file systems do not support locks.
                _log.warning("%s cannot be locked: %s", self._folder, error.strerror)
                return False

    def close(self) -> None:
        """Releases the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            self.is_exclusive = False
