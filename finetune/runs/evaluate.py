"""Score the trained model on the dev file, and write the scores and a report."""

import json
import logging
import os
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional

import numpy as np

from finetune.config.flags import FlagValue
from finetune.data.rows import Rows
from finetune.output import best_model, names, run_record
from finetune.output.best_model import Scores
from finetune.output.score_files import ScoreFiles, files_for, is_free, same_path
from finetune.output.several_runs import table_of_trials
from finetune.output.train_log import figures_of
from finetune.reports import html_report
from finetune.reports.html_report import ScoredFile
from finetune.runs import closing
from finetune.runs.estimators import model_outputs, trained_checkpoint
from finetune.runs.prepare import PreparedData
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.util.errors import InputError
from finetune.util.files import atomic_text
from finetune.util.json_files import read_json_object, shown
from finetune.util.printable import Block

_log = logging.getLogger(__name__)


class Evaluated(NamedTuple):
    """The evaluations of a model.

    Attributes:
      scored: The evaluation on the dev file, then that on the test part, if there is one.
      outputs: The model's outputs for the dev file.
    """

    scored: List[ScoredFile]
    outputs: List[Dict[str, np.ndarray]]


def evaluate(run: Run, data: PreparedData) -> Evaluated:
    """Scores the model on the dev file, and on the test part of --split.

    Writes eval_results.txt, eval_results.json and report.html, or files named after the file that
    is scored if it is not the dev file of the training run.
    """
    task, features = data.task, data.features["dev"]
    files = _dev_files(run)
    is_dev = files.json == names.EVAL_JSON
    if not is_dev:  # Tuned on the file that they score, thresholds would look too good.
        task.check_tuned()
    outputs = dev_outputs = _outputs(run, task, features)
    if is_dev and task.tune(data.examples["dev"], features, outputs):
        _save_tuned(run, task)
    scored = [score(run, task, data.examples["dev"], features, outputs, files)]
    if run.data.has_test_part() and not run.is_trial:
        examples = run.data.examples("test")
        features = task.encode("test part", examples)
        outputs = _outputs(run, task, features)
        files = files_for(run.output_dir, run.data.file_of("test"))
        scored.append(score(run, task, examples, features, outputs, files))
    return Evaluated(scored, dev_outputs)


def _outputs(run: Run, task: Task, features: Rows) -> List[Dict[str, np.ndarray]]:
    return list(
        model_outputs(
            run,
            task,
            features,
            batch_size=run.config.eval_batch_size,
            checkpoint=trained_checkpoint(run),
            what="Evaluating",
        )
    )


def _dev_files(run: Run) -> ScoreFiles:
    """Returns the files for the scores on the run's dev file."""
    scored = run.data.file_of("dev")
    files = ScoreFiles(scored)
    if run.config.do_train or run.record is None:
        return files
    trained = run.record.settings
    has_dev = any(trained.get(name) for name in ("dev_file", "split", "data_dir"))
    is_dev = _is_dev_of(run, trained) if has_dev else is_free(run.output_dir, files)
    return files if is_dev else files_for(run.output_dir, scored)


def _is_dev_of(run: Run, trained: Mapping[str, FlagValue]) -> bool:
    """Returns whether the run's dev data is that of the training run."""
    given = run.config.dev_file
    if trained.get("split"):
        part = os.path.join(run.output_dir, names.SPLIT, "dev.jsonl")
        return bool(run.config.split) and not given or same_path(given, part)
    if given or trained.get("dev_file"):
        return same_path(given, trained.get("dev_file"))
    return same_path(run.config.data_dir, trained.get("data_dir"))


def _save_tuned(run: Run, task: Task) -> None:
    """Saves thresholds that were tuned on the dev file, so that later runs use them."""
    name = "thresholds"
    settings = {name: getattr(run.config, name)} if hasattr(run.config, name) else {}
    for folder in (run.output_dir, best_model.folder_of(run.output_dir)):
        run_record.update(folder, facts=task.facts(), settings=settings)


def score(
    run: Run,
    task: Task,
    examples: Iterable[Any],
    features: Rows,
    outputs: List[Dict[str, np.ndarray]],
    files: ScoreFiles,
) -> ScoredFile:
    """Scores a model's outputs; writes the scores and a page about them."""
    scores, text, warning = task.score(examples, features, outputs)
    write_scores(run.output_dir, scores, text, files)
    if warning:
        _log.warning("%s", warning)
    details = task.details(examples, features, outputs)
    scored = ScoredFile(files, scores, text, warning, details)
    write_report(run, task, scored)
    return scored


def write_report(run: Run, task: Task, scored: Optional[ScoredFile] = None) -> None:
    """Writes the page about a run, with its evaluation if there was one."""
    html_report.write(
        run.output_dir,
        metrics=task.metrics,
        config_class=type(run.config),
        summary=closing.summary_of(run, task, [scored] if scored else []),
        scored=scored,
        runs=table_of_trials(run.output_dir, task.metrics),
    )


def write_scores(output_dir: str, scores: Scores, text: str, files: ScoreFiles) -> None:
    """Writes the scores as text and as JSON."""
    text = f"file = {files.scored}\n{text}"
    # The JSON file comes first: it tells whose scores are in the others.
    with atomic_text(os.path.join(output_dir, files.json)) as writer:
        json.dump({"file": files.scored, **scores}, writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(output_dir, files.text)) as writer:
        writer.write(text)
    _log.info("***** Eval results *****\n%s", Block(text))


def saved_scores(output_dir: str, metric: str) -> Scores:
    """Returns the scores that an evaluation wrote to an output directory.

    Args:
      output_dir: The directory.
      metric: The metric that the scores must contain, perhaps as null.

    Raises:
      InputError: The file is missing or damaged.
    """
    path = os.path.join(output_dir, names.EVAL_JSON)
    kind = "the scores of an evaluation"
    advice = f"Delete the folder {output_dir} to retrain its model."
    scores = read_json_object(path, kind=kind, advice=advice)
    if metric not in dict(figures_of(scores)):
        found = shown(scores.get(metric)) if metric in scores else "missing"
        raise InputError(
            f"{path}: not {kind} ({metric} is {found}; expected a number or null). {advice}"
        )
    return {name: value for name, value in scores.items() if name != "file"}
