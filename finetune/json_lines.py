"""One JSON object of a line, and which of its keys hold texts and label."""

import difflib
import json
from typing import Iterable, NamedTuple, Optional

from finetune.columns import LABEL_NAMES, TEXT_B_NAMES, TEXT_NAMES, Wanted, is_number


def json_object(line: str, where: str) -> dict:
    """Returns the JSON object of a line, or raises `ValueError` if it holds none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        hint = " (`jq -c '.[]'` makes lines of a list)" if line.lstrip().startswith("[") else ""
        raise ValueError(
            f"{where}: not JSON ({error}); expected one object on each line, and no list of "
            f"them{hint}."
        ) from error
    if not isinstance(row, dict):
        hint = " (`jq -c '.[]'` makes lines of a list)" if isinstance(row, list) else ""
        raise ValueError(f'{where}: found {line[:60]!r}; expected an object with a "text"{hint}.')
    return row


def has_surrogates(text: str) -> bool:
    """Returns whether half a surrogate pair, which JSON can hold, is among the characters."""
    return any("\ud800" <= char <= "\udfff" for char in text)


class Keys(NamedTuple):
    """Where JSON objects have what; None: they do not have it."""

    text: str
    text_b: Optional[str]
    label: Optional[str]


def find_keys(row: dict, where: str, wanted: Wanted, need_label: bool) -> Keys:
    """Returns the keys of a first object, or raises `ValueError` if one is needed and not there."""
    text = _key(row, wanted.text, TEXT_NAMES)
    if text is None:
        raise no_key(_name(wanted.text) or "text", row, where, "--text_column")
    text_b = _key(row, wanted.text_b, TEXT_B_NAMES)
    if text_b is None and _name(wanted.text_b):
        raise no_key(wanted.text_b, row, where, "--text_b_column")
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
    """Returns a key as a row has it, which may be in another case."""
    if key is None or key in row:
        return key
    return next((other for other in row if other.casefold() == key.casefold()), key)


def _name(given: Optional[str]) -> Optional[str]:
    # A number is of a table that the model was trained on.
    return None if given is None or is_number(given) else given


def no_key(wanted: str, row: dict, where: str, flag: str) -> ValueError:
    """Returns the error of an object that lacks a key; `flag` is what names the key."""
    keys = ", ".join(map(repr, row))
    near = difflib.get_close_matches(wanted, row, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(
        f"{where}: no {wanted!r}; its keys are {keys:.300}.{meant} {flag} names the key."
    )


def text_of(row: dict, where: str, key: str, flag: str) -> str:
    """Returns the text under a key, or raises `ValueError` if there is none."""
    key = same_key(row, key)
    if key not in row:
        raise no_key(key, row, where, flag)
    text = row[key]
    if not isinstance(text, str):
        raise ValueError(f'{where}: found {text!r:.60} for "{key}"; expected a string.')
    if has_surrogates(text):
        raise ValueError(f"{where}: the text holds half a surrogate pair, which is no character.")
    return text


def label_of(value: object, where: str, key: str, needed: bool = True) -> object:
    """Returns a label as a string, or a list of such; None stays."""
    if isinstance(value, list):
        return [label_of(item, where, key, needed) for item in value]
    if value is None or (isinstance(value, str) and not has_surrogates(value)):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not needed:
        return None
    raise ValueError(
        f'{where}: found {value!r:.60} for "{key}"; expected a label, or a list of labels.'
    )
