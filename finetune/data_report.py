"""What there is to know of the data before a training: a table, and problems, the worst first."""

import contextlib
import json
import math
import os
import statistics
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from finetune import sources
from finetune.config import UsageError
from finetune.data_set import DataSet
from finetune.files import atomic_text
from finetune.input_pipeline import Rows
from finetune.pretrained import Pretrained
from finetune.splitting import SPLITS
from finetune.survey import Faults, Survey
from finetune.tasks import Task

REPORT_FILE = "data_report.json"
_SHOWN_PLACES = 5
_SHOWN_LABELS = 20
_MANY_UNKNOWN = 0.05  # Share of [UNK] from which the vocabulary is likely another language's
_COVERED = 99  # Percent of the rows that the length suggested has room for
_SEVERITIES = ("error", "warning", "note")


class _Data(NamedTuple):
    """A split: its examples, and what was gathered of them."""

    examples: Iterable[Any]
    features: Rows
    counts: Dict[str, float]

    @property
    def survey(self) -> Survey:
        return self.features.survey


def make(
    task: Task,
    data_set: DataSet,
    examples: Dict[str, Iterable[Any]],
    features: Dict[str, Rows],
    model: Pretrained,
) -> Dict[str, Any]:
    """Returns the report on the data of a training.

    Args:
      task: What the data is for.
      data_set: The data; a split in it that the run does not use is reported on, if it is readable.
      examples: Of each split that the run uses.
      features: The same, encoded.
      model: Its vocabulary and configuration.

    Returns:
      `max_seq_length`, `suggested_max_seq_length`, `suggestion_covers` (share of rows); `splits`,
      for each its `rows`, `labels` (their counts; of a regression lowest, mean and highest),
      `label_shares`, `tokens` (wordpieces of a row: `median`, `p95`, `longest`, and how many rows
      are `cut`), `unknown_token_rate`, `empty`, `duplicates`, `contradictory`, `also_in_train`
      (rows); and `problems`, each with `severity`, `what`, `count` and `places`.
    """
    data = {}
    for split in SPLITS:
        if split in examples:
            counts = task.label_counts(examples[split], features[split])
            data[split] = _Data(examples[split], features[split], counts)
            continue
        with contextlib.suppress(ValueError, OSError):
            if data_set.is_there(split):
                data[split] = _read(task, data_set, split, Faults())
    return _report(task, data, model, [])


def check(
    task: Task, data_set: DataSet, learn: Callable[[], None], model: Pretrained
) -> Dict[str, Any]:
    """Returns the report, as of `make`, on all data that is there, whatever is wrong with it.

    Args:
      task: What the data is for.
      data_set: The data.
      learn: Makes the task know its labels.
      model: Its vocabulary and configuration.
    """
    problems: List[Dict[str, Any]] = []
    data = {}
    try:
        learn()
        found = [split for split in SPLITS if data_set.is_there(split)]
    except UsageError:
        raise
    except ValueError as error:  # Without labels, there is no more to say.
        problems.append(_problem("error", str(error), 1, []))
        found = []
    for split in found:
        faults = Faults()
        try:
            data[split] = _read(task, data_set, split, faults)
        except UsageError:
            raise
        except ValueError as error:
            faults.add(str(error))
        problems += [_problem("error", fault, 1, []) for fault in faults.first]
        more = faults.count - len(faults.first)
        if more > 0:
            problems.append(_problem("error", f"{split}: {more} more such rows", more, []))
    return _report(task, data, model, problems)


def _read(task: Task, data_set: DataSet, split: str, faults: Faults) -> _Data:
    examples = data_set.examples(split)
    features = task.encode(split, examples, faults)
    return _Data(examples, features, task.label_counts(examples, features))


def errors(report: Dict[str, Any]) -> int:
    """Returns how many errors a report holds, for which no training can begin."""
    return sum(p["count"] for p in report["problems"] if p["severity"] == "error")


def write(report: Dict[str, Any], output_dir: str) -> None:
    """Writes the report into a folder, as JSON."""
    with atomic_text(os.path.join(output_dir, REPORT_FILE)) as writer:
        json.dump(report, writer, indent=2, ensure_ascii=False)


def _report(
    task: Task, data: Dict[str, _Data], model: Pretrained, problems: List[Dict[str, Any]]
) -> Dict[str, Any]:
    max_seq_length = task.max_seq_length
    train = data.get("train")
    suggested = _suggested_length(train or next(iter(data.values()), None), model)
    problems += [_problem("warning", remark, 1, []) for remark in task.remarks()]
    for split, one in data.items():
        problems += _problems_of(split, one, train, task, suggested)
    if train is not None:
        problems += _label_problems(train, data, task)
    problems.sort(key=_rank)
    return {
        "max_seq_length": max_seq_length,
        "suggested_max_seq_length": suggested,
        "suggestion_covers": _covered(train or next(iter(data.values()), None), suggested),
        "splits": {split: _figures(split, one, train, task) for split, one in data.items()},
        "problems": problems,
    }


