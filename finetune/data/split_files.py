"""Find the file of a split in a folder."""

import os
from typing import Iterable, Sequence

from finetune.util.errors import InputError

# Other usual names of the splits.
_ALIASES = {"dev": ("dev", "val", "valid", "validation")}
COMPRESSED = ".gz"


class MissingData(InputError):
    """There is no file for a split."""


def find_file(data_dir: str, name: str, endings: Sequence[str], folders: Iterable[str] = ()) -> str:
    """Returns the file of a split: its name itself, or its name with a usual ending.

    Args:
      data_dir: The folder.
      name: "train", "dev", "test", or another name; "-" is returned unchanged.
      endings: The usual endings; each may be followed by ".gz".
      folders: Paths below a folder with the split's name that can be the data, too: "" for that
        folder itself, "texts.txt" for this file in it.

    Raises:
      MissingData: There is none.
      InputError: There is more than one.
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
        raise InputError(f"{' and '.join(paths)}: both contain {name} data; keep only one.")
    there = ", ".join(sorted(os.listdir(data_dir))[:10]) if os.path.isdir(data_dir) else ""
    raise MissingData(
        f"{data_dir}: no {name} data; expected {name} with one of the endings "
        f"{' '.join(endings)}, or {' or '.join(os.path.join(name, file) for file in folders)}. "
        f"The folder contains: {there or 'nothing'}."
    )
