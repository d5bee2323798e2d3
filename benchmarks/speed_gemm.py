# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures how fast this machine multiplies matrices: an upper bound on the speed of training.

This is a worker of speed.py (see speed_worker.py). It uses torch, which multiplies with MKL on x86.
"""

import math
import time

import speed_worker
import torch

# Rows, inner width and columns of the products whose best rate is the bound: large square matrices,
# and the feed-forward layers of BERT-Base and of this model over many wordpieces.
SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 768, 3072), (4096, 384, 1536))
REPEATS = 5
ENOUGH_SECONDS = 2.0  # After this time, no further pass starts.


class Gemm:
    """The worker that measures matrix products."""

    def __init__(self, settings):
        """Stores the model's widths."""
        torch.set_num_threads(settings["threads"])
        torch.set_grad_enabled(False)
        self._config = settings["config"]
        self._layers = [self._make_layer() for _ in range(self._config["num_hidden_layers"])]

    def _make_layer(self):
        hidden, inner = self._config["hidden_size"], self._config["intermediate_size"]
        widths = [(hidden, hidden)] * 4 + [(hidden, inner), (inner, hidden)]
        return [torch.randn(rows, columns) for rows, columns in widths]

    def about(self):
        """Returns the versions and settings behind the figures."""
        return {"versions": {"torch": torch.__version__}, "threads": torch.get_num_threads()}

    def rate(self):
        """Returns the best rate over all shapes and the rate of each, in operations per second."""
        rates = {}
        for rows, inner, columns in SHAPES:
            a, b = torch.randn(rows, inner), torch.randn(inner, columns)
            out = torch.empty(rows, columns)
            seconds = best_seconds([lambda a=a, b=b, out=out: torch.mm(a, b, out=out)])
            rates[f"{rows}x{inner}x{columns}"] = 2 * rows * inner * columns / seconds
        return {"flops_per_second": max(rates.values()), "by_shape": rates}

    def products(self, tokens):
        """Returns the seconds for the products with the encoder's weights in one training step.

        This covers the forward pass, and the gradients of inputs and weights, for `tokens`
        wordpieces. Attention, pooler and head are omitted, so every program takes longer.
        """
        steps = []
        for weights in self._layers:
            for weight in weights:
                steps += list(training_products(tokens, weight))
        return {"forward": best_seconds(steps[::3]), "training": best_seconds(steps)}


def training_products(tokens, weight):
    """Yields the three products of a dense layer, as functions: output and both gradients."""
    rows, columns = weight.shape
    inputs, outputs = torch.randn(tokens, rows), torch.randn(tokens, columns)
    made, by_input, by_weight = map(torch.empty_like, (outputs, inputs, weight))
    yield lambda: torch.mm(inputs, weight, out=made)
    yield lambda: torch.mm(outputs, weight.t(), out=by_input)
    yield lambda: torch.mm(inputs.t(), outputs, out=by_weight)


def best_seconds(steps):
    """Returns the sum over the steps of each step's minimum seconds in several passes."""
    best = [math.inf] * len(steps)
    total = 0.0
    # The first pass is not counted, because it touches the memory for the first time.
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
