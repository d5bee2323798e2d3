"""Create the problem type of a training run or of a trained model."""

import math
from typing import (
    Any,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from finetune.data.processor import DataProcessor, InputExample
from finetune.tasks.classification.config import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from finetune.tasks.classification.label_cells import (
    are_indicators,
    indicator_error,
    label_of,
    labels_of,
    number_of,
)
from finetune.tasks.classification.problem_types import (
    MultiLabel,
    ProblemType,
    Regression,
    SingleLabel,
)
from finetune.util.decimals import parse_decimal
from finetune.util.errors import InputError
from finetune.util.plurals import count


def from_training_data(
    name: str,
    examples: Iterable[InputExample],
    processor: DataProcessor,
    *,
    labels: Optional[Sequence[str]],
    separator: str,
    thresholds: Optional[Sequence[float]],
) -> ProblemType:
    """Creates the problem type of a training run.

    Args:
      name: A name in `PROBLEM_TYPES`.
      examples: The training data, from which the labels are collected if `labels` is None.
      processor: The processor of the data, for messages and the expected number of labels.
      labels: The label list; None if it is not known.
      separator: Separates the labels in a multi-label cell.
      thresholds: See `MultiLabel`.

    Raises:
      InputError: The labels are unsuitable for the problem type.
    """
    if name == REGRESSION:
        return Regression(*_mean_and_scale(examples))
    is_multi_label = name == MULTI_LABEL
    if labels is None:
        labels = _found_labels(examples, separator if is_multi_label else None)
    _check_labels(labels, processor, at_least=1 if is_multi_label else 2)
    if is_multi_label and len(labels) == 2 and are_indicators(labels):
        _check_no_pairs(examples, separator)
    return MultiLabel(labels, separator, thresholds) if is_multi_label else SingleLabel(labels)


def restore(
    labels: Sequence[str],
    facts: Mapping[str, Any],
    separator: str,
    thresholds: Optional[Sequence[float]],
) -> ProblemType:
    """Creates the problem type of a trained model from its labels and facts.

    Raises:
      InputError: The facts are incomplete.
    """
    name = facts.get("problem_type", SINGLE_LABEL)
    if name == REGRESSION:
        mean, scale = facts.get("mean"), facts.get("scale")
        if not isinstance(mean, (int, float)) or not isinstance(scale, (int, float)):
            raise InputError(
                "The record of the training run (run.json) lacks the mean and scale of the "
                "targets. Retrain with --overwrite_output_dir=true."
            )
        return Regression(mean, scale)
    if name == MULTI_LABEL:
        return MultiLabel(labels, separator, thresholds or facts.get("thresholds"))
    return SingleLabel(labels)


def _mean_and_scale(examples: Iterable[InputExample]) -> Tuple[float, float]:
    # Welford's algorithm (1962) loses no digits if the mean is large.
    number_of_rows, mean, squares = 0, 0.0, 0.0
    for number_of_rows, example in enumerate(examples, start=1):
        number = number_of(example)
        difference = number - mean
        mean += difference / number_of_rows
        squares += difference * (number - mean)
    return mean, math.sqrt(squares / max(number_of_rows, 1)) or 1.0


def _found_labels(examples: Iterable[InputExample], separator: Optional[str]) -> List[str]:
    found: Set[str] = set()
    for example in examples:
        if separator is not None:
            found.update(labels_of(example, separator))
        else:
            found.add(label_of(example) or "")
    labels = [label for label in found if label.strip()]
    numbers = {label: parse_decimal(label) for label in labels}
    if None in numbers.values():
        return sorted(labels)
    return sorted(labels, key=lambda label: (numbers[label], label))  # 2 comes before 10.


def _check_no_pairs(examples: Iterable[InputExample], separator: str) -> None:
    """Raises `InputError` if a row has both labels, which are a zero and a one."""
    for example in examples:
        if len(labels_of(example, separator)) > 1:
            raise indicator_error(example)


def _check_labels(labels: Sequence[str], processor: DataProcessor, at_least: int) -> None:
    name = type(processor).__name__
    if len(set(labels)) < len(labels):
        raise InputError(f"{name}: a label is listed twice: {labels}.")
    wanted = getattr(processor, "num_labels", None)
    if len(labels) < at_least or (wanted is not None and len(labels) != wanted):
        expected = wanted or {1: "one or more", 2: "two or more"}[at_least]
        hint = " --task_name=multiclass accepts any number." if wanted else ""
        raise InputError(
            f"Found {count(len(labels), 'label')} ({', '.join(map(repr, labels[:20]))}); {name} "
            f"expects {expected}.{hint}"
        )
