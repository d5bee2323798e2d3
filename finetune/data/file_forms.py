"""Rules about the form of a file that all tasks share: its extension, and whether it has JSON."""

import itertools
import os

from finetune.data.containers import name_of_data
from finetune.data.json_values import is_json_document
from finetune.data.lines import read_lines

JSON_EXTENSIONS = (".jsonl", ".ndjson", ".json")
PEEKED_LINES = 100  # Lines from which a form is detected


def extension_of(path: str) -> str:
    """Returns the extension in lower case of the file that contains the data.

    This is the file itself, without the extension of its compression, or the file in an archive.
    """
    return os.path.splitext(name_of_data(path))[1].lower()


def has_json_extension(path: str) -> bool:
    """Returns whether a file is JSON lines by its name."""
    return extension_of(path) in JSON_EXTENSIONS


def contains_json(path: str) -> bool:
    """Returns whether each of a file's first lines, or the whole file, starts like JSON."""
    if is_json_document(path):
        return True
    lines = [text for _, text in itertools.islice(read_lines(path), PEEKED_LINES)]
    return bool(lines) and all(line.startswith("{") for line in lines)
