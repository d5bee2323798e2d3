"""The data report as human-readable text."""

from typing import Callable, List, Mapping, Sequence, Tuple

from finetune.reports.data_findings import Finding
from finetune.reports.data_report import DataReport, SplitReport
from finetune.reports.length_advice import shown_share
from finetune.tasks.scores import format_table
from finetune.util.plurals import count
from finetune.util.printable import one_line

_MAX_LABEL_ROWS = 20

# The rows of the table: a title, and a function that returns the cell of a split.
_ROWS: Sequence[Tuple[str, Callable[[SplitReport], str]]] = (
    ("rows", lambda split: str(split.rows)),
    ("wordpieces, median", lambda split: f"{split.tokens.median:.0f}"),
    ("wordpieces, 95th percentile", lambda split: f"{split.tokens.p95:.0f}"),
    ("wordpieces, longest", lambda split: str(split.tokens.longest)),
    ("truncated at {max_seq_length}", lambda split: str(split.tokens.cut)),
    ("unknown wordpieces", lambda split: f"{split.unknown_token_rate:.2%}"),
    ("empty", lambda split: str(split.empty)),
    ("duplicates", lambda split: str(split.duplicates)),
    ("conflicting", lambda split: str(split.contradictory)),
    ("also in train", lambda split: str(split.also_in_train)),
)


def format_report(report: DataReport) -> str:
    """Returns a report as human-readable text: findings, a table of figures, a suggestion."""
    lines = ["***** Data *****", *map(_finding_line, report.findings)]
    if not report.splits:
        return "\n".join(lines) + "\n"
    body = [
        [title.format(max_seq_length=report.max_seq_length), *map(cell, report.splits.values())]
        for title, cell in _ROWS
    ]
    lines += format_table(["", *report.splits], body + _label_rows(report.splits))
    lines.append(
        f"Suggestion: --max_seq_length={report.suggested_max_seq_length} fits "
        f"{shown_share(report.suggestion_covers)}."
    )
    return "\n".join(lines) + "\n"


def _finding_line(finding: Finding) -> str:
    places = ", ".join(_shortened(finding.places))
    if finding.count > len(finding.places) > 0:
        places += ", …"
    return one_line(f"{finding.severity}: {finding.what}" + (f" ({places})" if places else ""))


def _shortened(places: Sequence[str]) -> List[str]:
    """Omits the file of a place if the previous place is in the same file."""
    files = [place.rpartition(":")[0] for place in places]
    return [
        place[len(file) + 1 :] if i and file and file == files[i - 1] else place
        for i, (file, place) in enumerate(zip(files, places))
    ]


def _label_rows(splits: Mapping[str, SplitReport]) -> List[List[str]]:
    labels = list(dict.fromkeys(label for split in splits.values() for label in split.labels))
    labels.sort(key=lambda label: -max(split.labels.get(label, 0) for split in splits.values()))
    rows = [
        [f"label {label}", *(_label_cell(split, label) for split in splits.values())]
        for label in labels[:_MAX_LABEL_ROWS]
    ]
    more = len(labels) - _MAX_LABEL_ROWS
    if more > 0:
        rows.append([f"… and {count(more, 'more label')}", *[""] * len(splits)])
    return rows


def _label_cell(split: SplitReport, label: str) -> str:
    number, share = split.labels.get(label), split.label_shares.get(label)
    if number is None:
        return ""
    return f"{number:.4g}" if share is None else f"{number} ({share:.1%})"
