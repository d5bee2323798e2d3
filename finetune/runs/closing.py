"""The closing summary of a run, on the terminal and at the head of report.html."""

import os
import shlex
from typing import Dict, List, Mapping, Sequence

from finetune.config.flags import FlagValue
from finetune.output import best_model, names, run_record, train_log, training_checkpoints
from finetune.output.best_model import Goal
from finetune.reports import data_report
from finetune.reports.html_report import ScoredFile, Summary
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.util.plurals import count
from finetune.util.progress import format_duration

# The keys under which tasks count what they score, and its unit
_UNITS = {"num_examples": "row", "num_sentences": "text", "total": "question"}


def summary_of(
    run: Run, task: Task, scored: Sequence[ScoredFile], with_predictions: bool = False
) -> Summary:
    """Returns the titles and texts of the summary.

    Args:
      run: The run.
      task: The run's task.
      scored: The evaluations of the run.
      with_predictions: Whether the run wrote predictions.
    """
    record = run_record.load(run.output_dir) or run.record
    settings = record.settings if record else {}
    metric = str(settings.get("metric_for_best") or task.metrics[0])
    rows: Dict[str, str] = {}
    for number, one in enumerate(scored):
        rows[metric if not number else f"{metric} (test)"] = format_score(metric, one)
    rows["model"] = _model(run, settings, metric)
    rows["training"] = _training(run, settings)
    files = [name for one in scored for name in (one.files.report, one.files.text, one.files.json)]
    files = files or [names.REPORT]
    files += task.prediction_files if with_predictions else []
    if os.path.exists(os.path.join(run.output_dir, names.TRIALS_TEXT)):
        files.append(names.TRIALS_TEXT)
    rows["files"] = f"{', '.join(files)} in {run.output_dir}"
    rows["next"] = _next_command(run, task, bool(scored))
    return [(title, text) for title, text in rows.items() if text]


def format_summary(summary: Summary) -> str:
    """Returns the summary as text."""
    width = max(len(title) for title, _ in summary) + 2
    lines = [f"{title:{width}}{text}" for title, text in summary]
    return "\n".join(["***** Summary *****", *lines]) + "\n"


def format_score(metric: str, scored: ScoredFile) -> str:
    """Returns a score as text, with the file, the number of rows and the confidence interval."""
    value = Goal(metric).value_of(scored.scores)
    rows = next(count(scored.scores[key], _UNITS[key]) for key in _UNITS if key in scored.scores)
    notes = [rows, *_interval(metric, scored)]
    shown = "undefined" if value is None else f"{value:.4f}"
    return f"{shown} on {scored.files.scored} ({', '.join(notes)})"


def _interval(metric: str, scored: ScoredFile) -> List[str]:
    """Returns the confidence interval of a metric, or of the first that has one."""
    intervals = scored.details.intervals
    for name in (metric, *intervals):
        if name in intervals:
            low, high = intervals[name]
            of_other = "" if name == metric else f" of {name}"
            return [f"95% confidence interval{of_other}: {low:.3g} to {high:.3g}"]
    return []


def _model(run: Run, settings: Mapping[str, FlagValue], metric: str) -> str:
    best = best_model.checkpoint_of(run.output_dir)
    own = best or training_checkpoints.latest(run.output_dir)
    if own is None:
        return run.config.init_checkpoint or ""
    note = f", the best by {metric}" if best else ""
    origin = settings.get("init_checkpoint")
    return f"{own}{note}{f', trained from {origin}' if origin else ''}"


def _training(run: Run, settings: Mapping[str, FlagValue]) -> str:
    report = data_report.load(run.output_dir)
    log = train_log.read(run.output_dir)
    if report is None or "train" not in report.splits or not log:
        return ""
    place = settings.get("train_file") or settings.get("data_dir")
    seconds = train_log.duration_of(log)
    duration = f" in {format_duration(seconds)}" if seconds else ""
    rows = count(report.splits["train"].rows, "row")
    steps = count(log[-1]["step"], "step")
    epochs = f"{log[-1]['epoch']:.4g} epoch{'' if log[-1]['epoch'] == 1 else 's'}"
    return f"{rows} of {place}, {epochs}, {steps}{duration}"


def _next_command(run: Run, task: Task, is_scored: bool) -> str:
    """Returns the command that uses the model in the output directory, if it has one."""
    if run.is_trial or training_checkpoints.latest(run.output_dir) is None:
        return ""
    flags = ["--do_predict=true", f"--output_dir={run.output_dir}", "--predict_file=-"]
    if not is_scored and run.data.has("dev"):
        flags = ["--do_eval=true", f"--output_dir={run.output_dir}"]
    return shlex.join(["python", task.script, *flags])
