"""The log of a training run: train_log.jsonl, and the same figures for TensorBoard."""

import contextlib
import json
import os
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import tensorflow.compat.v1 as tf

from finetune.output import names
from finetune.util.files import atomic_text

# One row of the log: "step", "epoch", and the figures logged at that step, by name.
LogRow = Dict[str, Any]

_EVAL = "eval/"  # Prefix of metrics on the dev file


class TrainLog:
    """The log of a training run that starts or resumes."""

    def __init__(self, output_dir: str, start_step: int):
        """Opens the log; if training resumes, deletes the rows after the checkpoint.

        Args:
          output_dir: The output directory of the training run.
          start_step: The step of the checkpoint; 0 if training starts from scratch.
        """
        path = os.path.join(output_dir, names.TRAIN_LOG)
        self._rows = [row for row in read(output_dir) if row["step"] <= start_step]
        with atomic_text(path) as writer:
            writer.writelines(_line(row) for row in self._rows)
        self._writer = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._output_dir = output_dir
        self._clock_start = time.monotonic() - duration_of(self._rows)
        # On this event, TensorBoard drops earlier events with the same or a later step.
        restart = tf.SessionLog(status=tf.SessionLog.START)
        self._events.add_session_log(restart, start_step + 1)

    @property
    def _events(self) -> tf.summary.FileWriter:
        # The writer that TensorFlow's own hooks use, or a new one if they have closed it.
        return tf.summary.FileWriterCache.get(self._output_dir)

    def write(self, step: int, epoch: float, values: Mapping[str, Optional[float]]) -> None:
        """Logs the state of training at a step."""
        self._add({"step": step, "epoch": round(epoch, 4), **values})

    def write_evaluation(self, step: int, epoch: float, scores: Mapping[str, Any]) -> None:
        """Logs the scores on the dev file at a step."""
        figures = {_EVAL + name: value for name, value in figures_of(scores)}
        self._add({"step": step, "epoch": round(epoch, 4), **figures})

    def seconds(self) -> float:
        """Returns how long training has taken so far, including the runs before it resumed."""
        return round(time.monotonic() - self._clock_start, 1)

    def evaluations(self) -> List[LogRow]:
        """Returns the rows that contain evaluations."""
        return evaluations_of(self._rows)

    def _add(self, row: LogRow) -> None:
        self._rows.append(row)
        self._writer.write(_line(row))
        self._writer.flush()
        scalars = [
            tf.Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if name != "step" and value is not None
        ]
        self._events.add_summary(tf.Summary(value=scalars), row["step"])
        self._events.flush()

    def close(self) -> None:
        """Closes the file."""
        # Everything is already flushed; on a full disk, closing repeats the failed write.
        with contextlib.suppress(OSError):
            self._writer.close()


def _line(row: LogRow) -> str:
    return json.dumps(row) + "\n"


def read(output_dir: str) -> List[LogRow]:
    """Returns the rows of a training run's log, up to the first invalid line."""
    rows: List[LogRow] = []
    path = os.path.join(output_dir, names.TRAIN_LOG)
    if not os.path.exists(path):
        return rows
    with open(path, encoding="utf-8", errors="replace") as reader:
        for line in reader:
            row = _parsed(line)
            if row is None:
                break  # The process was killed while writing this line.
            rows.append(row)
    return rows


def _parsed(line: str) -> Optional[LogRow]:
    """Returns the row that a line contains, or None if the line is invalid."""
    try:
        row = json.loads(line)
        row = {**row, "step": int(row["step"])}
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    # The report plots the figures over the steps, and lists evaluations with their epochs.
    are_numbers = all(value is None or isinstance(value, (int, float)) for value in row.values())
    has_epoch = row.get("epoch") is not None or not evaluations_of([row])
    return row if are_numbers and has_epoch else None


def forget_evaluations(output_dir: str) -> None:
    """Deletes the evaluations from a log, because later ones cannot be compared with them."""
    rows = read(output_dir)
    with atomic_text(os.path.join(output_dir, names.TRAIN_LOG)) as writer:
        writer.writelines(_line(row) for row in rows if not evaluations_of([row]))


def duration_of(rows: List[LogRow]) -> float:
    """Returns how many seconds a training run took; 0 if an earlier version wrote its log."""
    return max((row.get("seconds") or 0.0 for row in rows), default=0.0)


def evaluations_of(rows: List[LogRow]) -> List[LogRow]:
    """Returns the rows that contain evaluations, with metrics named as in eval_results.json."""
    return [
        {name[len(_EVAL) :] if name.startswith(_EVAL) else name: v for name, v in row.items()}
        for row in rows
        if any(name.startswith(_EVAL) for name in row)
    ]


def figures_of(
    scores: Mapping[str, Any], prefix: str = ""
) -> Iterator[Tuple[str, Optional[float]]]:
    """Yields the name and value of each figure; nested names are joined by slashes."""
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from figures_of(value, f"{prefix}{name}/")
        elif value is None or isinstance(value, (int, float)):
            yield prefix + name, value
