"""Train several times, with other seeds or settings, and keep the best model."""

import dataclasses
import json
import logging
import os
import shutil
import statistics
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from finetune.config.config import Config
from finetune.config.flags import names as flag_names
from finetune.output import best_model, files, names, run_record, training_checkpoints
from finetune.output.best_model import Goal, Scores
from finetune.runs.grid import Settings, parse_grid
from finetune.runs.resolve import check_output_dir
from finetune.runs.summary import Summary, format_summary, summarize
from finetune.util.errors import InputError, UsageError
from finetune.util.files import atomic_text
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


class Result(NamedTuple):
    """What a run produced: the scores of its evaluation, and the metric that compares models."""

    scores: Scores
    goal: Goal


RunTrial = Callable[[Config], Result]


class Trial(NamedTuple):
    """One finished training.

    Attributes:
      folder: Its output directory.
      settings: Its point of the grid.
      seed: Its seed.
      scores: Its scores on the dev file.
    """

    folder: str
    settings: Settings
    seed: int
    scores: Scores


Point = List[Trial]  # The trials of one point of the grid, one for each seed


def run(config: Config, run_trial: RunTrial) -> None:
    """Trains and scores each trial in a folder of its own; keeps the best model.

    The best settings are those with the best mean over their seeds, and the model is that of their
    best seed. All other trials keep everything except their weights.

    Args:
      config: The configuration, with `num_trials` or `grid`.
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
            folder = os.path.join(config.output_dir or "", names.TRIAL_FOLDER.format(number))
            title = _as_text({**chosen, "seed": seed})
            _log.info("***** Trial %d of %d: %s *****", number, total, title)
            scores, goal = run_trial(_trial_config(config, chosen, seed, folder))
            done[-1].append(Trial(folder, chosen, seed, scores))
            _discard_worse(done[-1], goal)
        order = _best_first(done, goal)
        for point in order[1:]:
            for trial in point:
                _discard(trial, order[0][0])
    _write_results(config, order, goal)
    _adopt(_best_of(order[0], goal), config.output_dir or "")


def _check_possible(config: Config, settings: Sequence[Settings]) -> None:
    """Raises `UsageError` if a trial's settings are impossible, before the first is trained."""
    try:
        for chosen in settings:
            _trial_config(config, chosen, config.seed, config.output_dir or "")
    except InputError as error:
        raise UsageError(f"--grid: {error}") from error


def _claim(config: Config) -> None:
    """Makes the output directory that of these trials.

    Raises:
      InputError: It contains another training or other trials, which are not to be overwritten.
    """
    output_dir = config.output_dir or ""
    check_output_dir(config, config.overwrite_output_dir)
    files.check_is_ours(output_dir)
    plan = {"grid": config.grid, "num_trials": config.num_trials, "seed": config.seed}
    path = os.path.join(output_dir, names.TRIALS_PLAN)
    found = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as reader:
            found = json.load(reader)
    if not config.overwrite_output_dir and found != plan:
        contents = None
        if found is not None:
            contents = "other trials: " + ", ".join(
                f"{name} was {found.get(name)}, now {value}"
                for name, value in plan.items()
                if found.get(name) != value
            )
        elif run_record.load(output_dir) is not None:
            contents = "a single training"
        if contents:
            raise InputError(
                f"--output_dir={output_dir} contains {contents}. Give another --output_dir, or "
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
        output_dir=folder,
    )


def without_training(config: Config) -> Config:
    """Returns what is left to do with the best model: evaluate it, and predict with it."""
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    training_only = ["do_train", *flag_names(type(config), lambda flag: flag.training_only)]
    return dataclasses.replace(
        config, do_eval=True, **{name: defaults[name] for name in training_only}
    )


def _best_of(point: Point, goal: Goal) -> Trial:
    best = goal.best_of([trial.scores for trial in point])
    return next(trial for trial in point if trial.scores is best)


