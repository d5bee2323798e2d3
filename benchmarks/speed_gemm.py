# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measure how fast this machine multiplies matrices: the bound that no training can pass.

A worker of speed.py (see speed_worker.py), on torch, whose products are MKL's on x86.
"""

import math
import time

import speed_worker
import torch

# Rows, inner width, columns of the products whose best rate is the bound: large squares, and the
# products of BERT-Base's and this model's feed-forward layers over many wordpieces.
SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 768, 3072), (4096, 384, 1536))
REPEATS = 5
ENOUGH_SECONDS = 2.0  # A pass is not repeated beyond so many seconds.


class Gemm:
    """Measures matrix products."""

    def __init__(self, settings):
        """Keep the model's widths."""
        torch.set_num_threads(settings["threads"])
        torch.set_grad_enabled(False)
        self._config = settings["config"]
        self._layers = [self._make_layer() for _ in range(self._config["num_hidden_layers"])]

    def _make_layer(self):
        hidden, inner = self._config["hidden_size"], self._config["intermediate_size"]
        widths = [(hidden, hidden)] * 4 + [(hidden, inner), (inner, hidden)]
        return [torch.randn(rows, columns) for rows, columns in widths]

    def about(self):
        """Return what the figures stand on."""
        return {"versions": {"torch": torch.__version__}, "threads": torch.get_num_threads()}

    def rate(self):
        """Return the best rate of the shapes, and each shape's, in operations a second."""
        rates = {}
        for rows, inner, columns in SHAPES:
            a, b = torch.randn(rows, inner), torch.randn(inner, columns)
            out = torch.empty(rows, columns)
            seconds = best_seconds([lambda a=a, b=b, out=out: torch.mm(a, b, out=out)])
            rates[f"{rows}x{inner}x{columns}"] = 2 * rows * inner * columns / seconds
        return {"flops_per_second": max(rates.values()), "by_shape": rates}

    def products(self, tokens):
        """Return the seconds for the products with the encoder's weights in one training step.

        Forward, and by input and weights backward, for so many wordpieces; no attention, pooler
        or head, so that it is less than any program needs.
        """
        steps = []
        for weights in self._layers:
            for weight in weights:
                steps += list(training_products(tokens, weight))
        return {"forward": best_seconds(steps[::3]), "training": best_seconds(steps)}


def training_products(tokens, weight):
    """Yield the three products with a weight matrix, as functions."""
    rows, columns = weight.shape
    inputs, outputs = torch.randn(tokens, rows), torch.randn(tokens, columns)
    made, by_input, by_weight = map(torch.empty_like, (outputs, inputs, weight))
    yield lambda: torch.mm(inputs, weight, out=made)
    yield lambda: torch.mm(outputs, weight.t(), out=by_input)
    yield lambda: torch.mm(inputs.t(), outputs, out=by_weight)


def best_seconds(steps):
    """Return the sum of the least seconds that each step took in passes over all of them."""
    best = [math.inf] * len(steps)
    total = 0.0
    # The first pass is not counted: it touches the memory for the first time.
    for repeat in range(REPEATS + 1):
        for i, step in enumerate(steps):
            start = time.perf_counter()
            step()
            seconds = time.perf_counter() - start
            total += seconds
            if repeat:
                best[i] = min(best[i], seconds)
        if repeat and total > ENOUGH_SECONDS:
            break
    return sum(best)


if __name__ == "__main__":
    speed_worker.serve(Gemm)
