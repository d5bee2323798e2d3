"""Findings about the data: duplicates, conflicting labels, truncated rows, rare labels and more."""

import dataclasses
import re
import statistics as stats
import unicodedata
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from finetune.data import sources
from finetune.data.observations import LABEL_CONFLICT, NOTE, WARNING, Observation
from finetune.data.processor import Example, SkippedRow
from finetune.data.row_statistics import RowStatistics
from finetune.reports.length_advice import truncation_advice as advice_on_truncation
from finetune.util.decimals import parse_decimal
from finetune.util.plurals import count

_MAX_PLACES = 5
_MAX_LISTED = 20
_MANY_UNKNOWN = 0.05  # Fraction of [UNK] above which the model is probably for a different language
_MANY_CUT = 0.05  # Fraction of truncated rows above which they deserve a warning
_MANY_NUMBERS = 10  # Different numeric labels from which they are probably regression targets
# Not shown, although not in Unicode's categories Cc and Cf: fillers, joiners, variation selectors,
# and the empty Braille pattern.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_AROUND = "\"'`[](){}"  # Programs write them around a label.
# How pandas, NumPy and databases write a missing value.
_MISSING = {"nan", "inf", "infinity", "<na>", "nat", "null", "na", "n/a", "#n/a"}
_RARE = 0.05  # A label is rare if its count is at most this fraction of the median count


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong or unusual in the data.

    Attributes:
      severity: "error", "warning" or "note".
      what: A description in one line.
      count: Number of affected rows or labels.
      places: The first few of these rows, each as `file:line`.
    """

    severity: str
    what: str
    count: int
    places: List[str]


class SplitData(NamedTuple):
    """A split's examples, and what was gathered from them."""

    examples: Iterable[Example]
    statistics: RowStatistics
    label_counts: Mapping[str, float]
    observations: Sequence[Observation] = ()


def row_findings(
    split: str,
    data: SplitData,
    *,
    train: Optional[SplitData],
    max_seq_length: int,
    suggested_length: int,
    conflict: Tuple[str, str, str] = LABEL_CONFLICT,
    truncation_advice: str = "",
    fitting_model: str = "",
) -> List[Finding]:
    """Returns the findings about the rows of a split.

    Args:
      split: "train", "dev" or "test".
      data: The split.
      train: The training data, if there is any.
      max_seq_length: The run's --max_seq_length.
      suggested_length: The maximum length that the report suggests.
      conflict: See `Task.conflict`.
      truncation_advice: The task's other ways to handle long texts.
      fitting_model: The command that installs a model for the language of the texts.
    """
    found = _observed_texts(split, data.statistics, train, conflict, fitting_model)
    found.append(
        _observed_truncation(data.statistics, max_seq_length, suggested_length, truncation_advice)
    )
    found += data.observations
    return [_row_finding(split, data, each) for each in found if len(each.rows)]


def _observed_texts(
    split: str,
    statistics: RowStatistics,
    train: Optional[SplitData],
    conflict: Tuple[str, str, str],
    fitting_model: str,
) -> List[Observation]:
    earlier, empty = duplicates(statistics), np.nonzero(statistics.pieces == 0)[0]
    rest = " (the text occurs earlier in the file)"
    found = [Observation(NOTE, earlier, "duplicate text", "duplicate texts", rest)]
    rest = " empty or without wordpieces"
    found.append(Observation(WARNING, empty, "text is", "texts are", rest))
    if split != "test":
        one, many, how = conflict
        found.append(Observation(WARNING, contradictory(statistics), one, many, f" with {how}"))
    if split != "train":
        rest, also = " in the training data", also_in(train, statistics)
        found.append(Observation(WARNING, also, "text also appears", "texts also appear", rest))
    rate = unknown_rate(statistics)
    if rate > _MANY_UNKNOWN:
        rest = f" unknown wordpieces ({rate:.0%} of all): does the model support this language?"
        rest += f" {fitting_model} installs one that probably does" if fitting_model else ""
        unknown = np.nonzero(statistics.unknown)[0]
        found.append(Observation(WARNING, unknown, "row has", "rows have", rest))
    return found


def _observed_truncation(
    statistics: RowStatistics, max_seq_length: int, suggested_length: int, others: str
) -> Observation:
    cut = np.nonzero(statistics.cut)[0]
    rest = f" truncated at --max_seq_length={max_seq_length}"
    advice = advice_on_truncation(
        statistics.lengths,
        len(cut),
        max_seq_length=max_seq_length,
        suggested=suggested_length,
        others=others,
    )
    rest += f"; {advice}" if advice else ""
    severity = WARNING if len(cut) > _MANY_CUT * len(statistics) else NOTE
    return Observation(severity, cut, "row is", "rows are", rest)


def _row_finding(split: str, data: SplitData, observation: Observation) -> Finding:
    severity, rows, singular, plural, rest = observation
    first = rows[:_MAX_PLACES].tolist()
    places = sources.places(data.examples, first)
    return Finding(
        severity=severity,
        what=f"{split}: {count(len(rows), singular, plural)}{rest}",
        count=len(rows),
        places=[places[row] for row in first if row in places],
    )


