"""What report.html shows of a model's answers: how confident they are, and the worst mistakes."""

import dataclasses
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

MAX_MISTAKES = 30


class TextPiece(NamedTuple):
    """A piece of a text, and the label it is marked with ("" for none)."""

    text: str
    label: str = ""


class Mistake(NamedTuple):
    """A text that the model got wrong.

    Attributes:
      place: Where the text is.
      texts: The text, both texts of a pair, or one text marked in several ways; each with its title
        ("" for none).
      gold: The gold label or number.
      predicted: The model's.
      confidence: The probability of the wrong answer; for numbers, the absolute error.
    """

    place: str
    texts: List[Tuple[str, List[TextPiece]]]
    gold: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class EvaluationDetails:
    """What is known about each answer of a model to the dev file.

    Attributes:
      unit: What is counted, such as "texts".
      confidences: float [answers], probabilities; None if there are none.
      is_correct: bool [answers].
      mistakes: The worst mistakes, the worst first.
      numbers: Gold and predicted numbers, in regression.
    """

    unit: str
    confidences: Optional[np.ndarray]
    is_correct: Optional[np.ndarray]
    mistakes: List[Mistake]
    numbers: Optional[Tuple[np.ndarray, np.ndarray]] = None
