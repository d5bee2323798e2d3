"""What a report shows of a model's answers: how sure they are, and the mistakes among them."""

import dataclasses
import heapq
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from finetune.metrics import sigmoid, softmax
from finetune.tagged_text import TaggedText
from finetune.tagging import Span, spans_of

MOST_MISTAKES = 30
_MOST_CHARACTERS = 1000  # Of a text that is shown


class Piece(NamedTuple):
    """A piece of a text."""

    text: str
    mark: str = ""  # What it is marked as; "": nothing


class Mistake(NamedTuple):
    """A text that the model has wrong.

    Attributes:
      place: Where the text stands.
      texts: The text, the texts of a pair, or the same text marked in different ways; each with
        what it is to be called ("" for nothing).
      right: The right answer, in words.
      predicted: The model's.
      confidence: How sure it is, a probability; of numbers, how far it is off.
    """

    place: str
    texts: List[Tuple[str, List[Piece]]]
    right: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of a model's answers to the dev file.

    Attributes:
      unit: What is counted, such as "texts".
      confidences: float [answers], probabilities; None where there are none.
      is_right: bool [answers].
      mistakes: The worst, the worst first.
      numbers: Right and predicted numbers, of a regression.
    """

    unit: str
    confidences: Optional[np.ndarray]
    is_right: Optional[np.ndarray]
    mistakes: List[Mistake]
    numbers: Optional[Tuple[np.ndarray, np.ndarray]] = None


class WrongRow(NamedTuple):
    """A row whose answer is wrong, before its text is looked up."""

    row: int
    right: str
    predicted: str
    confidence: float


class Judged(NamedTuple):
    """As `Evidence`, without texts."""

    unit: str
    confidences: Optional[np.ndarray]
    is_right: Optional[np.ndarray]
    wrong: List[WrongRow]
    numbers: Optional[Tuple[np.ndarray, np.ndarray]] = None


def judge_single(label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]) -> Judged:
    """Judges answers of one label each: int [rows], float [rows, L]."""
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    is_right = predicted == label_ids
    wrong = [
        WrongRow(int(i), labels[label_ids[i]], labels[predicted[i]], float(confidences[i]))
        for i in _worst(confidences, ~is_right)
    ]
    return Judged("texts", confidences, is_right, wrong)


def judge_several(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> Judged:
    """Judges answers of any number of labels: int [rows, L], float [rows, L]."""
    probabilities = sigmoid(logits)
    given = probabilities >= thresholds
    has = label_ids.astype(bool)
    # How sure the model is of its answer to each label, and in each row of the worst of these.
    sure = np.where(given, probabilities, 1.0 - probabilities)
    worst = np.where(given != has, sure, 0.0).max(axis=1)

    def names(row: np.ndarray) -> str:
        return ", ".join(labels[i] for i in np.nonzero(row)[0]) or "(none)"

    wrong = [
        WrongRow(int(i), names(has[i]), names(given[i]), float(worst[i]))
        for i in _worst(worst, (given != has).any(axis=1))
    ]
    return Judged("answers, one a label", sure.ravel(), (given == has).ravel(), wrong)


def judge_numbers(numbers: np.ndarray, predicted: np.ndarray) -> Judged:
    """Judges predicted numbers, float [rows] both."""
    off = np.abs(predicted - numbers)
    wrong = [
        WrongRow(int(i), f"{numbers[i]:.6g}", f"{predicted[i]:.6g}", float(off[i]))
        for i in _worst(off, off > 0)
    ]
    return Judged("texts", None, None, wrong, (numbers, predicted))


def _worst(values: np.ndarray, among: np.ndarray) -> List[int]:
    rows = np.nonzero(among)[0]
    return rows[np.argsort(-values[rows], kind="stable")[:MOST_MISTAKES]].tolist()


def with_texts(
    judged: Judged,
    examples: Iterable[object],
    place: Callable[[object], str],
    texts: Callable[[object], Sequence[str]],
) -> Evidence:
    """Looks the texts of mistakes up, going through the examples once."""
    wanted = {wrong.row: wrong for wrong in judged.wrong}
    found: Dict[int, Mistake] = {}
    for row, example in enumerate(examples):
        if row in wanted:
            wrong = wanted[row]
            shown = [("", [Piece(_short(text))]) for text in texts(example)]
            found[row] = Mistake(place(example), shown, *wrong[1:])
    mistakes = [found[wrong.row] for wrong in judged.wrong]
    return Evidence(judged.unit, judged.confidences, judged.is_right, mistakes, judged.numbers)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …"


def judge_tags(
    texts: Iterable[TaggedText], answers: Iterable[Tuple[List[str], List[float]]]
) -> Evidence:
    """Judges predicted tags: how sure the model is of each entity, and the sentences it has wrong.

    An entity's probability is the mean of its tags'. A sentence's is that of the wrong entity that
    the model is surest of; where entities are missed alone, that of the tags in their place.

    Args:
      texts: The texts, with their right tags.
      answers: Of each text, the predicted tags and their probabilities.
    """
    confidences: List[float] = []
    is_right: List[bool] = []
    mistakes: List[Tuple[float, int, Mistake]] = []
    for number, (text, (tags, probabilities)) in enumerate(zip(texts, answers)):
        gold, predicted = spans_of(text.tags), spans_of(tags)
        sure = {span: _mean(probabilities, span) for span in {*gold, *predicted}}
        right = set(gold)
        confidences += [sure[span] for span in predicted]
        is_right += [span in right for span in predicted]
        wrong = right ^ set(predicted)
        if not wrong:
            continue
        confidence = max(sure[span] for span in wrong)
        mistake = Mistake(
            text.where or text.guid,
            [("right", _marked(text, gold)), ("predicted", _marked(text, predicted))],
            "",
            "",
            confidence,
        )
        # The number makes the order sure, and no mistake is ever compared.
        heapq.heappush(mistakes, (confidence, -number, mistake))
        if len(mistakes) > MOST_MISTAKES:
            heapq.heappop(mistakes)
    worst = [mistake for _, _, mistake in sorted(mistakes, key=lambda m: m[:2], reverse=True)]
    return Evidence("entities", np.array(confidences), np.array(is_right, bool), worst)


def _mean(probabilities: Sequence[float], span: Span) -> float:
    first, last, _ = span
    return sum(probabilities[first:last]) / (last - first)


def _marked(text: TaggedText, spans: Sequence[Span]) -> List[Piece]:
    """Returns the pieces of a text, those of spans with their types."""
    pieces, end = [], 0
    for first, last, kind in spans:
        start = text.words[first][0]
        pieces.append(Piece(text.text[end:start]))
        end = text.words[last - 1][1]
        pieces.append(Piece(text.text[start:end], kind))
    pieces.append(Piece(text.text[end:]))
    return [piece for piece in pieces if piece.text]
