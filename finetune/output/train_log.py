"""The log of a training: train_log.jsonl, with the same figures for TensorBoard."""

import contextlib
import json
import os
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import tensorflow.compat.v1 as tf

from finetune.output import names
from finetune.util.files import atomic_text

# One row of the log: "step", "epoch", and the values logged at that step, by name.
LogRow = Dict[str, Any]

_EVAL = "eval/"  # Prefix of the metrics of the dev file


class TrainLog:
    """The log of a training that starts or resumes."""

    def __init__(self, output_dir: str, start_step: int):
        """Opens the log; if the training resumes, deletes what was logged after its checkpoint.

        Args:
          output_dir: Folder of the training.
          start_step: Number of steps that are done.
        """
        path = os.path.join(output_dir, names.TRAIN_LOG)
        self._rows = [row for row in read(output_dir) if row["step"] <= start_step]
        with atomic_text(path) as writer:
            writer.writelines(_line(row) for row in self._rows)
        self._writer = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._output_dir = output_dir
        restart = tf.SessionLog(status=tf.SessionLog.START)
        self._events.add_session_log(restart, start_step + 1)  # TensorBoard drops later events.

    @property
    def _events(self) -> tf.summary.FileWriter:
        # The writer of TensorFlow's own hooks, or a new one if they have closed it.
        return tf.summary.FileWriterCache.get(self._output_dir)

    def write(self, step: int, epoch: float, values: Mapping[str, Any]) -> None:
        """Logs the state of the training at a step."""
        self._add({"step": step, "epoch": round(epoch, 4), **values})

    def write_evaluation(self, step: int, epoch: float, scores: Mapping[str, Any]) -> None:
        """Logs the scores on the dev file at a step."""
        figures = {_EVAL + name: value for name, value in figures_of(scores)}
        self._add({"step": step, "epoch": round(epoch, 4), **figures})

    def evaluations(self) -> List[LogRow]:
        """Returns the rows of evaluations."""
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
        # Everything is flushed already; on a full disk, closing repeats the failed write.
        with contextlib.suppress(OSError):
            self._writer.close()


def _line(row: LogRow) -> str:
    return json.dumps(row) + "\n"


def read(output_dir: str) -> List[LogRow]:
    """Returns the rows of a training's log, up to the first incomplete one."""
    rows: List[LogRow] = []
    path = os.path.join(output_dir, names.TRAIN_LOG)
    if not os.path.exists(path):
        return rows
    with open(path, encoding="utf-8", errors="replace") as reader:
        for line in reader:
            try:
                row = json.loads(line)
                rows.append({**row, "step": int(row["step"])})
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                break  # The process was killed while writing this line.
    return rows


def forget_evaluations(output_dir: str) -> None:
    """Deletes the evaluations from a training's log, as later ones cannot be compared with them."""
    rows = read(output_dir)
    with atomic_text(os.path.join(output_dir, names.TRAIN_LOG)) as writer:
        writer.writelines(_line(row) for row in rows if not evaluations_of([row]))


def evaluations_of(rows: List[LogRow]) -> List[LogRow]:
    """Returns the rows of evaluations, with their metrics under the names in eval_results.json."""
    return [
        {name[len(_EVAL) :] if name.startswith(_EVAL) else name: v for name, v in row.items()}
        for row in rows
        if any(name.startswith(_EVAL) for name in row)
    ]


def figures_of(scores: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """Yields the name and value of each figure; nested names are joined by slashes."""
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from figures_of(value, f"{prefix}{name}/")
        elif value is None or isinstance(value, (int, float)):
            yield prefix + name, value
