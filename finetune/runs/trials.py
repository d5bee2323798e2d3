"""Train several times, with different seeds or settings, and keep the best model."""

import dataclasses
import json
import logging
import os
import shutil
import statistics
from typing import Callable, List, NamedTuple, Optional, Sequence

from finetune.config.config import Config
from finetune.output import best_model, files, names, run_record, training_checkpoints
from finetune.output.best_model import Goal, Scores
from finetune.output.several_runs import PointResult, TrialResults, as_text
from finetune.runs.grid import Settings, parse_grid
from finetune.runs.output_dir import check_output_dir
from finetune.runs.summary import format_figure, format_summary, summarize
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text
from finetune.util.json_files import read_schema
from finetune.util.plurals import count
from finetune.util.printable import Block

_log = logging.getLogger(__name__)


class Result(NamedTuple):
    """The scores of a run's evaluation, and the metric that compares models."""

    scores: Scores
    goal: Goal


RunTrial = Callable[[Config, bool], Result]  # (configuration, whether it is the first trial)


class Trial(NamedTuple):
    """One finished training run.

    Attributes:
      folder: Its output directory.
      settings: Its point in the grid.
      seed: Its seed.
      scores: Its scores on the dev file.
    """

    folder: str
    settings: Settings
    seed: int
    scores: Scores


Point = List[Trial]  # The trials of one point in the grid, one for each seed


def run(config: Config, run_trial: RunTrial) -> None:
    """Trains and scores each trial in its own folder; keeps the best model.

    The best settings are those with the best mean over their seeds. The best model is the one
    trained with the best of these seeds. All other trials keep everything except their weights.

    Args:
      config: The configuration, in which `num_trials` or `grid` is set.
      run_trial: Runs one trial.
    """
    settings = parse_grid(config.grid, type(config)) if config.grid else [{}]
    _check_possible(config, settings)
    _claim(config)
    done: List[Point] = []
    number, total = 0, len(settings) * config.num_trials
    for chosen in settings:
        done.append([])
        for seed in range(config.seed, config.seed + config.num_trials):
            number += 1
            folder = os.path.join(config.output_dir, names.TRIAL_FOLDER.format(number))
            title = as_text({**chosen, "seed": seed})
            _log.info("***** Trial %d of %d: %s *****", number, total, title)
            trial_config = _trial_config(config, chosen, seed, folder)
            scores, goal = run_trial(trial_config, number == 1)
            done[-1].append(Trial(folder, chosen, seed, scores))
            _discard_others(done[-1], _best_of(done[-1], goal))
        order = _best_first(done, goal)
        for point in order[1:]:
            _discard_others(point, order[0][0])
    best = _best_of(order[0], goal)
    _write_results(config, order, goal, os.path.basename(best.folder))
    if goal.value_of(best.scores) is None:
        _log.warning("%s The first model is kept.", goal.undefined_message())
    _adopt(best, config.output_dir)


def _check_possible(config: Config, settings: Sequence[Settings]) -> None:
    """Raises `UsageError` if a trial's settings are invalid, before any trial is trained."""
    try:
        for chosen in settings:
            _trial_config(config, chosen, config.seed, config.output_dir)
    except InputError as error:
        raise UsageError(f"--grid: {error}") from error


@dataclasses.dataclass(frozen=True)
class TrialsPlan:
    """The flags that determine a directory's trials, as trials_plan.json contains them."""

    grid: Optional[str]
    num_trials: int
    seed: int


def _claim(config: Config) -> None:
    """Records in the output directory that it belongs to these trials.

    Raises:
      InputError: It contains a single training run or other trials, which must be kept.
    """
    output_dir = config.output_dir
    check_output_dir(config, config.overwrite_output_dir)
    files.check_is_ours(output_dir)
    plan = TrialsPlan(config.grid, config.num_trials, config.seed)
    contents = None if config.overwrite_output_dir else _other_contents(output_dir, plan)
    if contents is not None:
        raise InputError(
            f"--output_dir={output_dir} contains {contents}. Set a different --output_dir, or "
            "--overwrite_output_dir=true to discard its contents."
        )
    with atomic_text(os.path.join(output_dir, names.TRIALS_PLAN)) as writer:
        json.dump(dataclasses.asdict(plan), writer)


