"""What must be the same in all processes of a training run."""

import dataclasses
import hashlib
import inspect
import os
from typing import Any, Dict

import modeling
import optimization
import tokenization
from finetune.config.flags import flag_of
from finetune.output.run_record import RunRecord
from finetune.runs.resolve import Run
from finetune.runs.start import starts_from_other_labels
from finetune.tasks.task import Task
from finetune.training.distribution import Devices
from finetune.util.files import sha256_of

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_DEV_DATA = "dev data"  # Only the chief reads it.


def identity_of(run: Run, task: Task, record: RunRecord, devices: Devices) -> Dict[str, Any]:
    """Returns what must be the same in all processes, by its name in messages.

    Args:
      run: The run.
      task: The run's task.
      record: The complete record of the training run.
      devices: The devices of this process.
    """
    names = [f.name for f in dataclasses.fields(run.config) if flag_of(f).identity]
    return {
        **{f"--{name}": record.settings.get(name) for name in names},
        "list of labels": record.labels,
        **{name: value for name, value in record.fingerprints.items() if name != _DEV_DATA},
        **{f"version of {name}": version for name, version in record.versions.items()},
        "code": _hash_of_code(run),
        "number of devices": devices.share.number,
        "head of the initial checkpoint": not starts_from_other_labels(run.config, task),
    }


def _hash_of_code(run: Run) -> str:
    """Returns a SHA-256 of the toolkit's modules and of the module of the run's processor."""
    paths = {
        os.path.abspath(str(module.__file__)) for module in (modeling, optimization, tokenization)
    }
    paths.add(inspect.getfile(type(run.processors.files)))
    for folder, _, files in os.walk(_PACKAGE):
        paths.update(os.path.join(folder, name) for name in files if name.endswith(".py"))
    hashes = sorted((os.path.basename(path), sha256_of(path)) for path in paths)
    return hashlib.sha256(repr(hashes).encode()).hexdigest()
