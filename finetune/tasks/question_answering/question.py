"""A question about a context, and its gold answers."""

import dataclasses
from typing import Iterable, List, Optional, Tuple

UNKNOWN = -1  # The offset of an answer whose place in the context is not known


@dataclasses.dataclass(frozen=True)
class Answer:
    """A gold answer.

    Attributes:
      text: The answer as the data has it, which scores use.
      start: Offset of its first code point in the context, or `UNKNOWN`.
      end: Offset after its last code point. Once the answer is aligned, `context[start:end]` is its
        text, except for differences in case, whitespace or Unicode form.
      repaired: Whether the text is not at the offset that the data gives.
    """

    text: str
    start: int
    end: int
    repaired: bool = False


@dataclasses.dataclass
class Question:
    """A question about a context.

    Attributes:
      guid: Its id, unique in its split.
      question: The question.
      context: The text that contains the answer.
      answers: The gold answers; empty if the context contains no answer; None if they are unknown,
        which they can only be in data to predict.
      where: The place in the data, for messages.
    """

    guid: str
    question: str
    context: str
    answers: Optional[List[Answer]] = None
    where: Optional[str] = None

    @property
    def gold(self) -> List[Answer]:
        """The gold answers; raises `ValueError` if they are unknown."""
        if self.answers is None:
            raise ValueError(f"{self.place}: the question has no gold answers")
        return self.answers

    @property
    def place(self) -> str:
        """Where the question is, for messages."""
        return self.where or f"question {self.guid}"

    @property
    def texts(self) -> List[str]:
        """The question and its context."""
        return [self.question, self.context]

    @property
    def content(self) -> Tuple[object, ...]:
        """Everything in the question that affects a training run."""
        return self.question, self.context, self.answers


def are_answered(questions: Iterable[Question]) -> bool:
    """Returns whether data to predict has gold answers, by which it can be scored.

    If no question has an answer, the empty lists are placeholders.
    """
    questions = list(questions)
    return all(each.answers is not None for each in questions) and any(q.answers for q in questions)
