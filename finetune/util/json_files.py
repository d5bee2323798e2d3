"""Read the JSON files that the toolkit and other tools write, and check them against a schema.

A schema is a dataclass or a TypedDict. Its type hints say which values a file may have: bool, int,
float (any finite number), str, None, `Any`, `Optional`, `Union`, `Literal`, lists, dicts with text
as keys, and further schemas. `Annotated[int, Range(1, 8)]` limits a number. Keys that a schema does
not declare are ignored.
"""

import dataclasses
import json
import math
import reprlib
import typing
from collections import abc
from typing import Any, Dict, List, NamedTuple, Optional, Type, TypeVar, Union

from finetune.util.errors import InputError
from finetune.util.files import check_not_special

Schema = TypeVar("Schema")

_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
}


class Range(NamedTuple):
    """Limits of a number, both included."""

    lowest: float
    highest: float


class SchemaError(ValueError):
    """A value does not conform to its schema; the message names the key."""


def read_json_object(path: str, *, kind: str, advice: str) -> Dict[str, Any]:
    """Reads a JSON object from a UTF-8 file.

    Args:
      path: The file.
      kind: The expected content, for the error message.
      advice: A sentence that says how to recover from a damaged or missing file.

    Raises:
      InputError: The file cannot be read, or does not contain a JSON object.
    """
    check_not_special(path)
    try:
        with open(path, encoding="utf-8-sig") as reader:
            found = json.load(reader)
    except OSError as error:
        hint = f" {advice}" if isinstance(error, FileNotFoundError) else ""
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.{hint}") from error
    except RecursionError as error:
        raise InputError(f"{path}: not {kind} (nested too deeply). {advice}") from error
    except ValueError as error:
        raise InputError(f"{path}: not {kind} ({error}). {advice}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: not {kind} (not a JSON object). {advice}")
    return found


def read_schema(path: str, schema: Type[Schema], *, kind: str, advice: str) -> Schema:
    """Reads a JSON object from a file like `read_json_object`, and checks it.

    Args:
      path: The file.
      schema: The schema.
      kind: The expected content, for the error message.
      advice: A sentence that says how to recover from a damaged or missing file.

    Returns:
      An instance of the schema.

    Raises:
      InputError: The file cannot be read or does not conform to the schema.
    """
    content = read_json_object(path, kind=kind, advice=advice)
    try:
        return parse(content, schema)
    except SchemaError as error:
        raise InputError(f"{path}: not {kind} ({error}). {advice}") from error


def parse(content: Any, schema: Type[Schema], key: str = "") -> Schema:
    """Returns a JSON value as its schema, or any other type hint, describes it.

    Args:
      content: The JSON value.
      schema: The schema.
      key: The key under which the value is in its file; "" for the whole file.

    Raises:
      SchemaError: A key is missing, or a value does not conform.
    """
    return _parse_value(content, schema, key)


def _parse_object(content: Any, schema: Any, key: str) -> Any:
    """Returns a JSON object as an instance of a dataclass or a TypedDict."""
    if not isinstance(content, dict):
        raise _unexpected(key, content, "an object")
    hints = typing.get_type_hints(schema, include_extras=True)
    missing = next((name for name in _required(schema) if name not in content), None)
    if missing is not None:
        raise SchemaError(f"{_join(key, missing)} is missing; expected {_name_of(hints[missing])}")
    values = {
        name: _parse_value(content[name], hint, _join(key, name))
        for name, hint in hints.items()
        if name in content
    }
    return schema(**values)


def _required(schema: type) -> List[str]:
    if dataclasses.is_dataclass(schema):
        none = dataclasses.MISSING
        fields = dataclasses.fields(schema)
        return [f.name for f in fields if f.default is none and f.default_factory is none]
    return sorted(getattr(schema, "__required_keys__"))  # noqa: B009 (mypy)


def _parse_value(value: Any, hint: Any, key: str) -> Any:
    """Returns a value as its type hint describes it: objects as instances of their schema."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Union:
        return _parse_union(value, hint, key)
    if hint in _NAMES:
        is_right = _is_number(value) if hint is float else type(value) is hint
    elif origin is typing.Annotated:
        value = _parse_value(value, arguments[0], key)
        is_right = arguments[1].lowest <= value <= arguments[1].highest
    elif origin is typing.Literal:
        is_right = value in arguments
    elif _is_list(origin) and isinstance(value, list):
        return [_parse_value(v, arguments[0], f"{key}[{i}]") for i, v in enumerate(value)]
    elif _is_dict(origin) and isinstance(value, dict):
        return {name: _parse_value(v, arguments[1], _join(key, name)) for name, v in value.items()}
    elif origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        items = enumerate(zip(value, arguments))
        return tuple(_parse_value(item, a, f"{key}[{i}]") for i, (item, a) in items)
    elif origin is None:
        return _parse_object(value, hint, key)
    else:
        is_right = False
    if not is_right:
        raise _unexpected(key, value, _name_of(hint))
    return value


def _parse_union(value: Any, hint: Any, key: str) -> Any:
    first: Optional[SchemaError] = None
    for choice in typing.get_args(hint):
        try:
            return _parse_value(value, choice, key)
        except SchemaError as error:
            if isinstance(value, (list, dict)) and not str(error).startswith(f"{key} is"):
                first = first or error  # The kind is right, but something inside is wrong.
    raise first or _unexpected(key, value, _name_of(hint))


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_list(origin: Any) -> bool:
    return origin in (list, abc.Sequence)


def _is_dict(origin: Any) -> bool:
    return origin in (dict, abc.Mapping)


def _join(key: str, name: str) -> str:
    name = name if name.isidentifier() else shown(name)
    return f"{key}.{name}" if key else name


def _name_of(hint: Any) -> str:
    """Describes the values that a type hint allows."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        low, high = arguments[1]
        return f"{_name_of(arguments[0])} from {low} to {high}"
    if origin is Union:
        return " or ".join(_name_of(choice) for choice in arguments)
    if origin is typing.Literal:
        return " or ".join(json.dumps(choice) for choice in arguments)
    if _is_list(origin) or origin is tuple:
        return "a list"
    return _NAMES.get(hint, "any value" if hint is Any else "an object")


def _unexpected(key: str, value: Any, expected: str) -> SchemaError:
    return SchemaError(f"{key or 'the content'} is {shown(value)}; expected {expected}")


def shown(value: Any) -> str:
    """Returns a JSON value as text for a message: short, however large or deep the value is."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return reprlib.repr(value)
