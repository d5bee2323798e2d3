"""Make an output directory, like that of a training run, from a fine-tuned Hugging Face model."""

import dataclasses
import logging
import os
from typing import Any, Dict, Type

import modeling
from finetune.config.config import Config
from finetune.config.flags import FlagValue
from finetune.models import checkpoints, families, hugging_face, install, names, pretrained
from finetune.models.hugging_face import Staged
from finetune.output import files, run_record, training_checkpoints
from finetune.runs.output_dir import make_output_dir
from finetune.tasks.classification import hugging_face as classification
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.hugging_face import ImportedHead
from finetune.tasks.question_answering import hugging_face as question_answering
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging import hugging_face as tagging
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import InputError
from finetune.util.files import sha256_of
from finetune.util.json_files import read_json_object

_log = logging.getLogger(__name__)

# The module that knows a head, and the configuration of its script.
_TASKS: Dict[str, Any] = {
    families.SEQUENCE: (classification, ClassifierConfig),
    families.TOKEN: (tagging, NerConfig),
    families.ANSWER: (question_answering, QaConfig),
}


def import_model(source: str, output_dir: str, *, work: str, name: str, overwrite: bool) -> None:
    """Converts a fine-tuned model, with its head and labels.

    Args:
      source: Folder in Hugging Face's format.
      output_dir: The output directory to make.
      work: A scratch folder.
      name: Name of the model in messages.
      overwrite: Whether to replace a model in `output_dir`.

    Raises:
      InputError: The model is damaged or not supported, or `output_dir` contains another.
    """
    _check_replaceable(output_dir, overwrite)
    staged = os.path.join(work, "staged")
    os.makedirs(staged)
    converted = hugging_face.stage(source, staged, with_head=True)
    summary = install.check(staged)
    model = pretrained.load(
        pretrained.vocabulary_in(staged), os.path.join(staged, names.BERT_CONFIG)
    )
    checkpoint = os.path.join(staged, names.CHECKPOINT)
    task, config_class = _TASKS[converted.head]
    max_seq_length = _max_seq_length(source, model.bert_config)
    head = task.import_head(
        converted.config,
        checkpoints.read_shapes(checkpoint)[f"{families.LAST_LAYERS[converted.head]}_weights"][0],
        os.path.join(source, names.HUGGING_FACE_CONFIG),
    )
    record = run_record.make_for_import(
        model,
        settings=_settings(config_class, head, max_seq_length),
        labels=head.labels,
        facts=head.facts,
        source=_describe(source, name, converted),
    )
    make_output_dir(output_dir)
    files.remove_outputs(output_dir)
    run_record.save(record, output_dir, model)
    training_checkpoints.write_weights_only(checkpoint, output_dir)
    _log.info("%s now contains %s: %s", output_dir, name, summary)
    _log_use(head, output_dir)


def _check_replaceable(output_dir: str, overwrite: bool) -> None:
    files.check_is_ours(output_dir)
    if files.outputs(output_dir) and not overwrite:
        raise InputError(
            f"--output_dir={output_dir} contains a model. Set another --output_dir, or --overwrite "
            "to replace the model."
        )


def _settings(
    config_class: Type[Config], head: ImportedHead, max_seq_length: int
) -> Dict[str, FlagValue]:
    """Returns the settings of a training run that would have given the model."""
    config = config_class(do_predict=True, output_dir=" ").with_defaults()
    longest = min(head.longest or max_seq_length, max_seq_length)
    config = config.with_values({**head.settings, "max_seq_length": longest})
    return {**dataclasses.asdict(config), "output_dir": "", "do_predict": False}


def _max_seq_length(source: str, bert_config: modeling.BertConfig) -> int:
    """Returns the length that the model's tokenizer allows, at most the number of positions."""
    path = os.path.join(source, names.TOKENIZER_CONFIG)
    limit = None
    if os.path.exists(path):
        advice = "Copy or download it again."
        settings = read_json_object(path, kind="a tokenizer's configuration", advice=advice)
        limit = settings.get("model_max_length")
    positions = bert_config.max_position_embeddings
    return min(limit, positions) if isinstance(limit, int) and limit >= 3 else positions


def _describe(source: str, name: str, converted: Staged) -> Dict[str, Any]:
    hashes = {file: sha256_of(os.path.join(source, file)) for file in sorted(set(converted.files))}
    return {"name": name, "architecture": converted.architecture, "sha256": hashes}


def _log_use(head: ImportedHead, output_dir: str) -> None:
    labels = ", ".join(head.labels[:20]) + (", …" if len(head.labels) > 20 else "")
    _log.info("Labels: %s", labels or f"none; the model predicts {head.output}")
    _log.info(
        "To predict: python %s --do_predict=true --predict_file=FILE --output_dir=%s",
        head.script,
        output_dir,
    )
