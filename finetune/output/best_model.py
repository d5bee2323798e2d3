"""The best model of a training so far: only its weights, in a folder of its own, ready for use."""

import dataclasses
import json
import os
import shutil
from typing import Any, Dict, List, Optional

from finetune.output import names, training_checkpoints
from finetune.output.train_log import figures_of
from finetune.util.errors import InputError
from finetune.util.files import atomic_text

# The scores of an evaluation, as eval_results.json holds them: figures, nested by label and so on.
Scores = Dict[str, Any]

# A lower value of these metrics is better; of all others, a higher one.
_LOWER_IS_BETTER = {"loss", "hamming_loss", "mse", "mae"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """What makes one model better than another: a metric of the dev file."""

    metric: str

    def value_of(self, scores: Scores) -> Optional[float]:
        """Returns the metric's value; None if it is undefined, like an AUC of only one label."""
        return dict(figures_of(scores)).get(self.metric)

    def is_better(self, scores: Scores, best: Optional[Scores]) -> bool:
        """Returns whether scores are better than the best so far, or the first."""
        if best is None:
            return True
        new, old = self.value_of(scores), self.value_of(best)
        if new is None or old is None:
            return old is None and new is not None
        return new < old if self.metric in _LOWER_IS_BETTER else new > old

    def best_of(self, evaluations: List[Scores]) -> Optional[Scores]:
        """Returns the best of several scores (the first of equal ones), or None."""
        best = None
        for scores in evaluations:
            best = scores if self.is_better(scores, best) else best
        return best

    def evaluations_since_best(self, evaluations: List[Scores]) -> int:
        """Returns the number of evaluations after the best one."""
        best = self.best_of(evaluations)
        return 0 if best is None else len(evaluations) - 1 - evaluations.index(best)


def folder_of(output_dir: str) -> str:
    """Returns the folder of the best model."""
    return os.path.join(output_dir, names.BEST)


def exists(output_dir: str) -> bool:
    """Returns whether an output directory has a best model."""
    try:
        return training_checkpoints.latest(folder_of(output_dir)) is not None
    except InputError:  # Its files were deleted.
        return False


def checkpoint_of(output_dir: str) -> Optional[str]:
    """Returns the checkpoint of the best model, or None."""
    return training_checkpoints.latest(folder_of(output_dir)) if exists(output_dir) else None


def step_of(output_dir: str) -> int:
    """Returns the training step of the best model."""
    return training_checkpoints.step_of(training_checkpoints.latest(folder_of(output_dir)))


def keep(checkpoint: str, output_dir: str, scores: Scores) -> None:
    """Makes a training's checkpoint the best model; the previous one stays whole until then."""
    folder = folder_of(output_dir)
    os.makedirs(folder, exist_ok=True)
    for name in names.MODEL_FILES:
        with open(os.path.join(output_dir, name), encoding="utf-8", newline="") as reader:
            with atomic_text(os.path.join(folder, name)) as writer:
                shutil.copyfileobj(reader, writer)
    training_checkpoints.write_weights_only(checkpoint, folder)
    with atomic_text(os.path.join(folder, names.EVAL_JSON)) as writer:
        json.dump(scores, writer, indent=2, ensure_ascii=False)
