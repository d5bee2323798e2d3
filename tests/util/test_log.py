"""Logging: which messages are shown."""

import io
import logging
import os

import pytest

from finetune.util.colours import has_colours
from finetune.util.log import MessageFormatter, set_up_logging, set_verbosity
from finetune.util.printable import Block
from tests.util.test_progress import Terminal

LIBRARIES = ("tensorflow", "matplotlib")


@pytest.fixture(autouse=True)
def restore():
    """Restores the loggers after a test."""
    root = logging.getLogger()
    before = (root.handlers, root.level, [logging.getLogger(name).level for name in LIBRARIES])
    filters = list(logging.getLogger("tensorflow").filters)
    yield
    root.handlers, root.level, levels = before
    root.setLevel(before[1])
    for name, level in zip(LIBRARIES, levels):
        logging.getLogger(name).setLevel(level)
    logging.getLogger("tensorflow").filters = filters


@pytest.mark.parametrize(
    ("verbosity", "root_level", "library_level"),
    [
        ("debug", logging.DEBUG, logging.INFO),
        ("info", logging.INFO, logging.WARNING),
        ("warning", logging.WARNING, logging.WARNING),
        ("error", logging.ERROR, logging.WARNING),
    ],
)
def test_libraries_log_info_messages_only_with_verbosity_debug(
    verbosity, root_level, library_level
):
    set_verbosity(verbosity)
    assert logging.getLogger().level == root_level
    assert [logging.getLogger(name).level for name in LIBRARIES] == [library_level] * 2


def test_messages_go_to_standard_error_without_prefixes(capsys):
    logging.getLogger().handlers = []
    set_up_logging()
    logging.getLogger("finetune.any").info("%d rows", 7)
    logging.getLogger("finetune.any").debug("hidden")
    logging.getLogger("tensorflow").warning("This op is deprecated.")
    logging.getLogger("tensorflow").warning("Out of range")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "7 rows\nOut of range\n")


def test_an_existing_handler_is_kept():
    handler = logging.NullHandler()
    logging.getLogger().handlers = [handler]
    set_up_logging()
    assert logging.getLogger().handlers == [handler]


def formatted(formatter, level, message, *arguments):
    return formatter.format(logging.LogRecord("name", level, "file", 1, message, arguments, None))


def test_a_terminal_shows_warnings_errors_and_titles_in_colour():
    formatter = MessageFormatter("%(message)s", colours=True)
    assert formatted(formatter, logging.INFO, "warning: 7 rows") == "\033[33mwarning: \033[0m7 rows"
    assert formatted(formatter, logging.WARNING, "slow") == "\033[33mslow\033[0m"
    assert formatted(formatter, logging.ERROR, "no file") == "\033[31mno file\033[0m"
    block = Block("***** Data *****\nerror: 7 rows\nno error: x\n")
    assert formatted(formatter, logging.INFO, "%s", block) == (
        "\033[1m***** Data *****\033[0m\n\033[31merror: \033[0m7 rows\nno error: x\n"
    )
    # Escape characters in text from files are still made harmless.
    assert formatted(formatter, logging.INFO, "%s", "\033[2J") == "\\x1b[2J"


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_without_no_color_has_colours(monkeypatch, stream, environment, expected):
    monkeypatch.setattr(os, "environ", environment)
    assert has_colours(stream) is expected


def test_warning_is_shown_once_per_run(capsys):
    logging.getLogger().handlers = []
    log = logging.getLogger("finetune.test")
    for number in range(2):
        set_up_logging()  # As at the start of each run
        for name in ("a.csv", "a.csv", "b.csv"):
            log.warning("%s: warning %d", name, number)
            log.info("%s: info", name)
    shown = capsys.readouterr().err.splitlines()
    assert [line for line in shown if "warning" in line] == [
        "a.csv: warning 0",
        "b.csv: warning 0",
        "a.csv: warning 1",
        "b.csv: warning 1",
    ]
    assert shown.count("a.csv: info") == 4
