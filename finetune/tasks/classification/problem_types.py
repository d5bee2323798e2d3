"""What the answer to a text is: one label, any number of labels, or a number."""

import math
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type

import numpy as np

from finetune.data.processor import DataProcessor, InputExample
from finetune.output.best_model import Scores
from finetune.tasks.classification import head, metrics, mistakes
from finetune.tasks.classification.config import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from finetune.tasks.classification.mistakes import RowReview
from finetune.tasks.classification.targets import (
    LabelIds,
    LabelSets,
    Numbers,
    labels_of,
    number_of,
)
from finetune.tasks.scores import format_figures
from finetune.util.errors import InputError
from finetune.util.plurals import count

# Columns of test_results.tsv besides those of the labels.
_COLUMNS = ("guid", "text", "text_a", "text_b", "prediction", "score")
_MAX_COLUMNS = 100  # With more labels, test_results.tsv omits their probabilities.
DEFAULT_SEPARATOR = ","


class ProblemType:
    """Base class: the labels of a classifier, or what it has instead."""

    name: str
    metrics: Sequence[str]  # Metrics that can select the best model, the default first

    def __init__(self, labels: Sequence[str] = ()):
        self.labels = list(labels)

    def facts(self) -> Mapping[str, Any]:
        """Returns what, besides the labels, is kept with the model."""
        return {}

    def targets(self) -> Any:
        """Returns `features.Targets` without rows."""
        raise NotImplementedError

    def label_counts(self, targets: Any) -> Dict[str, float]:
        """Returns how many rows have each label."""
        raise NotImplementedError

    def model_fn(self, **settings: Any) -> Callable:
        """Returns the `model_fn`; `settings` are the arguments that all builders have."""
        raise NotImplementedError

    def scores(self, targets: Any, logits: np.ndarray) -> Tuple[Scores, str]:
        """Returns the scores of logits [rows, outputs], and the same as human-readable text."""
        raise NotImplementedError

    def review(self, targets: Any, logits: np.ndarray) -> RowReview:
        """Returns what a report shows of logits [rows, outputs], except for the texts."""
        raise NotImplementedError

    def prediction_columns(self) -> List[str]:
        """Returns the names of the columns of a prediction."""
        raise NotImplementedError

    def prediction_rows(self, logits: np.ndarray) -> Iterable[List[str]]:
        """Yields the prediction for each row of logits, a cell for each column."""
        raise NotImplementedError

    def _probability_columns(self) -> List[str]:
        if len(self.labels) > _MAX_COLUMNS:
            return []
        # A label named like another column would hide it from readers that go by name.
        if set(_COLUMNS).isdisjoint(self.labels):
            return self.labels
        return [f"label_{label}" for label in self.labels]


class SingleLabel(ProblemType):
    """Each text has one label: softmax over the labels."""

    name = SINGLE_LABEL
    metrics = (
        "macro_f1",
        "accuracy",
        "loss",
        "mcc",
        "auc",
        "weighted_f1",
        "macro_precision",
        "macro_recall",
    )

    def targets(self) -> LabelIds:
        return LabelIds(self.labels)

    def label_counts(self, targets: LabelIds) -> Dict[str, float]:
        ids = targets.to_numpy()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def model_fn(self, **settings: Any) -> Callable:
        return head.classifier_model_fn_builder(num_labels=len(self.labels), **settings)

    def scores(self, targets: LabelIds, logits: np.ndarray) -> Tuple[Scores, str]:
        scores = metrics.classification_scores(targets.to_numpy(), logits, self.labels)
        return scores, metrics.format_scores(scores)

    def review(self, targets: LabelIds, logits: np.ndarray) -> RowReview:
        return mistakes.review_single_label(targets.to_numpy(), logits, self.labels)

    def prediction_columns(self) -> List[str]:
        return ["prediction", "score", *self._probability_columns()]

    def prediction_rows(self, logits: np.ndarray) -> Iterable[List[str]]:
        width = len(self._probability_columns())
        for probabilities in metrics.softmax(logits):
            best = int(np.argmax(probabilities))
            shown = (probabilities[best], *probabilities[:width])
            yield [self.labels[best], *(f"{p:.6f}" for p in shown)]


