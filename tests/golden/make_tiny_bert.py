"""Make tiny_bert.npz: a small random BERT and its outputs by Hugging Face transformers.

Needs torch and transformers, which the toolkit does not; tiny_bert.npz was made with
transformers 5.23.0 and torch 2.13.0 on a CPU, in double precision:

    python tests/golden/make_tiny_bert.py

The file holds `config` (JSON, keys of bert_config.json), the inputs `input_ids`, `input_mask` and
`segment_ids`, the outputs `embedding_output`, `layer_0`, `layer_1` and `pooled_output`, and each
weight under the name that Google's checkpoints have for it. Outputs at padding mean nothing.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

# Sizes are distinct, and primes where they can be, so that a swapped axis shows. The epsilon is
# large enough for a model that ignores it to be far off.
CONFIG = {
    "vocab_size": 53,
    "hidden_size": 21,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
    "hidden_act": "gelu",
    "max_position_embeddings": 23,
    "type_vocab_size": 5,
    "layer_norm_eps": 0.03,
}
BATCH_SIZE, SEQ_LENGTH = 13, 11


def make_model(rng):
    """Return a BertModel in double precision; every weight, biases and norms too, is random."""
    model = BertModel(BertConfig(**CONFIG, attn_implementation="eager")).double().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            center = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            # Rounded to single precision, in which they are stored.
            values = rng.normal(center, 0.3, size=tuple(weight.shape)).astype(np.float32)
            weight.copy_(torch.from_numpy(values))
    return model


def make_inputs(rng):
    """Return ids, mask and segments: rows of 2 tokens up to all, every second one a pair."""
    shape = (BATCH_SIZE, SEQ_LENGTH)
    input_ids = rng.integers(1, CONFIG["vocab_size"], size=shape)
    lengths = [2 + row % (SEQ_LENGTH - 1) for row in range(BATCH_SIZE)]
    positions = np.arange(SEQ_LENGTH)
    input_mask = (positions < np.array(lengths)[:, None]).astype(np.int32)
    segment_ids = np.zeros(shape, np.int32)
    for row in range(1, BATCH_SIZE, 2):
        segment_ids[row] = positions >= lengths[row] // 2
    segment_ids[BATCH_SIZE - 1] = rng.integers(0, CONFIG["type_vocab_size"], size=SEQ_LENGTH)
    return {
        "input_ids": (input_ids * input_mask).astype(np.int32),
        "input_mask": input_mask,
        "segment_ids": segment_ids * input_mask,
    }


def run_model(model, inputs):
    """Return the outputs by name."""
    with torch.no_grad():
        output = model(
            input_ids=torch.from_numpy(inputs["input_ids"]).long(),
            attention_mask=torch.from_numpy(inputs["input_mask"]).long(),
            token_type_ids=torch.from_numpy(inputs["segment_ids"]).long(),
            output_hidden_states=True,
        )
    return {
        "embedding_output": output.hidden_states[0],
        "layer_0": output.hidden_states[1],
        "layer_1": output.hidden_states[2],
        "pooled_output": output.pooler_output,
    }


def rename_weights(model):
    """Return the weights by Google's names; a kernel is the transpose of PyTorch's weight."""
    weights = {}
    for name, tensor in model.named_parameters():
        values = tensor.detach().numpy()
        if name.endswith("_embeddings.weight"):
            name = name[: -len(".weight")]
        elif name.endswith("LayerNorm.weight"):
            name = name[: -len("weight")] + "gamma"
        elif name.endswith("LayerNorm.bias"):
            name = name[: -len("bias")] + "beta"
        elif name.endswith(".weight"):
            name, values = name[: -len("weight")] + "kernel", values.T
        name = re.sub(r"layer\.(\d+)", r"layer_\1", name)
        weights["bert/" + name.replace(".", "/")] = values
    return weights


def main():
    rng = np.random.default_rng(71)
    model = make_model(rng)
    inputs = make_inputs(rng)
    outputs = {name: tensor.numpy() for name, tensor in run_model(model, inputs).items()}
    floats = {**outputs, **rename_weights(model)}
    np.savez_compressed(
        Path(__file__).with_name("tiny_bert.npz"),
        config=json.dumps(CONFIG),
        **inputs,
        **{name: values.astype(np.float32) for name, values in floats.items()},
    )


if __name__ == "__main__":
    main()