def _rank(problem: Dict[str, Any]) -> Tuple[int, int]:
    """Returns what problems are sorted by: errors stay in the order of the data."""
    severity = _SEVERITIES.index(problem["severity"])
    return severity, -problem["count"] if severity else 0


def _figures(split: str, one: _Data, train: Optional[_Data], task: Task) -> Dict[str, Any]:
    survey = one.survey
    lengths = survey.lengths
    return {
        "rows": len(survey),
        "labels": one.counts,
        "label_shares": _shares(one, task.label_unit),
        "tokens": {
            "median": float(np.median(lengths)),
            "p95": int(np.percentile(lengths, 95, method="higher")),
            "longest": int(lengths.max()),
            "cut": int(survey.cut.sum()),
        },
        "unknown_token_rate": _unknown_rate(survey),
        "empty": int((survey.pieces == 0).sum()),
        "duplicates": len(_repeated(survey)),
        "contradictory": len(_contradictory(survey)) if split != "test" else 0,
        "also_in_train": 0 if split == "train" else len(_also_in(train, survey)),
    }


def _shares(one: _Data, unit: str) -> Dict[str, float]:
    """Returns the share of each label among the rows or the entities; of numbers, none."""
    if not all(isinstance(count, int) for count in one.counts.values()):
        return {}
    total = len(one.survey) if unit == "rows" else sum(one.counts.values())
    return {label: count / max(1, total) for label, count in one.counts.items()}


def _unknown_rate(survey: Survey) -> float:
    return float(survey.unknown.sum(dtype=np.int64) / max(1, survey.pieces.sum(dtype=np.int64)))


def _suggested_length(one: Optional[_Data], model: Pretrained) -> int:
    """Returns a --max_seq_length that has room for nearly all rows, a multiple of 8."""
    positions = model.bert_config.max_position_embeddings
    if one is None:
        return positions
    needed = np.percentile(one.survey.lengths, _COVERED, method="higher")
    return int(min(positions, 8 * math.ceil(needed / 8)))


def _covered(one: Optional[_Data], length: int) -> float:
    """Returns the share of the rows that a length has room for."""
    return float(np.mean(one.survey.lengths <= length)) if one is not None else 0.0


def _repeated(survey: Survey) -> np.ndarray:
    """Returns the rows whose text stood in a row before."""
    _, first = np.unique(survey.texts, return_index=True)
    return np.setdiff1d(np.arange(len(survey)), first, assume_unique=True)


def _contradictory(survey: Survey) -> np.ndarray:
    """Returns the rows whose text has another answer in another row."""
    order = np.argsort(survey.texts, kind="stable")
    texts, answers = survey.texts[order], survey.answers[order]
    starts = np.nonzero(np.concatenate([[True], texts[1:] != texts[:-1]]))[0]
    differ = np.minimum.reduceat(answers, starts) != np.maximum.reduceat(answers, starts)
    counts = np.diff(np.concatenate([starts, [len(texts)]]))
    return order[np.repeat(differ, counts)]  # Those of one text side by side


def _also_in(train: Optional[_Data], survey: Survey) -> np.ndarray:
    """Returns the rows whose text is in the training data."""
    return np.nonzero(np.isin(survey.texts, train.survey.texts if train else []))[0]


def _problems_of(
    split: str, one: _Data, train: Optional[_Data], task: Task, suggested: int
) -> List[Dict[str, Any]]:
    survey = one.survey

    def problem(severity: str, what: str, rows: np.ndarray) -> List[Dict[str, Any]]:
        if not len(rows):
            return []
        places = sources.places(one.examples, rows[:_SHOWN_PLACES].tolist(), task.place)
        shown = [places[row] for row in rows[:_SHOWN_PLACES].tolist() if row in places]
        return [_problem(severity, f"{split}: {len(rows)} {what}", len(rows), shown)]

    problems = problem("note", "text(s) that stood there before", _repeated(survey))
    problems += problem(
        "warning", "empty text(s), or such as come to nothing", np.nonzero(survey.pieces == 0)[0]
    )
    if split != "test":
        what = "row(s) whose text has another label in another row"
        problems += problem("warning", what, _contradictory(survey))
    if split != "train":
        what = "text(s) that stand in the training data, too"
        problems += problem("warning", what, _also_in(train, survey))
    rate = _unknown_rate(survey)
    if rate > _MANY_UNKNOWN:
        what = f"row(s) with unknown wordpieces, {rate:.0%} of all: is the model for this language?"
        problems += problem("warning", what, np.nonzero(survey.unknown)[0])
    cut = np.nonzero(survey.cut)[0]
    what = f"row(s) of which something is cut (--max_seq_length={task.max_seq_length})"
    if suggested > task.max_seq_length:
        what += f"; --max_seq_length={suggested} has room for {_covered(one, suggested):.1%}"
    problems += problem("warning" if len(cut) > len(survey) / 20 else "note", what, cut)
    return problems


