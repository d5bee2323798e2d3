"""Ctrl-C, and the signals that ask a process to end: a training saves what it has, and ends."""

import contextlib
import signal
import threading
from typing import Iterator, Optional

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int, message: str = ""):
        """Keeps the signal's number, and what is to be said."""
        super().__init__(message)
        self.number = number
        self.status = 128 + number  # As shells have it


def raise_on_signals() -> None:
    """Has SIGTERM and SIGHUP end the process as Ctrl-C does: files under way are taken away."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup, SIGHUP is ignored, and stays so.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, frame: object) -> None:
    del frame
    raise Interrupted(number)


class Stop:
    """Whether a signal has come."""

    signal: Optional[int] = None

    def __init__(self) -> None:
        """Begins with no signal."""
        self._at_once = False

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Has a signal raise `Interrupted` at once, where nothing is left to be saved."""
        self._at_once = True
        try:
            if self.signal:
                raise Interrupted(self.signal)
            yield
        finally:
            self._at_once = False

    def _on_signal(self, number: int, frame: object) -> None:
        # A second one is for those who do not want to wait.
        if self._at_once or self.signal:
            _raise(number, frame)
        self.signal = number


@contextlib.contextmanager
def noted() -> Iterator[Stop]:
    """Within it, a first signal is noted, for the training to end at its next step."""
    stop = Stop()
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