def _best_first(done: Sequence[Point], goal: Goal) -> List[Point]:
    """Returns the points of a grid by their mean score, the best first."""
    left, order = list(done), []
    while left:
        means = [{goal.metric: _mean(point, goal)} for point in left]
        best = goal.best_of(means)
        order.append(left.pop(next(i for i, mean in enumerate(means) if mean is best)))
    return order


def _mean(point: Point, goal: Goal) -> Optional[float]:
    values = [goal.value_of(trial.scores) for trial in point]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _discard_worse(point: Point, goal: Goal) -> None:
    best = _best_of(point, goal)
    for trial in point:
        if trial is not best:
            _discard(trial, best)


def _discard(trial: Trial, better: Trial) -> None:
    """Deletes a trial's weights, and records that, so that the trial is not repeated."""
    name = os.path.basename(better.folder)
    files.discard_weights(trial.folder, f"Weights deleted: {name} scored better.")


def _adopt(trial: Trial, output_dir: str) -> None:
    """Copies a trial's model, and what describes its training, into the output directory."""
    best = best_model.checkpoint_of(trial.folder)
    checkpoint = best or training_checkpoints.latest(trial.folder)
    # First, so that no new labels are beside old weights if this is interrupted.
    files.remove_weights(output_dir)
    for name in (*names.MODEL_FILES, names.DATA_REPORT, names.TRAIN_LOG):
        source = os.path.join(trial.folder, name)
        if os.path.exists(source):
            shutil.copyfile(source, os.path.join(output_dir, name))
    split = os.path.join(trial.folder, names.SPLIT)
    if os.path.isdir(split):
        shutil.copytree(split, os.path.join(output_dir, names.SPLIT), dirs_exist_ok=True)
    training_checkpoints.write_weights_only(checkpoint, output_dir)


@dataclasses.dataclass(frozen=True)
class PointResult:
    """The results of one point of the grid, as trials.json holds them."""

    settings: Settings
    seeds: List[int]
    folders: List[str]
    scores: Summary
    trials: List[Scores]


@dataclasses.dataclass(frozen=True)
class TrialResults:
    """The results of all trials, the best point first, as trials.json holds them."""

    metric: str
    points: List[PointResult]


def _results_of(order: Sequence[Point], goal: Goal) -> TrialResults:
    points = [
        PointResult(
            settings=point[0].settings,
            seeds=[trial.seed for trial in point],
            folders=[os.path.basename(trial.folder) for trial in point],
            scores=summarize([trial.scores for trial in point]),
            trials=[trial.scores for trial in point],
        )
        for point in order
    ]
    return TrialResults(goal.metric, points)


def _write_results(config: Config, order: Sequence[Point], goal: Goal) -> None:
    results = _results_of(order, goal)
    text = format_results(results)
    output_dir = config.output_dir or ""
    with atomic_text(os.path.join(output_dir, names.TRIALS_JSON)) as writer:
        json.dump(dataclasses.asdict(results), writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(output_dir, names.TRIALS_TEXT)) as writer:
        writer.write(text)
    _log.info("***** Trials *****\n%s", text)


def format_results(results: TrialResults) -> str:
    """Returns the results as human-readable text: the grid's points, then the best one's scores."""
    lines = [f"By mean {results.metric} on the dev file, best first:", ""]
    for point in results.points:
        figure = point.scores.get(results.metric) or {"mean": None, "std": None}
        mean = "-" if figure["mean"] is None else f"{figure['mean']:.4f}"
        deviation = "" if figure["std"] is None else f" ± {figure['std']:.4f}"
        lines.append(
            f"{mean}{deviation}  {_as_text(point.settings) or 'as given'}"
            f"  (seeds {', '.join(map(str, point.seeds))}: {', '.join(point.folders)})"
        )
    best = results.points[0]
    title = f"Best settings, {count(len(best.seeds), 'seed')}: mean and standard deviation"
    return "\n".join([*lines, "", format_summary(title, best.scores)])


def _as_text(settings: Dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
