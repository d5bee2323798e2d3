"""Pool the folds of a cross-validation: each row, predicted by the model not trained on it."""

import itertools
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from finetune.output import names
from finetune.output.best_model import Scores
from finetune.output.results import opened_results
from finetune.output.score_files import ScoreFiles
from finetune.reports.html_report import ScoredFile
from finetune.runs.prepare import PreparedData, make_task
from finetune.runs.resolve import Run
from finetune.tasks.task import Task

Arrays = Dict[str, np.ndarray]


class HeldOut(NamedTuple):
    """A fold whose model has predicted the rows that the fold holds out.

    Attributes:
      run: The fold's run.
      data: Its data; "dev" contains the rows.
      outputs: The model's outputs for the rows.
      scores: Their scores.
    """

    run: Run
    data: PreparedData
    outputs: List[Arrays]
    scores: Scores


class Pooled(NamedTuple):
    """The rows of all folds: the task, their scores, and the names of the files of predictions."""

    task: Task
    scored: ScoredFile
    files: List[str]


def pool(folds: Sequence[HeldOut], output_dir: str) -> Pooled:
    """Writes the predictions of all rows in the order of the file, and scores them."""
    run = folds[0].run
    task = make_task(run)
    queues = [_predicted_examples(fold) for fold in folds]
    pairs = [next(queues[index]) for index in run.data.fold_of_rows()]
    examples = [example for example, _ in pairs]
    outputs = [row for _, rows in pairs for row in rows]
    features = task.encode("dev", examples, is_chunk=True)
    task.tune(examples, features, outputs)
    files = [
        names.FOLDS_PREDICTIONS.format(os.path.splitext(name)[1]) for name in task.prediction_files
    ]
    with opened_results([os.path.join(output_dir, name) for name in files]) as writers:
        task.prediction_writer(writers)(examples, features, outputs)
    scores, text, warning = task.score(examples, features, outputs)
    details = task.details(examples, features, outputs)
    place = ScoreFiles(run.data.file_of("train"), names.FOLDS_TEXT, names.FOLDS_JSON)
    return Pooled(task, ScoredFile(place, scores, text, warning, details), files)


def _predicted_examples(fold: HeldOut) -> Iterator[Tuple[Any, List[Arrays]]]:
    """Yields the examples of a fold, each with the model's outputs for each row made of it."""
    rows = (
        {name: array[i : i + 1] for name, array in batch.items()}
        for batch in fold.outputs
        for i in range(len(batch[min(batch)]))
    )
    task = fold.data.task
    for example in fold.data.examples["dev"]:
        number = len(task.encode("dev", [example], is_chunk=True))
        yield example, list(itertools.islice(rows, number))
