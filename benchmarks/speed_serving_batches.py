# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""What the peers' workers of speed_serving.py do alike: texts to labels, in sorted batches."""

import time

import speed_worker


class Side:
    """A side that encodes texts and computes logits."""

    def __init__(self, settings):
        """Reads the texts."""
        rows = speed_worker.read_rows(settings["test_file"])
        self._texts = [text for text, _ in rows]
        self._labels = settings["labels"]
        self._batch_size = settings["batch_size"]

    def predict_all(self, num_texts):
        """Predicts texts in batches sorted by length; returns the seconds and the labels."""
        texts = self._texts[:num_texts]
        start = time.perf_counter()
        rows = self.encode(texts)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        labels = [""] * len(rows)
        for first in range(0, len(order), self._batch_size):
            chosen = order[first : first + self._batch_size]
            logits = self.logits([rows[row] for row in chosen])
            for row, best in zip(chosen, logits.argmax(axis=-1).tolist()):
                labels[row] = self._labels[best]
        return {"seconds": time.perf_counter() - start, "labels": labels}

    def predict_each(self, first, num_texts):
        """Predicts texts one by one; returns the seconds of each."""

        def predict(text):
            return self._labels[int(self.logits(self.encode([text])).argmax())]

        texts = self._texts[first : first + num_texts]
        return {"seconds": speed_worker.time_steps(predict, texts)[0]}
