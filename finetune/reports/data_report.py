"""The data report of a run: sizes, lengths, labels, and anything wrong or unusual."""

import contextlib
import dataclasses
import json
import os
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from finetune.data.observations import ERROR, LABEL_CONFLICT, SEVERITIES, WARNING
from finetune.data.processor import Example
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import Rows
from finetune.data.splitting import SPLITS
from finetune.models.pretrained import Pretrained
from finetune.output import names
from finetune.reports import data_findings, vocabulary_fit
from finetune.reports.data_findings import Finding, SplitData
from finetune.reports.length_advice import covered, suggested_length
from finetune.tasks.data_set import DataSet
from finetune.tasks.task import Task
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text
from finetune.util.json_files import SchemaError, parse, read_json_object
from finetune.util.plurals import count


@dataclasses.dataclass(frozen=True)
class TokenLengths:
    """Lengths of a split's rows in wordpieces, including special tokens.

    Attributes:
      median: The median length.
      p95: The 95th percentile.
      longest: The maximum length.
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
      labels: Number of occurrences of each label; in regression, the lowest, mean and highest
        target.
      label_shares: Each label's fraction of the rows or entities; empty in regression.
      tokens: Lengths of the rows.
      unknown_token_rate: Fraction of wordpieces that are `[UNK]`.
      empty: Number of rows without wordpieces.
      duplicates: Number of rows whose text occurs earlier in the split.
      contradictory: Number of rows whose text occurs with different labels.
      also_in_train: Number of rows whose text occurs in the training data.
    """

    rows: int
    labels: Mapping[str, float]
    label_shares: Mapping[str, float]
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
      max_seq_length: The run's --max_seq_length.
      suggested_max_seq_length: See `length_advice.suggested_length`.
      suggestion_covers: The fraction of all rows that fit into the suggested length.
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
        """Number of errors. Training cannot start until all of them are fixed."""
        return sum(f.count for f in self.findings if f.severity == ERROR)

    @property
    def first_error(self) -> str:
        """The text of the first error."""
        return next(f.what for f in self.findings if f.severity == ERROR)

    def to_json(self) -> Dict[str, Any]:
        """Returns the content of data_report.json."""
        content = dataclasses.asdict(self)
        content["problems"] = content.pop("findings")
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DataReport":
        """Returns the report that the content of data_report.json describes.

        Raises:
          SchemaError: The content has a different structure.
        """
        return parse({**content, "findings": content.get("problems")}, cls)


def make(
    task: Task,
    data_set: DataSet,
    *,
    examples: Mapping[str, Iterable[Example]],
    features: Mapping[str, Rows],
    model: Pretrained,
    warnings: Sequence[str] = (),
) -> DataReport:
    """Returns the report on the data of a training run.

    Args:
      task: The task.
      data_set: The data. Splits that the run does not use are included if they are readable.
      examples: The examples of each split that the run uses.
      features: These examples as arrays.
      model: The pretrained model.
      warnings: Warnings about the training file.
    """
    reader = _Reader(task)
    data = reader.data
    for split in SPLITS:
        if split in examples:
            reader.add(split, examples[split], features[split])
            continue
        with contextlib.suppress(InputError, OSError):
            if data_set.has(split):
                reader.read(data_set, split, RowErrors())
    return _report(
        task,
        data,
        model=model,
        max_seq_length=task.max_seq_length,
        findings=[*_warnings(warnings), *_skipped_findings(data_set)],
    )


