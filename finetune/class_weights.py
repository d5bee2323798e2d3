"""What each label counts for in the loss."""

from typing import List, Sequence

import numpy as np

from finetune.config import UsageError

BALANCED = "balanced"


def parse(given: Sequence[str], labels: Sequence[str], counts: Sequence[int]) -> List[float]:
    """Returns the weight of each label.

    Args:
      given: As of --class_weights: `balanced`; a number for each label; or `label=number`s.
      labels: The label list.
      counts: How often each label is there, for `balanced`: a label's weight is then the number of
        all over that of labels times its own, as scikit-learn has it; 1, if it is not there.

    Raises:
      UsageError: A label is unknown or given twice, or a number is none.
    """
    if list(given) == [BALANCED]:
        counts = np.asarray(counts, np.float64)
        shares = counts.sum() / (np.count_nonzero(counts) * np.where(counts, counts, 1.0))
        return np.where(counts, shares, 1.0).tolist()
    if not any("=" in item for item in given):
        if len(given) != len(labels):
            raise UsageError(
                f"--class_weights: found {','.join(given):.80}; expected {BALANCED}, or a number "
                f"for each of the {len(labels)} labels ({', '.join(labels):.200}), or label=number."
            )
        return _some([_number(item, item) for item in given])
    weights = {}
    for item in given:
        label, equals, number = item.rpartition("=")
        if not equals:
            raise UsageError(f"--class_weights: found {item!r}; expected label=number.")
        if label not in labels:
            raise UsageError(
                f"--class_weights: {label!r} is no label; the labels are {', '.join(labels):.200}."
            )
        if label in weights:
            raise UsageError(f"--class_weights: {label!r} is given twice.")
        weights[label] = _number(number, item)
    return _some([weights.get(label, 1.0) for label in labels])


def _some(weights: List[float]) -> List[float]:
    if not any(weights):
        raise UsageError("--class_weights: all are 0, so that nothing would be learnt.")
    return weights


def _number(text: str, item: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UsageError(f"--class_weights: found {item!r}; expected a number of 0 or more.")
    return number
