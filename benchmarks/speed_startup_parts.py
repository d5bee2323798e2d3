# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Runs run_classifier.py with the given flags, and records where the time goes.

    python speed_startup_parts.py STARTED PARTS_JSON --flag=value ...

STARTED is the time at which the process was started, in seconds since 1970. The seconds that each
part takes are written to PARTS_JSON. They are measured around function calls; the parts do not
overlap, because none of these functions calls another.
"""

import functools
import gc
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finetune.util.quick_imports import import_estimator, import_tensorflow


def import_and_list_parts(is_training):
    """Imports what the script does; returns the functions to time by part.

    Each function comes with its owner, and whether only its first call counts.
    """
    import_tensorflow()
    if is_training:
        import_estimator()
    gc.freeze()
    import tensorflow.compat.v1 as tf

    from finetune.models import checkpoints
    from finetune.output import training_checkpoints
    from finetune.runs.prediction_session import PredictionSession

    if not is_training:  # The graph with its weights, and the batches
        return {
            "prediction session": (PredictionSession, "__init__", False),
            "first batch": (PredictionSession, "outputs", True),
        }
    return {
        "checkpoint": (checkpoints, "check_encoder", False),
        "graph": (tf.estimator.Estimator, "_call_model_fn", False),
        "session": (tf.train.ChiefSessionCreator, "create_session", False),
        "first step": (tf.train.MonitoredSession.__mro__[1], "run", True),
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
    parts = import_and_list_parts(is_training="--do_train=true" in flags)
    import run_classifier

    seconds = {"imports": time.time() - started, **dict.fromkeys(parts, 0.0)}
    for part, (owner, name, first_alone) in parts.items():

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
