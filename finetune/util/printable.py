"""Make text from files safe for a terminal, which obeys the control characters in it."""

import re

# In Unicode's category Cc, except for line feed and tab; the separators of lines and paragraphs;
# and the characters with the property Bidi_Control, which change the order of what follows.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # Those of str.splitlines


class Block(str):
    """Text of several lines that this program has laid out, for an argument of a log message."""


def printable(text: str) -> str:
    """Returns a text with control characters as escapes, except for line feeds and tabs."""
    return _CONTROLS.sub(_escape, text)


def one_line(text: str) -> str:
    """Returns a text with the ends of its lines as escapes, so that it cannot pose as a message."""
    return _LINE_ENDS.sub(_escape, text)


def _escape(match: "re.Match[str]") -> str:
    return match[0].encode("unicode_escape").decode("ascii")
