"""Read `pytorch_model.bin` without PyTorch, and without running any code that the file names.

The tensors of a file are described by a pickle, for which `tensor_pickle` has a machine of its own.
"""

import math
import os
import struct
import zipfile
from typing import Any, BinaryIO, Dict

import numpy as np

from finetune.models.tensor_pickle import BFLOAT16, DTYPES, Refused, Storage, Tensor, load, refuse
from finetune.util.errors import InputError

# The first three pickles of a file that PyTorch before 1.6 wrote.
_OLD_MAGIC, _OLD_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

# The errors that a truncated or forged file raises: lengths that do not fit, references to nothing.
_MALFORMED = (
    Refused,
    ValueError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    NotImplementedError,
    EOFError,
    struct.error,
    zipfile.BadZipFile,
)


def read(path: str) -> Dict[str, np.ndarray]:
    """Reads a dictionary of tensors that `torch.save` wrote.

    Returns:
      Each tensor by its name: a read-only array in its own dtype; bfloat16 becomes float32.

    Raises:
      InputError: The file is damaged, or contains anything other than tensors.
    """
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):
                return _read_zip(file)
            file.seek(0)
            return _read_old(file)
    except _MALFORMED as error:
        raise InputError(
            f"{path}: cannot be read as PyTorch weights ({error}). Nothing in it was run. Use "
            "model.safetensors, or a file that contains only tensors."
        ) from error


def _read_zip(file: BinaryIO) -> Dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as zipped:
        members = {info.filename: info for info in zipped.infolist()}
        _check_stored(zipped.infolist(), os.fstat(file.fileno()).st_size)
        pickles = [name for name in members if name.endswith("/data.pkl")]
        root = pickles[0][: -len("data.pkl")] if pickles else refuse("it has no data.pkl")
        order = root + "byteorder"
        if order in members and zipped.read(order) != b"little":
            refuse("big-endian numbers")
        value = load(zipped.read(root + "data.pkl"))
        tensors = _tensors_of(value)
        data = {
            storage.key: zipped.read(f"{root}data/{storage.key}")
            for storage in {tensor.storage for tensor in tensors.values()}
        }
    return {name: _array(tensor, data[tensor.storage.key]) for name, tensor in tensors.items()}


def _check_stored(members: Any, file_size: int) -> None:
    """Refuses compressed or overlapping members, which can unpack to far more than the file."""
    for info in members:
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            refuse(f"{info.filename} is compressed; PyTorch stores tensors uncompressed")
    if sum(info.file_size for info in members) > file_size:
        refuse("its members are larger than the file")


def _read_old(file: BinaryIO) -> Dict[str, np.ndarray]:
    """Reads the format of PyTorch before 1.6: five pickles, then the storages."""
    head = [load(file) for _ in range(2)]
    if head != [_OLD_MAGIC, _OLD_PROTOCOL]:
        refuse("it is not a file of torch.save")
    if load(file).get("little_endian") is not True:
        refuse("big-endian numbers")
    tensors = _tensors_of(load(file))
    by_key = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    data: Dict[str, bytes] = {}
    for key in load(file):
        (size,) = struct.unpack("<q", file.read(8))
        if key not in by_key:
            refuse(f"storage {key!r} belongs to no tensor")
        storage = by_key[key]
        if size != storage.size:
            refuse(f"storage {key!r} has {size} elements, not {storage.size}")
        data[key] = file.read(_num_bytes(storage, os.fstat(file.fileno()).st_size))
    return {name: _array(tensor, data[tensor.storage.key]) for name, tensor in tensors.items()}


def _tensors_of(value: Any) -> Dict[str, Tensor]:
    if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
        value = value["state_dict"]  # The file of a training run
    if not isinstance(value, dict):
        refuse("it is not a dictionary of tensors")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            refuse(f"{name!r:.80} is not a tensor")
    return value


def _num_bytes(storage: Storage, file_size: int) -> int:
    num_bytes = storage.size * DTYPES[storage.dtype].itemsize
    if num_bytes > file_size:
        refuse(f"storage {storage.key!r} is larger than the file")
    return num_bytes


def _array(tensor: Tensor, data: bytes) -> np.ndarray:
    """Returns a tensor as a view of its storage's data."""
    storage, dtype = tensor.storage, DTYPES[tensor.storage.dtype]
    if len(data) != storage.size * dtype.itemsize:
        refuse(
            f"storage {storage.key!r} has {len(data)} bytes, not {storage.size} elements of "
            f"{dtype.itemsize}"
        )
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
    is_empty = 0 in tensor.shape
    # A view with strides of zero could be far larger than its storage.
    if not is_empty and max(tensor.offset + last + 1, math.prod(tensor.shape)) > storage.size:
        refuse(f"a tensor of shape {list(tensor.shape)} exceeds its storage")
    flat = np.frombuffer(data, dtype)
    flat = flat[:0] if is_empty else flat[tensor.offset :]
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
    if storage.dtype == BFLOAT16:
        return (view.astype(np.uint32) << 16).view(np.float32)
    return view
