"""Decide whether a training run resumes, if its output directory already contains one."""

import logging
from typing import Optional

from finetune.config.config import Config
from finetune.output import best_model, names, training_checkpoints
from finetune.output.run_record import RunRecord
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

_OTHER = "Set a different --output_dir, or --overwrite_output_dir=true to discard that run"


def check_same_training(config: Config, previous: Optional[RunRecord], now: RunRecord) -> None:
    """Raises `InputError` if the output directory contains a different training run.

    Args:
      config: The configuration of the run.
      previous: The record of the training run in the directory, if any.
      now: The record of the training run to start or resume. Callers check it before reading the
        data, and again when it is complete.
    """
    differences = previous.differences(now, type(config)) if previous else []
    if previous is None or not differences:
        return
    found = f"--output_dir={config.output_dir} contains a different training run: "
    fixed = previous.fixed_differences(now, type(config))
    newest = training_checkpoints.latest(config.output_dir)
    is_finished = newest is None or training_checkpoints.is_final(newest)
    if not config.resume_with_changes:
        resume = "; --resume_with_changes=true resumes it anyway"
        hint = "" if fixed or is_finished else resume
        raise InputError(f"{found}{'; '.join(differences)}. {_OTHER}{hint}.")
    if fixed:
        raise InputError(f"{found}{'; '.join(fixed)}, so it cannot be resumed. {_OTHER}.")
    if is_finished:
        raise InputError(
            f"{found}{'; '.join(differences)}; that run is finished. To train its model "
            f"further, set --init_checkpoint={newest} and a different --output_dir."
        )
    if now.complete:
        _log.warning("Resuming with changes: %s", "; ".join(differences))


def checkpoint_to_resume(output_dir: str, previous: Optional[RunRecord]) -> Optional[str]:
    """Returns the checkpoint from which a training run resumes, or None if it starts at step 0.

    Raises:
      InputError: No checkpoint is intact, or the checkpoints belong to an unknown training run.
    """
    newest = training_checkpoints.resumable(output_dir)
    if newest is not None and previous is None:
        raise InputError(
            f"--output_dir={output_dir} contains a different training run: it has no "
            f"{names.RECORD}. {_OTHER}."
        )
    if newest is None and best_model.exists(output_dir):
        raise InputError(
            f"{best_model.folder_of(output_dir)} exists, but the checkpoints of its training run "
            f"are missing. {_OTHER}."
        )
    return newest
