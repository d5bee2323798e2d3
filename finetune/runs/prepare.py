"""A run's data, read and encoded: the labels, the examples and the arrays made from them."""

import dataclasses
from typing import Any, Dict, Iterable

from finetune.config.config import Config
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
      examples: The examples of each split that the run uses.
      features: The same as arrays.
    """

    task: Task
    examples: Dict[str, Iterable[Any]]
    features: Dict[str, Rows]


def make_task(run: Run) -> Task:
    """Makes the task: its labels come from the trained model, or from the training to come."""
    config, task_class = run.config, run.task_class
    trains = config.learns_labels and run.data.has("train")
    if run.record is not None and not trains:
        task = task_class.restore(
            config, run.processors, run.model, run.record.labels, run.record.facts
        )
    else:
        # A fine-tuned checkpoint without a record can be used if its labels are listed.
        is_listed = task_class.listed_labels(config, run.processors) is not None
        known = is_listed and not config.learns_labels
        examples = [] if known else run.data.examples_with_labels()
        task = task_class.learn(config, run.processors, run.model, examples)
    run.data.read_with(task.processors)
    return task


def prepare(run: Run) -> PreparedData:
    """Reads everything that a run needs first, so that no training ends at a missing file.

    Raises:
      InputError: A file is missing, or something in it is wrong.
    """
    config = run.config
    task = make_task(run)
    if config.do_train:
        task.class_weights(None)
        goal_of(config, task)
    wanted = {"train": config.do_train, "dev": config.needs_dev, "test": config.do_predict}
    examples = {split: run.data.examples(split) for split, used in wanted.items() if used}
    features = {split: task.encode(split, rows) for split, rows in examples.items()}
    return PreparedData(task, examples, features)


def goal_of(config: Config, task: Task) -> Goal:
    """Returns what makes one model better than another; checks --metric_for_best."""
    metric = config.metric_for_best or task.metrics[0]
    if metric not in task.metrics:
        raise UsageError(f"--metric_for_best={metric}: expected one of {', '.join(task.metrics)}.")
    return Goal(metric)
