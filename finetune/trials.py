"""Train several times, with other seeds or settings, and keep the best model."""

import dataclasses
import itertools
import json
import logging
import os
import re
import shutil
import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finetune import best_model, checkpoints, data_report, run_record, run_setup, train_log
from finetune.best_model import Goal
from finetune.config import Config, UsageError
from finetune.cross_validation import format_summary, summarize
from finetune.files import atomic_text

PLAN_FILE = "trials_plan.json"

_log = logging.getLogger(__name__)

# Run, the scores of the dev file, and by what they are compared.
RunTrial = Callable[[Config], Tuple[Dict[str, Any], Goal]]
Settings = Dict[str, Any]


class Trial(NamedTuple):
    """One training that is done."""

    folder: str
    settings: Settings  # Those of the grid
    seed: int
    scores: Dict[str, Any]


def parse_grid(grid: str) -> List[Settings]:
    """Returns the settings that a grid such as "learning_rate=1e-5,3e-5" stands for.

    Raises:
      UsageError: It names no flag with a number that a training depends on, or no number.
    """
    fields = {field.name: field for field in dataclasses.fields(Config)}
    known = [
        name
        for name in run_record.IDENTITY
        if name in fields and type(fields[name].default) in (int, float) and name != "seed"
    ]
    axes: Dict[str, List[Any]] = {}
    for item in re.split(r"[;\s]+", grid.strip()):
        name, equals, values = item.partition("=")
        name = name.lstrip("-")
        if not equals or name not in known:
            raise UsageError(
                f"--grid: found {item!r}; expected name=number,number with spaces between, of "
                f"{', '.join(known)}."
            )
        if name in axes:
            raise UsageError(f"--grid: {name} is given twice.")
        axes[name] = [_number(text, type(fields[name].default), item) for text in values.split(",")]
        _refuse_beyond(fields[name], axes[name])
        if len(set(axes[name])) < len(axes[name]):
            raise UsageError(f"--grid: {item!r} has a value twice.")
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def _number(text: str, number_type: type, item: str) -> Any:
    try:
        return number_type(text)
    except ValueError as error:
        kind = "whole numbers" if number_type is int else "numbers"
        raise UsageError(f"--grid: found {text!r} in {item!r}; expected {kind}.") from error


def _refuse_beyond(field: dataclasses.Field, values: Sequence[Any]) -> None:
    bounds = field.metadata["bounds"]
    least, most = (bounds.get(f"{side}_bound", None) for side in ("lower", "upper"))
    for value in values:
        if (least is not None and value < least) or (most is not None and value > most):
            limits = [f"{least} at the least"] if least is not None else []
            limits += [f"{most} at the most"] if most is not None else []
            raise UsageError(f"--grid: {field.name}={value}; expected {', '.join(limits)}.")


def run(config: Config, run_trial: RunTrial) -> None:
    """Trains and scores each trial in a folder of its own; leaves the best model.

    Of a grid, the best settings are those with the best mean over their seeds, and the best model
    is the best of these. Of the other trials, everything is kept but the weights.

    Args:
      config: The configuration, with `num_trials` or `grid`.
      run_trial: Does one trial with its configuration.
    """
    points = parse_grid(config.grid) if config.grid else [{}]
    _refuse_impossible(config, points)
    _claim(config)
    done: List[List[Trial]] = []
    number = 0
    for settings in points:
        done.append([])
        for seed in range(config.seed, config.seed + config.num_trials):
            number += 1
            folder = os.path.join(config.output_dir, f"trial-{number}")
            _log.info(
                "***** Trial %d of %d: %s *****",
                number,
                len(points) * config.num_trials,
                _in_words({**settings, "seed": seed}),
            )
            scores, goal = run_trial(_trial_config(config, settings, seed, folder))
            done[-1].append(Trial(folder, settings, seed, scores))
            _discard_worse(done[-1], goal)
        order = _best_first(done, goal)
        for point in order[1:]:
            for trial in point:
                _discard(trial, order[0])
    _write_results(config, order, goal)
    _adopt(_best_of(order[0], goal), config.output_dir)


def _refuse_impossible(config: Config, points: Sequence[Settings]) -> None:
    """Raises `UsageError` if the settings of a trial cannot be, before the first is trained."""
    try:
        for settings in points:
            _trial_config(config, settings, config.seed, "")
    except ValueError as error:
        raise UsageError(f"--grid: {error}") from error


def _claim(config: Config) -> None:
    """Makes the output directory that of these trials.

    Raises:
      ValueError: It holds another training, or other trials, and they are not to be overwritten.
    """
    output_dir = config.output_dir
    run_setup.check_output_dir(config, config.overwrite_output_dir)
    run_record.refuse_foreign(output_dir)
    plan = {"grid": config.grid, "num_trials": config.num_trials, "seed": config.seed}
    path = os.path.join(output_dir, PLAN_FILE)
    found = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as reader:
            found = json.load(reader)
    if not config.overwrite_output_dir and found != plan:
        holds = None
        if found is not None:
            holds = "other trials: " + ", ".join(
                f"{name} was {found.get(name)}, now {value}"
                for name, value in plan.items()
                if found.get(name) != value
            )
        elif run_record.load(output_dir) is not None:
            holds = "a training of its own"
        if holds:
            raise ValueError(
                f"--output_dir={output_dir} holds {holds}. Give another --output_dir, or "
                "--overwrite_output_dir=true to discard what is there."
            )
    with atomic_text(path) as writer:
        json.dump(plan, writer)


