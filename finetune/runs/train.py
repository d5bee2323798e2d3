"""Train a model in the output directory, from the start or from its newest checkpoint."""

import dataclasses
import logging
import os
from typing import Optional

from finetune.config.config import Config
from finetune.data.batches import make_training_input_fn
from finetune.models import checkpoints
from finetune.output import best_model, files, resume, run_record, train_log, training_checkpoints
from finetune.output.best_model import Scores
from finetune.output.run_record import RunRecord
from finetune.reports import data_report
from finetune.reports.data_report import DataReport
from finetune.runs.estimators import make_estimator, model_outputs
from finetune.runs.prepare import PreparedData, goal_of
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.training.step_plan import make_step_plan, training_settings
from finetune.training.trainer import Trainer
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Start:
    """Where a training starts: at a checkpoint of its own, or (None) at step 0."""

    checkpoint: Optional[str]

    @property
    def step(self) -> int:
        return training_checkpoints.step_of(self.checkpoint) if self.checkpoint else 0

    @property
    def is_finished(self) -> bool:
        return self.checkpoint is not None and training_checkpoints.is_final(self.checkpoint)


def train(run: Run, data: PreparedData, record: RunRecord, report: DataReport) -> bool:
    """Trains.

    Args:
      run: The run.
      data: Its data.
      record: The complete record of this training.
      report: The report on the data.

    Returns:
      Whether there was anything left to train.
    """
    config, task = run.config, data.task
    start = _Start(
        None if run.starts_over else resume.checkpoint_to_resume(run.output_dir, run.record)
    )
    plan = make_step_plan(config, len(data.features["train"]))
    class_weights = task.class_weights(data.features["train"])
    if start.checkpoint is None:
        _claim_output_dir(run, record)
        data_report.write(report, run.output_dir)
        run.data.write_split(run.output_dir)
    else:
        _update_record(run, record)
    if start.is_finished:
        _log.info(
            "%s is trained already, %d steps. Nothing to train; --overwrite_output_dir=true "
            "retrains from scratch.",
            run.output_dir,
            start.step,
        )
        training_checkpoints.finish_training(run.output_dir)  # In case a kill prevented that
        return False
    _log_start(config, start, len(data.features["train"]), plan.num_train_steps)
    if class_weights is not None:
        named = zip(task.labels, class_weights)
        _log.info("Class weights: %s", ", ".join(f"{name} {w:.4g}" for name, w in named))
    training = training_settings(
        config,
        plan.num_train_steps,
        run.model.bert_config.num_hidden_layers,
        class_weights=class_weights,
        new_head=_starts_from_other_labels(config, task),
    )
    init_checkpoint = None if start.checkpoint else config.init_checkpoint
    estimator = make_estimator(run, task, init_checkpoint, training)
    input_fn = make_training_input_fn(
        data.features["train"],
        batch_size=config.rows_per_step,
        seed=config.seed,
        by_length=config.group_by_length,
        start_step=start.step,
        pad_to=run.pad_to,
        parts=config.gradient_accumulation_steps,
    )

    def evaluate(checkpoint: str) -> Scores:
        outputs = model_outputs(
            run,
            task,
            data.features["dev"],
            batch_size=config.eval_batch_size,
            checkpoint=checkpoint,
            what="Evaluating",
        )
        return task.score(data.examples["dev"], data.features["dev"], outputs)[0]

    goal = goal_of(config, task)
    Trainer(config, plan, goal, evaluate).train(start.step, estimator, input_fn)
    _log.info("Trained: %s", training_checkpoints.finish_training(run.output_dir))
    best = best_model.checkpoint_of(run.output_dir)
    if best is not None:
        _log.info("Best model by %s: %s", goal.metric, best)
    return True


def _claim_output_dir(run: Run, record: RunRecord) -> None:
    """Makes the output directory this training's, once nothing prevents the training any more."""
    if run.config.init_checkpoint:
        checkpoints.check_encoder(run.config.init_checkpoint, run.model.bert_config)
    files.check_is_ours(run.output_dir)
    if run.starts_over:
        files.remove_outputs(run.output_dir)
    run_record.save(record, run.output_dir, run.model)


def _update_record(run: Run, record: RunRecord) -> None:
    """Rewrites the record of a training that is resumed with changes."""
    previous = run.previous
    if previous is None or not previous.differences(record, type(run.config)):
        return
    if not previous.evaluates_like(record):
        files.remove_best(run.output_dir)
        train_log.forget_evaluations(run.output_dir)
    run_record.save(record, run.output_dir, run.model)


def _starts_from_other_labels(config: Config, task: Task) -> bool:
    """Returns whether --init_checkpoint is a fine-tuned model with other labels."""
    folder = os.path.dirname(config.init_checkpoint or "")
    record = run_record.load(folder) if folder else None
    if record is None:
        return False
    # Models from before there were problem types have single labels.
    was, now = (f.get("problem_type", "single_label") for f in (record.facts, task.facts()))
    return record.labels != task.labels or was != now


def _log_start(config: Config, start: _Start, num_rows: int, num_train_steps: int) -> None:
    if start.checkpoint:
        _log.info("Resuming from %s, step %d of %d", start.checkpoint, start.step, num_train_steps)
    elif not config.init_checkpoint:
        _log.info("No --init_checkpoint: training from random weights, not from a pretrained model")
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
