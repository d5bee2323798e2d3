# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Hugging Face's side of the speed benchmark, with its model compiled by PyTorch.

This is a worker of speed.py. The compiler needs a C++ compiler; the rounds for warm-up include the
time that it takes.
"""

import speed_worker
import torch
from speed_hugging_face import HuggingFace


class Compiled(HuggingFace):
    """Executes the commands of speed.py."""

    def __init__(self, settings):
        """Loads the model and compiles it for batches of any shape."""
        super().__init__(settings)
        self._model = torch.compile(self._model, dynamic=True)


if __name__ == "__main__":
    speed_worker.serve(Compiled)
