# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""ONNX Runtime's side of speed_serving.py: the model as PyTorch exports it, then fused.

This is a worker (see speed_worker.py). ONNX Runtime's optimizer for transformers fuses the layers;
the benchmark's report says how many.
"""

import importlib
import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import speed_serving_batches
import speed_worker
import torch
import transformers
from onnxruntime.transformers import optimizer
from tokenizers import Tokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
FUSED = ("Attention", "SkipLayerNormalization", "BiasGelu")


def attention(module, query, key, value, mask, scaling, **unused):
    """Computes attention as in the graphs that the optimizer knows: it divides by a number."""
    del module, unused
    scores = torch.matmul(query, key.transpose(2, 3)) / (1 / scaling) + mask
    weights = scores.softmax(dim=-1)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


class Exported(torch.nn.Module):
    """A classifier whose mask is computed as in the graphs that the optimizer knows."""

    def __init__(self, folder):
        """Loads the model."""
        super().__init__()
        transformers.models.bert.modeling_bert.eager_attention_forward = attention
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager"
        ).eval()

    def forward(self, input_ids, attention_mask, token_type_ids):
        """Returns the logits."""
        mask = attention_mask.unsqueeze(1).unsqueeze(2).to(torch.float32)
        mask = (1.0 - mask) * -10000.0
        return self.model(
            input_ids=input_ids, attention_mask=mask, token_type_ids=token_type_ids
        ).logits


class OnnxSide(speed_serving_batches.Side):
    """A side that runs the exported model; a subclass sets `_run`."""

    def __init__(self, settings):
        """Exports the model and loads its tokenizer."""
        super().__init__(settings)
        folder = settings["hf_model_dir"]
        self._path = os.path.join(settings["scratch_dir"], f"{type(self).__name__}.onnx")
        export(Exported(folder), folder, self._path)
        self._tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self._tokenizer.enable_truncation(settings["max_seq_length"])
        self._tokenizer.no_padding()

    def _run(self, inputs):
        """Returns the logits for a dict of int64 arrays [B, S] by the names in `INPUTS`."""
        raise NotImplementedError

    def encode(self, texts):
        """Returns the token ids of each text."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def logits(self, batch):
        """Returns the logits of a batch of token ids."""
        length = max(map(len, batch))
        ids = np.zeros((len(batch), length), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return self._run(dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)))))


class OnnxRuntime(OnnxSide):
    """Executes the commands of speed_serving.py."""

    def __init__(self, settings):
        """Exports, optimises and loads the model."""
        super().__init__(settings)
        config = transformers.AutoConfig.from_pretrained(settings["hf_model_dir"])
        self._fused = optimize(self._path, config)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        self._session = onnxruntime.InferenceSession(
            self._path, options, providers=["CPUExecutionProvider"]
        )

    def about(self):
        """Returns the version and what is fused."""
        fused = {name: self._fused[name] for name in FUSED}
        return {"onnxruntime": onnxruntime.__version__, "fused": fused}

    def _run(self, inputs):
        return self._session.run(None, inputs)[0]


def export(model, folder, path, opset_version=14):
    """Writes a model as PyTorch exports it.

    Args:
      model: The module; its inputs are `INPUTS`.
      folder: The Hugging Face model that it contains.
      path: The file.
      opset_version: The version of ONNX's operators.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    example = tokenizer(["a text", "text"], padding=True, return_tensors="pt")
    torch.onnx.export(
        model,
        tuple(example[name] for name in INPUTS),
        path,
        input_names=list(INPUTS),
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in INPUTS},
        opset_version=opset_version,
        dynamo=False,
    )


def optimize(path, config):
    """Fuses a model's layers; returns how many of each kind."""
    sizes = config.num_attention_heads, config.hidden_size
    # The optimizer, which imports this module by its bare name, looks for the number of heads in a
    # shape where transformers writes -1.
    fusion = importlib.import_module("fusion_attention")
    fusion.FusionAttention.get_num_heads_and_hidden_size = lambda self, node: sizes
    model = optimizer.optimize_model(
        path, model_type="bert", num_heads=sizes[0], hidden_size=sizes[1], opt_level=0
    )
    model.save_model_to_file(path)
    return model.get_fused_operator_statistics()


if __name__ == "__main__":
    speed_worker.serve(OnnxRuntime)
