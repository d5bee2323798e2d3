"""Set up logging: messages go to standard error, and libraries log only warnings by default."""

import copy
import logging
import re
import sys
import traceback
from types import TracebackType
from typing import Callable, Optional, Set, Type

from finetune.util.colours import BOLD, RED, YELLOW, coloured, has_colours
from finetune.util.paths import shown
from finetune.util.printable import Block, one_line, printable
from finetune.util.progress import MessageHandler

_LIBRARIES = ("tensorflow", "matplotlib")
# The parts of messages that have a colour on a terminal: titles, and findings about the data.
_COLOURS = {
    re.compile(r"^\*{5} .+ \*{5}$", re.MULTILINE): BOLD,
    re.compile(r"^warning: ", re.MULTILINE): YELLOW,
    re.compile(r"^error: ", re.MULTILINE): RED,
}


class MessageFormatter(logging.Formatter):
    """Formats messages so that text from files can neither control a terminal nor add lines."""

    def __init__(self, template: str, colours: bool = False):
        """Creates a formatter.

        Args:
          template: As in `logging.Formatter`.
          colours: Whether to colour titles, warnings and errors.
        """
        super().__init__(template)
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Returns a message, with control characters as escapes.

        The line ends in an argument become escapes, too, unless it is a `Block`.
        """
        if isinstance(record.args, tuple):
            record = copy.copy(record)
            record.args = tuple(map(_in_one_line, record.args or ()))
        text = printable(shown(super().format(record)))
        return _with_colours(text, record.levelno) if self._colours else text


def _with_colours(text: str, level: int) -> str:
    if level >= logging.WARNING:
        return coloured(text, RED if level >= logging.ERROR else YELLOW)
    for pattern, code in _COLOURS.items():
        text = pattern.sub(coloured(r"\g<0>", code), text)
    return text


def _in_one_line(argument: object) -> object:
    if isinstance(argument, Exception):
        argument = str(argument)
    is_text = isinstance(argument, str) and not isinstance(argument, Block)
    return one_line(str(argument)) if is_text else argument


def _once() -> Callable[[logging.LogRecord], bool]:
    """Returns a filter that lets each warning pass only once: a file can be read several times."""
    shown: Set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        message = record.getMessage()
        is_first = message not in shown
        shown.add(message)
        return is_first

    return is_new


def set_up_logging() -> None:
    """Sends the toolkit's messages to standard error, without prefixes."""
    root = logging.getLogger()
    if not root.handlers:
        handler = MessageHandler(sys.stderr)
        handler.setFormatter(MessageFormatter("%(message)s", has_colours(sys.stderr)))
        root.addHandler(handler)
    for ours in (handler for handler in root.handlers if isinstance(handler, MessageHandler)):
        ours.filters[:] = [_once()]
    sys.excepthook = _show_traceback
    set_verbosity("info")
    logging.getLogger("tensorflow").addFilter(is_useful)


def _show_traceback(
    kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]
) -> None:
    sys.stderr.write(printable("".join(traceback.format_exception(kind, error, trace))))


def set_verbosity(verbosity: str) -> None:
    """Sets the log level; libraries log only warnings unless it is "debug"."""
    logging.getLogger().setLevel(verbosity.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if verbosity == "debug" else logging.WARNING)


def is_useful(record: logging.LogRecord) -> bool:
    """Returns whether a message of TensorFlow is of use to users."""
    # The toolkit uses TensorFlow 1's API, which is deprecated as a whole.
    message = record.getMessage()
    return "deprecated" not in message and "Instructions for updating" not in message
