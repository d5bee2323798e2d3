"""Write a model as an ONNX file, and write a quantised copy."""

import contextlib
import logging
import os
import platform
from typing import TYPE_CHECKING, Iterator

from finetune.models import names
from finetune.util.errors import InputError

if TYPE_CHECKING:  # An optional package, imported when it is used.
    import onnx

INSTALL = "pip install -c constraints.txt -r requirements-onnx.txt"
# A protocol buffer has at most 2 GiB. The weights of larger models are in a file of their own.
_MAX_BYTES = 2**31 - 2**24
_CPU_INFO = "/proc/cpuinfo"


def check_installed() -> None:
    """Raises `InputError` unless the optional packages are installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--to=onnx requires optional packages ({error}). Run: {INSTALL}"
        ) from error


def write(model: "onnx.ModelProto", path: str) -> None:
    """Writes a model; if it is large, its weights are in `path` + "_data"."""
    import onnx

    onnx.save_model(
        model,
        path,
        save_as_external_data=_is_large(sum(len(t.raw_data) for t in model.graph.initializer)),
        location=os.path.basename(path) + names.ONNX_DATA_SUFFIX,
    )
    onnx.checker.check_model(path)


def quantize(path: str, target: str, *, bits: int) -> None:
    """Writes a copy with matrices and word embeddings in int8; it quantises activations itself.

    Each column of a matrix has its own scale.

    Args:
      path: The model's file.
      target: The file to write.
      bits: 8, or 7 for a range of weights that cannot saturate; see `weight_bits`.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    parts = (path, path + names.ONNX_DATA_SUFFIX)
    size = sum(os.path.getsize(part) for part in parts if os.path.exists(part))
    with _quiet():
        quantize_dynamic(
            path,
            target,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            reduce_range=bits == 7,
            weight_type=QuantType.QInt8,
            use_external_data_format=_is_large(size),
        )


def weight_bits() -> int:
    """Returns how many bits the weights can have on this machine's processor.

    Without VNNI, an x86-64 processor adds two products of int8 in 16 bits, where they can saturate
    unless the weights have 7 bits.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686"):
        return 8
    try:
        with open(_CPU_INFO, encoding="utf-8", errors="replace") as reader:
            flags = reader.read().split()
    except OSError:
        return 7
    return 8 if {"avx512_vnni", "avx_vnni"} & set(flags) else 7


def _is_large(num_bytes: int) -> bool:
    return num_bytes > _MAX_BYTES


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the advice that the quantiser gives through the root logger."""

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    root = logging.getLogger()
    root.addFilter(is_error)
    try:
        yield
    finally:
        root.removeFilter(is_error)
