"""Read the weights in a folder in Hugging Face's format: one file or several, in two formats."""

import os
from typing import Dict, List

import numpy as np

from finetune.models import names, torch_pickle
from finetune.util.errors import InputError
from finetune.util.json_files import read_json_object

# In the order of preference.
_FILES = (
    names.HUGGING_FACE_WEIGHTS,
    names.HUGGING_FACE_WEIGHTS + names.SHARD_INDEX,
    names.HUGGING_FACE_PICKLE,
    names.HUGGING_FACE_PICKLE + names.SHARD_INDEX,
)


def find(folder: str) -> str:
    """Returns the path of the weights in a folder, or of the index of its shards; "" if none."""
    paths = [os.path.join(folder, name) for name in _FILES]
    return next(filter(os.path.exists, paths), "")


def read(path: str) -> Dict[str, np.ndarray]:
    """Reads all tensors of a file that `find` returned.

    Returns:
      Each tensor by its name in the file, in its own dtype.

    Raises:
      InputError: A file is missing or damaged, or contains something other than tensors.
    """
    if path.endswith(names.SHARD_INDEX):
        return _read_shards(path)
    return torch_pickle.read(path) if path.endswith(".bin") else _read_safetensors(path)


def parts(path: str) -> List[str]:
    """Returns the names of the files that `read` reads."""
    shards = set(_weight_map(path).values()) if path.endswith(names.SHARD_INDEX) else set()
    return [os.path.basename(path), *sorted(shards)]


def _read_safetensors(path: str) -> Dict[str, np.ndarray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            tied = file.metadata() or {}
    except (SafetensorError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read as safetensors with NumPy's dtypes ({error})."
        ) from error
    # If two names share one tensor, the file contains it once and names the other in its metadata.
    shared = {name: tensors[kept] for name, kept in tied.items() if kept in tensors}
    return {**shared, **tensors}


def _read_shards(path: str) -> Dict[str, np.ndarray]:
    folder, files = os.path.dirname(path), _weight_map(path)
    tensors: Dict[str, np.ndarray] = {}
    for file in sorted(set(files.values())):
        if not os.path.exists(os.path.join(folder, file)):
            raise InputError(f"{path}: it names {file}, which is missing. Download it too.")
        tensors.update(read(os.path.join(folder, file)))
    missing = sorted(set(files) - set(tensors))
    if missing:
        raise InputError(f"{path}: no file contains {', '.join(missing[:3])}. Download it again.")
    return tensors


def _weight_map(path: str) -> Dict[str, str]:
    """Returns the file of each tensor, according to an index."""
    index = read_json_object(path, kind="an index of weights", advice="Copy or download it again.")
    files = index.get("weight_map")
    if not isinstance(files, dict) or not files:
        raise InputError(f"{path}: its weight_map is {files!r:.80}; expected a file per tensor.")
    for file in map(str, files.values()):
        if os.path.basename(file) != file or not file.endswith((".bin", ".safetensors")):
            raise InputError(
                f"{path}: it names {file!r:.80}; expected a weights file in the same folder."
            )
    return {name: str(file) for name, file in files.items()}
