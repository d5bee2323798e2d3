"""Watch the other processes of a training run, and end this one if one of them is gone.

TensorFlow's own check runs only in eager mode. A process that waits for the gradients of one that
was stopped, or whose machine has vanished, would wait forever.
"""

import logging
import os
import sys
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import grpc

from finetune.training.cluster import Member
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

# The status of a process that ends because another one is gone. It is 128 + SIGUSR1, which
# Kubeflow's training operator (`IsRetryableExitCode`) takes as a request to restart.
LOST_STATUS = 138

# All in seconds. A process that is gone is noticed within less than a minute.
_PATIENCE = 30.0  # Without an answer
_PATIENCE_IF_REFUSED = 10.0  # If its port refuses connections, as that of a killed process does
_DEADLINE = 10.0  # Of one question
_PAUSE = 2.0  # Between two questions
_ADVICE_AFTER = 30.0  # Of waiting at the start
_ADVICE = (
    "If it was started, look at its output for an error. Otherwise, start the same command there, "
    "with its own task in TF_CONFIG. Also check the address, its port and firewalls."
)
# By default, gRPC waits up to two minutes before it tries to connect again.
_OPTIONS = (("grpc.max_reconnect_backoff_ms", 1000),)


class CannotJoin(InputError):
    """This process cannot reach the others, or they cannot reach it. A restart may help."""

    status = LOST_STATUS


class PeerLost(InputError):
    """Another process of the training run is gone."""

    status = LOST_STATUS


class _Problem(NamedTuple):
    """Why a process did not answer.

    Attributes:
      patience: The number of seconds after which it counts as gone.
    """

    patience: float


class Peers:
    """The other processes. TensorFlow's server in each of them answers questions for its status."""

    def __init__(self, members: Sequence[Member], on_lost: Callable[[str], None]):
        """Creates the object; `start` begins to watch.

        Args:
          members: The other processes.
          on_lost: Called in another thread, once, with a message, when one of them is gone.
        """
        self._members = list(members)
        self._on_lost = on_lost
        self._channels = {
            member: grpc.insecure_channel(member.address, options=_OPTIONS) for member in members
        }
        self._identities: Dict[Member, bytes] = {}
        self._stopped = threading.Event()
        self._threads: List[threading.Thread] = []

    def wait(self, patience: float) -> None:
        """Waits until all other processes answer.

        Raises:
          CannotJoin: One of them has not answered after `patience` seconds.
        """
        started_at = time.monotonic()
        due = [
            (0.0, logging.INFO, "Waiting for %s"),
            (_ADVICE_AFTER, logging.WARNING, "Still waiting for %s. " + _ADVICE),
        ]
        missing = self._members
        while missing := [one for one in missing if self._ask(one, min(_DEADLINE, patience))]:
            names, seconds = ", ".join(map(str, missing)), time.monotonic() - started_at
            if seconds > patience:
                have = "has" if len(missing) == 1 else "have"
                raise CannotJoin(
                    f"{names} {have} not answered for {patience:.0f} seconds. {_ADVICE} "
                    "--worker_timeout sets how long to wait."
                )
            if due and seconds >= due[0][0]:
                _, level, text = due.pop(0)
                _log.log(level, text, names)
            time.sleep(0.2)

    def start(self) -> None:
        """Begins to watch."""
        for member in self._members:
            thread = threading.Thread(target=self._watch, args=(member,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends watching."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_DEADLINE)
        for channel in self._channels.values():
            channel.close()

    def find_lost(self) -> Optional[str]:
        """Returns a message about a process that no longer answers, after an error; None if all do.

        A process that is about to end can still answer, so this asks for a few seconds.
        """
        for _ in range(10):
            for member in self._members:
                if self._ask(member, _DEADLINE):
                    return self._message(member, "is gone")
            time.sleep(0.5)
        return None

    def _watch(self, member: Member) -> None:
        silence, asked_at = 0.0, time.monotonic()
        while not self._stopped.wait(_PAUSE):
            problem = self._ask(member, _DEADLINE)
            before, asked_at = asked_at, time.monotonic()
            if problem is None:
                silence = 0.0
                continue
            # If one question took longer than it can, this process itself was stopped meanwhile.
            silence += min(asked_at - before, _PAUSE + _DEADLINE)
            if silence > problem.patience and not self._stopped.is_set():
                self._on_lost(self._message(member, f"has not answered for {silence:.0f} seconds"))
                return

    def _ask(self, member: Member, deadline: float) -> Optional[_Problem]:
        """Returns None if a process answers and is still the same one, else the problem."""
        ask = self._channels[member].unary_unary("/tensorflow.WorkerService/GetStatus")
        try:
            # The request is an empty message; the answer describes the devices of the process, each
            # of which has a random number.
            identity = ask(b"", timeout=deadline)
        except grpc.RpcError as error:
            is_refused = error.code() == grpc.StatusCode.UNAVAILABLE
            return _Problem(_PATIENCE_IF_REFUSED if is_refused else _PATIENCE)
        except ValueError:  # The channel is closed.
            return _Problem(_PATIENCE)
        is_same = self._identities.setdefault(member, identity) == identity
        return None if is_same else _Problem(0.0)

    def _message(self, member: Member, what: str) -> str:
        return (
            f"{member} {what}. Restart all processes: the same commands resume training from the "
            "last checkpoint."
        )


def leave(message: str) -> None:
    """Ends this process at once, with a message: its main thread may wait in TensorFlow."""
    _log.error("%s: %s", os.path.basename(sys.argv[0]), message)
    logging.shutdown()
    os._exit(LOST_STATUS)
