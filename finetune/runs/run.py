"""Run a command: resolve its flags, then check, train, evaluate and predict as requested."""

import contextlib
import dataclasses
import logging
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

import numpy as np

from finetune.config.config import Config
from finetune.config.flags import is_set
from finetune.output import files, remote, resume, run_record
from finetune.output.score_files import ScoreFiles
from finetune.reports import data_report
from finetune.reports.data_report_text import format_report
from finetune.runs import closing, cross_validation, trials
from finetune.runs.check import check
from finetune.runs.embed import check_stream, embed
from finetune.runs.evaluate import Evaluated, evaluate, saved_scores, write_report, write_scores
from finetune.runs.held_out import HeldOut
from finetune.runs.output_dir import make_output_dir
from finetune.runs.predict import predict
from finetune.runs.prepare import PreparedData, goal_of, make_task, prepare
from finetune.runs.resolve import ProcessorClasses, Run, find_processor, resolve
from finetune.runs.train import train
from finetune.runs.trials import Result
from finetune.runs.worker import run_worker
from finetune.tasks.data_set import Fold
from finetune.tasks.task import Task
from finetune.training.cluster import Cluster, find_cluster
from finetune.util.errors import UsageError
from finetune.util.files import user_path_errors
from finetune.util.lock import Lock
from finetune.util.paths import is_remote
from finetune.util.printable import Block

_log = logging.getLogger(__name__)


def run(config: Config, task_class: Type[Task], processor_classes: ProcessorClasses) -> None:
    """Runs a command.

    Args:
      config: The command's flags.
      task_class: The script's task.
      processor_classes: The data set classes, by task name.

    Raises:
      InputError: A flag, a file or the data is wrong; the message says where and what to do.
    """
    cluster = find_cluster(config)
    if config.do_check:
        cluster = None  # Each process can check by itself.
    if cluster is not None:
        _check_trains_once(config)
        if not cluster.is_chief:
            with user_path_errors(config.paths):
                run_worker(config, task_class, processor_classes, cluster)
            return
    with _local_output(config) as (local, publish), user_path_errors(local.paths):
        _run(local, task_class, processor_classes, cluster, publish)


@contextlib.contextmanager
def _local_output(config: Config) -> Iterator[Tuple[Config, Callable[[], None]]]:
    """Yields the configuration with a local output directory; and what writes it back."""
    if not is_remote(config.output_dir):
        yield config, lambda: None
        return
    with remote.opened(config.output_dir) as copy:
        yield config.with_values({"output_dir": copy.folder}), copy.publish_or_warn


def _run(
    config: Config,
    task_class: Type[Task],
    processor_classes: ProcessorClasses,
    cluster: Optional[Cluster],
    publish: Callable[[], None],
) -> None:
    if task_class.needs_no_model(config):
        _score_given(config, task_class, processor_classes)
        return

    def run_fold(config: Config, fold: Fold) -> HeldOut:
        resolved = resolve(config, task_class, processor_classes, fold=fold)
        resolved = dataclasses.replace(resolved, publish=publish)
        outcome = run_model(resolved, shows_data=fold.index == 0)
        assert outcome.data is not None
        return HeldOut(resolved, outcome.data, outcome.outputs, outcome.result.scores)

    def run_trial(config: Config, is_first: bool) -> Result:
        resolved = resolve(config, task_class, processor_classes, is_trial=True)
        resolved = dataclasses.replace(resolved, publish=publish)
        return run_model(resolved, shows_data=is_first).result

    if config.num_folds:
        with _locked(config.output_dir):
            cross_validation.run(config, run_fold)
        return
    if config.compares_trainings:
        with _locked(config.output_dir):
            trials.run(config, run_trial)
        config = trials.without_training(config)
    resolved = resolve(config, task_class, processor_classes)
    resolved = dataclasses.replace(resolved, cluster=cluster, publish=publish)
    if config.do_check:
        check(resolved)
    elif config.only_embeds:
        _embed_only(resolved)
    else:
        run_model(resolved)


def _check_trains_once(config: Config) -> None:
    """Raises `UsageError` if a command of several processes trains several times."""
    for name in ("num_folds", "grid", "num_trials"):
        if is_set(config, name):
            raise UsageError(
                f"--{name}={getattr(config, name)}: several processes (TF_CONFIG) cannot train "
                "several models together. Set --distribution=none, or omit the flag."
            )


