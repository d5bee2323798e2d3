"""The problem types: one label, any number of labels, or a number for each text."""

import itertools
from typing import (
    Any,
    Dict,
    Generic,
    Iterable,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypedDict,
    TypeVar,
)

import numpy as np

from finetune.tasks.classification import chance, metrics, mistakes
from finetune.tasks.classification.config import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from finetune.tasks.classification.features import Targets
from finetune.tasks.classification.mistakes import RowReview
from finetune.tasks.classification.targets import (
    LabelIds,
    LabelSets,
    Numbers,
)
from finetune.tasks.scores import Evaluation, format_figures
from finetune.util.errors import InputError
from finetune.util.plurals import count

# Columns of test_results.tsv other than those of the labels.
GOLD = "gold"  # The last column, if the rows to predict have labels
_COLUMNS = ("guid", "text", "text_a", "text_b", "prediction", "score", GOLD)
_MAX_COLUMNS = 100  # With more labels, test_results.tsv omits their probabilities.

TargetsT = TypeVar("TargetsT", bound=Targets)


ProblemName = Literal["single_label", "multi_label", "regression"]


class ProblemFacts(TypedDict, total=False):
    """Facts saved with some models.

    Keys:
      mean, scale: In regression, the mean and standard deviation of the training targets.
      thresholds: In multi-label classification, the thresholds tuned on the dev file.
    """

    mean: float
    scale: float
    thresholds: List[float]


class ClassifierFacts(ProblemFacts, total=False):
    """The facts that are saved with a classifier; see `Task.facts`."""

    problem_type: ProblemName
    pairs: Optional[bool]


class Prediction(TypedDict, total=False):
    """The prediction for one row.

    Keys:
      prediction: The label; in multi-label classification, a list of labels; in regression, a
        number.
      score: The probability of the label; only if each text has one label.
      probabilities: The probability of each label; not in regression.
    """

    prediction: Any
    score: float
    probabilities: Dict[str, float]


class ProblemType(Generic[TargetsT]):
    """Base class: a problem type, with the model's labels."""

    name: ProblemName

    def __init__(self, labels: Sequence[str] = ()):
        self.labels = list(labels)

    @property
    def metrics(self) -> Sequence[str]:
        """The metrics that can select the best model, the default first."""
        raise NotImplementedError

    def facts(self) -> ProblemFacts:
        """Returns everything besides the labels that is saved with the model."""
        return {}

    def targets(self) -> TargetsT:
        """Returns targets that have no rows yet."""
        raise NotImplementedError

    def label_counts(self, targets: TargetsT) -> Mapping[str, float]:
        """Returns how many rows have each label."""
        raise NotImplementedError

    def evaluate(self, targets: TargetsT, logits: np.ndarray) -> Evaluation:
        """Returns the scores of logits [rows, outputs]."""
        raise NotImplementedError

    def tune(self, targets: TargetsT, logits: np.ndarray) -> bool:
        """Tunes thresholds that are still unknown; returns whether there were any."""
        del targets, logits
        return False

    def check_tuned(self) -> None:
        """Raises `InputError` if thresholds are still unknown."""

    def review(self, targets: TargetsT, logits: np.ndarray) -> RowReview:
        """Compares logits [rows, outputs] with the targets, for the report."""
        raise NotImplementedError

    def gold_cells(self, targets: TargetsT) -> Iterable[str]:
        """Yields the gold label or labels of each row, as a prediction is written."""
        raise NotImplementedError

    def prediction_columns(self) -> List[str]:
        """Returns the names of the columns of a prediction."""
        raise NotImplementedError

    def predictions(self, logits: np.ndarray) -> Iterable[Prediction]:
        """Yields the prediction for each row of logits [rows, outputs]."""
        raise NotImplementedError

    def prediction_rows(self, logits: np.ndarray) -> Iterable[List[str]]:
        """Yields the prediction for each row of logits, one cell per column."""
        width = len(self._probability_columns())
        for row in self.predictions(logits):
            numbers = [row["score"]] if "score" in row else []
            numbers += itertools.islice(row.get("probabilities", {}).values(), width)
            yield [self._cell(row["prediction"]), *(f"{number:.6f}" for number in numbers)]

    def _cell(self, prediction: Any) -> str:
        """Returns the predicted label, labels or number as text."""
        return prediction

    def _probability_columns(self) -> List[str]:
        if len(self.labels) > _MAX_COLUMNS:
            return []
        # Code that reads columns by name would confuse a label with a column of the same name.
        if set(_COLUMNS).isdisjoint(self.labels):
            return self.labels
        return [f"label_{label}" for label in self.labels]


