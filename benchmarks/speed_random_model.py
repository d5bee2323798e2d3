# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Writes a BERT with random weights in Hugging Face's format, for speed.py.

    python benchmarks/speed_random_model.py MINILM FOLDER [NAME=NUMBER ...]

The numbers override those of transformers' BertConfig. The vocabulary is that of MINILM, with
unused tokens up to the model's size.
"""

import json
import shutil
import sys
from pathlib import Path

import transformers


def main():
    """Writes the model."""
    minilm, folder, *changes = sys.argv[1:]
    numbers = dict(change.split("=") for change in changes)
    transformers.set_seed(42)
    config = transformers.BertConfig(**{name: int(number) for name, number in numbers.items()})
    folder = Path(folder)
    transformers.BertModel(config).save_pretrained(folder)
    write_tokenizer(Path(minilm), folder, config.vocab_size)


def write_tokenizer(source, folder, vocab_size):
    """Writes a folder's tokenizer with unused tokens up to a size into another folder."""
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    for number in range(len(vocab), vocab_size):
        vocab[f"[filler{number}]"] = number
    tokens = sorted(vocab, key=vocab.get)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    shutil.copy(source / "tokenizer_config.json", folder)
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
