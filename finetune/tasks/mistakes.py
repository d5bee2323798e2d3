"""The part of report.html about a model's predictions: confidence, and the worst mistakes."""

import dataclasses
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from finetune.tasks.intervals import Interval

MAX_MISTAKES = 30


class TextPiece(NamedTuple):
    """A piece of a text, and the label that marks it ("" for none)."""

    text: str
    label: str = ""


class Mistake(NamedTuple):
    """A text that the model got wrong.

    Attributes:
      place: Where the text is.
      texts: The text, both texts of a pair, or one text marked in several ways; each with its title
        ("" for none).
      gold: The gold label or value.
      predicted: The predicted label or value.
      confidence: The probability of the wrong prediction; in regression, the absolute error.
    """

    place: str
    texts: List[Tuple[str, List[TextPiece]]]
    gold: str
    predicted: str
    confidence: float


class Answers(NamedTuple):
    """Predictions with their probabilities.

    Attributes:
      unit: The plural noun for the items that are predicted, such as "texts".
      confidences: float [predictions], the probability of each prediction.
      is_correct: bool [predictions].
    """

    unit: str
    confidences: np.ndarray
    is_correct: np.ndarray


class NumberAnswers(NamedTuple):
    """Predictions in regression: gold and predicted values, float [rows]."""

    gold: np.ndarray
    predicted: np.ndarray


class Ranking(NamedTuple):
    """How two labels are told apart.

    Attributes:
      label: The second label.
      has_label: bool [rows], whether it is the gold label.
      probabilities: float [rows], its probability.
    """

    label: str
    has_label: np.ndarray
    probabilities: np.ndarray


@dataclasses.dataclass(frozen=True)
class EvaluationDetails:
    """A model's predictions for the file that was scored.

    Attributes:
      answers: All predictions.
      mistakes: The worst mistakes, worst first.
      intervals: Confidence intervals of scores by name; empty for large files.
      ranking: How two labels are told apart; None for any other number of labels.
    """

    answers: Union[Answers, NumberAnswers]
    mistakes: List[Mistake]
    intervals: Dict[str, Interval] = dataclasses.field(default_factory=dict)
    ranking: Optional[Ranking] = None