class SingleLabel(ProblemType[LabelIds]):
    """Each text has one label: softmax over the labels."""

    name = SINGLE_LABEL

    @property
    def metrics(self) -> Sequence[str]:
        for_two_labels = ("auc",) if len(self.labels) == 2 else ()
        others = ("weighted_f1", "macro_precision", "macro_recall")
        return ("macro_f1", "accuracy", "loss", "mcc", *for_two_labels, *others)

    def targets(self) -> LabelIds:
        return LabelIds(self.labels)

    def label_counts(self, targets: LabelIds) -> Mapping[str, float]:
        ids = targets.to_numpy()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def evaluate(self, targets: LabelIds, logits: np.ndarray) -> Evaluation:
        label_ids, predicted = targets.to_numpy(), np.argmax(logits, axis=-1)
        scores = metrics.single_label_scores(label_ids, logits, self.labels)
        warning = chance.single_label_warning(scores, label_ids, predicted, self.labels)
        return Evaluation(scores, metrics.format_single_label_scores(scores), warning)

    def review(self, targets: LabelIds, logits: np.ndarray) -> RowReview:
        return mistakes.review_single_label(targets.to_numpy(), logits, self.labels)

    def gold_cells(self, targets: LabelIds) -> Iterable[str]:
        return (self.labels[i] for i in targets.to_numpy())

    def prediction_columns(self) -> List[str]:
        return ["prediction", "score", *self._probability_columns()]

    def predictions(self, logits: np.ndarray) -> Iterable[Prediction]:
        for probabilities in metrics.softmax(logits):
            best = int(np.argmax(probabilities))
            yield {
                "prediction": self.labels[best],
                "score": float(probabilities[best]),
                "probabilities": dict(zip(self.labels, probabilities.tolist())),
            }


