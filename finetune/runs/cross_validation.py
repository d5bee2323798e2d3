"""Train several times, each time holding out another part of the data, and score on that part."""

import dataclasses
import json
import logging
import os
from typing import Callable

from finetune.config.config import Config
from finetune.output import names
from finetune.output.best_model import Scores
from finetune.runs.summary import format_summary, summarize
from finetune.tasks.data_set import Fold
from finetune.util.files import atomic_text

_log = logging.getLogger(__name__)


def run(config: Config, run_fold: Callable[[Config, Fold], Scores]) -> None:
    """Trains and scores each fold in a folder of its own; writes the mean and deviation of all.

    Args:
      config: The configuration, with `num_folds`.
      run_fold: Runs one fold and returns its scores.
    """
    output_dir, num_folds = config.output_dir or "", config.num_folds or 0
    scores = []
    for index in range(num_folds):
        _log.info("***** Fold %d of %d *****", index + 1, num_folds)
        fold_config = dataclasses.replace(
            config,
            num_folds=None,
            split_seed=None,
            do_eval=True,
            output_dir=os.path.join(output_dir, names.FOLD_FOLDER.format(index + 1)),
        )
        fold = Fold(index, num_folds, config.split_seed or 0)
        scores.append(run_fold(fold_config, fold))
    summary = summarize(scores)
    text = format_summary(f"{num_folds} folds: mean and standard deviation", summary)
    with atomic_text(os.path.join(output_dir, names.FOLDS_JSON)) as writer:
        results = {"num_folds": num_folds, "scores": summary, "folds": scores}
        json.dump(results, writer, indent=2, ensure_ascii=False)
    with atomic_text(os.path.join(output_dir, names.FOLDS_TEXT)) as writer:
        writer.write(text)
    _log.info("***** Cross-validation *****\n%s", text)
