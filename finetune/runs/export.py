"""Export a trained model: so far, to Hugging Face's format."""

import logging
import os
from typing import Any, Dict

import numpy as np

from finetune.models import hugging_face_export, names, pretrained
from finetune.models.families import SEQUENCE
from finetune.output import best_model, run_record, training_checkpoints
from finetune.output.names import EVAL_JSON
from finetune.output.run_record import RunRecord
from finetune.runs.model_card import model_card
from finetune.runs.output_dir import no_trained_model
from finetune.tasks.classification import hugging_face as classification
from finetune.tasks.hugging_face import ExportedHead
from finetune.tasks.question_answering import hugging_face as question_answering
from finetune.tasks.tagging import hugging_face as tagging
from finetune.util.errors import InputError
from finetune.util.json_files import read_json_object

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
    record = run_record.load(output_dir)
    if record is None:
        raise InputError(no_trained_model(output_dir))
    checkpoint = _trained_checkpoint(output_dir)
    head = _task_of(record).export_head(record, without_crf)
    _check_empty(export_dir)
    settings = record.settings
    model = pretrained.load(
        str(settings["vocab_file"]),
        str(settings["bert_config_file"]),
        bool(settings["do_lower_case"]),
    )
    tensors = hugging_face_export.read_tensors(checkpoint, model.bert_config, head.kind)
    if (head.mean, head.scale) != (0.0, 1.0):
        _fold(tensors, hugging_face_export.family_of(model.bert_config).output, head)
    os.makedirs(export_dir, exist_ok=True)
    config = hugging_face_export.config_json(model, head.kind, head.config)
    hugging_face_export.write_json(os.path.join(export_dir, names.HUGGING_FACE_CONFIG), config)
    hugging_face_export.write_tokenizer(model, export_dir)
    hugging_face_export.write_weights(tensors, export_dir)
    with open(os.path.join(export_dir, names.MODEL_CARD), "w", encoding="utf-8") as writer:
        writer.write(model_card(record, head, _scores(output_dir), config["architectures"][0]))
    for note in head.notes:
        _log.info("Note: %s", note)
    _log.info("%s now contains %s", export_dir, config["architectures"][0])


def _task_of(record: RunRecord) -> Any:
    """Returns the module that knows a model's head, by a setting that only its task has."""
    if "ner_head" in record.settings:
        return tagging
    return question_answering if "max_query_length" in record.settings else classification


def _trained_checkpoint(output_dir: str) -> str:
    checkpoint = best_model.usable_checkpoint(output_dir)
    if checkpoint is None:
        raise InputError(no_trained_model(output_dir))
    if not training_checkpoints.is_final(training_checkpoints.newest(output_dir)):
        raise InputError(
            f"--output_dir={output_dir} contains an unfinished training run. To resume it, repeat "
            "the command that started it."
        )
    return checkpoint


def _check_empty(export_dir: str) -> None:
    if os.path.exists(export_dir) and not os.path.isdir(export_dir):
        raise InputError(f"--export_dir={export_dir} is a file; expected a folder to write.")
    if os.path.isdir(export_dir) and os.listdir(export_dir):
        raise InputError(f"--export_dir={export_dir} is not empty. Specify a new folder.")


def _fold(tensors: Dict[str, np.ndarray], layer: str, head: ExportedHead) -> None:
    """Changes the last layer of a regression so that its output is in the unit of the data."""
    assert head.kind == SEQUENCE, head.kind
    weight, bias = (tensors[f"{layer}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    tensors[f"{layer}.weight"] = (weight * head.scale).astype(np.float32)
    tensors[f"{layer}.bias"] = (bias * head.scale + head.mean).astype(np.float32)


def _scores(output_dir: str) -> Dict[str, Any]:
    path = os.path.join(output_dir, EVAL_JSON)
    if not os.path.exists(path):
        return {}
    return read_json_object(path, kind="the scores of an evaluation", advice="Delete it.")
