"""The labels of Hugging Face's heads, and the record of a model with such a head, for all tasks."""

import dataclasses
from typing import Any, Dict, List, Mapping, Optional

from finetune.config.flags import FlagValue
from finetune.util.errors import InputError
from finetune.util.plurals import count


@dataclasses.dataclass(frozen=True)
class ImportedHead:
    """The head of a fine-tuned model, in the terms of a task.

    Attributes:
      script: The script that uses the model.
      settings: The task's settings, as in the record of a training run.
      labels: The label list.
      facts: See `Task.facts`.
      output: What the model predicts if it has no labels.
      longest: The maximum input length, if the model allows more; None for what it allows.
    """

    script: str
    settings: Dict[str, FlagValue]
    labels: List[str]
    facts: Dict[str, Any]
    output: str = "a number"
    longest: Optional[int] = None


def labels_of(config: Mapping[str, Any], num_outputs: int, path: str) -> List[str]:
    """Returns the labels of a model in the order of their ids.

    Args:
      config: The content of config.json.
      num_outputs: The number of outputs of the model's last layer.
      path: The path of config.json, for messages.

    Raises:
      InputError: The labels do not match the last layer, or a label occurs twice.
    """
    named = config.get("id2label") or {str(i): f"LABEL_{i}" for i in range(num_outputs)}
    try:
        by_id = {int(key): str(label) for key, label in named.items()}
    except (AttributeError, ValueError) as error:
        raise InputError(f"{path}: id2label is {named!r:.80}; expected a label per id.") from error
    if sorted(by_id) != list(range(num_outputs)):
        raise InputError(
            f"{path}: id2label has {count(len(by_id), 'label')}, but the model's last layer has "
            f"{count(num_outputs, 'output')}. Use the config.json that belongs to the weights."
        )
    if config.get("num_labels", num_outputs) != num_outputs:
        raise InputError(
            f"{path}: num_labels is {config['num_labels']!r:.80}, but the model's last layer has "
            f"{count(num_outputs, 'output')}. Use the config.json that belongs to the weights."
        )
    labels = [by_id[i] for i in range(num_outputs)]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError(f"{path}: id2label contains the label {twice[0]!r} twice.")
    return labels


def config_with_labels(labels: List[str]) -> Dict[str, Any]:
    """Returns the keys of config.json that name the labels."""
    return {
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
    }


@dataclasses.dataclass(frozen=True)
class ExportedHead:
    """The head of a trained model, in Hugging Face's terms.

    Attributes:
      kind: The kind of the head; see `finetune.models.families`.
      config: Keys for config.json: the labels and the problem type.
      pipeline: The name of the pipeline that uses the model.
      notes: What the exported model does differently from the toolkit, one sentence each.
      mean, scale: The model's outputs are standardised: number = output * scale + mean.
    """

    kind: str
    config: Dict[str, Any]
    pipeline: str
    notes: List[str]
    mean: float = 0.0
    scale: float = 1.0
