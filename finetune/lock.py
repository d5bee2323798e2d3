"""One run at a time in an output directory."""

import fcntl
import logging
import os
import time
from typing import Optional

_log = logging.getLogger(__name__)

_PATIENCE = 3.0  # Seconds: the processes that convert data outlive one that was killed by a second


class Lock:
    """A lock on a folder, which is gone with the process, however that ends."""

    def __init__(self, folder: str):
        """Keeps the folder."""
        self._folder = folder
        self._handle: Optional[int] = None

    def take(self) -> None:
        """Takes the lock, if the folder is there and the lock is not taken by this object yet.

        Raises:
          ValueError: Another process has it.
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
        began_at = time.monotonic()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() - began_at > _PATIENCE:
                    raise ValueError(
                        f"--output_dir={self._folder}: another run is at work in it. Wait until it "
                        "has ended, or give another folder."
                    ) from error
                time.sleep(0.1)
            except OSError as error:  # Some network file systems have no locks.
                _log.warning("%s cannot be locked: %s", self._folder, error.strerror)
                return

    def close(self) -> None:
        """Gives the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
