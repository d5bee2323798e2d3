"""Export a trained model to Hugging Face's format."""

import logging
import os
from typing import Any, Dict, Mapping

import numpy as np

from finetune.models import hugging_face_export, names, pretrained
from finetune.models.families import SEQUENCE
from finetune.output.run_record import RunRecord
from finetune.runs.export_source import check_new_folder, find_trained, scores_of
from finetune.runs.model_card import model_card
from finetune.tasks.classification import hugging_face as classification
from finetune.tasks.hugging_face import ExportedHead
from finetune.tasks.question_answering import hugging_face as question_answering
from finetune.tasks.tagging import hugging_face as tagging
from finetune.util.files import atomic_folder

_log = logging.getLogger(__name__)


def export_to_hugging_face(output_dir: str, export_dir: str, *, without_crf: bool = False) -> None:
    """Writes a trained model as a folder that `transformers` loads.

    Args:
      output_dir: The output directory of a finished training run, or of an imported model.
      export_dir: The folder to write: it must not exist, or be empty.
      without_crf: Whether to leave out a CRF, which has no counterpart there.

    Raises:
      InputError: There is no trained model, it cannot be exported, or the folder is not empty.
    """
    record, checkpoint = find_trained(output_dir)
    head = _task_of(record).export_head(record, without_crf)
    check_new_folder(export_dir)
    with atomic_folder(export_dir) as staged:
        architecture = _write(record, checkpoint, head, staged, scores_of(output_dir))
    for note in head.notes:
        _log.info("Note: %s", note)
    _log.info("%s now contains %s", export_dir, architecture)


def _write(
    record: RunRecord, checkpoint: str, head: ExportedHead, folder: str, scores: Mapping[str, Any]
) -> str:
    """Writes the files of a model to a folder; returns the name of its class."""
    settings = record.settings
    model = pretrained.load(
        str(settings["vocab_file"]),
        str(settings["bert_config_file"]),
        bool(settings["do_lower_case"]),
    )
    tensors = hugging_face_export.read_tensors(checkpoint, model.bert_config, head.kind)
    if (head.mean, head.scale) != (0.0, 1.0):
        _fold(tensors, hugging_face_export.family_of(model.bert_config).output, head)
    config = hugging_face_export.config_json(model, head.kind, head.config)
    hugging_face_export.write_json(os.path.join(folder, names.HUGGING_FACE_CONFIG), config)
    hugging_face_export.write_tokenizer(model, folder)
    hugging_face_export.write_weights(tensors, folder)
    architecture = config["architectures"][0]
    with open(os.path.join(folder, names.MODEL_CARD), "w", encoding="utf-8") as writer:
        writer.write(model_card(record, head, scores, architecture))
    return architecture


def _task_of(record: RunRecord) -> Any:
    """Returns the module that knows a model's head, by a setting that only its task has."""
    if "ner_head" in record.settings:
        return tagging
    return question_answering if "max_query_length" in record.settings else classification


def _fold(tensors: Dict[str, np.ndarray], layer: str, head: ExportedHead) -> None:
    """Changes the last layer of a regression so that its output is in the unit of the data."""
    assert head.kind == SEQUENCE, head.kind
    weight, bias = (tensors[f"{layer}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    tensors[f"{layer}.weight"] = (weight * head.scale).astype(np.float32)
    tensors[f"{layer}.bias"] = (bias * head.scale + head.mean).astype(np.float32)
