"""Find the file of a split in a folder."""

import os
from typing import Iterable, List, Sequence

from finetune.data.containers import ARCHIVES, COMPRESSED
from finetune.util.errors import InputError
from finetune.util.files import check_link, check_not_special

# Common names for the files of a split, other than its own.
_ALIASES = {"dev": ("dev", "val", "valid", "validation")}


class MissingData(InputError):
    """A split has no file."""


def find_file(data_dir: str, name: str, endings: Sequence[str], folders: Iterable[str] = ()) -> str:
    """Finds the file of a split: a file with its name, or with its name and a usual extension.

    Args:
      data_dir: The folder.
      name: "train", "dev", "test", or another name; "-" is returned unchanged.
      endings: The usual extensions, in lower case; each may be followed by ".gz". If there is no
        such file, a different compression, or an archive, is also accepted. The case of a file's
        extension does not matter.
      folders: If a folder named after the split can hold the data, the paths to look for in it: ""
        for the folder itself, "texts.txt" for this file in it.

    Returns:
      The path of the file or folder.

    Raises:
      MissingData: There is no such file.
      InputError: There is more than one such file.
    """
    if name == "-":
        return name
    check_not_special(os.path.join(data_dir, name))
    if os.path.isfile(os.path.join(data_dir, name)):
        return os.path.join(data_dir, name)
    names = _ALIASES.get(name, (name,))
    present = sorted(os.listdir(data_dir)) if os.path.isdir(data_dir) else []
    in_folders = [os.path.join(alias, file) for alias in names for file in folders]
    found = _with_names(data_dir, names, endings, ("", ".gz"))
    found += [path for path in in_folders if os.path.exists(os.path.join(data_dir, path))]
    # An archive beside its own files is not a second candidate.
    found = found or _with_names(data_dir, names, ("", *endings), (*COMPRESSED, *ARCHIVES))
    paths = [os.path.join(data_dir, path.rstrip("/")) for path in found]
    if len(paths) == 1:
        return paths[0]
    if paths:
        raise InputError(f"{' and '.join(paths)}: both contain {name} data; keep only one.")
    for file in present:
        check_link(os.path.join(data_dir, file))
    listing = ", ".join(present[:10])
    raise MissingData(
        f"{data_dir}: no {name} data; expected {name} with one of the extensions "
        f"{' '.join(endings)}, or {' or '.join(os.path.join(name, file) for file in folders)}. "
        f"The folder contains: {listing or 'nothing'}."
    )


def _with_names(
    data_dir: str, names: Sequence[str], endings: Sequence[str], outer: Sequence[str]
) -> List[str]:
    """Returns the files with one of some names and extensions, in the order of these."""
    known = [name + ending + last for name in names for ending in endings for last in outer]
    present = os.listdir(data_dir) if os.path.isdir(data_dir) else []
    found = [file for file in present if _with_lower_case_extension(file) in known]
    for file in found:
        check_not_special(os.path.join(data_dir, file))
    found = [file for file in found if os.path.isfile(os.path.join(data_dir, file))]
    return sorted(found, key=lambda file: known.index(_with_lower_case_extension(file)))


def _with_lower_case_extension(name: str) -> str:
    stem, dot, extension = name.partition(".")
    return stem + dot + extension.lower()
