"""Read rows from JSON files: lines, lists, and the exports of pandas and of annotation tools."""

import json
import shlex
from typing import Iterator, List, NamedTuple, Optional, Sequence, Union

from finetune.data.annotation_exports import AnnotatedRow, rows_of_export
from finetune.data.data_path import is_stream
from finetune.data.json_lines import JsonObject
from finetune.data.json_values import read_values
from finetune.data.processor import SkippedRow
from finetune.util.errors import InputError

_MAX_DEPTH = 4  # How deep messages look for a list


class JsonRecord(NamedTuple):
    """A row of a JSON file: its name, unique in the file, its place, and its object.

    Exports of annotation tools are converted: the text is under "text", labels of the whole text
    are under "label", and spans are under "entities".
    """

    name: str
    where: str
    row: JsonObject


def read_records(path: str, need_label: bool) -> Iterator[Union[JsonRecord, SkippedRow]]:
    """Yields the rows of a JSON file.

    Args:
      path: The file.
      need_label: Whether rows whose annotation does not hold are skipped.

    Raises:
      InputError: The file is not JSON, or a value in it is not a row.
    """
    for value in read_values(path):
        rows = _rows(value.value, value.where, path)
        for number, row in enumerate(rows, start=1):
            name, where = value.name, value.where
            if len(rows) > 1:
                name, where = f"{name}.{number}", f"{where}, row {number}"
            if row.skipped is not None and need_label:
                yield SkippedRow(where, row.skipped)
            else:
                yield JsonRecord(name, where, row.row)


def _rows(value: object, where: str, path: str) -> Sequence[AnnotatedRow]:
    """Returns the rows in a value, converted."""
    items = _items_of_table(value)
    if items is None:
        return _rows_of_item(value, where, path)
    return [row for item in items for row in _rows_of_item(item, where, path)]


def _rows_of_item(value: object, where: str, path: str) -> Sequence[AnnotatedRow]:
    if isinstance(value, str):
        value = {"text": value}
    rows = rows_of_export(value, where)
    if rows:
        return rows
    if not isinstance(value, dict):
        raise InputError(
            f'{where}: found {json.dumps(value)!r:.60}; expected an object with a "text".'
        )
    keys = None if any(isinstance(v, str) for v in value.values()) else _keys_of_list(value)
    if keys:
        query = "".join(f'["{key}"]' for key in keys)
        file = "FILE" if is_stream(path) else shlex.quote(path)
        raise InputError(
            f"{where}: found an object with the keys {', '.join(map(repr, value)):.100}; expected "
            f"an object with a \"text\". Extract the list in it: `jq -c '.{query}[]' {file} > "
            "rows.jsonl`."
        )
    return [AnnotatedRow(value)]


def _items_of_table(value: object) -> Optional[List[object]]:
    """Returns the items of a list of rows with a frame around it, or None if there is none."""
    if not isinstance(value, dict):
        return None
    data, columns = value.get("data"), value.get("columns")
    if isinstance(data, list) and "text" not in value:
        if isinstance(columns, list) and all(isinstance(row, list) for row in data):
            return [dict(zip(map(str, columns), row)) for row in data]  # orient="split" of pandas
        if all(isinstance(row, (dict, list)) for row in data):
            return data
    if isinstance(value.get("classes"), list) and isinstance(value.get("annotations"), list):
        # NER Annotator; texts that were not annotated are null.
        return [item for item in value["annotations"] if item is not None]
    return _items_of_columns(value)


def _items_of_columns(value: dict) -> Optional[List[object]]:
    """Returns the rows that pandas wrote with orient="columns", its default, or "index"."""
    cells = list(value.values())
    if not cells or not all(isinstance(cell, dict) and cell for cell in cells):
        return None
    if all(key.isdecimal() for key in value):
        return cells
    index = list(cells[0])
    if len(cells) > 1 and all(key.isdecimal() for key in index):
        return [{name: cell.get(key) for name, cell in value.items()} for key in index]
    return None


def _keys_of_list(value: dict, depth: int = 1) -> Optional[List[str]]:
    """Returns the keys that lead to the first list of objects in an object."""
    for key, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner):
            return [key]
    for key, inner in value.items():
        if isinstance(inner, dict) and depth < _MAX_DEPTH:
            rest = _keys_of_list(inner, depth + 1)
            if rest:
                return [key, *rest]
    return None
