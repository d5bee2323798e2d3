"""Which of the files in an output directory are the toolkit's, and deleting them."""

import glob
import os
from typing import Iterable, List

from finetune.output import names
from finetune.util.errors import InputError
from finetune.util.files import atomic_text


def check_is_ours(output_dir: str) -> None:
    """Raises `InputError` if a training would replace files that the toolkit did not write."""
    foreign = _matching(output_dir, names.TRAINED)
    if foreign and not os.path.exists(os.path.join(output_dir, names.RECORD)):
        found = os.path.relpath(foreign[0], output_dir)
        raise InputError(
            f"--output_dir={output_dir} contains {found} but no {names.RECORD}: this toolkit did "
            "not write it, and a training would replace it. Give another --output_dir."
        )


def outputs(output_dir: str) -> List[str]:
    """Returns the files that earlier runs wrote into a directory."""
    return _matching(output_dir, names.TRAINED + names.RESULTS)


def remove_outputs(output_dir: str) -> None:
    """Deletes what earlier runs wrote into a directory, and nothing else."""
    # The record goes last: without it, the files that remain would look like somebody else's.
    record = os.path.join(output_dir, names.RECORD)
    for path in sorted(outputs(output_dir), key=lambda path: path == record):
        os.remove(path)


def remove_weights(output_dir: str) -> None:
    """Deletes the weights of a training from a directory, and its best model's."""
    for path in _matching(output_dir, names.WEIGHTS):
        os.remove(path)


def remove_best(output_dir: str) -> None:
    """Deletes the best model of a training from a directory."""
    inside = [name for name in names.TRAINED if name.startswith(f"{names.BEST}/")]
    for path in _matching(output_dir, inside):
        os.remove(path)


def discard_weights(output_dir: str, why: str) -> None:
    """Deletes the weights of a training that is finished and scored, and keeps everything else."""
    with atomic_text(os.path.join(output_dir, names.DISCARDED)) as writer:
        writer.write(why + "\n")
    remove_weights(output_dir)


def is_discarded(output_dir: str) -> bool:
    """Returns whether the weights of a finished training were deleted."""
    return os.path.exists(os.path.join(output_dir, names.DISCARDED))


def _matching(output_dir: str, patterns: Iterable[str]) -> List[str]:
    """Returns the files that match patterns, and what a killed process left of such files."""
    patterns = [os.path.join(glob.escape(output_dir), pattern) for pattern in patterns]
    patterns += [pattern + ".*.tmp" for pattern in patterns]
    return sorted({path for pattern in patterns for path in glob.glob(pattern)})
