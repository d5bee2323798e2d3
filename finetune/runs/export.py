"""The formats to which a trained model is exported.

This module imports no TensorFlow, so that the script's help is fast.
"""

import dataclasses
from typing import Callable, Dict, Mapping, NamedTuple, Tuple, Type

from finetune.data.processor import DataProcessor
from finetune.util.errors import UsageError


@dataclasses.dataclass(frozen=True)
class ExportRequest:
    """What to export, and where to.

    Attributes:
      output_dir: The output directory of a finished training run, or of an imported model.
      export_dir: The folder to write.
      processors: `PROCESSORS` from processors.py.
      without_crf: Whether to leave out a tagger's CRF.
      quantize: "int8" to add a quantised copy, or "".
      max_quality_loss: By how many points the dev metric of that copy can be worse.
      dev_file: The file on which it is scored; "" for the dev data of the training run.
    """

    output_dir: str
    export_dir: str
    processors: Mapping[str, Type[DataProcessor]]
    without_crf: bool = False
    quantize: str = ""
    max_quality_loss: float = 0.5
    dev_file: str = ""


class ExportFormat(NamedTuple):
    """A format.

    Attributes:
      export: Writes the model; raises `InputError` if it cannot be exported.
      flags: The fields of `ExportRequest` that are flags of this format only.
    """

    export: Callable[[ExportRequest], None]
    flags: Tuple[str, ...] = ()


def _to_hugging_face(request: ExportRequest) -> None:
    from finetune.runs.export_hugging_face import export_to_hugging_face

    export_to_hugging_face(request.output_dir, request.export_dir, without_crf=request.without_crf)


def _to_saved_model(request: ExportRequest) -> None:
    from finetune.runs.export_saved_model import export_to_saved_model

    export_to_saved_model(request)


def _to_onnx(request: ExportRequest) -> None:
    from finetune.models.onnx_files import check_installed

    check_installed()
    from finetune.runs.export_onnx import export_to_onnx

    export_to_onnx(request)


# By the value of --to.
FORMATS: Dict[str, ExportFormat] = {
    "huggingface": ExportFormat(_to_hugging_face, flags=("without_crf",)),
    "onnx": ExportFormat(
        _to_onnx, flags=("without_crf", "quantize", "max_quality_loss", "dev_file")
    ),
    "saved_model": ExportFormat(_to_saved_model),
}


def export(name: str, request: ExportRequest) -> None:
    """Exports a trained model.

    Args:
      name: The name of the format.
      request: What to export.

    Raises:
      InputError: There is no trained model, or it cannot be exported.
      UsageError: A flag belongs to another format, or the folder has no name.
    """
    if not request.export_dir:
        raise UsageError("--export_dir is empty; expected a folder to write.")
    for flag in {flag for each in FORMATS.values() for flag in each.flags}:
        is_default = getattr(request, flag) == ExportRequest.__dataclass_fields__[flag].default
        if flag not in FORMATS[name].flags and not is_default:
            others = " and ".join(f"--to={n}" for n, each in FORMATS.items() if flag in each.flags)
            raise UsageError(f"--{flag} applies to {others}, not to --to={name}.")
    FORMATS[name].export(request)
