"""Twenty short reviews from which a tiny model learns to tell good from bad."""

import os
import pathlib
import signal
from typing import Any, Dict

import numpy as np
import pytest

from tests.support import tiny
from tests.support.commands import CLASSIFIER, run
from tests.support.files import write_tsv

NOUNS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "old")
ROWS = [(label, f"a {label} {noun}") for noun in NOUNS for label in ("bad", "good")]


def make_folder(folder: pathlib.Path, num_layers: int) -> pathlib.Path:
    """Writes a tiny pretrained model to model/ in a folder, and reviews for each split."""
    tiny.write_google_model(folder / "model", num_layers=num_layers)
    for split, rows in (("train", ROWS), ("dev", ROWS[:7]), ("test", ROWS)):
        write_tsv(folder / f"{split}.tsv", rows)
    return folder


def flags_for(folder: pathlib.Path) -> Dict[str, Any]:
    """Returns the flags of a training run on that folder: two epochs of three steps."""
    return {
        "model": folder / "model",
        "do_train": "true",
        "task_name": "binary",
        "data_dir": folder,
        "num_train_epochs": 2.0,
        "log_steps": 1,
    }


def train(
    folder: pathlib.Path, out: pathlib.Path, *arguments: Any, status: int = 0, **flags: Any
) -> pathlib.Path:
    """Trains on the reviews, and asserts the exit status.

    Args:
      folder: See `make_folder`.
      out: The output directory.
      arguments: Further arguments.
      status: The expected exit status.
      flags: Flags that differ from those of `flags_for`.

    Returns:
      The output directory.
    """
    flags = {**flags_for(folder), "output_dir": out, **flags}
    assert run(CLASSIFIER, *arguments, **flags) == status
    return out


def interrupt_at(
    step: int,
    folder: pathlib.Path,
    out: pathlib.Path,
    *arguments: Any,
    number: int = signal.SIGTERM,
    **flags: Any,
) -> None:
    """Trains until a signal arrives at a step, and saves there; see `train`.

    The step must not be the first one of this process, in which two signals would arrive.
    """
    with pytest.MonkeyPatch.context() as patch:
        logs_at = "finetune.training.step_plan.StepPlan.logs_at"
        patch.setattr(logs_at, lambda _, at: at == step and not os.kill(os.getpid(), number))
        train(folder, out, *arguments, status=128 + number, **flags)


def same_weights(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Returns whether the newest checkpoints of two folders have the same weights, bit for bit."""
    these, those = tiny.weights(first), tiny.weights(second)
    return these.keys() == those.keys() and all(
        np.array_equal(array, those[name]) for name, array in these.items()
    )
