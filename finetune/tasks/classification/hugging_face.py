"""Classifiers of Hugging Face: `…ForSequenceClassification`."""

from typing import TYPE_CHECKING, Any, List, Mapping

from finetune.config.flags import FlagValue
from finetune.models.families import SEQUENCE
from finetune.tasks.classification.config import (
    BEST,
    MULTI_LABEL,
    REGRESSION,
    SINGLE_LABEL,
    WINDOWS,
)
from finetune.tasks.hugging_face import (
    ExportedHead,
    ImportedHead,
    config_with_labels,
    labels_of,
)
from finetune.util.errors import InputError
from finetune.util.plurals import count

if TYPE_CHECKING:  # It imports TensorFlow.
    from finetune.output.run_record import RunRecord

# Hugging Face's names of the problem types.
PROBLEM_TYPES = {
    SINGLE_LABEL: "single_label_classification",
    MULTI_LABEL: "multi_label_classification",
    REGRESSION: "regression",
}
_SEPARATORS = (",", ";", "|", "\t")


def import_head(config: Mapping[str, Any], num_outputs: int, path: str) -> ImportedHead:
    """Returns a classifier's head in the toolkit's terms.

    Args:
      config: The content of config.json.
      num_outputs: The number of outputs of the last layer.
      path: The path of config.json, for messages.

    Raises:
      InputError: The problem type or the labels are not supported.
    """
    given = config.get("problem_type")
    ours = {theirs: name for name, theirs in PROBLEM_TYPES.items()}
    if given is None:
        given = PROBLEM_TYPES[REGRESSION if num_outputs == 1 else SINGLE_LABEL]
    problem_type = ours.get(given)
    fits = {SINGLE_LABEL: num_outputs > 1, MULTI_LABEL: True, REGRESSION: num_outputs == 1}
    if problem_type is None or not fits[problem_type]:
        raise InputError(
            f"{path}: problem_type is {given!r}, and the model has {count(num_outputs, 'output')}; "
            f"expected one of {', '.join(ours)}, with one output for regression only."
        )
    labels = labels_of(config, num_outputs, path)
    settings: dict = {"task_name": "multiclass", "problem_type": problem_type}
    facts: dict = {"problem_type": problem_type, "pairs": None}
    if problem_type == REGRESSION:
        return ImportedHead("run_classifier.py", settings, [], {**facts, "mean": 0.0, "scale": 1.0})
    if problem_type == MULTI_LABEL:
        free = [sep for sep in _SEPARATORS if not any(sep in label for label in labels)]
        settings["label_separator"] = (free or [","])[0]
    return ImportedHead("run_classifier.py", settings, labels, facts)


def export_head(record: "RunRecord", without_crf: bool) -> ExportedHead:
    """Returns a classifier's head in Hugging Face's terms."""
    del without_crf
    settings, facts = record.settings, record.facts
    problem_type = facts.get("problem_type", SINGLE_LABEL)
    config: dict = {"problem_type": PROBLEM_TYPES[problem_type]}
    notes = []
    thresholds = _thresholds(record)
    if problem_type == MULTI_LABEL and thresholds:
        notes.append(f"Thresholds of the labels: {', '.join(f'{t:g}' for t in thresholds)}.")
        config["thresholds"] = thresholds
    if settings.get("long_text") == WINDOWS:
        notes.append("Long texts were read in windows; here, truncate or split them.")
    if settings.get("clean"):
        notes.append(f"Texts were cleaned first: {_listed(settings['clean'])}.")
    if problem_type == REGRESSION:
        config.update(config_with_labels(["LABEL_0"]))
        numbers = {"mean": float(facts["mean"]), "scale": float(facts["scale"])}
        return ExportedHead(SEQUENCE, config, "text-classification", notes, **numbers)
    config.update(config_with_labels(record.labels))
    return ExportedHead(SEQUENCE, config, "text-classification", notes)


def _thresholds(record: "RunRecord") -> List[float]:
    """Returns the minimum probability of each label; [] for the default."""
    given = record.settings.get("thresholds") or []
    assert isinstance(given, list), given
    found = record.facts.get("thresholds", []) if given == [BEST] else list(map(float, given))
    return found * len(record.labels) if len(found) == 1 else found


def _listed(value: FlagValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
