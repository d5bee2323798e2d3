"""Read one JSON object per line, and find the keys of texts and label."""

import difflib
import json
from typing import Iterable, NamedTuple, Optional

from finetune.data.columns import (
    LABEL_NAMES,
    TEXT_B_NAMES,
    TEXT_NAMES,
    WantedColumns,
    is_number,
)
from finetune.util.errors import InputError

_LIST_HINT = " (`jq -c '.[]'` converts a list into lines)"


def json_object(line: str, where: str) -> dict:
    """Returns the JSON object in a line; raises `InputError` if there is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        hint = _LIST_HINT if line.lstrip().startswith("[") else ""
        raise InputError(
            f"{where}: not JSON ({error}); expected one object per line, not a list of them{hint}."
        ) from error
    if not isinstance(row, dict):
        hint = _LIST_HINT if isinstance(row, list) else ""
        raise InputError(f'{where}: found {line[:60]!r}; expected an object with a "text"{hint}.')
    return row


def has_surrogates(text: str) -> bool:
    """Returns whether a text contains half a surrogate pair, which JSON can represent."""
    return any("\ud800" <= char <= "\udfff" for char in text)


class Keys(NamedTuple):
    """The keys of JSON objects that hold the texts and the label; None: not present."""

    text: str
    text_b: Optional[str]
    label: Optional[str]


def find_keys(row: dict, where: str, wanted: WantedColumns, need_label: bool) -> Keys:
    """Returns the keys, as found in the first object.

    Raises:
      InputError: A key that is needed is missing.
    """
    text = _key(row, wanted.text, TEXT_NAMES)
    if text is None:
        raise no_key(_name(wanted.text) or "text", row, where, "--text_column")
    text_b = _key(row, wanted.text_b, TEXT_B_NAMES)
    given_b = _name(wanted.text_b)
    if text_b is None and given_b:
        raise no_key(given_b, row, where, "--text_b_column")
    label = _key(row, wanted.label, LABEL_NAMES)
    if label is None and need_label:
        raise no_key(_name(wanted.label) or "label", row, where, "--label_column")
    return Keys(text, text_b, label)


def _key(row: dict, given: Optional[str], usual: Iterable[str]) -> Optional[str]:
    if given in row:
        return given
    if _name(given):
        return None
    folded = {key.strip().casefold(): key for key in reversed(row)}
    return next((folded[name] for name in usual if name in folded), None)


def same_key(row: dict, key: Optional[str]) -> Optional[str]:
    """Returns a key as a row spells it: its case can differ."""
    if key is None or key in row:
        return key
    return next((other for other in row if other.casefold() == key.casefold()), key)


def _name(given: Optional[str]) -> Optional[str]:
    # A number refers to a table that the model was trained on.
    return None if given is None or is_number(given) else given


def no_key(wanted: str, row: dict, where: str, flag: str) -> InputError:
    """Returns the error for an object that lacks a key; `flag` names the key."""
    keys = ", ".join(map(repr, row))
    near = difflib.get_close_matches(wanted, row, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(
        f"{where}: no {wanted!r}; its keys are {keys:.300}.{meant} Name the key by {flag}."
    )


def text_of(row: dict, where: str, key: str, flag: str) -> str:
    """Returns the text under a key; raises `InputError` if there is none."""
    key = same_key(row, key) or key
    if key not in row:
        raise no_key(key, row, where, flag)
    text = row[key]
    if not isinstance(text, str):
        raise InputError(f'{where}: found {text!r:.60} as "{key}"; expected a string.')
    if has_surrogates(text):
        raise InputError(
            f"{where}: the text contains half a surrogate pair, which is not a character."
        )
    return text


def label_of(value: object, where: str, key: str, needed: bool = True) -> object:
    """Returns a label as a string, or a list of strings; None is unchanged."""
    if isinstance(value, list):
        return [label_of(item, where, key, needed) for item in value]
    if value is None or (isinstance(value, str) and not has_surrogates(value)):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not needed:
        return None
    raise InputError(
        f'{where}: found {value!r:.60} as "{key}"; expected a label, or a list of labels.'
    )
