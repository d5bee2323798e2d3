"""Compare predicted answers with the gold answers: confidence, and the worst mistakes."""

import heapq
from typing import Iterable, List, Sequence, Tuple

import numpy as np

from finetune.tasks.mistakes import MAX_MISTAKES, Answers, EvaluationDetails, Mistake, TextPiece
from finetune.tasks.question_answering.decoding import Candidate
from finetune.tasks.question_answering.metrics import Normalize
from finetune.tasks.question_answering.question import Question

_MARGIN = 400  # Code points of the context that are shown around the answers
_NO_ANSWER = "no answer"


def review_answers(
    questions: Iterable[Question], chosen: Iterable[Candidate], normalize: Normalize
) -> EvaluationDetails:
    """Reviews predicted answers: the model's confidence in each, and the worst mistakes.

    Args:
      questions: The questions, with gold answers.
      chosen: The answer to each question.
      normalize: Removes the differences between answers that do not count.
    """
    confidences: List[float] = []
    is_correct: List[bool] = []
    mistakes: List[Tuple[float, int, Mistake]] = []
    for number, (question, answer) in enumerate(zip(questions, chosen)):
        golds = {normalize(gold.text) for gold in question.gold} or {""}
        confidences.append(answer.probability)
        is_correct.append(normalize(answer.text) in golds)
        if not is_correct[-1]:
            # The number makes the order unambiguous, so that no two mistakes are ever compared.
            item = (answer.probability, -number, _mistake(question, answer))
            heapq.heappush(mistakes, item)
            if len(mistakes) > MAX_MISTAKES:
                heapq.heappop(mistakes)
    worst = [mistake for _, _, mistake in sorted(mistakes, key=lambda m: m[:2], reverse=True)]
    reviewed = Answers("questions", np.array(confidences), np.array(is_correct, bool))
    return EvaluationDetails(reviewed, worst)


def _mistake(question: Question, answer: Candidate) -> Mistake:
    gold = [(each.start, each.end) for each in question.gold]
    predicted = [(answer.start, answer.end)] if answer.text else []
    shown = _shown(len(question.context), [*gold, *predicted])
    texts = [
        ("question", [TextPiece(question.question)]),
        ("gold", _marked(question.context, gold, shown)),
        ("predicted", _marked(question.context, predicted, shown)),
    ]
    gold_texts = " / ".join(dict.fromkeys(each.text for each in question.gold))
    return Mistake(
        place=question.place,
        texts=texts,
        gold=gold_texts or _NO_ANSWER,
        predicted=answer.text or _NO_ANSWER,
        confidence=answer.probability,
    )


def _shown(length: int, spans: Sequence[Tuple[int, int]]) -> Tuple[int, int]:
    """Returns the part of a context that is shown: the answers and what is around them."""
    if not spans:
        return 0, min(length, 2 * _MARGIN)
    start, end = min(spans)[0], max(end for _, end in spans)
    return max(0, start - _MARGIN), min(length, end + _MARGIN)


def _marked(
    context: str, spans: Sequence[Tuple[int, int]], shown: Tuple[int, int]
) -> List[TextPiece]:
    """Splits the shown part of a context into pieces; overlapping answers are marked as one."""
    pieces = [TextPiece("… ")] if shown[0] else []
    position = shown[0]
    for start, end in sorted(set(spans)):
        if end <= position:
            continue
        pieces.append(TextPiece(context[position : max(start, position)]))
        pieces.append(TextPiece(context[max(start, position) : end], "answer"))
        position = end
    pieces.append(TextPiece(context[position : shown[1]]))
    if shown[1] < len(context):
        pieces.append(TextPiece(" …"))
    return [piece for piece in pieces if piece.text]