def _score_given(
    config: Config, task_class: Type[Task], processor_classes: ProcessorClasses
) -> None:
    """Scores predictions that are given as a file."""
    processor = find_processor(config.value_of("task_name"), task_class, processor_classes)
    with _locked(config.output_dir):
        scores, text, _ = task_class.score_given(config, processor)
        write_scores(config.output_dir, scores, text, ScoreFiles(config.dev_file or ""))


@contextlib.contextmanager
def _locked(output_dir: str) -> Iterator[None]:
    """Creates the output directory of several training runs if missing, and locks it."""
    make_output_dir(output_dir)
    with contextlib.closing(Lock(output_dir)) as lock:
        _take(lock, output_dir)
        yield


def _take(lock: Lock, output_dir: str) -> None:
    lock.take()
    if lock.is_exclusive:
        files.remove_leftovers(output_dir)


def _embed_only(run: Run) -> None:
    """Writes sentence vectors with a model that need not be trained."""
    with run.trained.named_in_errors(type(run.config)), _locked(run.output_dir):
        if run.record is not None:
            make_task(run)  # The model knows how its files are read.
        embed(run)


class Outcome(NamedTuple):
    """The results of a run, for the command that it is part of.

    Attributes:
      result: Its scores.
      data: Its data; None if it was finished before.
      outputs: The model's outputs for the dev file, if it was evaluated.
    """

    result: Result
    data: Optional[PreparedData] = None
    outputs: List[Dict[str, np.ndarray]] = []


def run_model(run: Run, shows_data: bool = True) -> Outcome:
    """Trains, evaluates and predicts, as requested.

    Args:
      run: The run.
      shows_data: Whether the log shows the data report.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(run.trained.named_in_errors(type(run.config)))
        stack.enter_context(user_path_errors(run.config.paths))  # Includes remembered paths.
        check_stream(run)
        lock = stack.enter_context(contextlib.closing(Lock(run.output_dir)))
        _take(lock, run.output_dir)
        record = None
        if run.config.do_train:
            record = run_record.make(run.config, run.model)
            resume.check_same_training(run.config, run.previous, record)
        data = prepare(run)
        goal = goal_of(run.config, data.task)
        make_output_dir(run.output_dir)
        lock.take()  # The directory may not have existed the first time.
        trained = False
        if record is not None:
            run = run.with_size_defaults(len(data.features["train"]))
            record = _complete(run, data, run_record.make(run.config, run.model))
            report = data_report.make(
                data.task,
                run.data,
                examples=data.examples,
                features=data.features,
                model=run.model,
                warnings=run.warnings,
            )
            if shows_data:
                _log.info("%s", Block(format_report(report)))
            resume.check_same_training(run.config, run.previous, record)
            if not run.starts_over and files.is_discarded(run.output_dir):
                _log.info("%s is already trained and scored", run.output_dir)
                return Outcome(Result(saved_scores(run.output_dir, goal.metric), goal))
            trained = train(run, data, record, report)
        evaluated = _use_model(run, data, trained)
        scores = evaluated.scored[0].scores if evaluated.scored else {}
        return Outcome(Result(scores, goal), data, evaluated.outputs)


def _complete(run: Run, data: PreparedData, record: run_record.RunRecord) -> run_record.RunRecord:
    """Returns the record of a training run, completed with its labels and data."""
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


def _use_model(run: Run, data: PreparedData, trained: bool) -> Evaluated:
    """Evaluates and predicts if requested; without an evaluation, still reports on training."""
    evaluated = evaluate(run, data) if run.config.do_eval else Evaluated([], [])
    scored = evaluated.scored
    if trained and not scored:
        write_report(run, data.task)
    predicted = predict(run, data) if run.config.do_predict else None
    if run.config.do_embed:
        embed(run)
    if (trained or scored) and not run.is_part:
        summary = closing.summary_of(
            run,
            data.task,
            [*scored, predicted] if predicted else scored,
            with_predictions=run.config.do_predict,
        )
        _log.info("%s", Block(closing.format_summary(summary)))
    return evaluated
