# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Computes a tagger's logits with onnxruntime, and dequantises its weights; see rampart.py.

This runs in an environment of its own:

    python benchmarks/rampart_peer.py SOURCE FOLDER
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tokenizers


def dequantised(model):
    """Returns the model's tensors under the names that transformers gives them."""
    parts = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    tensors = {name: a for name, a in parts.items() if re.search(r"(Norm\.weight|\.bias)$", name)}
    for name in [name for name in parts if name.endswith("_quantized")]:  # 8-bit embeddings
        base = name[: -len("_quantized")]
        shifted = parts[name].astype(np.float32) - parts[f"{base}_zero_point"]
        tensors[base] = shifted * parts[f"{base}_scale"]
    for node in model.graph.node:
        if node.op_type == "MatMulNBits":  # /bert/encoder/layer.0/…/query/MatMul_Q4
            name = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".") + ".weight"
            tensors[name] = four_bit(parts[node.input[1]], parts[node.input[2]])
    return {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}


def four_bit(packed, scales):
    """Returns the weights [out, in] of packed blocks [out, blocks, bytes], the low half first.

    Without zero points, as here, 8 stands for 0: see MatMulNBits in onnxruntime's ContribOperators.
    """
    halves = np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:2], -1)
    weights = (halves.astype(np.float32) - 8) * scales.reshape(*packed.shape[:2], 1)
    return weights.reshape(len(packed), -1)


def main():
    source, folder = map(Path, sys.argv[1:])
    path = str(source / "model_q4.onnx")
    np.savez(folder / "tensors.npz", **dequantised(onnx.load(path)))
    session = onnxruntime.InferenceSession(path)
    tokenizer = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = []
    for text in json.loads((folder / "texts.json").read_text(encoding="utf-8")):
        found = tokenizer.encode(text)
        ids = np.array([found.ids])
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        inputs["token_type_ids"] = np.zeros_like(ids)
        logits = session.run(["logits"], inputs)[0][0]
        rows.append({"offsets": found.offsets, "logits": logits.tolist()})
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
