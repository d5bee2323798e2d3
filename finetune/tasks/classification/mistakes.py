"""Compare a classifier's answers with the gold labels: how confident they are, which are wrong."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from finetune.data.processor import InputExample
from finetune.tasks.classification.metrics import sigmoid, softmax
from finetune.tasks.mistakes import MAX_MISTAKES, EvaluationDetails, Mistake, TextPiece

_MAX_CHARACTERS = 1000  # Per text shown


class WrongRow(NamedTuple):
    """A row with a wrong answer, before its text is looked up."""

    row: int
    gold: str
    predicted: str
    confidence: float


class RowReview(NamedTuple):
    """The same as `EvaluationDetails`, with row numbers in place of texts."""

    unit: str
    confidences: Optional[np.ndarray]
    is_correct: Optional[np.ndarray]
    wrong: List[WrongRow]
    numbers: Optional[Tuple[np.ndarray, np.ndarray]] = None


def review_single_label(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]
) -> RowReview:
    """Reviews answers of one label each: int [rows], float [rows, L]."""
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    is_correct = predicted == label_ids
    wrong = [
        WrongRow(int(i), labels[label_ids[i]], labels[predicted[i]], float(confidences[i]))
        for i in _worst(confidences, ~is_correct)
    ]
    return RowReview("texts", confidences, is_correct, wrong)


def review_multi_label(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> RowReview:
    """Reviews answers of any number of labels: int [rows, L], float [rows, L]."""
    probabilities = sigmoid(logits)
    given = probabilities >= thresholds
    gold = label_ids.astype(bool)
    # The model's confidence in its answer to each label, and the highest wrong one in each row.
    confidences = np.where(given, probabilities, 1.0 - probabilities)
    worst = np.where(given != gold, confidences, 0.0).max(axis=1)

    def names(row: np.ndarray) -> str:
        return ", ".join(labels[i] for i in np.nonzero(row)[0]) or "(none)"

    wrong = [
        WrongRow(int(i), names(gold[i]), names(given[i]), float(worst[i]))
        for i in _worst(worst, (given != gold).any(axis=1))
    ]
    return RowReview("answers, one per label", confidences.ravel(), (given == gold).ravel(), wrong)


def review_regression(numbers: np.ndarray, predicted: np.ndarray) -> RowReview:
    """Reviews predicted numbers, both float [rows]."""
    errors = np.abs(predicted - numbers)
    wrong = [
        WrongRow(int(i), f"{numbers[i]:.6g}", f"{predicted[i]:.6g}", float(errors[i]))
        for i in _worst(errors, errors > 0)
    ]
    return RowReview("texts", None, None, wrong, (numbers, predicted))


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
    return EvaluationDetails(
        review.unit, review.confidences, review.is_correct, mistakes, review.numbers
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " …"
