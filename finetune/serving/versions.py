"""The folders of a model's versions."""

import os
import re
from typing import NamedTuple, Tuple

from finetune.output import names
from finetune.runs.output_dir import not_trained
from finetune.util.errors import InputError

_VERSION = re.compile("[0-9]{1,18}")
Fingerprint = Tuple[Tuple[str, int, int], ...]
Seen = Tuple[int, Fingerprint]  # A version, and the state of its folder


class VersionFolder(NamedTuple):
    """The output directory of one version of a model."""

    version: int
    folder: str


def newest(folder: str) -> VersionFolder:
    """Returns the newest version of a model.

    Args:
      folder: An output directory, which is version 1, or a folder of output directories with
        numbers as names.

    Raises:
      InputError: It is neither.
    """
    if os.path.exists(os.path.join(folder, names.RECORD)):
        return VersionFolder(1, folder)
    numbers = [name for name in _names_in(folder) if _VERSION.fullmatch(name)]
    paths = [VersionFolder(int(name), os.path.join(folder, name)) for name in numbers]
    versions = [each for each in paths if os.path.exists(os.path.join(each.folder, names.RECORD))]
    if not versions:
        raise InputError(not_trained(folder))
    return max(versions)


def fingerprint(folder: str) -> Fingerprint:
    """Returns what changes when a file in a folder changes: names, sizes and times."""
    with os.scandir(folder) as entries:
        stats = ((entry.name, entry.stat()) for entry in entries)
        return tuple(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))


def _names_in(folder: str) -> Tuple[str, ...]:
    try:
        return tuple(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
