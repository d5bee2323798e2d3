"""Score a tagger by entities, as conlleval and seqeval do, and classify its errors."""

from collections import Counter
from typing import Dict, List, Literal, Optional, Sequence

from finetune.tasks.scores import (
    EntityScores,
    LabelScores,
    PrecisionRecallF1,
    TypeErrors,
    format_figures,
    format_label_table,
    format_table,
)
from finetune.tasks.tagging.tags import Span, spans_of, strict_spans_of

Tags = Sequence[Sequence[str]]
_Outcome = Literal["right", "wrong_type", "wrong_boundary", "wrong_type_and_boundary", "missed"]


def entity_scores(gold: Tags, predicted: Tags, loss: float) -> EntityScores:
    """Scores predicted tags.

    An entity is correct if its type and both its ends are (Tjong Kim Sang and De Meulder 2003,
    section 2.4). Tags that break their scheme are read as conlleval reads them.

    Args:
      gold: The gold tags of each text, IOB2.
      predicted: The predicted tags of each text, one for each gold tag.
      loss: The loss in nats per word.

    Returns:
      The scores; a score whose denominator is 0 is 0.
    """
    assert list(map(len, gold)) == list(map(len, predicted)), "one predicted tag per gold tag"
    gold_spans = [spans_of(tags) for tags in gold]
    predicted_spans = [spans_of(tags) for tags in predicted]
    types = _per_type(gold_spans, predicted_spans)
    strict = _micro([strict_spans_of(t) for t in gold], [strict_spans_of(t) for t in predicted])
    pairs = [(g, p) for gs, ps in zip(gold, predicted) for g, p in zip(gs, ps)]
    return {
        "num_sentences": len(gold),
        "num_words": len(pairs),
        "loss": loss,
        "token_accuracy": _ratio(sum(g == p for g, p in pairs), len(pairs)),
        **_micro(gold_spans, predicted_spans),
        "macro_precision": _ratio(sum(t["precision"] for t in types.values()), len(types)),
        "macro_recall": _ratio(sum(t["recall"] for t in types.values()), len(types)),
        "macro_f1": _ratio(sum(t["f1"] for t in types.values()), len(types)),
        "strict_precision": strict["precision"],
        "strict_recall": strict["recall"],
        "strict_f1": strict["f1"],
        "types": types,
        "errors": error_table(gold_spans, predicted_spans),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _prf(correct: int, predicted: int, gold: int) -> PrecisionRecallF1:
    precision, recall = _ratio(correct, predicted), _ratio(correct, gold)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return PrecisionRecallF1(precision=precision, recall=recall, f1=f1)


def _micro(gold: Sequence[List[Span]], predicted: Sequence[List[Span]]) -> PrecisionRecallF1:
    correct = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted))
    return _prf(correct, sum(map(len, predicted)), sum(map(len, gold)))


def _per_type(
    gold: Sequence[List[Span]], predicted: Sequence[List[Span]]
) -> Dict[str, LabelScores]:
    correct: Counter = Counter()
    for g, p in zip(gold, predicted):
        correct.update(kind for *_, kind in set(g) & set(p))
    in_gold = Counter(kind for spans in gold for *_, kind in spans)
    in_predicted = Counter(kind for spans in predicted for *_, kind in spans)
    return {
        kind: LabelScores(
            **_prf(correct[kind], in_predicted[kind], in_gold[kind]), support=in_gold[kind]
        )
        for kind in sorted(in_gold.keys() | in_predicted.keys())
    }


def error_table(
    gold: Sequence[List[Span]], predicted: Sequence[List[Span]]
) -> Dict[str, TypeErrors]:
    """Returns the outcomes of the gold entities of each type.

    Each gold entity is compared with the predicted entity that overlaps it most. In a tie, an
    entity of its own type is preferred, then the first one.
    """
    table: Dict[str, TypeErrors] = {}
    kinds = {kind for spans in (*gold, *predicted) for *_, kind in spans}
    for kind in sorted(kinds):
        table[kind] = TypeErrors(
            right=0,
            wrong_type=0,
            wrong_boundary=0,
            wrong_type_and_boundary=0,
            missed=0,
            spurious=0,
            taken_for=Counter(),
        )
    for in_gold, in_predicted in zip(gold, predicted):
        gold_at, predicted_at = _by_word(in_gold), _by_word(in_predicted)
        for span in in_gold:
            best = _counterpart(span, predicted_at)
            table[span[2]][_outcome(span, best)] += 1
            if best is not None and best[:2] == span[:2]:
                table[span[2]]["taken_for"][best[2]] += 1
        for span in in_predicted:
            if _counterpart(span, gold_at) is None:
                table[span[2]]["spurious"] += 1
    return table


def _by_word(spans: Sequence[Span]) -> Dict[int, Span]:
    return {word: span for span in spans for word in range(*span[:2])}


def _counterpart(span: Span, others: Dict[int, Span]) -> Optional[Span]:
    """Returns the span that shares the most words with a span; `others` maps words to spans."""
    shared = Counter(others[word] for word in range(*span[:2]) if word in others)
    # A Counter keeps the order of insertion, so `max` returns the first among ties.
    return max(shared, key=lambda other: (shared[other], other[2] == span[2]), default=None)


def _outcome(span: Span, best: Optional[Span]) -> _Outcome:
    if best is None:
        return "missed"
    if best[:2] == span[:2]:
        return "right" if best[2] == span[2] else "wrong_type"
    return "wrong_boundary" if best[2] == span[2] else "wrong_type_and_boundary"


def format_entity_scores(scores: EntityScores) -> str:
    """Returns scores as human-readable text: figures, a table of types, a table of errors."""
    columns = ("precision", "recall", "f1", "support")
    lines = [*format_figures(scores), "", *format_label_table("type", scores["types"], columns)]
    return "\n".join(lines + _format_errors(scores["errors"])) + "\n"


def _format_errors(errors: Dict[str, TypeErrors]) -> List[str]:
    kinds = list(errors)
    header = ["type", *kinds, "|", "missed", "wrong boundary", "wrong both", "spurious"]
    rows = [
        [
            kind,
            *(row["taken_for"].get(other, 0) for other in kinds),
            "|",
            row["missed"],
            row["wrong_boundary"],
            row["wrong_type_and_boundary"],
            row["spurious"],
        ]
        for kind, row in errors.items()
    ]
    title = "gold entities by predicted type (both ends correct) | other errors"
    return ["", title, *format_table(header, rows)]