def skipped_row_findings(split: str, rows: Sequence[SkippedRow]) -> List[Finding]:
    """Returns the findings about the rows of a split that its processor skipped."""
    places: Dict[str, List[str]] = {}
    for row in rows:
        places.setdefault(row.reason, []).append(row.where)
    return [
        Finding(
            severity=WARNING,
            what=f"{split}: {count(len(found), 'row is', 'rows are')} skipped: {reason}",
            count=len(found),
            places=found[:_MAX_PLACES],
        )
        for reason, found in places.items()
    ]


def label_findings(
    train_counts: Mapping[str, float], dev_counts: Optional[Mapping[str, float]], unit: str
) -> List[Finding]:
    """Returns the findings about the labels.

    Args:
      train_counts: Number of occurrences of each label in the training data.
      dev_counts: The counts in the dev data; None if there is no dev data.
      unit: The unit of these counts, "rows" or "entities".
    """
    found = []
    missing = [label for label, number in train_counts.items() if not number]
    if missing:
        what = f"labels that do not occur in the training data: {_listed(map(repr, missing))}"
        found.append(Finding(WARNING, what, len(missing), []))
    found += _similar_labels(train_counts)
    found += _missing_values(train_counts)
    if unit == "rows":
        found += _numeric_labels(train_counts)
    median = stats.median(train_counts.values()) if train_counts else 0
    rare = {label: n for label, n in train_counts.items() if 0 < n <= median * _RARE}
    if rare:
        counted = (f"{label!r} ({_number_of(int(n), unit)})" for label, n in rare.items())
        what = f"rare labels, perhaps misspelt: {_listed(counted)}"
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
        other = seen.setdefault(_meaning_of(label), label)
        if other != label:
            # If the difference is invisible, it is shown by escapes.
            show = ascii if _look_of(other) == _look_of(label) else repr
            what = f"labels that look or mean the same: {show(other)} and {show(label)}"
            found.append(Finding(WARNING, what, 1, []))
    return found


def _missing_values(labels: Iterable[str]) -> List[Finding]:
    """Finds labels that are probably missing values."""
    names = [
        label
        for label in labels
        if label == "None" or _look_of(label).casefold().lstrip("-+") in _MISSING
    ]
    if not names:
        return []
    what = f"labels that programs write for a missing value: {_listed(map(repr, names))}"
    return [Finding(WARNING, what, len(names), [])]


def _numeric_labels(counts: Mapping[str, float]) -> List[Finding]:
    """Finds labels that are probably targets of a regression: many numbers, some with decimals."""
    numbers = [parse_decimal(label) for label in counts]
    known = [number for number in numbers if number is not None]
    has_fractions = any(not number.is_integer() for number in known)
    if len(known) < len(numbers) or len(known) < _MANY_NUMBERS or not has_fractions:
        return []
    what = f"{len(known)} labels, all numbers: to predict a number, use --problem_type=regression"
    return [Finding(WARNING, what, len(known), [])]


def _look_of(label: str) -> str:
    """Returns a text that is equal for labels that look the same."""
    label = _BLANK.sub("", label)
    visible = (c for c in label if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    return " ".join(unicodedata.normalize("NFKC", "".join(visible)).split())


def _meaning_of(label: str) -> str:
    """Returns a text that is equal for labels that differ only in case or are the same number.

    Quotes and brackets around a label do not count.
    """
    look = unicodedata.normalize("NFKC", _look_of(label).casefold())
    look = look.strip(_AROUND).strip() or look
    number = parse_decimal(look)
    return look if number is None else repr(number + 0.0)  # 1 and 1.0, or 0 and -0, are the same.


def _number_of(number: int, unit: str) -> str:
    return count(number, {"rows": "row", "entities": "entity"}[unit], unit)


def _listed(labels: Iterable[str]) -> str:
    shown = list(labels)
    return ", ".join(shown[:_MAX_LISTED]) + (", …" if len(shown) > _MAX_LISTED else "")


def unknown_rate(statistics: RowStatistics) -> float:
    """Returns the fraction of wordpieces that are `[UNK]`."""
    unknown, total = statistics.unknown.sum(dtype=np.int64), statistics.pieces.sum(dtype=np.int64)
    return float(unknown / max(1, total))


def duplicates(statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text occurs in an earlier row."""
    _, first = np.unique(statistics.texts, return_index=True)
    return np.setdiff1d(np.arange(len(statistics)), first, assume_unique=True)


def contradictory(statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text occurs with different labels, grouped by text."""
    order = np.argsort(statistics.texts, kind="stable")
    texts, labels = statistics.texts[order], statistics.labels[order]
    starts = np.nonzero(np.concatenate([[True], texts[1:] != texts[:-1]]))[0]
    differ = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
    counts = np.diff(np.concatenate([starts, [len(texts)]]))
    return order[np.repeat(differ, counts)]


def also_in(train: Optional[SplitData], statistics: RowStatistics) -> np.ndarray:
    """Returns the rows whose text occurs in the training data."""
    if train is None:
        return np.zeros(0, np.int64)
    return np.nonzero(np.isin(statistics.texts, train.statistics.texts))[0]
