"""Score a tagger by entities, as conlleval and seqeval do, and classify its errors."""

from collections import Counter
from typing import Dict, List, Optional, Sequence, TypedDict

from finetune.output.best_model import Scores
from finetune.tasks.scores import format_figures, format_label_table, format_table
from finetune.tasks.tagging.tags import Span, spans_of, strict_spans_of

Tags = Sequence[Sequence[str]]


class PrecisionRecallF1(TypedDict):
    """Precision, recall and F1; 0 where the denominator is 0."""

    precision: float
    recall: float
    f1: float


class TypeScores(PrecisionRecallF1):
    """The scores of one entity type."""

    support: int


class TypeErrors(TypedDict):
    """What happened to the gold entities of one type; see `error_table`."""

    right: int
    wrong_type: int
    wrong_boundary: int
    wrong_type_and_boundary: int
    missed: int
    spurious: int
    taken_for: Dict[str, int]


def entity_scores(gold: Tags, predicted: Tags, loss: float) -> Scores:
    """Scores predicted tags.

    An entity is correct if its type and both its ends are (Tjong Kim Sang and De Meulder 2003,
    section 2.4). Tags that break their scheme are read as conlleval reads them.

    Args:
      gold: The gold tags of each text, IOB2.
      predicted: The predicted tags, equally many for each text.
      loss: Nats per word.

    Returns:
      `num_sentences`, `num_words`, `loss`, `token_accuracy` (including O), `precision`, `recall`,
      `f1` (micro-averaged over all entities), `macro_precision`, `macro_recall`, `macro_f1` (means
      over types), `strict_precision`, `strict_recall`, `strict_f1` (micro-averaged; only counts
      predicted entities that begin with B), `types` (the `TypeScores` of each) and `errors` (see
      `error_table`). A score whose denominator is zero is 0.
    """
    assert list(map(len, gold)) == list(map(len, predicted)), "one predicted tag per gold tag"
    gold_spans = [spans_of(tags) for tags in gold]
    predicted_spans = [spans_of(tags) for tags in predicted]
    types = _per_type(gold_spans, predicted_spans)
    strict = _micro([strict_spans_of(t) for t in gold], [strict_spans_of(t) for t in predicted])
    pairs = [(g, p) for gs, ps in zip(gold, predicted) for g, p in zip(gs, ps)]
    scores: Scores = {
        "num_sentences": len(gold),
        "num_words": len(pairs),
        "loss": loss,
        "token_accuracy": _ratio(sum(g == p for g, p in pairs), len(pairs)),
        **_micro(gold_spans, predicted_spans),
    }
    for name in ("precision", "recall", "f1"):
        scores[f"macro_{name}"] = _ratio(sum(t[name] for t in types.values()), len(types))
    scores.update({f"strict_{name}": value for name, value in strict.items()})
    return {**scores, "types": types, "errors": error_table(gold_spans, predicted_spans)}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _prf(correct: int, predicted: int, gold: int) -> PrecisionRecallF1:
    precision, recall = _ratio(correct, predicted), _ratio(correct, gold)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return PrecisionRecallF1(precision=precision, recall=recall, f1=f1)


def _micro(gold: Sequence[List[Span]], predicted: Sequence[List[Span]]) -> PrecisionRecallF1:
    correct = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted))
    return _prf(correct, sum(map(len, predicted)), sum(map(len, gold)))


def _per_type(gold: Sequence[List[Span]], predicted: Sequence[List[Span]]) -> Dict[str, TypeScores]:
    correct: Counter = Counter()
    for g, p in zip(gold, predicted):
        correct.update(kind for *_, kind in set(g) & set(p))
    in_gold = Counter(kind for spans in gold for *_, kind in spans)
    in_predicted = Counter(kind for spans in predicted for *_, kind in spans)
    return {
        kind: TypeScores(
            **_prf(correct[kind], in_predicted[kind], in_gold[kind]), support=in_gold[kind]
        )
        for kind in sorted(in_gold.keys() | in_predicted.keys())
    }


def error_table(
    gold: Sequence[List[Span]], predicted: Sequence[List[Span]]
) -> Dict[str, TypeErrors]:
    """Says what happened to the gold entities of each type.

    Each gold entity is compared with the predicted entity that overlaps it most; among ties, one
    of its own type, then the first.

    Returns:
      For each type: `right`; `wrong_type` (both ends correct); `wrong_boundary` (type correct);
      `wrong_type_and_boundary`; `missed` (nothing overlaps it). These add up to its gold entities.
      `spurious` is the number of predicted entities of the type that overlap no gold entity.
      `taken_for` counts the types predicted with both ends correct. Predicted entities need not add
      up: one can be compared with two gold entities, or with none.
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
    """Returns the span that shares most words with a span; `others` are given by word."""
    shared = Counter(others[word] for word in range(*span[:2]) if word in others)
    # A Counter keeps the order of insertion, so `max` returns the first among ties.
    return max(shared, key=lambda other: (shared[other], other[2] == span[2]), default=None)


def _outcome(span: Span, best: Optional[Span]) -> str:
    if best is None:
        return "missed"
    if best[:2] == span[:2]:
        return "right" if best[2] == span[2] else "wrong_type"
    return "wrong_boundary" if best[2] == span[2] else "wrong_type_and_boundary"


def format_entity_scores(scores: Scores) -> str:
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
