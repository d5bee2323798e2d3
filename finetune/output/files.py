"""Find and delete the files that the toolkit wrote to an output directory."""

import contextlib
import glob
import os
import re
from typing import Iterable, List, Sequence

from finetune.output import names, score_files
from finetune.util.errors import InputError
from finetune.util.files import atomic_text

# How `atomic_text` and TensorFlow complete the name of a file while they write it. TensorFlow does
# so in two ways: for the parts of a checkpoint, and for the file `checkpoint` (a UUID).
_UNFINISHED = re.compile(r"\.[a-z0-9_]{8}\.tmp$|\.tempstate\d+$|\.tmp[0-9a-f]{32}$")

_PROOFS = (names.TRIALS_PLAN, names.RECORD)  # Files that only the toolkit writes
_SCORES = tuple(pattern.format("*") for pattern in names.SCORES_OF)


def check_is_ours(output_dir: str) -> None:
    """Raises `InputError` if a training run would replace files that the toolkit did not write."""
    foreign = _matching(output_dir, names.TRAINED)
    if foreign and not os.path.exists(os.path.join(output_dir, names.RECORD)):
        found = os.path.relpath(foreign[0], output_dir)
        raise InputError(
            f"--output_dir={output_dir} contains {found} but no {names.RECORD}: this toolkit did "
            "not write it, and a training run would overwrite it. Set a different --output_dir."
        )


def outputs(output_dir: str) -> List[str]:
    """Returns the files that earlier runs wrote to a directory.

    Without the record or plan of a training run, a report or a table of results can be the user's.
    """
    trained = _matching(output_dir, names.TRAINED)
    if not any(os.path.exists(os.path.join(output_dir, name)) for name in _PROOFS):
        return trained
    scores = score_files.written_in(output_dir) + _unfinished(output_dir, _SCORES)
    return [*scores, *trained, *_matching(output_dir, names.RESULTS)]


def remove_outputs(output_dir: str) -> None:
    """Deletes the files that earlier runs wrote to a directory, and no others."""
    # Files that show whose the others are go last: the record, before it the plan, and of the files
    # of an evaluation, the JSON file (see `written_in`).
    last = {os.path.join(output_dir, name): i for i, name in enumerate(_PROOFS, start=1)}
    for path in sorted(outputs(output_dir), key=lambda path: last.get(path, 0)):
        os.remove(path)


def remove_weights(output_dir: str) -> None:
    """Deletes the weights of a training run and of its best model from a directory."""
    for path in _matching(output_dir, names.WEIGHTS):
        os.remove(path)


def remove_best(output_dir: str) -> None:
    """Deletes the best model of a training run from a directory."""
    inside = [name for name in names.TRAINED if name.startswith(f"{names.BEST}/")]
    for path in _matching(output_dir, inside):
        os.remove(path)


def discard_weights(output_dir: str, why: str) -> None:
    """Deletes only the weights of a finished training run, and records why."""
    with atomic_text(os.path.join(output_dir, names.DISCARDED)) as writer:
        writer.write(why + "\n")
    remove_weights(output_dir)


def is_discarded(output_dir: str) -> bool:
    """Returns whether the weights of a finished training run were deleted."""
    return os.path.exists(os.path.join(output_dir, names.DISCARDED))


def remove_leftovers(output_dir: str) -> None:
    """Deletes the unfinished files that a killed run left in a directory.

    Call it only while the directory is locked: a live run still needs its unfinished files.
    """
    for path in _unfinished(output_dir, names.TRAINED + names.RESULTS + _SCORES):
        with contextlib.suppress(OSError):  # In a directory that is read-only, they do not matter.
            os.remove(path)


def is_unfinished(name: str) -> bool:
    """Returns whether a file of this name is still being written, or was left by a killed run."""
    return bool(_UNFINISHED.search(name))


def _matching(output_dir: str, patterns: Sequence[str]) -> List[str]:
    """Returns the files that match the patterns, and their unfinished files left by a kill."""
    return sorted({*_glob(output_dir, patterns), *_unfinished(output_dir, patterns)})


def _unfinished(output_dir: str, patterns: Sequence[str]) -> List[str]:
    """Returns the unfinished files of the files that match the patterns."""
    endings = (".????????.tmp", ".tempstate*", ".tmp*")
    found = _glob(output_dir, [pattern + ending for pattern in patterns for ending in endings])
    return [path for path in found if is_unfinished(path)]


def _glob(output_dir: str, patterns: Iterable[str]) -> List[str]:
    patterns = [os.path.join(glob.escape(output_dir), pattern) for pattern in patterns]
    return sorted({path for pattern in patterns for path in glob.glob(pattern) if _is_named(path)})


def _is_named(path: str) -> bool:
    """Returns whether TensorFlow completes names like this file's, if it completes them."""
    name = _UNFINISHED.sub("", os.path.basename(path))
    is_completed = name.startswith(names.TO_COMPLETE)
    return os.path.isfile(path) and (not is_completed or bool(names.COMPLETED.fullmatch(name)))
