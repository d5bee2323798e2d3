"""Handle Ctrl-C and other termination signals: a training run saves its state first."""

import contextlib
import os
import signal
import threading
import time
from typing import Any, Callable, Iterator, Optional, Union

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds after a signal in which further ones are ignored, so that unfinished files are removed.
_CLEANUP_SECONDS = 2.0


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int, message: str = ""):
        """Creates the exception.

        Args:
          number: The signal's number.
          message: What to tell the user.
        """
        super().__init__(message)
        self.number = number
        self.status = 128 + number  # As shells report it


class Interrupter:
    """A signal handler that raises `Interrupted` for the first signal.

    People press Ctrl-C twice, and supervisors send several signals. Those that follow soon must not
    interrupt the handling of the first. A later one ends the process at once, in case it hangs.

    Attributes:
      number: The number of the first signal, or None.
    """

    number: Optional[int] = None
    _raised_at = 0.0

    def __call__(self, number: int, frame: object) -> None:
        """Handles a signal."""
        del frame
        if self.number is None:
            self.take(number)
            raise Interrupted(number)
        if time.monotonic() - self._raised_at > _CLEANUP_SECONDS:
            os._exit(128 + number)

    def take(self, number: int) -> None:
        """Records the first signal, which the caller handles."""
        self.number, self._raised_at = number, time.monotonic()

    @property
    def status(self) -> int:
        """The exit status after the first signal, as shells report it."""
        assert self.number is not None
        return 128 + self.number


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupter]:
    """Makes SIGTERM and SIGHUP act like Ctrl-C, so that unfinished files are removed.

    Inside another such block, its handler stays in place.
    """
    installed = _installed()
    if installed is not None:
        yield installed
        return
    with _handled_by(interrupter := Interrupter()):
        yield interrupter


def _installed() -> Optional[Interrupter]:
    handlers = map(signal.getsignal, _SIGNALS)
    return next((handler for handler in handlers if isinstance(handler, Interrupter)), None)


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Ignores signals for the moment of a change that must be complete."""
    with _handled_by(signal.SIG_IGN):
        yield


def ignore_signals() -> None:
    """Ignores signals from now on, when the process has only to exit."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class StopRequest:
    """Records the first signal that asks the process to end.

    Attributes:
      signal: Number of the first signal that arrived, or None.
    """

    signal: Optional[int] = None

    def __init__(self, interrupt: Interrupter) -> None:
        self._immediate = False
        self._interrupt = interrupt

    @contextlib.contextmanager
    def immediate(self) -> Iterator[None]:
        """Makes a signal raise `Interrupted` immediately, because there is nothing to save."""
        self._immediate = True
        try:
            if self.signal:
                raise Interrupted(self.signal)
            yield
        finally:
            self._immediate = False

    def __call__(self, number: int, frame: object) -> None:
        """Handles a signal."""
        # A second signal means that the user does not want to wait.
        if self._immediate or self.signal:
            self._interrupt(number, frame)
        self.signal = number


@contextlib.contextmanager
def deferred() -> Iterator[StopRequest]:
    """Defers the first signal, so that a training run can end after its current step."""
    outer = _installed() or Interrupter()
    with _handled_by(stop := StopRequest(outer)):
        try:
            yield stop
        finally:
            if stop.signal and outer.number is None:
                outer.take(stop.signal)  # The caller ends now; further signals must not disturb it.


@contextlib.contextmanager
def _handled_by(handler: Union[Callable[[int, Any], None], signal.Handlers]) -> Iterator[None]:
    """Handles the signals that are not ignored, as those of SIGHUP are under nohup."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.getsignal(n) for n in _SIGNALS}
    for number, previous in before.items():
        if previous != signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, previous)
