"""Waiting for the other processes of a training run, and watching them."""

import logging
import socket

import pytest
import tensorflow.compat.v1 as tf

from finetune.training import group
from finetune.training import peers as peers_module
from finetune.training.cluster import Cluster, Member
from finetune.training.peers import LOST_STATUS, CannotJoin, Peers, _Problem

MEMBERS = [Member("worker", 1, "b:1"), Member("worker", 2, "c:1")]


class Clock:
    """A clock that only `sleep` and the tests advance."""

    now = 1000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(peers_module, "time", clock)
    return clock


def test_processes_that_have_not_joined_are_named_with_advice(clock, monkeypatch, caplog):
    peers = Peers(MEMBERS, on_lost=pytest.fail)
    joins_at = {MEMBERS[0]: 1035.0, MEMBERS[1]: 2000.0}
    monkeypatch.setattr(
        peers, "_ask", lambda member, _: _Problem(10.0) if clock.now < joins_at[member] else None
    )
    caplog.set_level(logging.INFO)
    with pytest.raises(CannotJoin) as error:
        peers.wait(60.0)
    assert clock.now == pytest.approx(1060.0, abs=1.0)
    assert [(record.levelname, record.getMessage()[:49]) for record in caplog.records] == [
        ("INFO", "Waiting for worker 1 (b:1), worker 2 (c:1)"),
        ("WARNING", "Still waiting for worker 1 (b:1), worker 2 (c:1)."),
    ]
    assert "look at its output for an error" in caplog.text
    message = str(error.value)
    assert message.startswith("worker 2 (c:1) has not answered for 60 seconds. If it was started,")
    assert error.value.status == LOST_STATUS


@pytest.mark.parametrize(
    ("questions", "lost"),
    [
        ([10.0, 10.0, 10.0, 10.0, None], ["has not answered for 40 seconds"]),
        # No question takes so long: this process itself was stopped, for example by Ctrl-Z.
        ([1000.0, None], []),
    ],
)
def test_time_in_which_this_process_was_stopped_does_not_count(clock, monkeypatch, questions, lost):
    messages = []
    peers = Peers(MEMBERS[:1], messages.append)

    def ask(member, deadline):
        seconds = questions.pop(0)
        if seconds is None:  # An answer
            peers._stopped.set()
            return None
        clock.sleep(seconds)
        return _Problem(30.0)

    monkeypatch.setattr(peers, "_ask", ask)
    monkeypatch.setattr(peers_module, "_PAUSE", 0.0)
    peers._watch(MEMBERS[0])
    assert [text.partition(") ")[2].partition(".")[0] for text in messages] == lost


def test_port_that_is_in_use_is_reported():
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cluster = Cluster([Member("worker", 0, f"localhost:{port}"), *MEMBERS], 0)
        with pytest.raises(CannotJoin) as error:
            group._start_server(cluster, tf.ConfigProto())
    assert str(error.value).startswith(
        f"TF_CONFIG: port {port}, at which this process should answer as worker 0 (localhost:{port}"
        "), cannot be opened: Address already in use. "
    )
