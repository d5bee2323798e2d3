"""The best model of a training so far: weights alone, in a folder of their own, ready for use."""

import dataclasses
import json
import os
import shutil
from typing import Any, Dict, List, Optional

from finetune import checkpoints, run_record
from finetune.files import atomic_text
from finetune.train_log import figures_of

FOLDER = "best"
_SCORES_FILE = "eval_results.json"
# Of all other figures, more is better.
_LESS_IS_BETTER = {"loss", "hamming_loss", "mse", "mae"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """What makes one model better than another: a figure among the scores of the dev file."""

    metric: str

    def value_of(self, scores: Dict[str, Any]) -> Optional[float]:
        """Returns the figure; None where it is not defined, such as an AUC of one label."""
        return dict(figures_of(scores)).get(self.metric)

    def is_better(self, scores: Dict[str, Any], best: Optional[Dict[str, Any]]) -> bool:
        """Returns whether scores are better than the best before them, or the first."""
        if best is None:
            return True
        new, old = self.value_of(scores), self.value_of(best)
        if new is None or old is None:
            return old is None and new is not None
        return new < old if self.metric in _LESS_IS_BETTER else new > old

    def best_of(self, evaluations: List[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        """Returns the best of several scores, the first of equal ones; None of none."""
        best = None
        for scores in evaluations:
            best = scores if self.is_better(scores, best) else best
        return best

    def evaluations_since_best(self, evaluations: List[Dict[str, Any]]) -> int:
        """Returns how many evaluations came after the best."""
        best = self.best_of(evaluations)
        return 0 if best is None else len(evaluations) - 1 - evaluations.index(best)


def folder_of(output_dir: str) -> str:
    """Returns the folder of the best model."""
    return os.path.join(output_dir, FOLDER)


def folder_if_there(output_dir: str) -> str:
    """Returns the folder of the best model, or else the output directory itself."""
    return folder_of(output_dir) if is_there(output_dir) else output_dir


def is_there(output_dir: str) -> bool:
    """Returns whether there is a best model."""
    try:
        return checkpoints.latest(folder_of(output_dir)) is not None
    except ValueError:  # Its files are gone.
        return False


def step_of(output_dir: str) -> int:
    """Returns the training step of the best model."""
    return checkpoints.step_of(checkpoints.latest(folder_of(output_dir)))


def keep(checkpoint: str, output_dir: str, scores: Dict[str, Any]) -> None:
    """Makes a checkpoint of a training the best model; the one before is whole until then."""
    folder = folder_of(output_dir)
    os.makedirs(folder, exist_ok=True)
    for name in run_record.MODEL_FILES:
        with open(os.path.join(output_dir, name), encoding="utf-8", newline="") as reader:
            with atomic_text(os.path.join(folder, name)) as writer:
                shutil.copyfileobj(reader, writer)
    checkpoints.write_weights_only(checkpoint, folder)
    with atomic_text(os.path.join(folder, _SCORES_FILE)) as writer:
        json.dump(scores, writer, indent=2, ensure_ascii=False)
