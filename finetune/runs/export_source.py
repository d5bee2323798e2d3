"""What exports of all formats share: the trained model that they read, and its checks."""

import os
from typing import Any, Dict, Tuple

from finetune.output import best_model, run_record, training_checkpoints
from finetune.output.names import EVAL_JSON
from finetune.output.run_record import RunRecord
from finetune.runs.output_dir import no_trained_model
from finetune.util.errors import InputError
from finetune.util.files import check_link
from finetune.util.json_files import read_json_object


def find_trained(output_dir: str) -> Tuple[RunRecord, str]:
    """Returns the record and the checkpoint of a trained model: the best one, or the last one.

    Raises:
      InputError: There is no trained model, or its training is unfinished.
    """
    record = run_record.load(output_dir)
    checkpoint = best_model.usable_checkpoint(output_dir)
    if record is None or checkpoint is None:
        raise InputError(no_trained_model(output_dir))
    if not training_checkpoints.is_final(training_checkpoints.newest(output_dir)):
        raise InputError(
            f"--output_dir={output_dir} contains an unfinished training run. To resume it, repeat "
            "the command that started it."
        )
    return record, checkpoint


def check_new_folder(export_dir: str) -> None:
    """Raises `InputError` unless a folder is missing or empty."""
    check_folder(export_dir)
    if os.path.isdir(export_dir) and os.listdir(export_dir):
        raise InputError(f"--export_dir={export_dir} is not empty. Specify a new folder.")


def check_folder(export_dir: str) -> None:
    """Raises `InputError` if a folder to write is a file, or a link to nothing."""
    check_link(export_dir)
    if os.path.exists(export_dir) and not os.path.isdir(export_dir):
        raise InputError(f"--export_dir={export_dir} is a file; expected a folder to write.")


def scores_of(output_dir: str) -> Dict[str, Any]:
    """Returns the scores of the model's last evaluation; nothing if there was none."""
    path = os.path.join(output_dir, EVAL_JSON)
    if not os.path.exists(path):
        return {}
    return read_json_object(path, kind="the scores of an evaluation", advice="Delete it.")
