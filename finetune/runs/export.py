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
    """

    output_dir: str
    export_dir: str
    processors: Mapping[str, Type[DataProcessor]]
    without_crf: bool = False


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


# By the value of --to.
FORMATS: Dict[str, ExportFormat] = {
    "huggingface": ExportFormat(_to_hugging_face, flags=("without_crf",)),
    "saved_model": ExportFormat(_to_saved_model),
}


def export(name: str, request: ExportRequest) -> None:
    """Exports a trained model.

    Args:
      name: The name of the format.
      request: What to export.

    Raises:
      InputError: There is no trained model, or it cannot be exported.
      UsageError: A flag belongs to another format.
    """
    for other, each in FORMATS.items():
        for flag in each.flags:
            is_default = getattr(request, flag) == ExportRequest.__dataclass_fields__[flag].default
            if flag not in FORMATS[name].flags and not is_default:
                raise UsageError(f"--{flag} applies to --to={other}, not to --to={name}.")
    FORMATS[name].export(request)
