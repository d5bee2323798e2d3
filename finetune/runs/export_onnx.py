"""Export a trained model as an ONNX graph, and as one in int8 if it is good enough."""

import logging
import os
from typing import Any, Mapping

from finetune.models import names, onnx_files, onnx_graph
from finetune.output import names as output_names
from finetune.output.best_model import Goal
from finetune.runs import onnx_scores
from finetune.runs.export import ExportRequest
from finetune.runs.export_hugging_face import (
    ReadModel,
    log_exported,
    read_model,
    write_settings,
)
from finetune.runs.export_source import check_new_folder
from finetune.runs.prepare import PreparedData, prepare
from finetune.runs.trained_run import trained_run
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_folder, user_path_errors
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

# For which processors the weights of a quantised model are, by their bits.
_PROCESSORS = {
    7: "for all processors",
    8: "for processors like this machine's (x86-64 with VNNI, or others)",
}
# What is compared for each kind of task, and how many points its unit is.
_METRICS = {
    "single_label": ("macro_f1", 100.0),
    "multi_label": ("macro_f1", 100.0),
    "regression": ("pearson", 100.0),
    "entities": ("f1", 100.0),
    "answers": ("f1", 1.0),
}


def export_to_onnx(request: ExportRequest) -> None:
    """Writes a trained model as a folder with an ONNX graph, its settings and its tokenizer.

    Raises:
      InputError: There is no trained model, it cannot be exported, the folder is not empty, or the
        quantised model is too much worse.
      UsageError: A flag applies only with --quantize, or has an invalid value.
    """
    _check_flags(request)
    model = read_model(request.output_dir, request.without_crf)
    # How the texts of its training were cut, which transformers does not need to know.
    model.config["max_seq_length"] = model.record.settings["max_seq_length"]
    check_new_folder(request.export_dir)
    quality = _Quality(request, model) if request.quantize else None
    with atomic_folder(request.export_dir) as staged:
        write_settings(model, staged)
        path, quantized = (
            os.path.join(staged, *name.split("/"))
            for name in (names.ONNX_MODEL, names.ONNX_QUANTIZED)
        )
        os.makedirs(os.path.dirname(path))
        graph = onnx_graph.build_model(model.tensors, model.pretrained.bert_config, model.head.kind)
        onnx_files.write(graph, path)
        if quality is not None:
            bits = onnx_files.weight_bits()
            onnx_files.quantize(path, quantized, bits=bits)
            quality.check(path, quantized)
            _log.info("int8: weights of %d bits, %s", bits, _PROCESSORS[bits])
    log_exported(model, request.export_dir)


def _check_flags(request: ExportRequest) -> None:
    loss, default = request.max_quality_loss, ExportRequest.max_quality_loss
    if not request.quantize and (request.dev_file or loss != default):
        flag = "dev_file" if request.dev_file else "max_quality_loss"
        raise UsageError(f"--{flag} requires --quantize.")
    if not 0 <= loss <= 100:  # Also false for NaN
        raise UsageError(f"--max_quality_loss={loss:g}: expected a number from 0 to 100.")


def _difference(points: float) -> str:
    if not points:
        return "no difference"
    return f"{abs(points):.2f} points {'more' if points > 0 else 'less'}"


class _Quality:
    """Compares a quantised model with the original on the dev data."""

    def __init__(self, request: ExportRequest, model: ReadModel):
        self._limit = request.max_quality_loss
        self._head = model.head
        self._data = _dev_data(request, model.record.settings)
        self._metric, self._points = _METRICS[self._data.task.kind]

    def check(self, path: str, quantized: str) -> None:
        """Raises `InputError` if the quantised model is too much worse."""
        before, after = (self._score(each) for each in (path, quantized))
        loss = (before - after) * self._points
        found = (
            f"on the dev data, {self._metric} is {after:.4f}, and without quantisation "
            f"{before:.4f}: {_difference(-loss)}"
        )
        if not loss <= self._limit:
            raise InputError(
                f"--quantize=int8: {found}, but --max_quality_loss={self._limit:g}. Nothing was "
                "written. Omit --quantize, or raise the limit."
            )
        _log.info("int8: %s", found)

    def _score(self, path: str) -> float:
        scores = onnx_scores.score(path, self._head, self._data)
        value = Goal(self._metric).value_of(scores)
        if value is None:
            rows = count(len(self._data.features["dev"]), "row")
            raise InputError(
                f"--quantize=int8: the quantised model cannot be scored, because {self._metric} is "
                f"undefined on the dev data ({rows}). Set --dev_file to a file with more rows and "
                "different labels."
            )
        return value


def _dev_data(request: ExportRequest, settings: Mapping[str, Any]) -> PreparedData:
    """Returns the dev data of the training run, or that of --dev_file."""
    split = os.path.join(request.output_dir, output_names.SPLIT, "dev.jsonl")
    own = split if settings.get("split") else settings.get("dev_file")
    dev_file, data_dir = request.dev_file or own, settings.get("data_dir")
    if not dev_file and not data_dir:
        raise InputError(
            "--quantize=int8: the quantised model is scored on dev data, but the model was trained "
            "without. Set --dev_file."
        )
    flags = {"dev_file": dev_file} if dev_file else {"data_dir": data_dir}
    run = trained_run(request.output_dir, request.processors, do_eval=True, **flags)
    with user_path_errors(run.config.paths):
        return prepare(run)
