"""Colour text on terminals that have colours."""

import os
from typing import TextIO

BOLD, RED, YELLOW = 1, 31, 33  # Codes of ECMA-48, "select graphic rendition"


def has_colours(stream: TextIO) -> bool:
    """Returns whether to colour what a stream gets: it is a terminal, and NO_COLOR is not set.

    See https://no-color.org.
    """
    is_wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return is_wanted and stream.isatty()


def coloured(text: str, code: int) -> str:
    """Returns a text with the control characters that give it a colour."""
    return f"\033[{code}m{text}\033[0m"
