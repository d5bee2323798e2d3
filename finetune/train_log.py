"""What a training has come to, step by step: train_log.jsonl, and the same for TensorBoard."""

import contextlib
import json
import os
from typing import Any, Dict, Iterator, List

import tensorflow.compat.v1 as tf

from finetune.files import atomic_text

LOG_FILE = "train_log.jsonl"
_EVAL = "eval/"  # What the names of a dev file's scores begin with


class TrainLog:
    """The log of a training that begins, or goes on."""

    def __init__(self, output_dir: str, start_step: int):
        """Opens it; of a training that goes on, what came after its checkpoint is taken away.

        Args:
          output_dir: Folder of the training.
          start_step: Steps that are done.
        """
        path = os.path.join(output_dir, LOG_FILE)
        self._kept = [row for row in read(output_dir) if row["step"] <= start_step]
        with atomic_text(path) as writer:
            writer.writelines(_line(row) for row in self._kept)
        self._writer = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._output_dir = output_dir
        restart = tf.SessionLog(status=tf.SessionLog.START)
        self._events.add_session_log(restart, start_step + 1)  # TensorBoard drops what was after it

    @property
    def _events(self) -> tf.summary.FileWriter:
        # That of TensorFlow's own hooks; where they have closed it, a new one.
        return tf.summary.FileWriterCache.get(self._output_dir)

    def write(self, step: int, epoch: float, values: Dict[str, float]) -> None:
        """Adds the state of the training at a step."""
        self._add({"step": step, "epoch": round(epoch, 4), **values})

    def write_evaluation(self, step: int, epoch: float, scores: Dict[str, Any]) -> None:
        """Adds the scores of the dev file at a step."""
        figures = {_EVAL + name: value for name, value in figures_of(scores)}
        self._add({"step": step, "epoch": round(epoch, 4), **figures})

    def evaluations(self) -> List[Dict[str, Any]]:
        """Returns the rows of evaluations."""
        return evaluations_of(self._kept)

    def _add(self, row: Dict[str, Any]) -> None:
        self._kept.append(row)
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
        # All that was written is there; on a full disk there may be what could not be.
        with contextlib.suppress(OSError):
            self._writer.close()


def _line(row: Dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def read(output_dir: str) -> List[Dict[str, Any]]:
    """Returns the rows of a training's log, up to the first that is not whole; or none."""
    rows: List[Dict[str, Any]] = []
    path = os.path.join(output_dir, LOG_FILE)
    if not os.path.exists(path):
        return rows
    with open(path, encoding="utf-8", errors="replace") as reader:
        for line in reader:
            try:
                row = json.loads(line)
                rows.append({**row, "step": int(row["step"])})
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                break  # Cut off where a process was killed
    return rows


def forget_evaluations(output_dir: str) -> None:
    """Takes evaluations out of a training's log, which others to come cannot be set against."""
    rows = read(output_dir)
    with atomic_text(os.path.join(output_dir, LOG_FILE)) as writer:
        writer.writelines(_line(row) for row in rows if not evaluations_of([row]))


def evaluations_of(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Returns those rows that are of evaluations, by the names that the scores have."""
    return [
        {name[len(_EVAL) :] if name.startswith(_EVAL) else name: v for name, v in row.items()}
        for row in rows
        if any(name.startswith(_EVAL) for name in row)
    ]


def figures_of(scores: Dict[str, Any], prefix: str = "") -> Iterator[tuple]:
    """Yields name and value of each figure, those of labels and the like with a slash between."""
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from figures_of(value, f"{prefix}{name}/")
        elif value is None or isinstance(value, (int, float)):
            yield prefix + name, value
