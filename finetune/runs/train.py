"""Train a model in the output directory, from the start or from its newest checkpoint."""

import contextlib
import functools
import logging
from typing import Optional, Sequence

from finetune.config.config import Config
from finetune.models import checkpoints
from finetune.output import best_model, files, resume, run_record, train_log, training_checkpoints
from finetune.output.best_model import Scores
from finetune.output.run_record import RunRecord
from finetune.reports import data_report
from finetune.reports.data_report import DataReport
from finetune.runs.estimators import model_outputs
from finetune.runs.identity import identity_of
from finetune.runs.prediction_session import KeptSession
from finetune.runs.prepare import PreparedData, goal_of
from finetune.runs.resolve import Run
from finetune.runs.start import Start, make_training
from finetune.tasks.task import Task
from finetune.training import distribution
from finetune.training.distribution import Devices
from finetune.training.group_hook import GroupStopHook
from finetune.training.hooks import StopHook
from finetune.training.step_plan import make_step_plan
from finetune.training.trainer import Trainer
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


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
    start = Start(None if run.starts_over else resume.checkpoint_to_resume(output_dir, run.record))
    devices = distribution.find_devices(config, run.cluster)
    with contextlib.ExitStack() as stack:
        if devices is not None and devices.group is not None:
            stack.enter_context(devices.group)
            devices.group.admit(identity_of(run, data.task, record, devices))
        return _train(run, data, record, report, start, devices)


def _train(
    run: Run,
    data: PreparedData,
    record: RunRecord,
    report: DataReport,
    start: Start,
    devices: Optional[Devices],
) -> bool:
    config, output_dir = run.config, run.output_dir
    plan = make_step_plan(config, len(data.features["train"]))
    if start.checkpoint is None:
        _claim_output_dir(run, record)
        data_report.write(report, output_dir)
        run.data.write_split(output_dir)
        run.publish()
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
    _log_start(config, start, len(data.features["train"]), plan.num_train_steps)
    distribution.log_devices(config, devices)
    _log_class_weights(data.task, data.task.class_weights(data.features["train"]))
    goal = goal_of(config, data.task)
    training = make_training(run, data, start, plan, devices)
    stop_hook = GroupStopHook if run.cluster else StopHook
    with contextlib.closing(KeptSession(run, data.task)) as session:
        score = functools.partial(_score, run, data, session)
        trainer = Trainer(config, plan, goal, score, stop_hook, run.publish)
        trainer.train(start.step, training.estimator, training.input_fn)
    _log.info("Trained: %s", training_checkpoints.finish_training(output_dir))
    best = best_model.checkpoint_of(output_dir)
    if best is not None:
        _log.info("Best model by %s: %s", goal.metric, best)
    elif config.eval_every:
        _log.warning("%s The last model is used.", goal.undefined_message())
    return True


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


def _log_start(config: Config, start: Start, num_rows: int, num_train_steps: int) -> None:
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
