"""What the answer to a text is: one label, any number of labels, or a number."""

import math
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Type

import numpy as np

from finetune import evidence, metrics, model_fns
from finetune.evidence import Judged
from finetune.features import place
from finetune.targets import LabelIds, LabelSets, Numbers, labels_of, number_of
from processors import DataProcessor, InputExample

# Columns of test_results.tsv beside those of the labels.
_COLUMNS = ("guid", "text", "text_a", "text_b", "prediction", "score")
_MOST_COLUMNS = 100  # Labels of which test_results.tsv has the probabilities
DEFAULT_SEPARATOR = ","


class Problem:
    """Base class: the labels of a classifier, or what stands for them."""

    name: str
    metrics: Sequence[str]  # Scores by which a model can be the best, the default first

    def __init__(self, labels: Sequence[str] = ()):
        """Keeps the label list."""
        self.labels = list(labels)

    def facts(self) -> Dict[str, Any]:
        """Returns what, besides the labels, is to be kept with the model."""
        return {}

    def targets(self) -> Any:
        """Returns an empty `features.Targets`."""
        raise NotImplementedError

    def label_of(self, example: InputExample) -> str:
        """Returns the label by which rows are dealt out to the parts of a data set."""
        return str(example.label)

    def counts(self, targets: Any) -> Dict[str, float]:
        """Returns how many rows have each label."""
        raise NotImplementedError

    def model_fn(self, **settings: Any) -> Callable:
        """Returns the `model_fn`; the settings are those that all builders have."""
        raise NotImplementedError

    def scores(self, targets: Any, logits: np.ndarray) -> Tuple[Dict[str, Any], str]:
        """Returns the scores of logits [rows, outputs], and the same as text for people."""
        raise NotImplementedError

    def judge(self, targets: Any, logits: np.ndarray) -> Judged:
        """Returns what a report shows of logits [rows, outputs], but for the texts."""
        raise NotImplementedError

    def columns(self) -> List[str]:
        """Returns the names of the columns of an answer."""
        raise NotImplementedError

    def answers(self, logits: np.ndarray) -> Iterable[List[str]]:
        """Yields the answer to each row of logits, a cell for each column."""
        raise NotImplementedError

    def _probability_columns(self) -> List[str]:
        if len(self.labels) > _MOST_COLUMNS:
            return []
        # A label that bears the name of another column would hide it from readers by name.
        if set(_COLUMNS).isdisjoint(self.labels):
            return self.labels
        return [f"label_{label}" for label in self.labels]


class SingleLabel(Problem):
    """Each text has one label: softmax over the labels."""

    name = "single_label"
    metrics = (
        "macro_f1", "accuracy", "loss", "mcc", "auc", "weighted_f1", "macro_precision",
        "macro_recall",
    )  # fmt: skip

    def targets(self) -> LabelIds:
        return LabelIds(self.labels)

    def counts(self, targets: LabelIds) -> Dict[str, float]:
        ids = targets.to_numpy()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def model_fn(self, **settings: Any) -> Callable:
        return model_fns.classifier_model_fn_builder(num_labels=len(self.labels), **settings)

    def scores(self, targets: LabelIds, logits: np.ndarray) -> Tuple[Dict[str, Any], str]:
        scores = metrics.classification_scores(targets.to_numpy(), logits, self.labels)
        return scores, metrics.format_scores(scores)

    def judge(self, targets: LabelIds, logits: np.ndarray) -> Judged:
        return evidence.judge_single(targets.to_numpy(), logits, self.labels)

    def columns(self) -> List[str]:
        return ["prediction", "score", *self._probability_columns()]

    def answers(self, logits: np.ndarray) -> Iterable[List[str]]:
        width = len(self._probability_columns())
        for probabilities in metrics.softmax(logits):
            best = int(np.argmax(probabilities))
            shown = (probabilities[best], *probabilities[:width])
            yield [self.labels[best], *(f"{p:.6f}" for p in shown)]


class MultiLabel(Problem):
    """Each text has any number of labels: a sigmoid for each, and a threshold."""

    name = "multi_label"
    metrics = (
        "macro_f1", "micro_f1", "accuracy", "loss", "hamming_loss", "macro_auc",
        "macro_average_precision", "macro_precision", "macro_recall", "micro_precision",
        "micro_recall",
    )  # fmt: skip

    def __init__(self, labels: Sequence[str], separator: str, thresholds: Sequence[float]):
        """Keeps what is to know.

        Args:
          labels: The label list.
          separator: What stands between two labels.
          thresholds: Probability from which on a label is given: one, or one for each label.

        Raises:
          ValueError: There are neither one threshold nor as many as labels.
        """
        super().__init__(labels)
        if len(thresholds) not in (1, len(self.labels)):
            raise ValueError(
                f"--thresholds: {len(thresholds)} found; expected one, or one for each of the "
                f"{len(self.labels)} labels: {', '.join(self.labels):.200}."
            )
        self._separator = separator
        self._thresholds = np.array(thresholds, np.float64)

    def targets(self) -> LabelSets:
        return LabelSets(self.labels, self._separator)

    def label_of(self, example: InputExample) -> str:
        return repr(sorted(labels_of(example, self._separator)))

    def counts(self, targets: LabelSets) -> Dict[str, float]:
        ids = targets.flat()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def model_fn(self, **settings: Any) -> Callable:
        return model_fns.multi_label_model_fn_builder(num_labels=len(self.labels), **settings)

    def scores(self, targets: LabelSets, logits: np.ndarray) -> Tuple[Dict[str, Any], str]:
        scores = metrics.multi_label_scores(
            targets.to_numpy(), logits, self.labels, self._thresholds
        )
        return scores, metrics.format_multi_label_scores(scores)

    def judge(self, targets: LabelSets, logits: np.ndarray) -> Judged:
        right = targets.to_numpy()
        return evidence.judge_several(right, logits, self.labels, self._thresholds)

    def columns(self) -> List[str]:
        return ["prediction", *self._probability_columns()]

    def answers(self, logits: np.ndarray) -> Iterable[List[str]]:
        width = len(self._probability_columns())
        for probabilities in metrics.sigmoid(logits):
            given = [self.labels[i] for i in np.nonzero(probabilities >= self._thresholds)[0]]
            yield [self._separator.join(given), *(f"{p:.6f}" for p in probabilities[:width])]