def check_data(
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
      learn: Creates the task with the labels of the data; may raise `InputError`.
      model: The pretrained model.
      max_seq_length: The run's --max_seq_length.
      warnings: Warnings about the training file.

    Raises:
      UsageError: A flag is wrong.
    """
    findings = _warnings(warnings)
    try:
        task = learn()
    except UsageError:
        raise
    except InputError as error:  # Without labels, nothing else can be checked.
        findings.append(Finding(ERROR, str(error), 1, []))
        return _report(None, {}, model=model, max_seq_length=max_seq_length, findings=findings)
    reader = _Reader(task)
    for split in SPLITS:
        errors = RowErrors()
        try:
            if data_set.has(split):
                reader.read(data_set, split, errors)
        except UsageError:
            raise
        except InputError as error:
            errors.add(str(error))
        findings += _error_findings(split, errors)
    findings += _skipped_findings(data_set)
    return _report(task, reader.data, model=model, max_seq_length=max_seq_length, findings=findings)


def _error_findings(split: str, errors: RowErrors) -> List[Finding]:
    findings = []
    for error in errors.first:
        if error.count > 1:
            what = f"{split}: {error.count} rows: {error.message}"
            findings.append(Finding(ERROR, what, error.count, error.places))
        else:
            what = ": ".join([*error.places, error.message])
            findings.append(Finding(ERROR, what, 1, []))
    more = errors.count - sum(error.count for error in errors.first)
    if more > 0:
        what = f"{split}: {count(more, 'more row')} with errors"
        findings.append(Finding(ERROR, what, more, []))
    return findings


def _skipped_findings(data_set: DataSet) -> List[Finding]:
    return [
        finding
        for split in SPLITS
        for finding in data_findings.skipped_row_findings(split, data_set.skipped_rows(split))
    ]


def _warnings(warnings: Sequence[str]) -> List[Finding]:
    return [Finding(WARNING, warning, 1, []) for warning in warnings]


class _Reader:
    """Gathers the data of the splits, the training data first."""

    def __init__(self, task: Task):
        self.data: Dict[str, SplitData] = {}
        self._task = task
        self._train: Optional[Rows] = None

    def read(self, data_set: DataSet, split: str, errors: RowErrors) -> None:
        """Reads and encodes a split; `errors` collects the errors in its labels."""
        examples = data_set.examples(split)
        self.add(split, examples, self._task.encode(split, examples, errors))

    def add(self, split: str, examples: Iterable[Example], features: Rows) -> None:
        """Adds a split that has already been read."""
        task = self._task
        self._train = features if split == "train" else self._train
        self.data[split] = SplitData(
            examples,
            features.statistics,
            task.label_counts(examples, features),
            task.observations(split, examples, features, self._train),
        )


def _report(
    task: Optional[Task],
    data: Mapping[str, SplitData],
    *,
    model: Pretrained,
    max_seq_length: int,
    findings: List[Finding],
) -> DataReport:
    train, dev = data.get("train"), data.get("dev")
    lengths = [one.statistics.lengths for one in data.values()]
    suggested = suggested_length(lengths, model.bert_config.max_position_embeddings)
    unit = task.label_unit if task else "rows"
    texts = vocabulary_fit.sample(next(iter(data.values())).examples) if data else []
    problem = vocabulary_fit.problem_with_vocabulary(texts, model.tokenizer)
    if problem is not None:
        findings.append(Finding(WARNING, f"{next(iter(data))}: {problem}", 1, []))
    for split, one in data.items():
        findings += data_findings.row_findings(
            split,
            one,
            train=train,
            max_seq_length=max_seq_length,
            suggested_length=suggested,
            conflict=task.conflict if task else LABEL_CONFLICT,
            truncation_advice=task.truncation_advice if task else "",
            fitting_model=vocabulary_fit.fitting_model(texts, model.tokenizer),
        )
    if train is not None and task is not None and task.labels:
        dev_counts = dev.label_counts if dev else None
        findings += data_findings.label_findings(train.label_counts, dev_counts, unit)
    return DataReport(
        max_seq_length=max_seq_length,
        suggested_max_seq_length=suggested,
        suggestion_covers=covered(lengths, suggested),
        splits={split: _figures(split, one, train, unit) for split, one in data.items()},
        findings=sorted(findings, key=_rank),
    )


def _rank(finding: Finding) -> Tuple[int, int]:
    """Returns the sort key: severity, then the count, highest first; errors keep their order."""
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
    """Returns each label's fraction of the rows or entities; {} in regression."""
    counts = one.label_counts
    if not all(isinstance(number, int) for number in counts.values()):
        return {}
    total = sum(counts.values()) if unit == "entities" else len(one.statistics)
    return {label: number / max(1, total) for label, number in counts.items()}


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
    advice = "Delete the file; report.html then omits the data report."
    content = read_json_object(path, kind="a data report", advice=advice)
    try:
        return DataReport.from_json(content)
    except SchemaError as error:
        raise InputError(f"{path}: not a data report ({error}). {advice}") from error
