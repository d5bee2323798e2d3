"""The paths of TensorFlow Serving's REST API."""

import re
import urllib.parse
from typing import NamedTuple, Optional

from finetune.serving.errors import RestError, bad_request

_OF_MODEL = r"(?:(?:/versions/(?P<version>[0-9]+))|(?:/labels/(?P<label>[^/:]+)))?"
_CALL = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_OF_MODEL}:(?P<verb>classify|regress|predict)", re.IGNORECASE
)
_STATUS = re.compile(
    rf"/v1/models(?:/(?P<model>[^/:]+))?{_OF_MODEL}(?:/(?P<verb>metadata))?", re.IGNORECASE
)
_MAX_VERSION = 2**63 - 1

PREDICT, CLASSIFY, REGRESS, METADATA, STATUS = (
    "predict",
    "classify",
    "regress",
    "metadata",
    "status",
)


class Target(NamedTuple):
    """What a request is about.

    Attributes:
      verb: One of the constants above.
      model: The name of the model.
      version: Its version; None for the latest.
    """

    verb: str
    model: str
    version: Optional[int]


def parse(method: str, path: str) -> Target:
    """Returns what a request is about.

    Args:
      method: The HTTP method.
      path: The path, with its percent escapes.

    Raises:
      RestError: There is no such method and path.
    """
    pattern = {"POST": _CALL, "GET": _STATUS}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    verb = (match["verb"] or STATUS) if match else ""
    # Only the rest of a path can be in capitals.
    if match is None or verb != verb.lower():
        raise _malformed(method, path)
    if match["label"] is not None:
        label = urllib.parse.unquote(match["label"], errors="replace")
        raise bad_request(f"Unrecognized servable version label: {label}")
    if match["model"] is None:
        raise bad_request("Missing model name in request.")
    name = urllib.parse.unquote(match["model"], errors="replace")
    return Target(verb, name, _version(match["version"]))


def _malformed(method: str, path: str) -> RestError:
    return bad_request(f"Malformed request: {method} {path}")


def _version(digits: Optional[str]) -> Optional[int]:
    if digits is None:
        return None
    # int() takes quadratic time for many digits.
    significant = digits.lstrip("0") or "0"
    if len(significant) > 19 or int(significant) > _MAX_VERSION:
        raise bad_request(f"Failed to convert version: {digits} to numeric.")
    return int(significant)
