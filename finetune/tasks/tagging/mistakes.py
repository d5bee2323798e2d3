"""Compare predicted entities with the gold entities: confidence, and the texts with errors."""

import heapq
from typing import Iterable, List, Sequence, Tuple

import numpy as np

from finetune.tasks import intervals
from finetune.tasks.mistakes import MAX_MISTAKES, Answers, EvaluationDetails, Mistake, TextPiece
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import Span, spans_of


def review_tags(
    texts: Iterable[TaggedText], answers: Iterable[Tuple[List[str], List[float]]]
) -> EvaluationDetails:
    """Reviews predicted tags: the model's confidence in each entity, and the worst texts.

    The confidence of an entity is the mean probability of the tags predicted for its words. The
    confidence of a text with errors is that of its most confident wrong or missed entity.

    Args:
      texts: The texts, with their gold tags.
      answers: The predicted tags of each text, and their probabilities.
    """
    confidences: List[float] = []
    is_correct: List[bool] = []
    mistakes: List[Tuple[float, int, Mistake]] = []
    counts: List[Tuple[int, int]] = []  # Correct entities, and gold plus predicted ones
    for number, (text, (tags, probabilities)) in enumerate(zip(texts, answers)):
        gold, predicted = spans_of(text.gold_tags), spans_of(tags)
        confidence_of = {span: _mean(probabilities, span) for span in {*gold, *predicted}}
        confidences += [confidence_of[span] for span in predicted]
        correct = set(gold)
        is_correct += [span in correct for span in predicted]
        counts.append((len(correct & set(predicted)), len(gold) + len(predicted)))
        wrong = correct ^ set(predicted)
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
    reviewed = Answers("entities", np.array(confidences), np.array(is_correct, bool))
    makers = {"f1": lambda: intervals.of_f1(*np.split(np.array(counts), 2, axis=1))}
    return EvaluationDetails(reviewed, worst, intervals.for_small_data(len(counts), makers))


def _mean(probabilities: Sequence[float], span: Span) -> float:
    first, last, _ = span
    return sum(probabilities[first:last]) / (last - first)


def _marked(text: TaggedText, spans: Sequence[Span]) -> List[TextPiece]:
    """Splits a text into pieces; each piece that is a span is labelled with its type."""
    pieces, end = [], 0
    for first, last, kind in spans:
        start = text.words[first][0]
        pieces.append(TextPiece(text.text[end:start]))
        end = text.words[last - 1][1]
        pieces.append(TextPiece(text.text[start:end], kind))
    pieces.append(TextPiece(text.text[end:]))
    return [piece for piece in pieces if piece.text]
