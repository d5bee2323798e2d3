"""Predict the texts of standard input or of a pipe, and answer them as they come.

The rows are predicted in chunks, which grow as `row_order.batches_in` says. A chunk ends early if
the writer pauses, so that a person who types a line gets an answer.
"""

import contextlib
import logging
import os
import signal
import time
from typing import Any, Callable, List

from finetune.data import row_order
from finetune.data.data_path import InputStream
from finetune.output.results import StandardOutput, opened_results
from finetune.runs.chunk_model import ChunkModel
from finetune.runs.estimators import trained_checkpoint
from finetune.runs.resolve import Run
from finetune.tasks.task import Task, WriteRows
from finetune.util.errors import InputError
from finetune.util.plurals import count
from finetune.util.progress import tracked
from finetune.util.signals import Interrupted

_log = logging.getLogger(__name__)

_MAX_CHARACTERS = 1 << 23  # A chunk that reaches this length ends, however few rows it has.
_MAX_SECONDS = 2.0  # A chunk ends if its first row has waited for so long.


def predict_stream(run: Run, task: Task) -> None:
    """Writes the predictions of each chunk to the result files and to standard output.

    Raises:
      InputError: A row is invalid. All rows before it are answered.
      Interrupted: A signal arrived, or standard output was closed. The answers so far are kept.
    """
    rows, stream = run.data.stream()
    if stream.is_terminal():
        _log.info("Type a text and press Enter; Ctrl-D ends the input.")
    paths = [os.path.join(run.output_dir, name) for name in task.prediction_files]
    output = StandardOutput()
    with contextlib.closing(ChunkModel(run, task, trained_checkpoint(run))) as model:
        answers = _Answers(run, task, model, output)
        try:
            with opened_results(paths, copy=output) as writers:
                answers.write = task.prediction_writer(writers)
                tracked_rows = rows if output.is_terminal else tracked(rows, "Predicting: ")
                _answer(answers, tracked_rows, stream, " and ".join(paths))
        finally:  # After an error, too: these files then contain what was answered.
            if answers.number:
                paths += task.write_derived(run.output_dir)
    if not answers.number:
        raise InputError("No rows in the data to predict; expected at least one.")
    task.log_truncated("test", answers.truncated, answers.number)
    _log.info("Wrote %s to %s", count(answers.number, "prediction"), " and ".join(paths))


def _answer(answers: "_Answers", rows: Any, stream: InputStream, where: str) -> None:
    """Answers all rows; a signal or a closed standard output becomes `Interrupted`."""
    try:
        _feed(_Chunks(answers.add, answers.batch_size), rows, stream)
    except BrokenPipeError as error:
        message = f"Standard output was closed. {answers.kept_in(where)}"
        raise Interrupted(signal.SIGPIPE, message) from error
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        raise Interrupted(number, answers.kept_in(where)) from error


def _feed(chunks: "_Chunks", rows: Any, stream: InputStream) -> None:
    """Passes the rows of a stream on; passes unfinished chunks on when the writer pauses."""
    failure: List[BaseException] = []

    def on_pause() -> None:
        # Called by the stream, below the readers, which must not take a failure for their own.
        try:
            chunks.end()
        except BaseException as error:
            failure.append(error)
            stream.stop()

    stream.on_pause = on_pause
    try:
        for row in rows:
            chunks.add(row)
    except Exception:
        if not failure:
            chunks.end()
            raise
    if failure:
        raise failure[0]
    chunks.end()


class _Chunks:
    """Collects rows, and passes them on chunk by chunk."""

    def __init__(self, answer: Callable[[List[Any]], None], batch_size: int):
        self._answer = answer
        self._batch_size = batch_size
        self._number = 0
        self._start()

    def _start(self) -> None:
        self._rows: List[Any] = []
        self._characters = 0
        self._max_rows = row_order.batches_in(self._number) * self._batch_size

    def add(self, row: Any) -> None:
        """Adds a row; passes the chunk on if it is complete."""
        if not self._rows:
            self._since = time.monotonic()
        self._rows.append(row)
        self._characters += sum(map(len, row.texts))
        if (
            len(self._rows) >= self._max_rows
            or self._characters >= _MAX_CHARACTERS
            or time.monotonic() - self._since > _MAX_SECONDS
        ):
            self.end()

    def end(self) -> None:
        """Passes the chunk on, if it has any rows."""
        rows = self._rows
        if rows:
            self._number += 1
            self._start()
            self._answer(rows)


class _Answers:
    """Answers the rows of a chunk.

    Attributes:
      number: How many rows were answered.
      truncated: How many of them were truncated.
      batch_size: How many rows the model computes at a time.
      write: Writes the predictions of a chunk.
    """

    def __init__(self, run: Run, task: Task, model: ChunkModel, output: StandardOutput):
        self.number = 0
        self.truncated = 0
        self.batch_size = run.config.predict_batch_size
        self.write: WriteRows
        self._run = run
        self._task = task
        self._model = model
        self._output = output

    def add(self, rows: List[Any]) -> None:
        """Predicts rows, and writes their predictions."""
        examples = self._run.data.checked("test", rows)
        features = self._task.encode("test", examples, is_chunk=True)
        # A tagger's text without words is answered without the model.
        outputs = [self._model.outputs(features)] if len(features) else []
        self.number += self.write(examples, features, outputs)
        self.truncated += int(features.statistics.cut.sum())
        self._output.flush()

    def kept_in(self, where: str) -> str:
        """Says where the predictions are, in one sentence; "" if there are none."""
        if not self.number:
            return ""
        verb = "is" if self.number == 1 else "are"
        return f"{count(self.number, 'prediction')} {verb} in {where}."
