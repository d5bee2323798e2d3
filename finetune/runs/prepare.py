"""Read and encode the data of a run: labels, examples and the arrays made from them."""

import dataclasses
from typing import Any, Dict, Iterable

from finetune.config.config import Config
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import Rows
from finetune.output.best_model import Goal
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.util.errors import UsageError


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """The data of a run.

    Attributes:
      task: The task, which knows its labels.
      examples: The examples of each split that the run uses, except for those of a stream.
      features: The same examples as arrays.
    """

    task: Task
    examples: Dict[str, Iterable[Any]]
    features: Dict[str, Rows]


def make_task(run: Run) -> Task:
    """Makes the task, with the labels of the trained model or of the training data."""
    config, task_class = run.config, run.task_class
    trains = config.learns_labels and run.data.has("train")
    if run.record is not None and not trains:
        task = task_class.restore(
            config, run.processors, run.model, run.record.labels, run.record.facts
        )
    else:
        # A fine-tuned checkpoint without a record can be used if its labels are listed.
        is_listed = task_class.listed_labels(config, run.processors) is not None
        examples = [] if is_listed and not config.learns_labels else run.data.examples_with_labels()
        task = task_class.learn(config, run.processors, run.model, examples)
        known = run.previous.labels if run.previous else []
        if not is_listed and known != task.labels and sorted(known) == sorted(task.labels):
            # An earlier version trained with another order of the same labels.
            task = task_class.restore(config, run.processors, run.model, known, task.facts())
        if run.previous is not None:
            task.recall(run.previous.facts)
    run.data.read_with(task.processors)
    return task


def prepare(run: Run, only_train: bool = False) -> PreparedData:
    """Reads all data before training starts, so that a missing file is reported early.

    Args:
      run: The run.
      only_train: Whether to read only the training data.

    Raises:
      InputError: A file is missing or contains an error.
    """
    config = run.config
    task = make_task(run)
    if config.do_train:
        task.class_weights(None)
        goal_of(config, task)
    wanted = {
        "train": config.do_train,
        "dev": config.needs_dev,
        "test": config.do_predict and not run.data.is_stream("test"),
    }
    if only_train:
        wanted = {"train": True}
    examples = {split: run.data.examples(split) for split, used in wanted.items() if used}
    features = {split: _encode(task, split, rows) for split, rows in examples.items()}
    return PreparedData(task, examples, features)


def _encode(task: Task, split: str, examples: Iterable[Any]) -> Rows:
    errors = RowErrors()
    features = task.encode(split, examples, errors)
    errors.check()
    return features


def goal_of(config: Config, task: Task) -> Goal:
    """Returns the metric that selects the best model; checks --metric_for_best."""
    metric = config.metric_for_best or task.metrics[0]
    if metric not in task.metrics:
        raise UsageError(
            f"--metric_for_best={metric}: no such metric for this task and its labels; expected "
            f"one of {', '.join(task.metrics)}."
        )
    return Goal(metric)
