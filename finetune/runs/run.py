"""Do what a command asks for: resolve it, then check, train, evaluate and predict."""

import contextlib
import logging
from typing import Iterator, Optional, Type

from finetune.config.config import Config
from finetune.output import files, resume, run_record
from finetune.output.best_model import Scores
from finetune.output.lock import Lock
from finetune.reports import data_report, html_report
from finetune.reports.data_report_text import format_report
from finetune.runs import cross_validation, trials
from finetune.runs.check import check
from finetune.runs.evaluate import evaluate, saved_scores
from finetune.runs.predict import predict
from finetune.runs.prepare import PreparedData, goal_of, prepare
from finetune.runs.resolve import ProcessorClasses, Run, make_output_dir, resolve
from finetune.runs.train import train
from finetune.runs.trials import Result
from finetune.tasks.data_set import Fold
from finetune.tasks.task import Task

_log = logging.getLogger(__name__)


def run(config: Config, task_class: Type[Task], processor_classes: ProcessorClasses) -> None:
    """Does what a command asks for.

    Args:
      config: The command's flags.
      task_class: The script's task.
      processor_classes: The data set classes, by task name.

    Raises:
      InputError: A flag, a file or the data is wrong; the message says where and what to do.
    """

    def run_fold(config: Config, fold: Fold) -> Scores:
        return run_model(resolve(config, task_class, processor_classes, fold=fold)).scores

    def run_trial(config: Config) -> Result:
        return run_model(resolve(config, task_class, processor_classes, is_trial=True))

    if config.num_folds:
        with _locked(config.output_dir):
            cross_validation.run(config, run_fold)
        return
    if config.compares_trainings:
        with _locked(config.output_dir):
            trials.run(config, run_trial)
        config = trials.without_training(config)
    resolved = resolve(config, task_class, processor_classes)
    if config.do_check:
        check(resolved)
    else:
        run_model(resolved)


@contextlib.contextmanager
def _locked(output_dir: Optional[str]) -> Iterator[None]:
    """Makes the folder of several trainings, and keeps other runs out of it."""
    make_output_dir(output_dir or "")
    with contextlib.closing(Lock(output_dir or "")) as lock:
        lock.take()
        yield


def run_model(run: Run) -> Result:
    """Trains, evaluates and predicts, as far as each is asked for."""
    with contextlib.closing(Lock(run.output_dir)) as lock:
        lock.take()
        record = None
        if run.config.do_train:
            record = run_record.make(run.config, run.model)
            resume.check_same_training(run.config, run.previous, record)
        data = prepare(run)
        goal = goal_of(run.config, data.task)
        make_output_dir(run.output_dir)
        lock.take()  # The folder may not have existed the first time.
        trained = False
        if record is not None:
            record = _complete(run, data, record)
            report = data_report.make(
                data.task,
                run.data,
                examples=data.examples,
                features=data.features,
                model=run.model,
                warnings=run.warnings,
            )
            _log.info("%s", format_report(report))
            resume.check_same_training(run.config, run.previous, record)
            if not run.starts_over and files.is_discarded(run.output_dir):
                _log.info("%s is trained and scored already", run.output_dir)
                return Result(saved_scores(run.output_dir), goal)
            trained = train(run, data, record, report)
        return Result(_use_model(run, data, trained), goal)


def _complete(run: Run, data: PreparedData, record: run_record.RunRecord) -> run_record.RunRecord:
    """Returns the record of a training with what is known of its data."""
    contents = {
        split: (example.content for example in examples)
        for split, examples in data.examples.items()
    }
    return record.with_data(
        labels=data.task.labels,
        facts=data.task.facts(),
        contents=contents["train"],
        dev_contents=contents["dev"] if run.selects_by_dev else None,
    )


def _use_model(run: Run, data: PreparedData, trained: bool) -> Scores:
    """Evaluates and predicts, or else reports on the training."""
    scores: Scores = {}
    if run.config.do_eval:
        scores = evaluate(run, data)
    elif trained:
        _log.info("Report: %s", html_report.write(run.output_dir, metrics=data.task.metrics))
    if run.config.do_predict:
        predict(run, data)
    return scores
