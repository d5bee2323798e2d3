"""Termination signals: the first is deferred, the second ends the process immediately."""

import os
import signal
import threading

import pytest

from finetune.util import signals
from finetune.util.signals import Interrupted, deferred, ignored, interruptible

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers():
    """Restores the handlers after a test; SIGTERM and SIGHUP have no handlers before it."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


def test_an_interruption_has_the_exit_status_that_shells_report():
    # 128 + 2, 128 + 15, 128 + 1, as in bash's manual
    assert [Interrupted(number).status for number in SIGNALS] == [130, 143, 129]
    assert str(Interrupted(signal.SIGINT, "Resume it.")) == "Resume it."
    assert isinstance(Interrupted(signal.SIGINT), KeyboardInterrupt)


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_raises_like_ctrl_c(number):
    before = [signal.getsignal(n) for n in SIGNALS]
    with interruptible() as interrupter:
        with pytest.raises(Interrupted) as caught:
            send(number)
    assert caught.value.number == interrupter.number == number
    assert interrupter.status == 128 + number
    assert [signal.getsignal(n) for n in SIGNALS] == before


def test_signals_that_follow_soon_do_not_interrupt_the_handling_of_the_first():
    with interruptible() as interrupter:
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)
        for number in SIGNALS * 2:
            send(number)
    assert interrupter.number == signal.SIGTERM


def test_late_signal_ends_the_process_at_once(monkeypatch):
    statuses = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    monkeypatch.setattr(signals, "_CLEANUP_SECONDS", 0.0)
    with interruptible():
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)
        send(signal.SIGINT)
    assert statuses == [130]


def test_inner_block_uses_the_handler_of_the_outer_one():
    with interruptible() as outer:
        with interruptible() as inner:
            assert inner is outer
        with pytest.raises(Interrupted):
            send(signal.SIGINT)
    assert outer.number == signal.SIGINT


def test_signals_after_a_deferred_one_do_not_disturb_the_caller():
    with interruptible() as interrupter:
        with deferred():
            send(signal.SIGTERM)
        send(signal.SIGTERM)
    assert interrupter.number == signal.SIGTERM


def test_ignored_block_is_not_interrupted():
    with interruptible() as interrupter, ignored():
        for number in SIGNALS:
            send(number)
    assert interrupter.number is None


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # As nohup does
    with interruptible():
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        send(signal.SIGHUP)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_deferred_and_the_second_is_raised(number):
    with deferred() as stop:
        assert stop.signal is None
        send(number)
        assert stop.signal == number
        with pytest.raises(Interrupted) as caught:
            send(number)
    assert caught.value.number == number


def test_the_previous_handlers_are_restored():
    before = [signal.getsignal(number) for number in SIGNALS]
    with deferred():
        assert all(signal.getsignal(number) not in before for number in SIGNALS)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_ignored_signal_is_not_deferred():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with deferred() as stop:
        send(signal.SIGHUP)
        assert stop.signal is None


def test_a_signal_is_raised_where_nothing_can_be_lost():
    with deferred() as stop:
        with pytest.raises(Interrupted):
            with stop.immediate():
                send(signal.SIGINT)
        send(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_a_deferred_signal_is_raised_once_nothing_can_be_lost():
    with deferred() as stop:
        send(signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            with stop.immediate():
                raise AssertionError("not reached")
    assert caught.value.number == signal.SIGINT


def test_other_threads_leave_the_handlers_alone():
    before = [signal.getsignal(number) for number in SIGNALS]
    seen = []

    def run():
        with interruptible(), deferred() as stop:
            seen.append(stop.signal)
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [None, *before]
