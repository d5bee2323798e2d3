"""Read JSON objects, one a line."""

import json


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
