"""Report on the data of a run: sizes, lengths, labels, and everything wrong or unusual."""

import contextlib
import dataclasses
import json
import math
import os
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from finetune.data.row_statistics import RowErrors
from finetune.data.rows import Rows
from finetune.data.splitting import SPLITS
from finetune.models.pretrained import Pretrained
from finetune.output import names
from finetune.reports import data_findings
from finetune.reports.data_findings import ERROR, SEVERITIES, WARNING, Finding, SplitData
from finetune.tasks.data_set import DataSet
from finetune.tasks.task import Task
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text
from finetune.util.plurals import count

_COVERED = 99  # Percentage of the rows that the suggested length fits


@dataclasses.dataclass(frozen=True)
class TokenLengths:
    """Lengths of a split's rows in wordpieces, including special tokens.

    Attributes:
      median: The median.
      p95: The 95th percentile.
      longest: The maximum.
      cut: Number of truncated rows.
    """

    median: float
    p95: int
    longest: int
    cut: int


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """The figures of one split.

    Attributes:
      rows: Number of rows.
      labels: How often each label occurs; in regression, the lowest, mean and highest number.
      label_shares: The same as fractions of the rows or entities; empty in regression.
      tokens: Lengths of the rows.
      unknown_token_rate: Fraction of the wordpieces that are `[UNK]`.
      empty: Number of rows without wordpieces.
      duplicates: Number of rows whose text occurs earlier in the split.
      contradictory: Number of rows whose text occurs with different labels.
      also_in_train: Number of rows whose text occurs in the training data.
    """

    rows: int
    labels: Dict[str, float]
    label_shares: Dict[str, float]
    tokens: TokenLengths
    unknown_token_rate: float
    empty: int
    duplicates: int
    contradictory: int
    also_in_train: int


@dataclasses.dataclass(frozen=True)
class DataReport:
    """The report on a run's data. In data_report.json, the findings are called `problems`.

    Attributes:
      max_seq_length: The maximum length of the run.
      suggested_max_seq_length: The smallest multiple of 8 that fits 99% of the training rows, or
        the model's maximum.
      suggestion_covers: The fraction of these rows that it fits.
      splits: The figures of each split.
      findings: Errors, then warnings, then notes.
    """

    max_seq_length: int
    suggested_max_seq_length: int
    suggestion_covers: float
    splits: Dict[str, SplitReport]
    findings: List[Finding]

    @property
    def num_errors(self) -> int:
        """Number of errors. No training can start before they are fixed."""
        return sum(f.count for f in self.findings if f.severity == ERROR)

    @property
    def first_error(self) -> str:
        """The text of the first error."""
        return next(f.what for f in self.findings if f.severity == ERROR)

    def to_json(self) -> Dict[str, Any]:
        """Returns the report as data_report.json holds it."""
        content = dataclasses.asdict(self)
        content["problems"] = content.pop("findings")
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DataReport":
        """Returns the report that data_report.json holds."""
        splits = {
            split: SplitReport(**{**figures, "tokens": TokenLengths(**figures["tokens"])})
            for split, figures in content["splits"].items()
        }
        return cls(
            max_seq_length=content["max_seq_length"],
            suggested_max_seq_length=content["suggested_max_seq_length"],
            suggestion_covers=content["suggestion_covers"],
            splits=splits,
            findings=[Finding(**finding) for finding in content["problems"]],
        )


def make(
    task: Task,
    data_set: DataSet,
    *,
    examples: Mapping[str, Iterable[Any]],
    features: Mapping[str, Rows],
    model: Pretrained,
    warnings: Sequence[str] = (),
) -> DataReport:
    """Returns the report on the data of a training.

    Args:
      task: The task.
      data_set: The data. Splits that the run does not use are included if they are readable.
      examples: The examples of each split that the run uses.
      features: The same as arrays.
      model: The pretrained model.
      warnings: Warnings about the training file.
    """
    data = {}
    for split in SPLITS:
        if split in examples:
            counts = task.label_counts(examples[split], features[split])
            data[split] = SplitData(examples[split], features[split].statistics, counts)
            continue
        with contextlib.suppress(InputError, OSError):
            if data_set.has(split):
                data[split] = _read(task, data_set, split, RowErrors())
    return _report(
        task,
        data,
        model=model,
        max_seq_length=task.config.max_seq_length,
        findings=_warnings(warnings),
    )


