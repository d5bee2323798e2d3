# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The toolkit's side of speed_serving.py: a model that a Python program loads.

This is a worker (see speed_worker.py).
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import speed_worker
import tensorflow

from finetune import load


class Toolkit:
    """Executes the commands of speed_serving.py."""

    def __init__(self, settings):
        """Loads the model."""
        rows = speed_worker.read_rows(settings["test_file"])
        self._texts = [text for text, _ in rows]
        size = settings["batch_size"]
        self._model = load(settings["output_dir"], predict_batch_size=size, packed_weights=True)

    def about(self):
        """Returns the version."""
        return {"tensorflow": tensorflow.__version__}

    def predict_all(self, num_texts):
        """Predicts a list of texts; returns the seconds and the labels."""
        start = time.perf_counter()
        predictions = self._model.predict(self._texts[:num_texts])
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "labels": [each["prediction"] for each in predictions]}

    def predict_each(self, first, num_texts):
        """Predicts texts one by one; returns the seconds of each."""
        texts = self._texts[first : first + num_texts]
        return {"seconds": speed_worker.time_steps(self._model.predict, texts)[0]}


if __name__ == "__main__":
    speed_worker.serve(Toolkit)
