"""Progress: one updated line on a terminal, occasional lines in a log, nothing else."""

import io
import logging
import types

import pytest

from finetune.util import progress
from finetune.util.progress import MessageHandler, Progress, tracked


class Terminal(io.StringIO):
    """A standard error that claims to be a terminal."""

    def isatty(self):
        return True


def redirect(monkeypatch, stream):
    """Sets the standard error that `progress` sees; pytest replaces the real one in each phase."""
    monkeypatch.setattr(progress, "sys", types.SimpleNamespace(stderr=stream))


@pytest.fixture
def terminal(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    redirect(monkeypatch, terminal)
    return terminal


@pytest.fixture
def log(monkeypatch, caplog):
    """Makes standard error a file, and advances the clock by 20 seconds each time it is read."""
    redirect(monkeypatch, io.StringIO())
    times = iter(range(0, 10_000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(times)))
    caplog.set_level(logging.INFO)
    return caplog


def test_items_are_yielded_unchanged():
    assert list(tracked(["a", "b", "c"], "Reading: ")) == ["a", "b", "c"]


def test_a_log_has_a_line_every_30_seconds(log):
    list(tracked(range(5), "Reading: ", total=5))
    # The clock shows 0 at the start, 20 and 40 at the first two items. It is then read for the
    # line: 60. The next items come at 80 and 100, and 120 is read for the second line.
    assert [record.getMessage() for record in log.records] == [
        "Reading: 2 of 5 rows",
        "Reading: 4 of 5 rows",
    ]


def test_a_log_line_without_a_total_counts_units(log):
    list(tracked([[1, 2, 3], [4, 5]], "Predicting: ", unit="texts", size=len))
    assert [record.getMessage() for record in log.records] == ["Predicting: 5 texts"]


def test_a_log_has_no_progress_line(log):
    bar = Progress("Reading: ", "rows", 3)
    bar.add(2)
    bar.close()
    assert progress.sys.stderr.getvalue() == ""


def test_a_terminal_shows_the_count_and_the_note_and_then_nothing(terminal):
    bar = Progress("Training: ", "steps", 7, done=3)
    bar.add(4, "loss 0.5")
    bar.close()
    # 8 of the 20 characters of the bar are full, and the next is more than half full.
    assert "Training: ########5            3/7 steps, ?" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()
    bar = Progress("Reading: ", "rows")
    assert "Reading: 0 rows" in terminal.getvalue()
    bar.close()
    last_line = terminal.getvalue().rpartition("\r")[2]
    assert last_line.strip() == ""


def test_the_bar_has_a_colour_unless_no_color_is_set(terminal, monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    Progress("Reading: ", "rows", 3).close()
    assert "\x1b[36m" in terminal.getvalue()


def test_a_terminal_gets_no_log_lines(terminal, caplog, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", -1.0)
    assert list(tracked(range(3), "Reading: ")) == [0, 1, 2]
    assert caplog.records == []


def test_verbosity_hides_the_progress_line(terminal, caplog):
    caplog.set_level(logging.WARNING)
    Progress("Reading: ", "rows", 3).close()
    assert terminal.getvalue() == ""


def test_the_line_is_removed_if_the_items_fail(terminal):
    def items():
        yield 1
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        list(tracked(items(), "Reading: "))
    assert "Reading: " in terminal.getvalue()
    assert terminal.getvalue().rpartition("\r")[2].strip() == ""


def make_record(message, *arguments):
    return logging.LogRecord("name", logging.INFO, "file", 1, message, arguments, None)


def test_messages_are_written_as_lines():
    stream = io.StringIO()
    handler = MessageHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.emit(make_record("%d rows", 7))
    assert stream.getvalue() == "7 rows\n"


def test_a_message_that_cannot_be_formatted_raises_no_error(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()
    MessageHandler(stream).emit(make_record("%d rows", "seven"))
    assert stream.getvalue() == ""
