"""Unusual questions and answers, which the data report turns into findings."""

from typing import Iterable, List, Optional

import numpy as np

from finetune.data.observations import NOTE, WARNING, Observation
from finetune.tasks.question_answering.features import QuestionFeatures
from finetune.tasks.question_answering.question import Question


def observe(
    split: str,
    questions: Iterable[Question],
    features: QuestionFeatures,
    train: Optional[QuestionFeatures],
    max_seq_length: int,
) -> List[Observation]:
    """Returns repaired and cut answers, and contexts that are also in the training data.

    Args:
      split: "train", "dev" or "test".
      questions: The questions.
      features: The questions as arrays.
      train: The training data as arrays, if there is any.
      max_seq_length: Maximum length of a window.
    """
    repaired = [i for i, q in enumerate(questions) if any(a.repaired for a in q.answers or ())]
    found = [
        Observation(
            WARNING,
            np.array(repaired, np.int64),
            "question has an answer",
            "questions have answers",
            " not where answer_start says; the nearest occurrence is used",
        ),
        Observation(
            WARNING,
            features.cut_answers,
            "question has no answer",
            "questions have no answer",
            f" that is inside one window of --max_seq_length={max_seq_length}",
        ),
    ]
    if train is not None and split != "train":
        shared = np.isin(features.context_hashes, train.context_hashes)[features.context_of]
        rest = " about a context that also occurs in the training data"
        found.append(Observation(NOTE, np.nonzero(shared)[0], "question is", "questions are", rest))
    return found
