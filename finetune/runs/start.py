"""What a process needs to train: where training starts, the graph, and the input."""

import dataclasses
import os
from typing import Callable, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.data.batches import make_training_input_fn
from finetune.models.word_rows import WordRows
from finetune.output import run_record, training_checkpoints
from finetune.runs.estimators import make_estimator
from finetune.runs.prepare import PreparedData
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.training.distribution import Devices
from finetune.training.occurring_words import RowNumbers, find_word_rows
from finetune.training.replicated import ReplicatedTraining
from finetune.training.step_plan import StepPlan, training_settings


@dataclasses.dataclass(frozen=True)
class Start:
    """The start of a training run: its own newest checkpoint, or step 0 if there is none."""

    checkpoint: Optional[str]

    @property
    def step(self) -> int:
        return training_checkpoints.step_of(self.checkpoint) if self.checkpoint else 0

    @property
    def is_finished(self) -> bool:
        return self.checkpoint is not None and training_checkpoints.is_final(self.checkpoint)


class Training(NamedTuple):
    """A training run that can start.

    Attributes:
      estimator: The Estimator, or its counterpart for several devices.
      input_fn: Provides the batches, from the step where training starts.
    """

    estimator: "Union[tf.estimator.Estimator, ReplicatedTraining]"
    input_fn: Callable


def make_training(
    run: Run,
    data: PreparedData,
    start: Start,
    plan: StepPlan,
    devices: Optional[Devices],
) -> Training:
    """Makes the graph and the input of a training run.

    Args:
      run: The run.
      data: The run's data.
      start: Where training starts.
      plan: The steps.
      devices: The devices to train on; None if there is only one.
    """
    rows = _find_word_rows(run, data, start)
    class_weights = data.task.class_weights(data.features["train"])
    return Training(
        _make_training_estimator(run, data.task, start, plan, class_weights, rows, devices),
        _make_input_fn(run, data, start, rows, devices),
    )


def _find_word_rows(run: Run, data: PreparedData, start: Start) -> Optional[WordRows]:
    """Returns the rows of the word-embedding table to train; None if they are not told apart."""
    if run.config.freeze_embeddings:
        return None
    return find_word_rows(data.features["train"], run.config.init_checkpoint, start.checkpoint)


def _make_training_estimator(
    run: Run,
    task: Task,
    start: Start,
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
        new_head=starts_from_other_labels(config, task),
        rows=rows,
    )
    init_checkpoint = None if start.checkpoint else config.init_checkpoint
    return make_estimator(run, task, init_checkpoint, training, devices, start.checkpoint)


def _make_input_fn(
    run: Run,
    data: PreparedData,
    start: Start,
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


def starts_from_other_labels(config: Config, task: Task) -> bool:
    """Returns whether --init_checkpoint is a fine-tuned model with different labels."""
    folder = os.path.dirname(config.init_checkpoint or "")
    record = run_record.load(folder) if folder else None
    if record is None:
        return False
    # Older records lack the problem type, which was then always single_label.
    was, now = (f.get("problem_type", "single_label") for f in (record.facts, task.facts()))
    return record.labels != task.labels or was != now
