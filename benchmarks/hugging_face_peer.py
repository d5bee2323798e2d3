# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Computes the logits of exported models with transformers; see hugging_face.py.

This runs in an environment of its own (requirements-peer.txt):

    python benchmarks/hugging_face_peer.py FOLDER
"""

import json
import logging
import sys
import warnings
from pathlib import Path

import torch
import transformers


class Collector(logging.Handler):
    """Collects what transformers complains about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def run(folder, rows):
    """Returns transformers' complaints about a model, and its results for each row."""
    collector = Collector()
    transformers.utils.logging.get_logger("transformers").addHandler(collector)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = transformers.AutoConfig.from_pretrained(folder)
        kind = getattr(transformers, config.architectures[0])
        model, info = kind.from_pretrained(folder, output_loading_info=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    complaints = [str(each.message) for each in caught] + collector.messages
    complaints += [f"{key}: {sorted(names)}" for key, names in info.items() if names]
    labels = [config.id2label[i] for i in range(config.num_labels)]
    found = [result(model.eval(), tokenizer, labels, *row) for row in rows]
    return {"complaints": complaints, "rows": found}


def result(model, tokenizer, labels, text, text_b):
    encoded = tokenizer(text, text_b, return_offsets_mapping=True)
    tensors = {k: torch.tensor([v]) for k, v in encoded.items() if k != "offset_mapping"}
    with torch.no_grad():
        output = model(**tensors)
    if "start_logits" in output:
        logits = torch.stack((output.start_logits, output.end_logits), -1)[0]
    else:
        logits = output.logits[0]
    return {
        "text": text,
        "text_b": text_b,
        "ids": encoded["input_ids"],
        "offsets": encoded["offset_mapping"],
        "sequences": encoded.sequence_ids(),
        "labels": labels,
        "logits": logits.tolist(),
    }


def main():
    transformers.utils.logging.disable_progress_bar()
    folder = Path(sys.argv[1])
    jobs = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    results = {name: run(job["folder"], job["rows"]) for name, job in jobs.items()}
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