def check(
    data_set: DataSet,
    learn: Callable[[], Task],
    model: Pretrained,
    *,
    max_seq_length: int,
    warnings: Sequence[str] = (),
) -> DataReport:
    """Returns the report on all data of a run; errors in the data become findings.

    Args:
      data_set: The data.
      learn: Makes the task, which learns its labels from the data; may raise `InputError`.
      model: The pretrained model.
      max_seq_length: The maximum length of the run.
      warnings: Warnings about the training file.

    Raises:
      UsageError: The flags are wrong.
    """
    findings = _warnings(warnings)
    try:
        task = learn()
    except UsageError:
        raise
    except InputError as error:  # Without labels, nothing else can be checked.
        findings.append(Finding(ERROR, str(error), 1, []))
        return _report(None, {}, model=model, max_seq_length=max_seq_length, findings=findings)
    data = {}
    for split in SPLITS:
        errors = RowErrors()
        try:
            if data_set.has(split):
                data[split] = _read(task, data_set, split, errors)
        except UsageError:
            raise
        except InputError as error:
            errors.add(str(error))
        findings += [Finding(ERROR, message, 1, []) for message in errors.first]
        more = errors.count - len(errors.first)
        if more > 0:
            what = f"{split}: {count(more, 'more row')} with errors"
            findings.append(Finding(ERROR, what, more, []))
    return _report(task, data, model=model, max_seq_length=max_seq_length, findings=findings)


def _warnings(warnings: Sequence[str]) -> List[Finding]:
    return [Finding(WARNING, warning, 1, []) for warning in warnings]


def _read(task: Task, data_set: DataSet, split: str, errors: RowErrors) -> SplitData:
    examples = data_set.examples(split)
    features = task.encode(split, examples, errors)
    return SplitData(examples, features.statistics, task.label_counts(examples, features))


def _report(
    task: Optional[Task],
    data: Mapping[str, SplitData],
    *,
    model: Pretrained,
    max_seq_length: int,
    findings: List[Finding],
) -> DataReport:
    train, dev = data.get("train"), data.get("dev")
    reference = train or next(iter(data.values()), None)
    suggested = _suggested_length(reference, model)
    unit = task.label_unit if task else "rows"
    for split, one in data.items():
        findings += data_findings.row_findings(
            split,
            one,
            train=train,
            max_seq_length=max_seq_length,
            suggested_length=suggested,
        )
    if train is not None and task is not None and task.labels:
        dev_counts = dev.label_counts if dev else None
        findings += data_findings.label_findings(train.label_counts, dev_counts, unit)
    return DataReport(
        max_seq_length=max_seq_length,
        suggested_max_seq_length=suggested,
        suggestion_covers=reference.coverage(suggested) if reference else 0.0,
        splits={split: _figures(split, one, train, unit) for split, one in data.items()},
        findings=sorted(findings, key=_rank),
    )


def _rank(finding: Finding) -> Tuple[int, int]:
    """Sort key: severity, then the highest count first; errors stay in the order of the data."""
    severity = SEVERITIES.index(finding.severity)
    return severity, -finding.count if severity else 0


def _figures(split: str, one: SplitData, train: Optional[SplitData], unit: str) -> SplitReport:
    statistics = one.statistics
    lengths = statistics.lengths
    return SplitReport(
        rows=len(statistics),
        labels=one.label_counts,
        label_shares=_shares(one, unit),
        tokens=TokenLengths(
            median=float(np.median(lengths)),
            p95=int(np.percentile(lengths, 95, method="higher")),
            longest=int(lengths.max()),
            cut=int(statistics.cut.sum()),
        ),
        unknown_token_rate=data_findings.unknown_rate(statistics),
        empty=int((statistics.pieces == 0).sum()),
        duplicates=len(data_findings.duplicates(statistics)),
        contradictory=len(data_findings.contradictory(statistics)) if split != "test" else 0,
        also_in_train=0 if split == "train" else len(data_findings.also_in(train, statistics)),
    )


def _shares(one: SplitData, unit: str) -> Dict[str, float]:
    """Returns each label's fraction of the rows or entities; nothing in regression."""
    counts = one.label_counts
    if not all(isinstance(number, int) for number in counts.values()):
        return {}
    total = len(one.statistics) if unit == "rows" else sum(counts.values())
    return {label: number / max(1, total) for label, number in counts.items()}


def _suggested_length(one: Optional[SplitData], model: Pretrained) -> int:
    """Returns the smallest --max_seq_length, a multiple of 8, that fits nearly all rows."""
    positions = model.bert_config.max_position_embeddings
    if one is None:
        return positions
    needed = np.percentile(one.statistics.lengths, _COVERED, method="higher")
    return int(min(positions, 8 * math.ceil(needed / 8)))


def write(report: DataReport, output_dir: str) -> None:
    """Writes data_report.json."""
    with atomic_text(os.path.join(output_dir, names.DATA_REPORT)) as writer:
        json.dump(report.to_json(), writer, indent=2, ensure_ascii=False)


def load(output_dir: str) -> Optional[DataReport]:
    """Reads data_report.json, or returns None if there is none.

    Raises:
      InputError: The file is damaged.
    """
    path = os.path.join(output_dir, names.DATA_REPORT)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as reader:
            return DataReport.from_json(json.load(reader))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: not a data report ({type(error).__name__}: {error}). Delete the file; "
            "report.html then omits it."
        ) from error
