"""Find the keys of the texts and the label in JSON objects, and convert labels."""

import difflib
import json
import math
from typing import Dict, Iterable, NamedTuple, Optional, Tuple

from finetune.data.column_rules import (
    LABEL_NAMES,
    TEXT_B_NAMES,
    TEXT_NAMES,
    WantedColumns,
    is_number,
)
from finetune.data.processor import SkippedRow
from finetune.util.errors import InputError

JsonObject = Dict[str, object]


def has_surrogates(text: str) -> bool:
    """Returns whether a text contains half a surrogate pair, which JSON can represent."""
    return any("\ud800" <= char <= "\udfff" for char in text)


# How tools mark an annotation that does not hold. Prodigy writes the annotator's decision as
# "answer": "accept", "reject" (the text does not have this label or these spans) or "ignore".
_NOT_VALID = {
    "answer": ("reject", "rejected", "ignore", "ignored", "skip", "skipped"),
    "status": ("discarded", "rejected"),  # Argilla
}


def skipped_annotation(
    row: dict, where: str, label_key: Optional[str] = None
) -> Optional[SkippedRow]:
    """Returns the row as skipped if its annotator did not accept it, else None.

    Args:
      row: The JSON object.
      where: Its place.
      label_key: The key of the label, whose value is not such a mark.
    """
    for key, marks in _NOT_VALID.items():
        value = row.get(key)
        if key != label_key and isinstance(value, str) and value.strip().casefold() in marks:
            return SkippedRow(where, f'the annotator\'s "{key}" is "{value}"')
    return None


class Keys(NamedTuple):
    """The keys of the texts and the label in JSON objects; None if there is no such key.

    The texts under several keys in `texts` are joined.
    """

    texts: Tuple[str, ...]
    text_b: Optional[str]
    label: Optional[str]


def find_keys(row: JsonObject, where: str, wanted: WantedColumns, need_label: bool) -> Keys:
    """Finds the keys of the texts and the label.

    Args:
      row: The first object of the file.
      where: Its place, for messages.
      wanted: The keys that flags specify.
      need_label: Whether a missing label is an error.

    Raises:
      InputError: A required key is missing.
    """
    texts = []
    for name in wanted.columns(row).get("text", [None]):
        key = _key(row, name, TEXT_NAMES, "text" in wanted.remembered)
        if key is None:
            raise missing_key_error(_key_name(name) or "text", row, where, "--text_column")
        texts.append(key)
    text_b = _key(row, wanted.text_b, TEXT_B_NAMES, "text_b" in wanted.remembered)
    given_b = _key_name(wanted.text_b)
    if text_b is None and given_b:
        raise missing_key_error(given_b, row, where, "--text_b_column")
    label = _key(row, wanted.label, LABEL_NAMES, "label" in wanted.remembered)
    if label is None and need_label:
        raise missing_key_error(_key_name(wanted.label) or "label", row, where, "--label_column")
    return Keys(tuple(texts), text_b, label)


def _key(
    row: JsonObject, given: Optional[str], usual: Iterable[str], is_remembered: bool
) -> Optional[str]:
    if given in row:
        return given
    if _key_name(given) and not is_remembered:
        return None
    folded = {key.strip().casefold(): key for key in reversed(row)}
    return next((folded[name] for name in usual if name in folded), None)


def match_key(row: JsonObject, key: Optional[str]) -> Optional[str]:
    """Returns a key as the row spells it; only its case may differ."""
    if key is None or key in row:
        return key
    return next((other for other in row if other.casefold() == key.casefold()), key)


def _key_name(given: Optional[str]) -> Optional[str]:
    # A number is a column of the table that the model was trained on, not a key.
    return None if given is None or is_number(given) else given


def missing_key_error(wanted: str, row: JsonObject, where: str, flag: str) -> InputError:
    """Returns the error for an object without a key, which `flag` can specify."""
    keys = ", ".join(map(repr, row))
    near = difflib.get_close_matches(wanted, row, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(
        f"{where}: no {wanted!r}; its keys are {keys:.300}.{suggestion} "
        f"Specify the key with {flag}."
    )


def text_of(row: JsonObject, where: str, key: str, flag: str) -> str:
    """Returns the text under a key; raises `InputError` if it is missing or not a string."""
    key = match_key(row, key) or key
    if key not in row:
        raise missing_key_error(key, row, where, flag)
    text = row[key]
    if not isinstance(text, str):
        raise InputError(f'{where}: found {text!r:.60} as "{key}"; expected a string.')
    if has_surrogates(text):
        raise InputError(
            f"{where}: the text contains half a surrogate pair, which is not a character."
        )
    return text


def label_of(value: object, where: str, key: str, needed: bool = True) -> object:
    """Converts a label from JSON.

    Args:
      value: The value under `key`: a string, a number, true, false or null, or a list of these.
      where: Its place, for messages.
      key: Its key, for messages.
      needed: Whether any other value is an error; if not, it becomes None.

    Returns:
      A string, a list of strings, or None.
    """
    if isinstance(value, list):
        return [label_of(item, where, key, needed) for item in value]
    if value is None or (isinstance(value, str) and not has_surrogates(value)):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON written by pandas has NaN for a missing value.
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not needed:
        return None
    raise InputError(
        f'{where}: found {value!r:.60} as "{key}"; expected a label, or a list of labels.'
    )