class Regression(Problem):
    """Each text has a number. The model learns it less the mean, in standard deviations."""

    name = "regression"
    metrics = ("mse", "mae", "pearson", "spearman")

    def __init__(self, mean: float, scale: float):
        """Keeps mean and standard deviation of the training's numbers."""
        super().__init__()
        self._mean = mean
        self._scale = scale

    def facts(self) -> Dict[str, Any]:
        return {"mean": self._mean, "scale": self._scale}

    def targets(self) -> Numbers:
        return Numbers(self._mean, self._scale)

    def label_of(self, example: InputExample) -> str:
        return ""

    def counts(self, targets: Numbers) -> Dict[str, float]:
        numbers = targets.to_numpy()
        if not len(numbers):
            return {}
        return {"lowest": float(numbers.min()), "mean": float(numbers.mean(dtype=np.float64)),
                "highest": float(numbers.max())}  # fmt: skip

    def model_fn(self, **settings: Any) -> Callable:
        return model_fns.regression_model_fn_builder(**settings)

    def scores(self, targets: Numbers, logits: np.ndarray) -> Tuple[Dict[str, Any], str]:
        scores = metrics.regression_scores(targets.to_numpy(), self._numbers(logits))
        return scores, "\n".join(metrics.format_figures(scores)) + "\n"

    def judge(self, targets: Numbers, logits: np.ndarray) -> Judged:
        return evidence.judge_numbers(targets.to_numpy(), self._numbers(logits))

    def columns(self) -> List[str]:
        return ["prediction"]

    def answers(self, logits: np.ndarray) -> Iterable[List[str]]:
        return ([f"{number:.9g}"] for number in self._numbers(logits))

    def _numbers(self, logits: np.ndarray) -> np.ndarray:
        # In 64 bits: in 32, large numbers that differ by little would be one.
        return logits[:, 0].astype(np.float64) * self._scale + self._mean


PROBLEMS: Dict[str, Type[Problem]] = {
    problem.name: problem for problem in (SingleLabel, MultiLabel, Regression)
}


def learn(
    problem_type: str,
    examples: Iterable[InputExample],
    processor: DataProcessor,
    *,
    labels: Optional[Sequence[str]],
    separator: str,
    thresholds: Sequence[float],
) -> Problem:
    """Makes the problem of a training.

    Args:
      problem_type: A name in `PROBLEMS`.
      examples: The training data, from which come the labels, if they are not given.
      processor: Its processor, for messages and for how many labels there must be.
      labels: The label list, if it is known.
      separator: What stands between the labels of a text that has several.
      thresholds: As of `MultiLabel`.

    Raises:
      ValueError: The labels are not fit for it.
    """
    if problem_type == Regression.name:
        return Regression(*_mean_and_scale(examples))
    several = problem_type == MultiLabel.name
    if labels is None:
        labels = _found_labels(examples, separator if several else None)
    _refuse_labels(labels, processor, at_least=1 if several else 2)
    return MultiLabel(labels, separator, thresholds) if several else SingleLabel(labels)


def recall(
    labels: Sequence[str], facts: Dict[str, Any], separator: str, thresholds: Sequence[float]
) -> Problem:
    """Makes the problem that a trained model is for, of what was kept with it."""
    problem_type = facts.get("problem_type", SingleLabel.name)
    if problem_type == Regression.name:
        return Regression(facts["mean"], facts["scale"])
    if problem_type == MultiLabel.name:
        return MultiLabel(labels, separator, thresholds)
    return SingleLabel(labels)


def _mean_and_scale(examples: Iterable[InputExample]) -> Tuple[float, float]:
    # Welford's way (1962), which does not lose digits where the mean is large.
    count, mean, squares = 0, 0.0, 0.0
    for count, example in enumerate(examples, start=1):
        number = number_of(example)
        before = number - mean
        mean += before / count
        squares += before * (number - mean)
    return mean, math.sqrt(squares / max(count, 1)) or 1.0


def _found_labels(examples: Iterable[InputExample], separator: Optional[str]) -> List[str]:
    found = set()
    for example in examples:
        if separator is not None:
            found.update(labels_of(example, separator))
            continue
        label = example.label
        if label is not None and not isinstance(label, str):
            raise ValueError(
                f"{place(example)}: the label is {label!r}; expected a string. For several labels "
                "of a text, give --problem_type=multi_label."
            )
        found.add(label or "")
    return sorted(label for label in found if label.strip())


def _refuse_labels(labels: Sequence[str], processor: DataProcessor, at_least: int) -> None:
    name = type(processor).__name__
    if len(set(labels)) < len(labels):
        raise ValueError(f"{name}: a label is listed twice: {labels}.")
    wanted = getattr(processor, "num_labels", None)
    if len(labels) < at_least or (wanted is not None and len(labels) != wanted):
        expected = wanted or {1: "one or more", 2: "two or more"}[at_least]
        several = " --task_name=multiclass takes any number." if wanted else ""
        raise ValueError(
            f"{len(labels)} label(s) found ({', '.join(map(repr, labels[:20]))}); {name} expects "
            f"{expected}.{several}"
        )
