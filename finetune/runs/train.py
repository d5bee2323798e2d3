"""Train a model in the output directory, from the start or from its newest checkpoint."""

import contextlib
import dataclasses
import functools
import logging
import os
from typing import Callable, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.data.batches import make_training_input_fn
from finetune.models import checkpoints
from finetune.models.word_rows import WordRows
from finetune.output import best_model, files, resume, run_record, train_log, training_checkpoints
from finetune.output.best_model import Scores
from finetune.output.run_record import RunRecord
from finetune.reports import data_report
from finetune.reports.data_report import DataReport
from finetune.runs.estimators import make_estimator, model_outputs
from finetune.runs.prediction_session import KeptSession
from finetune.runs.prepare import PreparedData, goal_of
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.training import distribution
from finetune.training.distribution import Devices
from finetune.training.occurring_words import RowNumbers, find_word_rows
from finetune.training.replicated import ReplicatedTraining
from finetune.training.step_plan import StepPlan, make_step_plan, training_settings
from finetune.training.trainer import Trainer
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Start:
    """The start of a training run: its own newest checkpoint, or step 0 if there is none."""

    checkpoint: Optional[str]

    @property
    def step(self) -> int:
        return training_checkpoints.step_of(self.checkpoint) if self.checkpoint else 0

    @property
    def is_finished(self) -> bool:
        return self.checkpoint is not None and training_checkpoints.is_final(self.checkpoint)


def train(run: Run, data: PreparedData, record: RunRecord, report: DataReport) -> bool:
    """Trains, unless the output directory contains the finished training run.

    Args:
      run: The run.
      data: The run's data.
      record: The complete record of this training run.
      report: The report on the data.

    Returns:
      Whether there was anything left to train.
    """
    config, output_dir = run.config, run.output_dir
    start = _Start(None if run.starts_over else resume.checkpoint_to_resume(output_dir, run.record))
    plan = make_step_plan(config, len(data.features["train"]))
    class_weights = data.task.class_weights(data.features["train"])
    if start.checkpoint is None:
        _claim_output_dir(run, record)
        data_report.write(report, output_dir)
        run.data.write_split(output_dir)
    else:
        _update_record(run, record)
    if start.is_finished:
        _log.info(
            "%s is already trained (%d steps). Nothing to train; --overwrite_output_dir=true "
            "retrains from scratch.",
            output_dir,
            start.step,
        )
        training_checkpoints.finish_training(output_dir)  # In case a kill prevented it
        return False
    devices = distribution.find_devices(config)
    _log_start(config, start, len(data.features["train"]), plan.num_train_steps)
    distribution.log_devices(config, devices)
    _log_class_weights(data.task, class_weights)
    goal = goal_of(config, data.task)
    rows = _find_word_rows(run, data, start)
    estimator = _make_training_estimator(run, data.task, start, plan, class_weights, rows, devices)
    input_fn = _make_input_fn(run, data, start, rows, devices)
    with contextlib.closing(KeptSession(run, data.task)) as session:
        trainer = Trainer(config, plan, goal, functools.partial(_score, run, data, session))
        trainer.train(start.step, estimator, input_fn)
    _log.info("Trained: %s", training_checkpoints.finish_training(output_dir))
    best = best_model.checkpoint_of(output_dir)
    if best is not None:
        _log.info("Best model by %s: %s", goal.metric, best)
    elif config.eval_every:
        _log.warning("%s The last model is used.", goal.undefined_message())
    return True


def _find_word_rows(run: Run, data: PreparedData, start: _Start) -> Optional[WordRows]:
    """Returns the rows of the word-embedding table to train; None if they are not told apart."""
    if run.config.freeze_embeddings:
        return None
    return find_word_rows(data.features["train"], run.config.init_checkpoint, start.checkpoint)