def _label_problems(train: _Data, data: Dict[str, _Data], task: Task) -> List[Dict[str, Any]]:
    if not task.labels:
        return []
    counts = train.counts
    problems = []
    missing = [label for label, count in counts.items() if not count]
    if missing:
        what = f"labels without a row in the training data: {_listed(missing)}"
        problems.append(_problem("warning", what, len(missing), []))
    seen: Dict[str, str] = {}
    for label in counts:
        other = seen.setdefault(" ".join(label.split()).casefold(), label)
        if other != label:
            what = f"labels that differ in case or white space alone: {other!r} and {label!r}"
            problems.append(_problem("warning", what, 1, []))
    usual = statistics.median(counts.values()) if counts else 0
    rare = [label for label, count in counts.items() if 0 < count <= usual / 20]
    if rare:
        what = f"labels with very few rows; are they misspelt? {_listed(rare)}"
        problems.append(_problem("note", what, len(rare), []))
    if "dev" in data:
        missing = [
            label for label, count in data["dev"].counts.items() if not count and counts.get(label)
        ]
        if missing:
            what = f"labels without a row in the dev data: {_listed(missing)}"
            problems.append(_problem("note", what, len(missing), []))
    return problems


def _listed(labels: List[str]) -> str:
    return ", ".join(map(repr, labels[:_SHOWN_LABELS])) + (
        ", …" if len(labels) > _SHOWN_LABELS else ""
    )


def _problem(severity: str, what: str, count: int, places: List[str]) -> Dict[str, Any]:
    return {"severity": severity, "what": what, "count": count, "places": places}


def format_report(report: Dict[str, Any]) -> str:
    """Returns a report as text for people."""
    lines = ["***** Data *****"]
    for problem in report["problems"]:
        places = ", ".join(_shortened(problem["places"]))
        if problem["count"] > len(problem["places"]) > 0:
            places += ", …"
        lines.append(
            f"{problem['severity']}: {problem['what']}" + (f" ({places})" if places else "")
        )
    if not report["splits"]:
        return "\n".join(lines) + "\n"
    lines += _table(report["splits"], report["max_seq_length"])
    lines.append(
        f"--max_seq_length={report['suggested_max_seq_length']} has room for "
        f"{report['suggestion_covers']:.1%} of the {next(iter(report['splits']))} rows."
    )
    return "\n".join(lines) + "\n"


def _shortened(places: List[str]) -> List[str]:
    """Leaves the file out where it is that of the place before."""
    files = [place.rpartition(":")[0] for place in places]
    return [
        place[len(file) + 1 :] if i and file and file == files[i - 1] else place
        for i, (file, place) in enumerate(zip(files, places))
    ]


def _table(splits: Dict[str, Dict[str, Any]], max_seq_length: int) -> List[str]:
    rows: List[Tuple[str, List[str]]] = [("", list(splits))]
    for name, shown in (
        ("rows", lambda s: str(s["rows"])),
        ("wordpieces, median", lambda s: f"{s['tokens']['median']:.0f}"),
        ("… 95 % have at most", lambda s: f"{s['tokens']['p95']:.0f}"),
        ("… longest", lambda s: str(s["tokens"]["longest"])),
        (f"cut at {max_seq_length}", lambda s: str(s["tokens"]["cut"])),
        ("unknown wordpieces", lambda s: f"{s['unknown_token_rate']:.2%}"),
        ("empty", lambda s: str(s["empty"])),
        ("duplicates", lambda s: str(s["duplicates"])),
        ("contradictory", lambda s: str(s["contradictory"])),
        ("also in train", lambda s: str(s["also_in_train"])),
    ):
        rows.append((name, [shown(split) for split in splits.values()]))
    rows += _label_rows(splits)
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[i]) for _, cells in rows) for i in range(len(splits))]
    return [
        f"{name:<{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths))
        for name, cells in rows
    ]


def _label_rows(splits: Dict[str, Dict[str, Any]]) -> List[Tuple[str, List[str]]]:
    names = list(dict.fromkeys(name for split in splits.values() for name in split["labels"]))
    names.sort(key=lambda name: -max(split["labels"].get(name, 0) for split in splits.values()))
    rows = [
        (f"label {name}", [_label_cell(split, name) for split in splits.values()])
        for name in names[:_SHOWN_LABELS]
    ]
    more = len(names) - _SHOWN_LABELS
    return rows + ([(f"… and {more} more labels", [""] * len(splits))] if more > 0 else [])


def _label_cell(split: Dict[str, Any], name: str) -> str:
    count, share = split["labels"].get(name), split["label_shares"].get(name)
    if count is None:
        return ""
    return f"{count:.4g}" if share is None else f"{count} ({share:.1%})"
