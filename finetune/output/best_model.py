"""Keep the best model of a training run so far in a subfolder that is ready for use."""

import dataclasses
import json
import math
import os
import shutil
from typing import Any, Mapping, Optional, Sequence

from finetune.output import names, training_checkpoints
from finetune.output.train_log import figures_of
from finetune.util.errors import InputError
from finetune.util.files import atomic_text

# The scores of an evaluation, as eval_results.json contains them: figures, some nested by label.
Scores = Mapping[str, Any]

_LOSS = "loss"
# For these metrics, lower is better; for all others, higher is better.
_LOWER_IS_BETTER = {_LOSS, "hamming_loss", "mse", "mae"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """The metric on the dev file that decides which model is better; in a tie, the loss does."""

    metric: str

    def value_of(self, scores: Scores) -> Optional[float]:
        """Returns the metric's value; None if undefined, for example an AUC with only one label."""
        value = dict(figures_of(scores)).get(self.metric)
        return value if value is not None and math.isfinite(value) else None

    def undefined_message(self) -> str:
        """Returns why no model is the best: the metric is undefined for all of them."""
        return (
            f"{self.metric} is undefined on the dev file, so it cannot select the best model. "
            "Does the dev file lack a label?"
        )

    def is_better(self, scores: Scores, best: Optional[Scores]) -> bool:
        """Returns whether scores are better than the best so far, or the first.

        Scores whose metric is undefined are never better.
        """
        new, old = self.value_of(scores), None if best is None else self.value_of(best)
        if new is None or old is None:
            return new is not None
        if new == old and best is not None and self.metric != _LOSS:
            return Goal(_LOSS).value_of(best) is not None and Goal(_LOSS).is_better(scores, best)
        return new < old if self.metric in _LOWER_IS_BETTER else new > old

    def best_of(self, evaluations: Sequence[Scores]) -> Optional[Scores]:
        """Returns the best scores (the first of equal ones), or None if all are undefined."""
        best: Optional[Scores] = None
        for scores in evaluations:
            best = scores if self.is_better(scores, best) else best
        return best

    def evaluations_since_best(self, evaluations: Sequence[Scores]) -> int:
        """Returns the number of evaluations after the first one with the best metric."""
        best = self.best_of(evaluations)
        if best is None:
            return 0
        values = [self.value_of(scores) for scores in evaluations]
        return len(values) - 1 - values.index(self.value_of(best))


def folder_of(output_dir: str) -> str:
    """Returns the folder of the best model."""
    return os.path.join(output_dir, names.BEST)


def exists(output_dir: str) -> bool:
    """Returns whether an output directory has a best model."""
    try:
        return training_checkpoints.latest(folder_of(output_dir)) is not None
    except InputError:  # The model's files were deleted.
        return False


def checkpoint_of(output_dir: str) -> Optional[str]:
    """Returns the checkpoint of the best model, or None."""
    return training_checkpoints.latest(folder_of(output_dir)) if exists(output_dir) else None


def usable_checkpoint(output_dir: str) -> Optional[str]:
    """Returns the checkpoint of the best model or, without one, the newest; None if none exists."""
    return checkpoint_of(output_dir) or training_checkpoints.latest(output_dir)


def step_of(output_dir: str) -> int:
    """Returns the training step of the best model."""
    return training_checkpoints.step_of(training_checkpoints.newest(folder_of(output_dir)))


def keep(checkpoint: str, output_dir: str, scores: Scores) -> None:
    """Makes a checkpoint the best model; the previous best stays usable until it is replaced."""
    folder = folder_of(output_dir)
    os.makedirs(folder, exist_ok=True)
    for name in filter(os.listdir(output_dir).__contains__, names.MODEL_FILES):
        with open(os.path.join(output_dir, name), encoding="utf-8", newline="") as reader:
            with atomic_text(os.path.join(folder, name)) as writer:
                shutil.copyfileobj(reader, writer)
    training_checkpoints.write_weights_only(checkpoint, folder)
    with atomic_text(os.path.join(folder, names.EVAL_JSON)) as writer:
        json.dump(scores, writer, indent=2, ensure_ascii=False)