def _other_contents(output_dir: str, plan: TrialsPlan) -> Optional[str]:
    """Describes what a directory contains instead of these trials, or returns None."""
    path = os.path.join(output_dir, names.TRIALS_PLAN)
    if not os.path.exists(path):
        return None if run_record.load(output_dir) is None else "a single training run"
    found = read_schema(
        path,
        TrialsPlan,
        kind="the plan of several training runs",
        advice=f"Set a different --output_dir, or delete this file if {output_dir} contains the "
        "trials that you want to continue.",
    )
    if found == plan:
        return None
    return "other trials: " + ", ".join(
        f"{name} was {getattr(found, name)}, now {value}"
        for name, value in dataclasses.asdict(plan).items()
        if getattr(found, name) != value
    )


def _trial_config(config: Config, settings: Settings, seed: int, folder: str) -> Config:
    trial = {**settings, "seed": seed, "do_eval": True, "output_dir": folder}
    return config.reset(lambda flag: flag.per_command).with_values(trial)


def without_training(config: Config) -> Config:
    """Returns the configuration for evaluating the best model and predicting with it."""
    trained = config.reset(lambda flag: flag.training_only)
    return trained.with_values({"do_train": False, "do_eval": True})


def _best_of(point: Point, goal: Goal) -> Trial:
    best = goal.best_of([trial.scores for trial in point])
    return next((trial for trial in point if trial.scores is best), point[0])


def _best_first(done: Sequence[Point], goal: Goal) -> List[Point]:
    """Returns the points of a grid, sorted by mean score, best first."""
    left, order = list(done), []
    while left:
        goals = (goal, Goal("loss"))  # The second decides between equal means.
        means = [{goal.metric: _mean(point, goal) for goal in goals} for point in left]
        best = goal.best_of(means)
        order.append(left.pop(next((i for i, mean in enumerate(means) if mean is best), 0)))
    return order


def _mean(point: Point, goal: Goal) -> Optional[float]:
    values = [goal.value_of(trial.scores) for trial in point]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _discard_others(point: Point, better: Trial) -> None:
    """Deletes the weights of all trials but the better one, and records why in their folders."""
    name = os.path.basename(better.folder)
    for trial in point:
        if trial is not better:
            files.discard_weights(trial.folder, f"Weights deleted: {name} scored better.")


def _adopt(trial: Trial, output_dir: str) -> None:
    """Copies a trial's model and the files that describe its training into the output directory."""
    best = best_model.checkpoint_of(trial.folder)
    checkpoint = best or training_checkpoints.newest(trial.folder)
    # Deleted first, so that a kill never leaves new labels beside old weights.
    files.remove_weights(output_dir)
    for name in (*names.MODEL_FILES, names.DATA_REPORT, names.TRAIN_LOG):
        source = os.path.join(trial.folder, name)
        if os.path.exists(source):
            shutil.copyfile(source, os.path.join(output_dir, name))
    split = os.path.join(trial.folder, names.SPLIT)
    if os.path.isdir(split):
        shutil.copytree(split, os.path.join(output_dir, names.SPLIT), dirs_exist_ok=True)
    training_checkpoints.write_weights_only(checkpoint, output_dir)


def _results_of(order: Sequence[Point], goal: Goal, model: str) -> TrialResults:
    points = [
        PointResult(
            settings=dict(point[0].settings),
            seeds=[trial.seed for trial in point],
            folders=[os.path.basename(trial.folder) for trial in point],
            scores=summarize([trial.scores for trial in point]),
            trials=[dict(trial.scores) for trial in point],
        )
        for point in order
    ]
    return TrialResults(goal.metric, points, model)


def _write_results(config: Config, order: Sequence[Point], goal: Goal, model: str) -> None:
    results = _results_of(order, goal, model)
    text = format_results(results)
    output_dir = config.output_dir
    with atomic_text(os.path.join(output_dir, names.TRIALS_JSON)) as writer:
        json.dump(dataclasses.asdict(results), writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(output_dir, names.TRIALS_TEXT)) as writer:
        writer.write(text)
    _log.info("***** Trials *****\n%s", Block(text))


def format_results(results: TrialResults) -> str:
    """Returns the results as human-readable text: all points, then the scores of the best one."""
    lines = [f"By mean {results.metric} on the dev file, best first:", ""]
    for point in results.points:
        figure = format_figure(point.scores.get(results.metric))
        lines.append(
            f"{figure}  {as_text(point.settings) or 'as given'}"
            f"  (seeds {', '.join(map(str, point.seeds))}: {', '.join(point.folders)})"
        )
    best = results.points[0]
    title = f"Best settings, {count(len(best.seeds), 'seed')}: mean and standard deviation"
    kept = f"The model of {results.model} is kept."
    return "\n".join([*lines, "", kept, "", format_summary(title, best.scores)])