def _trial_config(config: Config, settings: Settings, seed: int, folder: str) -> Config:
    return dataclasses.replace(
        config,
        **settings,
        seed=seed,
        num_trials=1,
        grid=None,
        do_eval=True,
        do_predict=False,
        predict_file=None,
        output_dir=folder or config.output_dir,
    )


def without_training(config: Config) -> Config:
    """Returns what is left to do with the best model: it is scored, and predicted with."""
    defaults = {field.name: field.default for field in dataclasses.fields(Config)}
    trains = (
        "num_trials", "grid", "do_train", "overwrite_output_dir", "resume_with_changes",
        "eval_every", "metric_for_best", "early_stopping_patience",
    )  # fmt: skip
    return dataclasses.replace(config, do_eval=True, **{name: defaults[name] for name in trains})


def _best_of(point: Sequence[Trial], goal: Goal) -> Trial:
    best = goal.best_of([trial.scores for trial in point])
    return next(trial for trial in point if trial.scores is best)


def _best_first(done: Sequence[List[Trial]], goal: Goal) -> List[List[Trial]]:
    """Returns the points of a grid by their mean score, the best first."""
    left, order = list(done), []
    while left:
        means = [{goal.metric: _mean(point, goal)} for point in left]
        best = goal.best_of(means)
        order.append(left.pop(next(i for i, mean in enumerate(means) if mean is best)))
    return order


def _mean(point: Sequence[Trial], goal: Goal) -> Optional[float]:
    values = [goal.value_of(trial.scores) for trial in point]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _discard_worse(point: Sequence[Trial], goal: Goal) -> None:
    best = _best_of(point, goal)
    for trial in point:
        if trial is not best:
            _discard(trial, [best])


def _discard(trial: Trial, better: Sequence[Trial]) -> None:
    """Removes the weights of a trial, and notes that, so that it is not trained again."""
    run_record.discard_weights(
        trial.folder, f"{os.path.basename(better[0].folder)} is better: these weights are removed."
    )


def _adopt(trial: Trial, output_dir: str) -> None:
    """Copies the model of a trial, and what tells of its training, into the output directory."""
    model = best_model.folder_if_there(trial.folder)
    # First, so that no new labels stand beside old weights if this is cut off.
    run_record.remove_weights(output_dir)
    for name in (*run_record.MODEL_FILES, data_report.REPORT_FILE, train_log.LOG_FILE):
        source = os.path.join(trial.folder, name)
        if os.path.exists(source):
            shutil.copyfile(source, os.path.join(output_dir, name))
    split = os.path.join(trial.folder, "split")
    if os.path.isdir(split):
        shutil.copytree(split, os.path.join(output_dir, "split"), dirs_exist_ok=True)
    checkpoints.write_weights_only(checkpoints.latest(model), output_dir)


def _write_results(config: Config, order: Sequence[List[Trial]], goal: Goal) -> None:
    points = [
        {
            "settings": point[0].settings,
            "seeds": [trial.seed for trial in point],
            "folders": [os.path.basename(trial.folder) for trial in point],
            "scores": summarize([trial.scores for trial in point]),
            "trials": [trial.scores for trial in point],
        }
        for point in order
    ]
    results = {"metric": goal.metric, "points": points}
    text = format_results(results)
    with atomic_text(os.path.join(config.output_dir, "trials.json")) as writer:
        json.dump(results, writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(config.output_dir, "trials.txt")) as writer:
        writer.write(text)
    _log.info("***** Trials *****\n%s", text)


def format_results(results: Dict[str, Any]) -> str:
    """Returns the results of trials as text for people: a table of the grid, then all figures."""
    metric, points = results["metric"], results["points"]
    lines = [f"By mean {metric} of the dev file, the best first:", ""]
    for point in points:
        figure = point["scores"].get(metric) or {"mean": None, "std": None}
        mean = "-" if figure["mean"] is None else f"{figure['mean']:.4f}"
        deviation = "" if figure["std"] is None else f" ± {figure['std']:.4f}"
        lines.append(
            f"{mean}{deviation}  {_in_words(point['settings']) or 'as given'}"
            f"  (seeds {', '.join(map(str, point['seeds']))}: {', '.join(point['folders'])})"
        )
    best = points[0]
    title = f"The best, {len(best['seeds'])} seeds: mean and standard deviation"
    return "\n".join([*lines, "", format_summary(title, best["scores"])])


def _in_words(settings: Settings) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
