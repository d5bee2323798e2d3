"""Paths as users write them: with ~, as URLs, with characters that TensorFlow misreads."""

import os
import re
import urllib.parse
import urllib.request
from typing import Dict, Optional

from finetune.util.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # gs://, and with one slash file:/ and dbfs:/
# In a checkpoint's path, TensorFlow reads these as patterns.
_PATTERN = re.compile(r"[*?\[\]\\]")

_SHOWN_AS: Dict[str, str] = {}  # Local paths, and what messages show in their place


def is_remote(path: str) -> bool:
    """Returns whether a path is a URL of anything but a file on this machine."""
    scheme = _SCHEME.match(path)
    return scheme is not None and scheme[1].lower() != "file"


def show_as(path: str, name: str) -> None:
    """From now on, makes `shown` replace a local path with another name."""
    _SHOWN_AS[path] = name


def shown(text: str) -> str:
    """Returns a text with the names of paths that `show_as` has replaced."""
    for path, name in _SHOWN_AS.items():
        text = text.replace(path, name)
    return text


def local_path(path: str, flag: str = "", allows_remote: bool = False) -> str:
    """Returns a path with ~ expanded, or the path of a file URL.

    Args:
      path: The path.
      flag: The flag that specifies it, for messages.
      allows_remote: Whether a remote path is returned as it is.

    Raises:
      UsageError: The path is remote or not UTF-8.
    """
    try:
        _check_utf8(path)
        return path if allows_remote and is_remote(path) else _local_path(path)
    except ValueError as error:
        printable_path = path.encode("utf-8", "backslashreplace").decode("utf-8")
        where = f"--{flag}={printable_path}" if flag else printable_path
        raise UsageError(f"{where}: {error}.") from error


def _check_utf8(path: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("the name is not UTF-8; rename the file or folder") from error


def _local_path(path: str) -> str:
    if is_remote(path):
        raise ValueError("remote paths are not supported; expected a path on this machine")
    if _SCHEME.match(path):
        url = urllib.parse.urlparse(path)
        if url.netloc not in ("", "localhost"):
            raise ValueError("a file URL of another machine; expected file:///path")
        path = urllib.request.url2pathname(url.path)
        _check_utf8(path)
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
