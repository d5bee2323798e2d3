"""Find the file of a split in a folder."""

import os
from typing import Iterable, Sequence

# Other usual names of the splits.
_ALIASES = {"dev": ("dev", "val", "valid", "validation")}
COMPRESSED = ".gz"


class MissingData(ValueError):
    """There is no file for a split."""


def find_file(data_dir: str, name: str, endings: Sequence[str], folders: Iterable[str] = ()) -> str:
    """Returns the file of a split, by its name alone or with a usual ending.

    Args:
      data_dir: The folder.
      name: "train", "dev", "test", or another name; "-" stays what it is.
      endings: The usual endings; each may be followed by ".gz".
      folders: What, behind the name, is a place for the data, too: "" for a folder of the name
        itself, "texts.txt" for this file in it.

    Raises:
      MissingData: There is none.
      ValueError: There is more than one.
    """
    if name == "-" or os.path.isfile(os.path.join(data_dir, name)):
        return name if name == "-" else os.path.join(data_dir, name)
    names = _ALIASES.get(name, (name,))
    files = [
        alias + ending + gz for alias in names for ending in endings for gz in ("", COMPRESSED)
    ]
    inner = [os.path.join(alias, file) for alias in names for file in folders]
    found = [path for path in files if os.path.isfile(os.path.join(data_dir, path))]
    found += [path for path in inner if os.path.exists(os.path.join(data_dir, path))]
    paths = [os.path.join(data_dir, path.rstrip("/")) for path in found]
    if len(paths) == 1:
        return paths[0]
    if paths:
        raise ValueError(f"{' and '.join(paths)}: both hold the {name} data; leave one there.")
    there = ", ".join(sorted(os.listdir(data_dir))[:10]) if os.path.isdir(data_dir) else "nothing"
    raise MissingData(
        f"{data_dir}: no {name} data; expected {name} with one of the endings "
        f"{' '.join(endings)}, or {' or '.join(os.path.join(name, file) for file in folders)}. "
        f"There is: {there or 'nothing'}."
    )