def _make_training_estimator(
    run: Run,
    task: Task,
    start: _Start,
    plan: StepPlan,
    class_weights: Optional[Sequence[float]],
    rows: Optional[WordRows],
    devices: Optional[Devices],
) -> "Union[tf.estimator.Estimator, ReplicatedTraining]":
    config = run.config
    training = training_settings(
        config,
        plan.num_train_steps,
        run.model.bert_config.num_hidden_layers,
        class_weights=class_weights,
        new_head=_starts_from_other_labels(config, task),
        rows=rows,
    )
    checkpoint = None if start.checkpoint else config.init_checkpoint
    return make_estimator(run, task, checkpoint, training, devices)


def _make_input_fn(
    run: Run,
    data: PreparedData,
    start: _Start,
    rows: Optional[WordRows],
    devices: Optional[Devices],
) -> Callable:
    config = run.config
    features = data.features["train"]
    return make_training_input_fn(
        features if rows is None else RowNumbers(features, rows),
        batch_size=config.rows_per_step,
        seed=config.seed,
        by_length=config.require("group_by_length"),
        start_step=start.step,
        pad_to=run.pad_to,
        parts=config.gradient_accumulation_steps,
        share=devices.share if devices else None,
    )


def _score(run: Run, data: PreparedData, session: KeptSession, checkpoint: str) -> Scores:
    """Returns a checkpoint's scores on the dev file."""
    outputs = model_outputs(
        run,
        data.task,
        data.features["dev"],
        batch_size=run.config.eval_batch_size,
        checkpoint=checkpoint,
        what="Evaluating",
        session=session,
    )
    return data.task.score(data.examples["dev"], data.features["dev"], outputs).scores


def _claim_output_dir(run: Run, record: RunRecord) -> None:
    """Checks that training can start, then writes its record to the output directory."""
    if run.config.init_checkpoint:
        checkpoints.check_encoder(run.config.init_checkpoint, run.model.bert_config)
    files.check_is_ours(run.output_dir)
    if run.starts_over:
        files.remove_outputs(run.output_dir)
    run_record.save(record, run.output_dir, run.model)


def _update_record(run: Run, record: RunRecord) -> None:
    """Rewrites the record of a training run that is resumed with changes."""
    previous = run.previous
    if previous is None or not previous.differences(record, type(run.config)):
        return
    if not previous.evaluates_like(record):
        files.remove_best(run.output_dir)
        train_log.forget_evaluations(run.output_dir)
    run_record.save(record, run.output_dir, run.model)


def _starts_from_other_labels(config: Config, task: Task) -> bool:
    """Returns whether --init_checkpoint is a fine-tuned model with different labels."""
    folder = os.path.dirname(config.init_checkpoint or "")
    record = run_record.load(folder) if folder else None
    if record is None:
        return False
    # Older records lack the problem type, which was then always single_label.
    was, now = (f.get("problem_type", "single_label") for f in (record.facts, task.facts()))
    return record.labels != task.labels or was != now


def _log_start(config: Config, start: _Start, num_rows: int, num_train_steps: int) -> None:
    if start.checkpoint:
        _log.info("Resuming from %s, step %d of %d", start.checkpoint, start.step, num_train_steps)
    elif not config.init_checkpoint:
        _log.warning(
            "No --init_checkpoint: training starts from random weights, not from a pretrained model"
        )
    if config.freeze_embeddings or config.freeze_layers:
        embeddings = "the embeddings, " if config.freeze_embeddings else ""
        _log.info("Frozen: %sthe lowest %s", embeddings, count(config.freeze_layers, "layer"))
    parts = config.gradient_accumulation_steps
    _log.info(
        "Training on %s: %s of %s rows%s",
        count(num_rows, "row"),
        count(num_train_steps, "step"),
        f"{parts} × {config.train_batch_size}" if parts > 1 else config.train_batch_size,
        f", {num_train_steps - start.step} remaining" if start.step else "",
    )


def _log_class_weights(task: Task, class_weights: Optional[Sequence[float]]) -> None:
    if class_weights is not None:
        named = zip(task.labels, class_weights)
        _log.info("Class weights: %s", ", ".join(f"{name} {w:.4g}" for name, w in named))
