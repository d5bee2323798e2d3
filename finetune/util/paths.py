"""Paths as users write them: with ~, as URLs, with characters that TensorFlow misreads."""

import os
import re
import urllib.parse
import urllib.request
from typing import Optional

from finetune.util.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # gs://, and with one slash file:/ and dbfs:/
# In a checkpoint's path, TensorFlow reads these as patterns.
_PATTERN = re.compile(r"[*?\[\]\\]")


def local_path(path: str, flag: str = "") -> str:
    """Returns a path with ~ expanded, or the path of a file URL.

    Args:
      path: The path.
      flag: The flag that specifies it, for messages.

    Raises:
      UsageError: The path is remote or not UTF-8.
    """
    try:
        return _local_path(path)
    except ValueError as error:
        shown = path.encode("utf-8", "backslashreplace").decode("utf-8")
        where = f"--{flag}={shown}" if flag else shown
        raise UsageError(f"{where}: {error}.") from error


def _local_path(path: str) -> str:
    scheme = _SCHEME.match(path)
    if scheme is not None:
        if scheme[1].lower() != "file":
            raise ValueError("remote paths are not supported; expected a path on this machine")
        url = urllib.parse.urlparse(path)
        if url.netloc not in ("", "localhost"):
            raise ValueError("a file URL of another machine; expected file:///path")
        path = urllib.request.url2pathname(url.path)
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("the name is not UTF-8; rename the file or folder") from error
    return os.path.expanduser(path)


def pattern_problem(path: str) -> Optional[str]:
    """Returns why a path cannot be that of a checkpoint, or None if it can."""
    found = _PATTERN.search(path)
    if found is None:
        return None
    return (
        f"TensorFlow reads the {found[0]} in a checkpoint's path as a part of a pattern. Rename "
        "the folder, or choose a path without *, ?, [, ] and \\."
    )
