"""Ctrl-C and other signals that ask a process to end: a training saves its state, then ends."""

import contextlib
import signal
import threading
from typing import Iterator, Optional

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        self.status = 128 + number  # The shells' convention


def raise_on_signals() -> None:
    """Makes SIGTERM and SIGHUP end the process like Ctrl-C, which removes unfinished files."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup, SIGHUP is ignored, and must stay ignored.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, frame: object) -> None:
    del frame
    raise Interrupted(number)


class StopRequest:
    """Whether a signal has arrived."""

    signal: Optional[int] = None

    def __init__(self) -> None:
        self._immediate = False

    @contextlib.contextmanager
    def immediate(self) -> Iterator[None]:
        """Makes a signal raise `Interrupted` immediately, where there is nothing to save."""
        self._immediate = True
        try:
            if self.signal:
                raise Interrupted(self.signal)
            yield
        finally:
            self._immediate = False

    def _on_signal(self, number: int, frame: object) -> None:
        # A second signal comes from a user who does not want to wait.
        if self._immediate or self.signal:
            _raise(number, frame)
        self.signal = number


@contextlib.contextmanager
def deferred() -> Iterator[StopRequest]:
    """Defers the first signal, so that a training can end after its current step."""
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {n: signal.getsignal(n) for n in _SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, stop._on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
