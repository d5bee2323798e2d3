# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""OpenVINO's side of speed_serving.py: the model as PyTorch exports it, compiled for the processor.

This is a worker (see speed_worker.py).
"""

import openvino
import speed_worker
from speed_serving_onnx import OnnxSide


class OpenVino(OnnxSide):
    """Executes the commands of speed_serving.py."""

    def __init__(self, settings):
        """Exports and compiles the model."""
        super().__init__(settings)
        # By default, OpenVINO multiplies in bfloat16 where the processor can.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": settings["threads"],
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._model = openvino.Core().compile_model(self._path, "CPU", options)

    def about(self):
        """Returns the version."""
        return {"openvino": openvino.__version__}

    def _run(self, inputs):
        return self._model(inputs)[0]


if __name__ == "__main__":
    speed_worker.serve(OpenVino)
