"""What becomes of a training in a directory that holds one already."""

import logging
from typing import Optional

from finetune import best_model, checkpoints, run_record
from finetune.config import Config
from finetune.run_record import RunRecord

_log = logging.getLogger(__name__)

_OTHER = "Give another --output_dir, or --overwrite_output_dir=true to discard the model there"


def refuse_changes(config: Config, was: Optional[RunRecord], now: RunRecord) -> None:
    """Raises `ValueError` if a directory holds another training than the one that is to go on.

    Args:
      config: The configuration of the run.
      was: The record of the training there, if there is one.
      now: That of the training to come; called before its data is read, and again when it is
        complete.
    """
    differences = was.differences(now) if was else []
    if was is None or not differences:
        return
    found = f"--output_dir={config.output_dir} holds another training: "
    fixed = was.fixed_differences(now)
    newest = checkpoints.latest(config.output_dir)
    is_finished = newest is None or checkpoints.is_final(newest)
    if not config.resume_with_changes:
        go_on = "; --resume_with_changes=true goes on with it all the same"
        hint = "" if fixed or is_finished else go_on
        raise ValueError(f"{found}{'; '.join(differences)}. {_OTHER}{hint}.")
    if fixed:
        raise ValueError(f"{found}{'; '.join(fixed)}, with which it cannot go on. {_OTHER}.")
    if is_finished:
        raise ValueError(
            f"{found}{'; '.join(differences)}; and it is finished. To train its model further, "
            f"give --init_checkpoint={newest} and another --output_dir."
        )
    if now.complete:
        _log.warning("Going on with changes: %s", "; ".join(differences))


def resumable(output_dir: str, record: Optional[RunRecord]) -> Optional[str]:
    """Returns the checkpoint that a training goes on from, or None at its beginning.

    Raises:
      ValueError: None is whole, or what is there is not the toolkit's.
    """
    newest = checkpoints.resumable(output_dir)
    if newest is not None and record is None:
        raise ValueError(
            f"--output_dir={output_dir} holds another training: it has no "
            f"{run_record.RECORD_FILE}. {_OTHER}."
        )
    if newest is None and best_model.is_there(output_dir):
        raise ValueError(
            f"{best_model.folder_of(output_dir)} is there, but no checkpoint of the training that "
            f"it was the best of. {_OTHER}."
        )
    return newest
