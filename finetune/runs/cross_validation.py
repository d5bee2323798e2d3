"""Train several times, each time holding out a different part of the data to score on."""

import dataclasses
import json
import logging
import os
import shlex
from typing import Callable, Dict, List

import numpy as np

from finetune.config.config import Config
from finetune.config.flags import FlagValue, flag_of
from finetune.output import names
from finetune.output.several_runs import FoldResults, table_of_folds
from finetune.reports import html_report
from finetune.reports.html_report import Summary
from finetune.runs import closing
from finetune.runs.held_out import HeldOut, Pooled, pool
from finetune.runs.summary import format_figure, format_summary, summarize
from finetune.tasks.data_set import Fold
from finetune.util.files import atomic_text
from finetune.util.printable import Block

_log = logging.getLogger(__name__)

# Flags whose values the held-out rows decide: the model of all rows has no dev file to find them.
_TUNED = ("thresholds", "null_score_diff_threshold")

# Flags that the command for a model of all rows omits, besides those of evaluation.
_NOT_FOR_ALL_ROWS = ("output_dir", "overwrite_output_dir", "resume_with_changes", "split_seed")


def run(config: Config, run_fold: Callable[[Config, Fold], HeldOut]) -> None:
    """Trains and scores each fold in its own folder, then all rows together.

    Args:
      config: The configuration, in which `num_folds` is set.
      run_fold: Runs one fold.
    """
    output_dir, num_folds = config.output_dir, config.num_folds or 0
    folds = []
    for index in range(num_folds):
        _log.info("***** Fold %d of %d *****", index + 1, num_folds)
        fold = Fold(index, num_folds, config.value_of("split_seed"))
        fold_config = config.reset(lambda flag: flag.per_command).with_values(
            # The fold has the seed.
            {"split_seed": None, "do_eval": True, "output_dir": _folder(output_dir, index)}
        )
        folds.append(run_fold(fold_config, fold))
    pooled = pool(folds, output_dir)
    results = _write_results(output_dir, [dict(fold.scores) for fold in folds], pooled)
    summary = _summary_of(config, results, pooled)
    html_report.write(
        output_dir,
        metrics=pooled.task.metrics,
        config_class=type(config),
        summary=summary,
        scored=pooled.scored,
        runs=table_of_folds(results, pooled.task.metrics),
        training_dir=_folder(output_dir, 0),
    )
    _log.info("%s", Block(closing.format_summary(summary)))


def _folder(output_dir: str, index: int) -> str:
    return os.path.join(output_dir, names.FOLD_FOLDER.format(index + 1))


def _write_results(output_dir: str, scores: List[Dict], pooled: Pooled) -> FoldResults:
    results = FoldResults(len(scores), summarize(scores), scores, dict(pooled.scored.scores))
    title = f"{results.num_folds} folds: mean and standard deviation"
    text = (
        f"{format_summary(title, results.scores)}\n"
        "All rows, each predicted by the model that was not trained on it\n"
        f"{pooled.scored.text}"
    )
    with atomic_text(os.path.join(output_dir, names.FOLDS_JSON)) as writer:
        json.dump(dataclasses.asdict(results), writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(output_dir, names.FOLDS_TEXT)) as writer:
        writer.write(text)
    _log.info("***** Cross-validation *****\n%s", Block(text))
    return results


def _summary_of(config: Config, results: FoldResults, pooled: Pooled) -> Summary:
    metric = config.metric_for_best or pooled.task.metrics[0]
    files = [names.REPORT, names.FOLDS_TEXT, names.FOLDS_JSON, *pooled.files]
    mean = format_figure(results.scores.get(metric))
    return [
        (metric, f"{mean}, mean and standard deviation of {results.num_folds} folds"),
        (f"{metric} of all rows", closing.format_score(metric, pooled.scored)),
        (
            "files",
            f"{', '.join(files)} in {config.output_dir}; the models are in fold-1/ and so on",
        ),
        ("next", _command_for_all_rows(config, pooled)),
    ]


def _command_for_all_rows(config: Config, pooled: Pooled) -> str:
    """Returns the command that trains a model on all rows with the same settings."""
    settings: Dict[str, FlagValue] = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != field.default
        and (flag_of(field).group != "evaluation" or flag_of(field).kept)
        and not flag_of(field).per_command
        and field.name not in _NOT_FOR_ALL_ROWS
    }
    facts = pooled.task.facts()
    for name in _TUNED:
        if name in facts:
            settings[name] = [f"{number:.4g}" for number in np.atleast_1d(facts[name])]
    settings["do_train"] = True
    settings["output_dir"] = os.path.join(config.output_dir, names.FINAL_FOLDER)
    flags = [f"--{name}={_as_flag(value)}" for name, value in settings.items()]
    return shlex.join(["python", pooled.task.script, *flags])


def _as_flag(value: FlagValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
