# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Does the same work with Hugging Face as run_classifier.py does in the start-up measurement.

    python benchmarks/speed_startup_hugging_face.py --do train --input train.txt ...
    python benchmarks/speed_startup_hugging_face.py --do predict --input test.txt ...

The first command trains one step on the first rows in the file and saves the model in --output_dir;
the second labels all rows with that model. The script imports only what it needs, which favours
this side.
"""

import argparse
import os
from pathlib import Path

# The libraries read these variables when they are imported, so they are set first.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import torch
import transformers
from speed_hugging_face import load_model, make_optimizer
from speed_worker import read_rows


def encode(options, folder):
    """Returns the tokenizer, the rows' features, and a function that pads a batch of them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    features = []
    for text, label in read_rows(options.input):
        row = tokenizer(text, truncation=True, max_length=options.max_seq_length)
        features.append({**row, "labels": options.labels.index(label)})
    return tokenizer, features, transformers.DataCollatorWithPadding(tokenizer)


def train(options):
    """Trains one step, prints its loss, and saves the model."""
    tokenizer, features, collate = encode(options, options.hf_model_dir)
    model = load_model(options.hf_model_dir, len(options.labels))
    optimizer, _ = make_optimizer(
        model, {"learning_rate": 1e-4, "num_warmup_steps": 0, "num_train_steps": 1}
    )
    model.train()
    loss = model(**collate(features[: options.batch_size])).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(f"step 1 of 1: loss {loss.item():.4f}", flush=True)
    model.save_pretrained(options.output_dir)
    tokenizer.save_pretrained(options.output_dir)


def predict(options):
    """Writes a label for each row of the input."""
    _, features, collate = encode(options, options.output_dir)
    model = load_model(options.output_dir, len(options.labels)).eval()
    results = Path(options.output_dir) / "results.tsv"
    with torch.inference_mode(), open(results, "w", encoding="utf-8") as stream:
        for start in range(0, len(features), options.batch_size):
            batch = collate(features[start : start + options.batch_size])
            for row in torch.softmax(model(**batch).logits, dim=-1).tolist():
                label = options.labels[row.index(max(row))]
                stream.write("\t".join([label, *(f"{share:.6f}" for share in row)]) + "\n")


def main():
    """Trains one step, or predicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--do", choices=("train", "predict"), required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--hf_model_dir", required=True)
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--labels", type=lambda text: text.split(","), required=True)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=32)
    options = parser.parse_args()
    {"train": train, "predict": predict}[options.do](options)


if __name__ == "__main__":
    main()