class MultiLabel(ProblemType[LabelSets]):
    """Each text has any number of labels: a sigmoid and a threshold for each label."""

    name = MULTI_LABEL

    @property
    def metrics(self) -> Sequence[str]:
        return (
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

    def __init__(
        self, labels: Sequence[str], separator: str, thresholds: Optional[Sequence[float]]
    ):
        """Creates the problem type.

        Args:
          labels: The label list.
          separator: Separates the labels in a cell.
          thresholds: Minimum probability for a label to be assigned: one number for all labels, or
            one for each label; None if they are to be tuned.

        Raises:
          InputError: The number of thresholds is neither one nor the number of labels.
        """
        super().__init__(labels)
        if thresholds is not None and len(thresholds) not in (1, len(self.labels)):
            raise InputError(
                f"--thresholds: found {count(len(thresholds), 'number')}; expected one, or one for "
                f"each of the {len(self.labels)} labels: {', '.join(self.labels):.200}."
            )
        self._separator = separator
        self._thresholds = None if thresholds is None else np.array(thresholds, np.float64)
        self._is_tuned = False

    def facts(self) -> ProblemFacts:
        if not self._is_tuned or self._thresholds is None:
            return {}
        return {"thresholds": self._thresholds.tolist()}

    def tune(self, targets: LabelSets, logits: np.ndarray) -> bool:
        if self._thresholds is not None:
            return False
        self._thresholds = self._thresholds_for(targets, logits)
        self._is_tuned = True
        return True

    def check_tuned(self) -> None:
        if self._thresholds is None:
            raise InputError(
                "--thresholds=best: the thresholds are not tuned yet; evaluate the model on its "
                "dev file first (--do_eval=true --thresholds=best)."
            )

    @property
    def thresholds(self) -> np.ndarray:
        """The thresholds, float64: one number, or [L].

        Raises:
          InputError: They are not tuned yet.
        """
        self.check_tuned()
        assert self._thresholds is not None
        return self._thresholds

    def _thresholds_for(self, targets: LabelSets, logits: np.ndarray) -> np.ndarray:
        """Returns the thresholds; if they are unknown, those with the best F1 for the targets."""
        if self._thresholds is not None:
            return self._thresholds
        return metrics.best_thresholds(targets.to_numpy(), metrics.sigmoid(logits))

    def targets(self) -> LabelSets:
        return LabelSets(self.labels, self._separator)

    def label_counts(self, targets: LabelSets) -> Mapping[str, float]:
        ids = targets.flat()
        return dict(zip(self.labels, np.bincount(ids, minlength=len(self.labels)).tolist()))

    def evaluate(self, targets: LabelSets, logits: np.ndarray) -> Evaluation:
        gold, probabilities = targets.to_numpy(), metrics.sigmoid(logits)
        thresholds = self._thresholds_for(targets, logits)
        scores = metrics.multi_label_scores(gold, logits, self.labels, thresholds)
        given = probabilities >= thresholds
        warning = chance.multi_label_warning(scores, gold, given, probabilities)
        return Evaluation(scores, metrics.format_multi_label_scores(scores), warning)

    def review(self, targets: LabelSets, logits: np.ndarray) -> RowReview:
        gold, thresholds = targets.to_numpy(), self._thresholds_for(targets, logits)
        return mistakes.review_multi_label(gold, logits, self.labels, thresholds)

    def gold_cells(self, targets: LabelSets) -> Iterable[str]:
        return (self._cell(self._given(row)) for row in targets.to_numpy())

    def _given(self, is_given: np.ndarray) -> List[str]:
        return [self.labels[i] for i in np.nonzero(is_given)[0]]

    def prediction_columns(self) -> List[str]:
        return ["prediction", *self._probability_columns()]

    def predictions(self, logits: np.ndarray) -> Iterable[Prediction]:
        thresholds = self.thresholds
        for probabilities in metrics.sigmoid(logits):
            yield {
                "prediction": self._given(probabilities >= thresholds),
                "probabilities": dict(zip(self.labels, probabilities.tolist())),
            }

    def _cell(self, prediction: Any) -> str:
        return self._separator.join(prediction)


class Regression(ProblemType[Numbers]):
    """Each text has a number, which the model learns in standardised form."""

    name = REGRESSION

    @property
    def metrics(self) -> Sequence[str]:
        return ("mse", "mae", "pearson", "spearman")

    def __init__(self, mean: float, scale: float):
        """Creates the problem type.

        Args:
          mean: Mean of the training targets.
          scale: Their standard deviation.
        """
        super().__init__()
        self.mean = mean
        self.scale = scale

    def facts(self) -> ProblemFacts:
        return {"mean": self.mean, "scale": self.scale}

    def targets(self) -> Numbers:
        return Numbers(self.mean, self.scale)

    def label_counts(self, targets: Numbers) -> Mapping[str, float]:
        """Returns the lowest, mean and highest target; there are no labels."""
        numbers = targets.to_numpy()
        if not len(numbers):
            return {}
        return {
            "lowest": float(numbers.min()),
            "mean": float(numbers.mean(dtype=np.float64)),
            "highest": float(numbers.max()),
        }

    def evaluate(self, targets: Numbers, logits: np.ndarray) -> Evaluation:
        numbers, predicted = targets.to_numpy(), self._numbers(logits)
        scores = metrics.regression_scores(numbers, predicted)
        warning = chance.regression_warning(scores, numbers, predicted)
        return Evaluation(scores, "\n".join(format_figures(scores)) + "\n", warning)

    def review(self, targets: Numbers, logits: np.ndarray) -> RowReview:
        return mistakes.review_regression(targets.to_numpy(), self._numbers(logits))

    def gold_cells(self, targets: Numbers) -> Iterable[str]:
        return map(self._cell, targets.to_numpy())

    def prediction_columns(self) -> List[str]:
        return ["prediction"]

    def predictions(self, logits: np.ndarray) -> Iterable[Prediction]:
        return ({"prediction": number} for number in self._numbers(logits).tolist())

    def _cell(self, prediction: Any) -> str:
        return f"{prediction:.9g}"

    def _numbers(self, logits: np.ndarray) -> np.ndarray:
        # In 32 bits, large numbers with small differences would become equal.
        return logits[:, 0].astype(np.float64) * self.scale + self.mean


PROBLEM_TYPES: Dict[str, Type[ProblemType]] = {
    problem_type.name: problem_type for problem_type in (SingleLabel, MultiLabel, Regression)
}
