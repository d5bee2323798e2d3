"""Clean texts: remove links, e-mail addresses, punctuation and the like."""

import re
import string
from typing import Callable, Dict, Sequence, Tuple

_LINK = re.compile(r"(?<!\w)(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_PUNCTUATION = re.compile("[" + re.escape(string.punctuation.replace("_", "")) + "]+")

# In the order of application; links come first, because their punctuation identifies them.
_STEPS: Dict[str, Callable[[str], str]] = {
    "links": lambda text: _LINK.sub(" ", text),
    "emails": lambda text: _EMAIL.sub(" ", text),
    "non_ascii": lambda text: _NON_ASCII.sub(" ", text),
    "punctuation": lambda text: _PUNCTUATION.sub(" ", text),
    "underscores": lambda text: text.replace("_", " "),
    "case": str.lower,
}
STEPS: Tuple[str, ...] = tuple(_STEPS)


def clean(text: str, steps: Sequence[str]) -> str:
    """Applies cleaning steps to a text; each run of whitespace then becomes one space.

    Args:
      text: The text.
      steps: Some of `STEPS`, in any order; if there are none, the text is returned unchanged.
    """
    if not steps:
        return text
    for name, step in _STEPS.items():
        if name in steps:
            text = step(text)
    return " ".join(text.split())
