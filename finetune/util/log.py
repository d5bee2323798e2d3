"""What the scripts log, and how: their own messages to standard error, libraries' only if asked."""

import logging
import sys

from finetune.util.progress import Handler

_LIBRARIES = ("tensorflow", "matplotlib")


def set_up_logging() -> None:
    """Sends the toolkit's messages to standard error, without prefixes."""
    root = logging.getLogger()
    if not root.handlers:
        handler = Handler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        root.addHandler(handler)
    set_verbosity("info")
    logging.getLogger("tensorflow").addFilter(_is_useful)


def set_verbosity(verbosity: str) -> None:
    """Sets the level of messages; libraries only log warnings, except with "debug"."""
    logging.getLogger().setLevel(verbosity.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if verbosity == "debug" else logging.WARNING)


def _is_useful(record: logging.LogRecord) -> bool:
    # The toolkit is written for TensorFlow 1's interface, which is deprecated as a whole.
    message = record.getMessage()
    return "deprecated" not in message and "Instructions for updating" not in message
