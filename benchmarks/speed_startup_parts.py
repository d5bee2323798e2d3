# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Runs run_classifier.py with the given flags, and records where the time goes.

    python speed_startup_parts.py STARTED PARTS_JSON --flag=value ...

STARTED is the time at which the process was started, in seconds since 1970. The seconds that each
part takes are written to PARTS_JSON. They are measured around function calls; the parts do not
overlap, because none of these functions calls another.
"""

import functools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflow.compat.v1 as tf

import run_classifier
from finetune.models import checkpoints
from finetune.output import training_checkpoints
from finetune.runs.prediction_session import PredictionSession

Estimator = tf.estimator.Estimator  # Loaded on first access: counts as an import
imported = time.time()

# The functions to time, and whether all calls count or only the first.
PARTS = {
    "checkpoint": (checkpoints, "check_encoder", False),
    "graph": (Estimator, "_call_model_fn", False),
    "session": (tf.train.ChiefSessionCreator, "create_session", False),
    "first step": (tf.train.MonitoredSession.__mro__[1], "run", True),
    # A prediction has its own: the graph with its weights, and the batches.
    "prediction session": (PredictionSession, "__init__", False),
    "first batch": (PredictionSession, "outputs", True),
    "last checkpoint": (training_checkpoints, "finish_training", False),
}


def time_calls(owner, name, first_alone, add):
    """Times every call of an owner's function, or only the first call."""
    call = getattr(owner, name)
    calls = []

    @functools.wraps(call)
    def timed(*args, **kwargs):
        start = time.perf_counter()
        result = call(*args, **kwargs)
        if not (first_alone and calls):
            add(time.perf_counter() - start)
        calls.append(name)
        return result

    setattr(owner, name, timed)


def main(argv):
    """Runs the script and returns its exit status."""
    _, started, parts_path, *flags = argv
    started = float(started)
    seconds = {"imports": imported - started, **dict.fromkeys(PARTS, 0.0)}
    for part, (owner, name, first_alone) in PARTS.items():

        def add(value, part=part):
            seconds[part] += value

        time_calls(owner, name, first_alone, add)
    status = run_classifier.main(["run_classifier.py", *flags])
    total = time.time() - started
    # Reading data, the Estimator's work between the parts, later steps, and writing the results.
    seconds["others"] = total - sum(seconds.values())
    Path(parts_path).write_text(json.dumps(seconds), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