class MultiLabel(ProblemType):
    """Each text has any number of labels: a sigmoid for each, and a threshold."""

    name = MULTI_LABEL
    metrics = (
        "macro_f1",
        "micro_f1",
        "accuracy",
        "loss",
        "hamming_loss",
        "macro_auc",
        "macro_average_precision",
        "macro_precision",
        "macro_recall",
        "micro_precision",
        "micro_recall",
    )

    def __init__(self, labels: Sequence[str], separator: str, thresholds: Sequence[float]):
        """Creates the problem type.

        Args:
          labels: The label list.
          separator: Separates the labels in a cell.
          thresholds: Minimum probability for a label to be assigned: one, or one for each label.

        Raises:
          InputError: The number of thresholds is neither one nor that of the labels.
        """
        super().__init__(labels)
        if len(thresholds) not in (1, len(self.labels)):
            raise InputError(
                f"--thresholds: found {count(len(thresholds), 'number')}; expected one, or one for "
                f"each of the {len(self.labels)} labels: {', '.join(self.labels):.200}."
            )
        self._separator = separator
        self._thresholds = np.array(thresholds, np.float64)

    def targets(self) -> LabelSets:
        return LabelSets(self.labels, self._separator)

    def label_counts(self, targets: LabelSets) -> Dict[str, float]:
        ids = targets.flat()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def model_fn(self, **settings: Any) -> Callable:
        return head.multi_label_model_fn_builder(num_labels=len(self.labels), **settings)

    def scores(self, targets: LabelSets, logits: np.ndarray) -> Tuple[Scores, str]:
        scores = metrics.multi_label_scores(
            targets.to_numpy(), logits, self.labels, self._thresholds
        )
        return scores, metrics.format_multi_label_scores(scores)

    def review(self, targets: LabelSets, logits: np.ndarray) -> RowReview:
        gold = targets.to_numpy()
        return mistakes.review_multi_label(gold, logits, self.labels, self._thresholds)

    def prediction_columns(self) -> List[str]:
        return ["prediction", *self._probability_columns()]

    def prediction_rows(self, logits: np.ndarray) -> Iterable[List[str]]:
        width = len(self._probability_columns())
        for probabilities in metrics.sigmoid(logits):
            given = [self.labels[i] for i in np.nonzero(probabilities >= self._thresholds)[0]]
            yield [self._separator.join(given), *(f"{p:.6f}" for p in probabilities[:width])]


class Regression(ProblemType):
    """Each text has a number, which the model learns standardised."""

    name = REGRESSION
    metrics = ("mse", "mae", "pearson", "spearman")

    def __init__(self, mean: float, scale: float):
        """Creates the problem type.

        Args:
          mean: Mean of the training numbers.
          scale: Their standard deviation.
        """
        super().__init__()
        self._mean = mean
        self._scale = scale

    def facts(self) -> Mapping[str, Any]:
        return {"mean": self._mean, "scale": self._scale}

    def targets(self) -> Numbers:
        return Numbers(self._mean, self._scale)

    def label_counts(self, targets: Numbers) -> Dict[str, float]:
        """Returns the lowest, mean and highest number instead."""
        numbers = targets.to_numpy()
        if not len(numbers):
            return {}
        return {
            "lowest": float(numbers.min()),
            "mean": float(numbers.mean(dtype=np.float64)),
            "highest": float(numbers.max()),
        }

    def model_fn(self, **settings: Any) -> Callable:
        return head.regression_model_fn_builder(**settings)

    def scores(self, targets: Numbers, logits: np.ndarray) -> Tuple[Scores, str]:
        scores = metrics.regression_scores(targets.to_numpy(), self._numbers(logits))
        return scores, "\n".join(format_figures(scores)) + "\n"

    def review(self, targets: Numbers, logits: np.ndarray) -> RowReview:
        return mistakes.review_regression(targets.to_numpy(), self._numbers(logits))

    def prediction_columns(self) -> List[str]:
        return ["prediction"]

    def prediction_rows(self, logits: np.ndarray) -> Iterable[List[str]]:
        return ([f"{number:.9g}"] for number in self._numbers(logits))

    def _numbers(self, logits: np.ndarray) -> np.ndarray:
        # In 64 bits: in 32, large numbers that differ by little would become equal.
        return logits[:, 0].astype(np.float64) * self._scale + self._mean


