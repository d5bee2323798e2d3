# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares a tagger's F1 on natural text with its F1 on columns.

The sentences of a CoNLL file are tagged in columns, as natural text with one sentence per row, and
as documents of many sentences, which are separated by line breaks or by spaces. sacremoses makes
natural text of the words, by rules that the toolkit does not share:

    pip install sacremoses==0.1.1
    python benchmarks/natural_text.py --model OUTPUT_DIR --conll DEV_FILE

OUTPUT_DIR is the output directory of a tagger that was trained on columns. An entity is correct if
its type and its characters are those of the gold entity, whatever the spaces between them.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sacremoses

ROOT = Path(__file__).resolve().parents[1]


def read_sentences(path):
    """Returns (words, tags) for each sentence; the word is the first column, the tag the last."""
    sentences, rows = [], []
    for line in [*Path(path).read_text(encoding="utf-8").split("\n"), ""]:
        cells = line.split()
        if cells and cells[0] != "-DOCSTART-":
            rows.append((cells[0], cells[-1]))
        elif rows:
            sentences.append(tuple(zip(*rows)))
            rows = []
    return sentences


def find_gold(sentences):
    """Returns the gold entities, (first, last, type), by their visible characters in the file."""
    gold, length, current = set(), 0, None
    for words, tags in sentences:
        for word, tag in zip(words, tags):
            if current and tag != f"I-{current[2]}":
                gold.add(tuple(current))
                current = None
            if tag[0] == "B" or (tag[0] == "I" and not current):
                current = [length, 0, tag[2:]]
            length += len(word)
            if current:
                current[1] = length
        if current:
            gold.add(tuple(current))
            current = None
    return gold


def make_natural(sentences, language):
    """Returns each sentence as natural text; sacremoses changes the spaces only."""
    detokenizer = sacremoses.MosesDetokenizer(lang=language)
    texts = []
    for words, _ in sentences:
        text = detokenizer.detokenize(list(words), unescape=False)
        same = "".join(text.split()) == "".join(words)
        texts.append(text if same else " ".join(words))
    return texts


def write_texts(path, texts):
    """Writes texts as JSON lines; returns the path."""
    lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_columns(path, sentences):
    """Writes the words and tags of sentences; returns the path."""
    rows = ["\n".join(map(" ".join, zip(*sentence))) + "\n" for sentence in sentences]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def predict(model, path):
    """Tags the texts of a file; returns the entities as in `find_gold`."""
    output = path.with_suffix(".model")
    shutil.copytree(model, output)
    command = [sys.executable, ROOT / "run_ner.py", "--do_predict", f"--output_dir={output}"]
    subprocess.run([*command, f"--predict_file={path}"], check=True, capture_output=True)
    found, length = set(), 0
    for line in (output / "test_results.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = row["text"]
        for entity in row["entities"]:
            ends = (length + len("".join(text[: entity[e]].split())) for e in ("start", "end"))
            found.add((*ends, entity["type"]))
        length += len("".join(text.split()))
    return found


def compute_f1(gold, found):
    """Returns the F1 of entities."""
    return 2 * len(gold & found) / (len(gold) + len(found))


def main():
    """Prints the scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="output directory of a trained tagger")
    parser.add_argument("--conll", required=True, help="file with words, and tags in IOB2")
    parser.add_argument("--language", default="en", help="default: %(default)s")
    parser.add_argument("--document", type=int, default=100, help="sentences in each document")
    options = parser.parse_args()
    sentences = read_sentences(options.conll)
    gold = find_gold(sentences)
    natural = make_natural(sentences, options.language)
    step = options.document
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {
            "columns": write_columns(folder / "columns.conll", sentences),
            "natural text": write_texts(folder / "natural.jsonl", natural),
        }
        for separator, character in (("line break", "\n"), ("space", " ")):
            texts = [character.join(natural[i : i + step]) for i in range(0, len(natural), step)]
            path = write_texts(folder / f"{separator}.jsonl", texts)
            paths[f"documents of {step} sentences separated by {separator}s"] = path
        for kind, path in paths.items():
            f1 = compute_f1(gold, predict(options.model, path))
            print(f"{kind}: F1 {f1:.4f}", flush=True)


if __name__ == "__main__":
    main()
