"""Compare a classifier's predictions with the gold labels: confidence, and wrong predictions."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from finetune.data.processor import InputExample
from finetune.tasks import intervals
from finetune.tasks.classification.metrics import sigmoid, softmax
from finetune.tasks.mistakes import (
    MAX_MISTAKES,
    Answers,
    EvaluationDetails,
    Mistake,
    NumberAnswers,
    Ranking,
    TextPiece,
)

_MAX_CHARACTERS = 1000  # Shown per text


class WrongRow(NamedTuple):
    """A row with a wrong prediction, before its text is looked up."""

    row: int
    gold: str
    predicted: str
    confidence: float


class RowReview(NamedTuple):
    """Like `EvaluationDetails`, but with row numbers instead of texts."""

    answers: Union[Answers, NumberAnswers]
    wrong: List[WrongRow]
    intervals: Dict[str, intervals.Interval]
    ranking: Optional[Ranking] = None


def review_single_label(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]
) -> RowReview:
    """Reviews predictions of one label each.

    Args:
      label_ids: int [rows], the gold labels.
      logits: float [rows, L].
      labels: The label list.
    """
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    is_correct = predicted == label_ids
    wrong = [
        WrongRow(int(i), labels[label_ids[i]], labels[predicted[i]], float(confidences[i]))
        for i in _worst(confidences, ~is_correct)
    ]
    makers = {
        "macro_f1": lambda: _f1_interval(_one_hot(label_ids, labels), _one_hot(predicted, labels)),
        "accuracy": lambda: intervals.of_accuracy(is_correct),
    }
    return RowReview(
        Answers("texts", confidences, is_correct),
        wrong,
        intervals.for_small_data(len(label_ids), makers),
        Ranking(labels[1], label_ids == 1, probabilities[:, 1]) if len(labels) == 2 else None,
    )


def _one_hot(ids: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    return ids[:, np.newaxis] == np.arange(len(labels))  # bool [rows, L]


def _f1_interval(
    gold: np.ndarray, given: np.ndarray, is_micro: bool = False
) -> Optional[intervals.Interval]:
    """Returns the interval of macro or micro F1; both arrays are bool [rows, L]."""
    counts = [gold & given, gold.astype(int) + given]  # Two times [rows, L]
    if is_micro:
        counts = [count.sum(axis=1, keepdims=True) for count in counts]
    return intervals.of_f1(*counts)


def review_multi_label(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> RowReview:
    """Reviews predictions, each with any number of labels.

    Args:
      label_ids: int [rows, L], 1 if a row has the label.
      logits: float [rows, L].
      labels: The label list.
      thresholds: float [1] or [L], the minimum probability for a label to be assigned.
    """
    probabilities = sigmoid(logits)
    given = probabilities >= thresholds
    gold = label_ids.astype(bool)
    # The confidence of each decision about a label, and of the most confident wrong one per row.
    confidences = np.where(given, probabilities, 1.0 - probabilities)
    worst = np.where(given != gold, confidences, 0.0).max(axis=1)

    def names_of(row: np.ndarray) -> str:
        return ", ".join(labels[i] for i in np.nonzero(row)[0]) or "(none)"

    wrong = [
        WrongRow(int(i), names_of(gold[i]), names_of(given[i]), float(worst[i]))
        for i in _worst(worst, (given != gold).any(axis=1))
    ]
    makers = {
        "macro_f1": lambda: _f1_interval(gold, given),
        "micro_f1": lambda: _f1_interval(gold, given, is_micro=True),
        "accuracy": lambda: intervals.of_accuracy((given == gold).all(axis=1)),
    }
    unit = "decisions, one per label"
    answers = Answers(unit, confidences.ravel(), (given == gold).ravel())
    return RowReview(answers, wrong, intervals.for_small_data(len(gold), makers))


def review_regression(numbers: np.ndarray, predicted: np.ndarray) -> RowReview:
    """Reviews the predictions of a regression model; both arrays are float [rows]."""
    errors = np.abs(predicted - numbers)
    wrong = [
        WrongRow(int(i), f"{numbers[i]:.6g}", f"{predicted[i]:.6g}", float(errors[i]))
        for i in _worst(errors, errors > 0)
    ]
    makers = {
        "mse": lambda: intervals.of_mean(errors**2),
        "mae": lambda: intervals.of_mean(errors),
    }
    found = intervals.for_small_data(len(numbers), makers)
    return RowReview(NumberAnswers(numbers, predicted), wrong, found)


def _worst(values: np.ndarray, among: np.ndarray) -> List[int]:
    rows = np.nonzero(among)[0]
    return rows[np.argsort(-values[rows], kind="stable")[:MAX_MISTAKES]].tolist()


def add_texts(review: RowReview, examples: Iterable[InputExample]) -> EvaluationDetails:
    """Looks up the texts of the mistakes, in one pass over the examples."""
    wanted = {wrong.row: wrong for wrong in review.wrong}
    found: Dict[int, Mistake] = {}
    for row, example in enumerate(examples):
        if row in wanted:
            wrong = wanted[row]
            shown = [("", [TextPiece(_shortened(text))]) for text in example.texts]
            found[row] = Mistake(
                example.place, shown, wrong.gold, wrong.predicted, wrong.confidence
            )
    mistakes = [found[wrong.row] for wrong in review.wrong]
    return EvaluationDetails(review.answers, mistakes, review.intervals, review.ranking)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " …"
