"""What happens to a training in a directory that already contains one."""

import logging
from typing import Optional

from finetune.config.config import Config
from finetune.output import best_model, names, training_checkpoints
from finetune.output.run_record import RunRecord
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

_OTHER = "Give another --output_dir, or --overwrite_output_dir=true to discard the model there"


def check_same_training(config: Config, previous: Optional[RunRecord], now: RunRecord) -> None:
    """Raises `InputError` if a directory contains another training than the one to resume.

    Args:
      config: The configuration of the run.
      previous: The record of the training in the directory, if any.
      now: The record of the training to run. This is called before its data is read, and again
        when the record is complete.
    """
    differences = previous.differences(now, type(config)) if previous else []
    if previous is None or not differences:
        return
    found = f"--output_dir={config.output_dir} contains another training: "
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
            f"{found}{'; '.join(differences)}; and it is finished. To train its model further, "
            f"give --init_checkpoint={newest} and another --output_dir."
        )
    if now.complete:
        _log.warning("Resuming with changes: %s", "; ".join(differences))


def checkpoint_to_resume(output_dir: str, previous: Optional[RunRecord]) -> Optional[str]:
    """Returns the checkpoint from which a training resumes, or None if it starts.

    Raises:
      InputError: No checkpoint is intact, or the files are not the toolkit's.
    """
    newest = training_checkpoints.resumable(output_dir)
    if newest is not None and previous is None:
        raise InputError(
            f"--output_dir={output_dir} contains another training: it has no {names.RECORD}. "
            f"{_OTHER}."
        )
    if newest is None and best_model.exists(output_dir):
        raise InputError(
            f"{best_model.folder_of(output_dir)} exists, but no checkpoint of the training whose "
            f"best model it was. {_OTHER}."
        )
    return newest
