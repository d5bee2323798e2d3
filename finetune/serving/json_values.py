"""JSON of requests: parsing, and the words of TensorFlow Serving for what is wrong."""

import json
import re
from typing import Any, Dict, Iterator, List

from finetune.serving.errors import RestError, bad_request

_MAX_SHOWN = 256  # Characters after which TensorFlow Serving ends a value in a message

# RapidJSON's messages by the start of Python's.
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma": "Invalid value.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Expecting ','": "Missing a comma or a closing bracket.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\": "Invalid escape character in string.",
    "Invalid control character": "Invalid encoding in string.",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_decoder = json.JSONDecoder()


def parse_object(body: bytes) -> Dict[str, Any]:
    """Returns the object of a request's body; what follows it is ignored.

    Raises:
      RestError: It is not JSON, or not an object.
    """
    try:
        text = body.decode("utf-8-sig").lstrip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise _parse_error("Invalid encoding in string.", error.start) from None
    if not text:
        where = f". at offset: {len(body)}" if body else ""
        raise bad_request(f"JSON Parse error: The document is empty{where}")
    value = _parsed(text)
    if not isinstance(value, dict):
        raise bad_request(f"JSON Value: {shown(value)} Is not object")
    return value


def _parsed(text: str) -> Any:
    try:
        value, end = _decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        found = (new for old, new in _PARSE_ERRORS.items() if error.msg.startswith(old))
        raise _parse_error(next(found, "Invalid value."), _bytes_before(text, error.pos)) from None
    except RecursionError:
        raise bad_request("JSON Parse error: too many nested values.") from None
    except ValueError:  # An integer of thousands of digits
        raise bad_request("JSON Parse error: Number too big to be stored in double.") from None
    # Half of a surrogate pair can only have been written as an escape.
    if "\\u" in text[:end] and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise bad_request("JSON Parse error: The surrogate pair in string is invalid.")
    return value


def _bytes_before(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8"))


def _parse_error(message: str, offset: int) -> RestError:
    return bad_request(f"JSON Parse error: {message} at offset: {offset}")


def type_of(value: Any) -> str:
    """Returns what TensorFlow Serving calls the type of a JSON value."""
    if value is None or isinstance(value, bool):
        return {None: "Null", False: "False", True: "True"}[value]
    names = ((str, "String"), (dict, "Object"), (list, "Array"))
    return next((name for kind, name in names if isinstance(value, kind)), "Number")


def shown(value: Any) -> str:
    """Returns a value as messages show it: indented, and cut where it is long."""
    parts: List[str] = []
    length = 0
    for part in _tokens(value, "\n"):
        if length >= _MAX_SHOWN:
            break
        # A long text would make the message as long as the request.
        parts.append(part[:_MAX_SHOWN])
        length += len(parts[-1])
    return "".join(parts)


def _tokens(value: Any, line: str) -> Iterator[str]:
    """Yields the parts of a value's JSON text: arrays in one line, an object's members in lines."""
    if isinstance(value, dict) and value:
        inner = line + "    "
        for number, (key, member) in enumerate(value.items()):
            yield "," if number else "{"
            yield f"{inner}{_scalar(key)}: "
            yield from _tokens(member, inner)
        yield line + "}"
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield ", " if number else "["
            yield from _tokens(item, line)
        yield "]"
    else:
        yield _scalar(value)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