PROBLEM_TYPES: Dict[str, Type[ProblemType]] = {
    problem_type.name: problem_type for problem_type in (SingleLabel, MultiLabel, Regression)
}


def from_training_data(
    name: str,
    examples: Iterable[InputExample],
    processor: DataProcessor,
    *,
    labels: Optional[Sequence[str]],
    separator: str,
    thresholds: Sequence[float],
) -> ProblemType:
    """Makes the problem type of a training.

    Args:
      name: A name in `PROBLEM_TYPES`.
      examples: The training data, in which the labels are found if they are not given.
      processor: Its processor, for messages and for the number of labels that there must be.
      labels: The label list, if it is known.
      separator: Separates the labels in a multi-label cell.
      thresholds: See `MultiLabel`.

    Raises:
      InputError: The labels are not fit for it.
    """
    if name == REGRESSION:
        return Regression(*_mean_and_scale(examples))
    is_multi_label = name == MULTI_LABEL
    if labels is None:
        labels = _found_labels(examples, separator if is_multi_label else None)
    _check_labels(labels, processor, at_least=1 if is_multi_label else 2)
    return MultiLabel(labels, separator, thresholds) if is_multi_label else SingleLabel(labels)


def restore(
    labels: Sequence[str], facts: Mapping[str, Any], separator: str, thresholds: Sequence[float]
) -> ProblemType:
    """Makes the problem type of a trained model from what was kept with it."""
    name = facts.get("problem_type", SINGLE_LABEL)
    if name == REGRESSION:
        return Regression(facts["mean"], facts["scale"])
    if name == MULTI_LABEL:
        return MultiLabel(labels, separator, thresholds)
    return SingleLabel(labels)


def _mean_and_scale(examples: Iterable[InputExample]) -> Tuple[float, float]:
    # Welford's algorithm (1962), which loses no digits if the mean is large.
    number_of_rows, mean, squares = 0, 0.0, 0.0
    for number_of_rows, example in enumerate(examples, start=1):
        number = number_of(example)
        difference = number - mean
        mean += difference / number_of_rows
        squares += difference * (number - mean)
    return mean, math.sqrt(squares / max(number_of_rows, 1)) or 1.0


def _found_labels(examples: Iterable[InputExample], separator: Optional[str]) -> List[str]:
    found = set()
    for example in examples:
        if separator is not None:
            found.update(labels_of(example, separator))
            continue
        label = example.label
        if label is not None and not isinstance(label, str):
            raise InputError(
                f"{example.place}: the label is {label!r}; expected a string. If texts have "
                "several "
                "labels, give --problem_type=multi_label."
            )
        found.add(label or "")
    return sorted(label for label in found if label.strip())


def _check_labels(labels: Sequence[str], processor: DataProcessor, at_least: int) -> None:
    name = type(processor).__name__
    if len(set(labels)) < len(labels):
        raise InputError(f"{name}: a label is listed twice: {labels}.")
    wanted = getattr(processor, "num_labels", None)
    if len(labels) < at_least or (wanted is not None and len(labels) != wanted):
        expected = wanted or {1: "one or more", 2: "two or more"}[at_least]
        hint = " --task_name=multiclass takes any number." if wanted else ""
        raise InputError(
            f"Found {count(len(labels), 'label')} ({', '.join(map(repr, labels[:20]))}); {name} "
            f"expects {expected}.{hint}"
        )
