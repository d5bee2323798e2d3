# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Run run_classifier.py with its flags, and write down where the time went.

    python speed_startup_parts.py STARTED PARTS_JSON --flag=value ...

STARTED is the time, in seconds since 1970, when the process was started; PARTS_JSON gets the
seconds of each part. They are measured around calls, and no part calls another.
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

Estimator = tf.estimator.Estimator  # Imported now, since that is a part of its own.
imported = time.time()

# What is timed, and whether all calls count or the first alone.
PARTS = {
    "checkpoint": (checkpoints, "check_encoder", False),
    "graph": (Estimator, "_call_model_fn", False),
    "session": (tf.train.ChiefSessionCreator, "create_session", False),
    "first step": (tf.train.MonitoredSession.__mro__[1], "run", True),
    "last checkpoint": (checkpoints, "finish_training", False),
}


def time_calls(owner, name, first_alone, add):
    """Have each call of an owner's function, or the first alone, timed."""
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
    """Run the script and return its exit status."""
    _, started, parts_path, *flags = argv
    started = float(started)
    seconds = {"imports": imported - started, **dict.fromkeys(PARTS, 0.0)}
    for part, (owner, name, first_alone) in PARTS.items():

        def add(value, part=part):
            seconds[part] += value

        time_calls(owner, name, first_alone, add)
    status = run_classifier.main(["run_classifier.py", *flags])
    total = time.time() - started
    # Data, what an Estimator does between the parts, other steps, and writing the results.
    seconds["others"] = total - sum(seconds.values())
    Path(parts_path).write_text(json.dumps(seconds), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
