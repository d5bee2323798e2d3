"""Compute the weight of each label in the loss from --class_weights."""

from typing import Dict, List, Sequence

import numpy as np

from finetune.util.errors import UsageError

BALANCED = "balanced"


def parse(given: Sequence[str], labels: Sequence[str], counts: Sequence[int]) -> List[float]:
    """Returns the weight of each label.

    Args:
      given: The items of --class_weights: `balanced`, a number per label, or `label=weight` pairs.
      labels: The label list.
      counts: int [L], the number of rows with each label, for `balanced`.

    Raises:
      UsageError: A label is unknown or occurs twice, or a weight is not a number of at least 0.
    """
    if list(given) == [BALANCED]:
        return _balanced(counts)
    if not any("=" in item for item in given):
        if len(given) != len(labels):
            raise UsageError(
                f"--class_weights: found {','.join(given):.80}; expected {BALANCED}, one number "
                f"for each of the {len(labels)} labels ({', '.join(labels):.200}), or label=weight."
            )
        return _checked([_weight(item, item) for item in given])
    weights: Dict[str, float] = {}
    for item in given:
        label, equals, weight = item.rpartition("=")
        if not equals:
            raise UsageError(f"--class_weights: found {item!r}; expected label=weight.")
        if label not in labels:
            raise UsageError(
                f"--class_weights: {label!r} is not a label; the labels are "
                f"{', '.join(labels):.200}."
            )
        if label in weights:
            raise UsageError(f"--class_weights: {label!r} occurs twice.")
        weights[label] = _weight(weight, item)
    return _checked([weights.get(label, 1.0) for label in labels])


def _balanced(counts: Sequence[int]) -> List[float]:
    """Returns weights inversely proportional to the counts; 1 for labels that do not occur."""
    from sklearn.utils.class_weight import compute_class_weight

    weights = np.ones(len(counts))
    occurring = np.nonzero(counts)[0]
    if len(occurring):
        label_ids = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        weights[occurring] = compute_class_weight(BALANCED, classes=occurring, y=label_ids)
    return weights.tolist()


def _checked(weights: List[float]) -> List[float]:
    if not any(weights):
        raise UsageError("--class_weights: all weights are 0, so nothing would be learnt.")
    return weights


def _weight(text: str, item: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UsageError(f"--class_weights: found {item!r}; expected a number that is at least 0.")
    return weight
