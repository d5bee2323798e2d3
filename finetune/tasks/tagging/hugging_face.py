"""Taggers of Hugging Face: `…ForTokenClassification`."""

from typing import TYPE_CHECKING, Any, Mapping

from finetune.models.families import TOKEN
from finetune.tasks.hugging_face import (
    ExportedHead,
    ImportedHead,
    config_with_labels,
    labels_of,
)
from finetune.tasks.tagging import tags
from finetune.util.errors import InputError

if TYPE_CHECKING:  # It imports TensorFlow.
    from finetune.output.run_record import RunRecord


def import_head(config: Mapping[str, Any], num_outputs: int, path: str) -> ImportedHead:
    """Returns a tagger's head in the toolkit's terms.

    A label without a scheme's letter, for example LOC, becomes a tag of that type, I-LOC.

    Args:
      config: The content of config.json.
      num_outputs: The number of outputs of the last layer.
      path: The path of config.json, for messages.

    Raises:
      InputError: The labels are not supported.
    """
    labels = [_as_tag(label) for label in labels_of(config, num_outputs, path)]
    if len(set(labels)) < len(labels):
        raise InputError(f"{path}: two labels in id2label stand for the same tag: {labels}.")
    settings: dict = {"task_name": "ner", "ner_head": "linear", "use_crf": False}
    return ImportedHead("run_ner.py", settings, labels, {})


def _as_tag(label: str) -> str:
    if tags.is_tag(label):
        return label
    return tags.join_tag("I", "_".join(label.split()))


def export_head(record: "RunRecord", without_crf: bool) -> ExportedHead:
    """Returns a tagger's head in Hugging Face's terms.

    Raises:
      InputError: The head has a layer that has no counterpart there.
    """
    settings = record.settings
    if settings.get("ner_head") == "pooler":
        raise InputError(
            "--ner_head=pooler has no counterpart in Hugging Face's models. Retrain with "
            "--ner_head=linear."
        )
    if settings.get("use_crf") and not without_crf:
        raise InputError(
            "The model has a CRF, which has no counterpart in Hugging Face's models. Set "
            "--without_crf to omit it; each word is then labelled independently."
        )
    notes = ["A word's label is that of its first wordpiece."]
    if settings.get("use_crf"):
        notes.append("The model was trained with a CRF, which is omitted here.")
    config = config_with_labels(record.labels)
    return ExportedHead(TOKEN, config, "token-classification", notes)
