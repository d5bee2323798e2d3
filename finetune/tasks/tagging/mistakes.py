"""Compare predicted entities with the gold ones: how confident they are, which texts are wrong."""

import heapq
from typing import Iterable, List, Sequence, Tuple

import numpy as np

from finetune.tasks.mistakes import MAX_MISTAKES, EvaluationDetails, Mistake, TextPiece
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import Span, spans_of


def review_tags(
    texts: Iterable[TaggedText], answers: Iterable[Tuple[List[str], List[float]]]
) -> EvaluationDetails:
    """Reviews predicted tags: the model's confidence in each entity, and the worst texts.

    An entity's confidence is the mean probability of its tags. A text's is that of its wrong entity
    with the highest confidence; if entities are only missed, that of the tags predicted instead.

    Args:
      texts: The texts, with their gold tags.
      answers: The predicted tags of each text, and their probabilities.
    """
    confidences: List[float] = []
    is_correct: List[bool] = []
    mistakes: List[Tuple[float, int, Mistake]] = []
    for number, (text, (tags, probabilities)) in enumerate(zip(texts, answers)):
        gold, predicted = spans_of(text.tags), spans_of(tags)
        confidence_of = {span: _mean(probabilities, span) for span in {*gold, *predicted}}
        confidences += [confidence_of[span] for span in predicted]
        is_correct += [span in set(gold) for span in predicted]
        wrong = set(gold) ^ set(predicted)
        if not wrong:
            continue
        confidence = max(confidence_of[span] for span in wrong)
        marked = [("gold", _marked(text, gold)), ("predicted", _marked(text, predicted))]
        # The number makes the order unambiguous, so that no two mistakes are ever compared.
        heapq.heappush(
            mistakes, (confidence, -number, Mistake(text.place, marked, "", "", confidence))
        )
        if len(mistakes) > MAX_MISTAKES:
            heapq.heappop(mistakes)
    worst = [mistake for _, _, mistake in sorted(mistakes, key=lambda m: m[:2], reverse=True)]
    return EvaluationDetails("entities", np.array(confidences), np.array(is_correct, bool), worst)


def _mean(probabilities: Sequence[float], span: Span) -> float:
    first, last, _ = span
    return sum(probabilities[first:last]) / (last - first)


def _marked(text: TaggedText, spans: Sequence[Span]) -> List[TextPiece]:
    """Cuts a text into pieces; those of spans have their type as label."""
    pieces, end = [], 0
    for first, last, kind in spans:
        start = text.words[first][0]
        pieces.append(TextPiece(text.text[end:start]))
        end = text.words[last - 1][1]
        pieces.append(TextPiece(text.text[start:end], kind))
    pieces.append(TextPiece(text.text[end:]))
    return [piece for piece in pieces if piece.text]
