"""Findings about the data: duplicates, conflicting labels, truncated rows, rare labels and more."""

import dataclasses
import statistics as stats
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional

import numpy as np

from finetune.data import sources
from finetune.data.row_statistics import RowStatistics
from finetune.util.plurals import count

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
_MAX_PLACES = 5
_MAX_LABELS = 20
_MANY_UNKNOWN = 0.05  # Fraction of [UNK] above which the model is probably for another language
_MANY_CUT = 0.05  # Fraction of truncated rows above which they deserve a warning
_RARE = 0.05  # A label is rare up to this fraction of the median label's count.


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong or unusual in the data.

    Attributes:
      severity: "error", "warning" or "note".
      what: One line that describes it.
      count: How many rows or labels it concerns.
      places: Where the first of these rows are, each as `file:line`.
    """

    severity: str
    what: str
    count: int
    places: List[str]


class SplitData(NamedTuple):
    """A split: its examples, and the statistics gathered from them."""

    examples: Iterable[Any]
    statistics: RowStatistics
    label_counts: Dict[str, float]

    def coverage(self, length: int) -> float:
        """Returns the fraction of the rows that fit into `length` wordpieces."""
        return float(np.mean(self.statistics.lengths <= length))


class _Observation(NamedTuple):
    """Rows that have something in common, and the text that says so."""

    severity: str
    rows: np.ndarray
    singular: str
    plural: str
    rest: str


def row_findings(
    split: str,
    data: SplitData,
    *,
    train: Optional[SplitData],
    max_seq_length: int,
    suggested_length: int,
) -> List[Finding]:
    """Returns the findings about the rows of a split.

    Args:
      split: "train", "dev" or "test".
      data: The split.
      train: The training data, if there is any.
      max_seq_length: The maximum length of the run.
      suggested_length: The maximum length that the report suggests.
    """
    statistics = data.statistics
    earlier, empty = duplicates(statistics), np.nonzero(statistics.pieces == 0)[0]
    what = " (the text occurs earlier in the file)"
    found = [_Observation(NOTE, earlier, "duplicate text", "duplicate texts", what)]
    what = " empty or without wordpieces"
    found.append(_Observation(WARNING, empty, "text is", "texts are", what))
    if split != "test":
        what = " with conflicting labels: the same text appears with different labels"
        found.append(_Observation(WARNING, contradictory(statistics), "row", "rows", what))
    if split != "train":
        what, also = " in the training data", also_in(train, statistics)
        found.append(_Observation(WARNING, also, "text also appears", "texts also appear", what))
    rate = unknown_rate(statistics)
    if rate > _MANY_UNKNOWN:
        what = f" unknown wordpieces, {rate:.0%} of all: does the model support this language?"
        unknown = np.nonzero(statistics.unknown)[0]
        found.append(_Observation(WARNING, unknown, "row has", "rows have", what))
    cut = np.nonzero(statistics.cut)[0]
    what = f" truncated at --max_seq_length={max_seq_length}"
    if suggested_length > max_seq_length:
        what += f"; --max_seq_length={suggested_length} fits {data.coverage(suggested_length):.1%}"
    severity = WARNING if len(cut) > _MANY_CUT * len(statistics) else NOTE
    found.append(_Observation(severity, cut, "row is", "rows are", what))
    return [_row_finding(split, data, each) for each in found if len(each.rows)]


def _row_finding(split: str, data: SplitData, observation: _Observation) -> Finding:
    severity, rows, singular, plural, rest = observation
    first = rows[:_MAX_PLACES].tolist()
    places = sources.places(data.examples, first)
    return Finding(
        severity=severity,
        what=f"{split}: {count(len(rows), singular, plural)}{rest}",
        count=len(rows),
        places=[places[row] for row in first if row in places],
    )


def label_findings(
    train_counts: Mapping[str, float], dev_counts: Optional[Mapping[str, float]], unit: str
) -> List[Finding]:
    """Returns the findings about the labels.

    Args:
      train_counts: How often each label occurs in the training data.
      dev_counts: The same for the dev data, if there is any.
      unit: What is counted, "rows" or "entities".
    """
    found = []
    missing = [label for label, number in train_counts.items() if not number]
    if missing:
        what = f"labels that do not occur in the training data: {_listed(map(repr, missing))}"
        found.append(Finding(WARNING, what, len(missing), []))
    found += _similar_labels(train_counts)
    median = stats.median(train_counts.values()) if train_counts else 0
    rare = {label: n for label, n in train_counts.items() if 0 < n <= median * _RARE}
    if rare:
        counted = (f"{label!r} ({_number_of(int(n), unit)})" for label, n in rare.items())
        what = f"rare labels, perhaps misspelled: {_listed(counted)}"
        found.append(Finding(NOTE, what, len(rare), []))
    lacking = [
        label for label, n in (dev_counts or {}).items() if not n and train_counts.get(label)
    ]
    if lacking:
        what = f"labels that do not occur in the dev data: {_listed(map(repr, lacking))}"
        found.append(Finding(NOTE, what, len(lacking), []))
    return found


def _similar_labels(labels: Iterable[str]) -> List[Finding]:
    found = []
    seen: Dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(" ".join(label.split()).casefold(), label)
        if other != label:
            what = f"labels that differ only in case or white space: {other!r} and {label!r}"
            found.append(Finding(WARNING, what, 1, []))
    return found


def _number_of(number: int, unit: str) -> str:
    return count(number, {"rows": "row", "entities": "entity"}[unit], unit)


def _listed(labels: Iterable[str]) -> str:
    shown = list(labels)
    return ", ".join(shown[:_MAX_LABELS]) + (", …" if len(shown) > _MAX_LABELS else "")


def unknown_rate(statistics: RowStatistics) -> float:
    """Returns the fraction of the wordpieces that are `[UNK]`."""
    unknown, total = statistics.unknown.sum(dtype=np.int64), statistics.pieces.sum(dtype=np.int64)
    return float(unknown / max(1, total))


def duplicates(statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text occurs in an earlier row."""
    _, first = np.unique(statistics.texts, return_index=True)
    return np.setdiff1d(np.arange(len(statistics)), first, assume_unique=True)


def contradictory(statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text has another label in another row, grouped by text."""
    order = np.argsort(statistics.texts, kind="stable")
    texts, answers = statistics.texts[order], statistics.answers[order]
    starts = np.nonzero(np.concatenate([[True], texts[1:] != texts[:-1]]))[0]
    differ = np.minimum.reduceat(answers, starts) != np.maximum.reduceat(answers, starts)
    counts = np.diff(np.concatenate([starts, [len(texts)]]))
    return order[np.repeat(differ, counts)]


def also_in(train: Optional[SplitData], statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text occurs in the training data."""
    known = train.statistics.texts if train is not None else []
    return np.nonzero(np.isin(statistics.texts, known))[0]
