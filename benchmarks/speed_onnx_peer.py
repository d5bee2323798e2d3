# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Exports a classifier from PyTorch for speed_onnx.py, and optimises the models.

    python speed_onnx_peer.py HUGGING_FACE_FOLDER TOOLKIT_MODEL TARGET_FOLDER

Writes pytorch.onnx (as torch.onnx.export makes it), pytorch_optimized.onnx and
toolkit_optimized.onnx (after ONNX Runtime's optimizer for transformers), and pytorch_fused.onnx
(exported in the form that this optimizer fuses completely; see speed_serving_onnx.py).
"""

import sys
from pathlib import Path

import speed_serving_onnx
import torch
import transformers
from onnxruntime.transformers import optimizer


class Logits(torch.nn.Module):
    """A model whose output is a tensor."""

    def __init__(self, folder):
        """Loads the model."""
        super().__init__()
        load = transformers.AutoModelForSequenceClassification.from_pretrained
        self.model = load(folder).eval()

    def forward(self, input_ids, attention_mask, token_type_ids):
        """Returns the logits."""
        inputs = dict(zip(speed_serving_onnx.INPUTS, (input_ids, attention_mask, token_type_ids)))
        return self.model(**inputs).logits


def main():
    """Writes the models."""
    folder, toolkit_model, target = sys.argv[1:]
    target = Path(target)
    model = Logits(folder)
    speed_serving_onnx.export(model, folder, str(target / "pytorch.onnx"), opset_version=17)
    optimize(target / "pytorch.onnx", target / "pytorch_optimized.onnx")
    optimize(toolkit_model, target / "toolkit_optimized.onnx")
    fused = str(target / "pytorch_fused.onnx")
    speed_serving_onnx.export(speed_serving_onnx.Exported(folder), folder, fused)
    print(speed_serving_onnx.optimize(fused, transformers.AutoConfig.from_pretrained(folder)))


def optimize(path, target):
    """Writes a model as the optimizer fuses it."""
    model = optimizer.optimize_model(str(path), model_type="bert", opt_level=0)
    print(target.name, model.get_fused_operator_statistics())
    model.save_model_to_file(str(target))


if __name__ == "__main__":
    main()
