"""Read a folder that contains a folder of text files for each label."""

import logging
import os
import re
from typing import Iterator, List, Optional, Sequence, Union

from finetune.data.file_forms import extension_of
from finetune.data.lines import DataPath, read_lines
from finetune.data.processor import SkippedRow
from finetune.tasks.classification.forms import TABLE_ENDINGS, TextRow
from finetune.util.errors import InputError
from finetune.util.files import check_not_special

_log = logging.getLogger(__name__)

# Files that Spark and Hadoop write into a folder: parts, and markers of their jobs.
_SPARK = re.compile(r"_SUCCESS|_(?:committed|started)_\d+|part-(?:[rm]-)?\d{5}.*")


def read_folders(path: str, need_label: bool) -> Iterator[Union[TextRow, SkippedRow]]:
    """Reads a folder of text files for each label; data to predict can also be unlabelled files."""
    present = sorted(os.listdir(path))
    _check_not_of_spark(path, present)
    for name in present:
        hidden = os.path.join(path, name)
        if name.startswith(".") and os.path.isdir(hidden):
            yield SkippedRow(_printable(hidden), "the name of the folder starts with a dot")
    names = _visible(path)
    labels = [name for name in names if os.path.isdir(os.path.join(path, name))]
    files = [name for name in names if name not in labels]
    if need_label and (files or not labels):
        found = os.path.join(path, files[0]) if files else "nothing"
        raise InputError(
            f"{path}: found {found}; expected a folder for each label, with text files in it."
        )
    for name in files:
        yield _text_file(path, name, None)
    for label in labels:
        names = _visible(os.path.join(path, label))
        _check_not_of_spark(os.path.join(path, label), names)
        if not names:
            _log.warning("%s: the folder of this label is empty", os.path.join(path, label))
        for name in names:
            yield _text_file(path, os.path.join(label, name), _printable(label))


def _check_not_of_spark(path: str, names: Sequence[str]) -> None:
    found = next(filter(_SPARK.fullmatch, names), None)
    if found is not None:
        raise InputError(
            f"{path}: a folder that Spark wrote ({found}); expected one file. Join its "
            "parts into one file, for example with `cat`, and use that file."
        )


def _visible(folder: str) -> List[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _text_file(folder: str, name: str, label: Optional[str]) -> TextRow:
    path = DataPath.beside(os.path.join(folder, name), folder)
    check_not_special(path)
    if os.path.isdir(path):
        raise InputError(f"{path}: a folder; expected text files in the folder of a label.")
    if extension_of(path) in TABLE_ENDINGS:
        raise InputError(
            f"{path}: a table or JSON file; expected text files, one text in each. Use the file "
            "itself instead of its folder."
        )
    is_empty = os.path.exists(path) and os.path.getsize(path) == 0
    lines = () if is_empty else read_lines(path, blank="all")
    text = "\n".join(line for _, line in lines)
    return TextRow(_printable(name), _printable(path), text, None, label)


def _printable(name: str) -> str:
    # A name that is not valid UTF-8 cannot be written to the results.
    return os.fsencode(name).decode("utf-8", "backslashreplace")
