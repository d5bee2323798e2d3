"""Score a tagger by entities, as conlleval and seqeval do, and say what kind its errors are."""

from collections import Counter
from typing import Dict, List, Optional, Sequence

from finetune.metrics import format_figures, format_table
from finetune.tagging import Span, spans_of, strict_spans_of

Tags = Sequence[Sequence[str]]


def entity_scores(gold: Tags, predicted: Tags, loss: float) -> Dict[str, object]:
    """Scores predicted tags.

    An entity is right if its type and both its ends are (Tjong Kim Sang and De Meulder 2003,
    section 2.4); of tags that break their scheme, entities are read as conlleval reads them.

    Args:
      gold: The right tags of each text, IOB2.
      predicted: The predicted ones, as many for each text.
      loss: Nats per word.

    Returns:
      `num_sentences`, `num_words`, `loss`, `token_accuracy` (O included), `precision`, `recall`,
      `f1` (micro: of all entities at once), `macro_precision`, `macro_recall`, `macro_f1` (means
      over the types), `strict_precision`, `strict_recall`, `strict_f1` (micro, of predicted
      entities only those that begin with B), `types` (for each its `precision`, `recall`, `f1`,
      `support`), and `errors`, as of `error_table`. What has a zero denominator is 0.
    """
    if list(map(len, gold)) != list(map(len, predicted)):
        raise ValueError("The predicted tags are not as many as the right ones.")
    gold_spans = [spans_of(tags) for tags in gold]
    predicted_spans = [spans_of(tags) for tags in predicted]
    types = _per_type(gold_spans, predicted_spans)
    strict = _micro([strict_spans_of(t) for t in gold], [strict_spans_of(t) for t in predicted])
    pairs = [(g, p) for gs, ps in zip(gold, predicted) for g, p in zip(gs, ps)]
    scores: Dict[str, object] = {
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


def _prf(right: int, predicted: int, gold: int) -> Dict[str, float]:
    precision, recall = _ratio(right, predicted), _ratio(right, gold)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1}


def _micro(gold: Sequence[List[Span]], predicted: Sequence[List[Span]]) -> Dict[str, float]:
    right = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted))
    return _prf(right, sum(map(len, predicted)), sum(map(len, gold)))


def _per_type(
    gold: Sequence[List[Span]], predicted: Sequence[List[Span]]
) -> Dict[str, Dict[str, float]]:
    right: Counter = Counter()
    for g, p in zip(gold, predicted):
        right.update(kind for *_, kind in set(g) & set(p))
    in_gold = Counter(kind for spans in gold for *_, kind in spans)
    in_predicted = Counter(kind for spans in predicted for *_, kind in spans)
    return {
        kind: {**_prf(right[kind], in_predicted[kind], in_gold[kind]), "support": in_gold[kind]}
        for kind in sorted(in_gold.keys() | in_predicted.keys())
    }


def error_table(
    gold: Sequence[List[Span]], predicted: Sequence[List[Span]]
) -> Dict[str, Dict[str, object]]:
    """Says what became of the entities of each type.

    Each right entity is set against the predicted one that overlaps it most (of equals one of its
    own type, then the first).

    Returns:
      For each type: `right`; `wrong_type` (both ends right); `wrong_boundary` (type right);
      `wrong_type_and_boundary`; `missed` (nothing overlaps it): these add up to its entities. Then
      `spurious`, predicted entities of the type that overlap no right one; and `taken_for`, types
      predicted with both ends right, with their number. Predicted entities do not add up: one may
      be set against two right ones, or be the lesser of two that overlap the same.
    """
    table: Dict[str, Dict[str, object]] = {}
    kinds = {kind for spans in (*gold, *predicted) for *_, kind in spans}
    for kind in sorted(kinds):
        counts = ("right", "wrong_type", "wrong_boundary", "wrong_type_and_boundary", "missed")
        table[kind] = {**dict.fromkeys((*counts, "spurious"), 0), "taken_for": Counter()}
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
    """Returns the span that shares most words with one, of those by word."""
    shared = Counter(others[word] for word in range(*span[:2]) if word in others)
    # A Counter keeps the order in which it met them, and so `max` the first of equals.
    return max(shared, key=lambda other: (shared[other], other[2] == span[2]), default=None)


def _outcome(span: Span, best: Optional[Span]) -> str:
    if best is None:
        return "missed"
    if best[:2] == span[:2]:
        return "right" if best[2] == span[2] else "wrong_type"
    return "wrong_boundary" if best[2] == span[2] else "wrong_type_and_boundary"


def format_entity_scores(scores: Dict[str, object]) -> str:
    """Returns scores as text for people: a line each, a table of types, a table of errors."""
    lines = [*format_figures(scores), "", *format_table("type", scores["types"])]
    return "\n".join(lines + _format_errors(scores["errors"])) + "\n"


def _format_errors(errors: Dict[str, Dict[str, object]]) -> List[str]:
    kinds = list(errors)
    width = max(map(len, ("type", *kinds)))
    heads = ("missed", "wrong boundary", "wrong both", "spurious")
    keys = ("missed", "wrong_boundary", "wrong_type_and_boundary", "spurious")
    cells = [max(len(kind), 4) for kind in kinds]
    lines = [
        "",
        "rows: types. Entities found with both ends right, by the type predicted | other errors",
    ]
    head = [f"{'type':<{width}}"]
    head += [f"{kind:>{cell}}" for kind, cell in zip(kinds, cells)]
    lines.append("  ".join([*head, "|", *heads]))
    for kind, row in errors.items():
        body = [f"{kind:<{width}}"]
        body += [f"{row['taken_for'][k]:>{cell}}" for k, cell in zip(kinds, cells)]
        body += ["|", *(f"{row[key]:>{len(name)}}" for key, name in zip(keys, heads))]
        lines.append("  ".join(body))
    return lines
