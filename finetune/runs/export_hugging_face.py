"""Export a trained model to Hugging Face's format."""

import logging
import os
from typing import Any, Dict, NamedTuple

import numpy as np

from finetune.models import hugging_face_export, names, pretrained
from finetune.models.families import SEQUENCE
from finetune.models.pretrained import Pretrained
from finetune.output.run_record import RunRecord
from finetune.runs.export_source import check_new_folder, find_trained, scores_of
from finetune.runs.model_card import model_card
from finetune.tasks.classification import hugging_face as classification
from finetune.tasks.hugging_face import ExportedHead
from finetune.tasks.question_answering import hugging_face as question_answering
from finetune.tasks.tagging import hugging_face as tagging
from finetune.util.files import atomic_folder

_log = logging.getLogger(__name__)


class ReadModel(NamedTuple):
    """A trained model in Hugging Face's terms.

    Attributes:
      record: The record of its training run.
      head: Its head.
      pretrained: Its vocabulary and configuration.
      tensors: Its tensors by Hugging Face's names.
      config: The content of config.json.
    """

    record: RunRecord
    head: ExportedHead
    pretrained: Pretrained
    tensors: Dict[str, np.ndarray]
    config: Dict[str, Any]

    @property
    def architecture(self) -> str:
        """The name of its class in `transformers`."""
        return self.config["architectures"][0]


def export_to_hugging_face(output_dir: str, export_dir: str, *, without_crf: bool = False) -> None:
    """Writes a trained model as a folder that `transformers` loads.

    Args:
      output_dir: The output directory of a finished training run, or of an imported model.
      export_dir: The folder to write: it must not exist, or be empty.
      without_crf: Whether to leave out a CRF, which has no counterpart there.

    Raises:
      InputError: There is no trained model, it cannot be exported, or the folder is not empty.
    """
    model = read_model(output_dir, without_crf)
    check_new_folder(export_dir)
    with atomic_folder(export_dir) as staged:
        write_settings(model, staged)
        hugging_face_export.write_weights(model.tensors, staged)
        card = model_card(model.record, model.head, scores_of(output_dir), model.architecture)
        with open(os.path.join(staged, names.MODEL_CARD), "w", encoding="utf-8") as writer:
            writer.write(card)
    log_exported(model, export_dir)


def read_model(output_dir: str, without_crf: bool) -> ReadModel:
    """Reads a trained model; see `export_to_hugging_face`."""
    record, checkpoint = find_trained(output_dir)
    head = _task_of(record).export_head(record, without_crf)
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
    return ReadModel(record, head, model, tensors, config)


def write_settings(model: ReadModel, folder: str) -> None:
    """Writes config.json and the tokenizer's files."""
    hugging_face_export.write_json(os.path.join(folder, names.HUGGING_FACE_CONFIG), model.config)
    hugging_face_export.write_tokenizer(model.pretrained, folder)


def log_exported(model: ReadModel, export_dir: str) -> None:
    """Logs what was written, and what the model does differently there."""
    for note in model.head.notes:
        _log.info("Note: %s", note)
    _log.info("%s now contains %s", export_dir, model.architecture)


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
