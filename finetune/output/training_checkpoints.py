"""Find, replace and delete the checkpoints of a training run in its output directory."""

import contextlib
import glob
import logging
import os
import re
from typing import List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.models.checkpoints import OPTIMIZER_SLOTS, open_checkpoint, read_all, write
from finetune.output import names
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)


def latest(output_dir: str) -> Optional[str]:
    """Returns the newest checkpoint of a training run, or None if there is none yet.

    Raises:
      InputError: All checkpoints named in the directory's `checkpoint` file are missing.
    """
    known = _known_checkpoints(output_dir)
    existing = [path for path in known if os.path.exists(path + ".index")]
    if known and not existing:
        raise InputError(
            f"{os.path.join(output_dir, names.CHECKPOINT_STATE)}: the checkpoint that it names is "
            "missing. Restore its files, or retrain with --overwrite_output_dir=true."
        )
    return existing[0] if existing else None


def newest(output_dir: str) -> str:
    """Returns the newest checkpoint of a training run that has one."""
    checkpoint = latest(output_dir)
    assert checkpoint is not None, output_dir
    return checkpoint


def is_final(checkpoint: str) -> bool:
    """Returns whether a checkpoint belongs to a finished training run."""
    return not os.path.basename(checkpoint).startswith(names.TRAINING_CHECKPOINT)


def step_of(checkpoint: str) -> int:
    """Returns the training step of a checkpoint."""
    return int(open_checkpoint(checkpoint).get_tensor("global_step"))


def finish_training(output_dir: str) -> str:
    """Replaces a training run's checkpoints with one that contains only the weights.

    The new one is a third of the size. A kill at any moment leaves a complete checkpoint: the
    `checkpoint` file names the new one once it is written, and then the old ones are deleted.

    Returns:
      The path of the new checkpoint.
    """
    final = newest(output_dir)
    if not is_final(final):
        final = write_weights_only(final, output_dir)
    for path in _files_of(output_dir, names.TRAINING_CHECKPOINT):
        os.remove(path)
    return final


def write_weights_only(checkpoint: str, folder: str) -> str:
    """Writes the weights of a checkpoint into a folder and names them in its `checkpoint` file.

    Earlier weights in the folder are deleted once the new ones are named.

    Returns:
      The path of the new checkpoint.
    """
    reader = open_checkpoint(checkpoint)
    variables = reader.get_variable_to_shape_map()
    kept = [variable for variable in variables if not OPTIMIZER_SLOTS.search(variable)]
    name = f"{names.FINAL_CHECKPOINT}-{step_of(checkpoint)}"
    final = os.path.join(folder, name)
    write(final, {variable: np.asarray(reader.get_tensor(variable)) for variable in kept})
    # With an absolute folder and a relative name, the `checkpoint` file contains only the name.
    tf.train.update_checkpoint_state(os.path.abspath(folder), name, [name])
    for path in _files_of(folder, names.FINAL_CHECKPOINT):
        if not os.path.basename(path).startswith(name + "."):
            os.remove(path)
    return final


def resumable(output_dir: str) -> Optional[str]:
    """Returns the newest intact checkpoint of a training run, or None if there is none yet.

    Damaged checkpoints are skipped with a warning, and TensorFlow then resumes from the returned
    one.

    Raises:
      InputError: There are checkpoints, but none is intact.
    """
    known = _known_checkpoints(output_dir)
    for checkpoint in known:
        try:
            read_all(checkpoint)
        except InputError as error:
            _log.warning("Skipped: %s", error)
            continue
        older = [os.path.basename(path) for path in known[known.index(checkpoint) :]]
        tf.train.update_checkpoint_state(os.path.abspath(output_dir), older[0], older[::-1])
        return checkpoint
    if known:
        raise InputError(
            f"--output_dir={output_dir}: none of its checkpoints is intact "
            f"({', '.join(map(os.path.basename, known))}). Restore their files, or retrain with "
            "--overwrite_output_dir=true."
        )
    return None


def remove_unfinished(output_dir: str) -> None:
    """Deletes the files of checkpoints that were not written completely."""
    known = _known_checkpoints(output_dir)
    for path in _files_of(output_dir, names.TRAINING_CHECKPOINT):
        if _is_partial(path) or not any(path.startswith(c + ".") for c in known):
            os.remove(path)


def _files_of(folder: str, basename: str) -> List[str]:
    return glob.glob(os.path.join(glob.escape(folder), basename + "-*"))


def _is_partial(path: str) -> bool:
    return ".tempstate" in path  # TensorFlow's name for a checkpoint being written


def _known_checkpoints(output_dir: str) -> List[str]:
    """Returns the checkpoints in the `checkpoint` file, or all if it lists none, newest first."""
    state = None
    with contextlib.suppress(tf.errors.OpError, ValueError):
        state = tf.train.get_checkpoint_state(output_dir)
    if state is not None and state.model_checkpoint_path:
        return list(dict.fromkeys([*state.all_model_checkpoint_paths]))[::-1]
    # The `checkpoint` file is missing or unreadable.
    found = [
        (int(match[1]), path[: -len(".index")])
        for basename in (names.TRAINING_CHECKPOINT, names.FINAL_CHECKPOINT)
        for path in _files_of(output_dir, basename)
        if (match := re.search(r"-(\d+)\.index$", path))
    ]
    return [path for _, path in sorted(found, reverse=True)]
