# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Trains models of all families on 30 rows, kills and resumes the training, and compares the bits.

    python benchmarks/hugging_face_training.py [FOLDER ...]

Each FOLDER contains a model in Hugging Face's format; the default is the tiny ones in
tests/golden/hugging_face. From each, this trains a classifier and a tagger. Each must learn its 30
rows by heart. A second training is killed (SIGKILL) after a checkpoint and run again: the weights
must have the same bits as those of the first. Use the Python that runs the toolkit. The exit status
is 1 if a model misses a score or a bit.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "hugging_face"
MODELS = ("bert_pair", "roberta_pair", "xlmr_token", "camembert_token", "distilbert", "electra")
NAMES = ("anna", "peter", "joe", "Zoë", "Ольга")
PLACES = ("paris", "rome", "new york", "東京", "köln", "a big old city")
TARGET = 0.99
KILL_AFTER = 110  # Steps; a checkpoint is saved every 50
SETTINGS = {
    "do_train": "true",
    "do_eval": "true",
    "max_seq_length": 48,
    "num_train_epochs": 100,
    "train_batch_size": 8,
    "hidden_dropout_prob": 0.05,
    "attention_probs_dropout_prob": 0.05,
    "save_checkpoints_steps": 50,
    "log_steps": 10,
}
LEARNING_RATES = (5e-3, 1e-2, 3e-3)  # One of them must suffice.
TASKS = {"classifier": ("run_classifier.py", "accuracy"), "tagger": ("run_ner.py", "f1")}


def write_data(folder):
    """Writes 30 rows for each task; returns their paths."""
    pairs = [(name, place) for name in NAMES for place in PLACES]
    kinds = ("good", "bad", "new")
    label_of = {place: kinds[i % 3] for i, place in enumerate(PLACES)}
    rows = [f"{label_of[place]}\t{name} went to {place} again" for name, place in pairs]
    classifier = folder / "train.tsv"
    classifier.write_text("label\ttext\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sentences = []
    for name, place in pairs:
        words = [(name, "B-PER"), ("lives", "O"), ("in", "O")]
        words += [(w, "I-LOC" if i else "B-LOC") for i, w in enumerate(place.split())]
        sentences.append("".join(f"{word} {tag}\n" for word, tag in [*words, (".", "O")]))
    tagger = folder / "train.conll"
    tagger.write_text("\n".join(sentences), encoding="utf-8")
    return {"classifier": classifier, "tagger": tagger}


def command(task, model, file, output_dir, rate):
    script = TASKS[task][0]
    flags = {**SETTINGS, "model_dir": model, "train_file": file, "dev_file": file}
    flags.update(output_dir=output_dir, learning_rate=rate)
    return [sys.executable, script, *(f"--{name}={value}" for name, value in flags.items())]


def run(arguments, log):
    """Runs a command to its end."""
    with open(log, "a", encoding="utf-8") as stream:
        if subprocess.run(arguments, cwd=ROOT, stdout=stream, stderr=stream).returncode:
            raise SystemExit(f"failed: {' '.join(map(str, arguments))}; see {log}")


def run_and_kill(arguments, output_dir, log):
    """Starts a command and kills it after some steps; returns the step it had logged."""
    with open(log, "a", encoding="utf-8") as stream:
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=stream, stderr=stream)
        while process.poll() is None:
            step = last_step(output_dir / "train_log.jsonl")
            if step >= KILL_AFTER:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return step
            time.sleep(0.02)
    raise SystemExit(f"ended before it could be killed: see {log}")


def last_step(path):
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return max((json.loads(line).get("step", 0) for line in lines), default=0)


def weights(folder):
    """Returns the weights of a finished training run."""
    import tensorflow.compat.v1 as tf

    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def compare(first, second):
    """Returns the names of the variables whose bits differ."""
    assert first.keys() == second.keys()
    return [name for name in first if first[name].tobytes() != second[name].tobytes()]


def check(task, source, model, file, folder):
    """Trains with a task; returns whether the model misses the score or a bit."""
    _, metric = TASKS[task]
    name, log = f"{source.name} {task}", folder / f"{source.name}_{task}.log"
    whole, stopped = (folder / f"{source.name}_{task}_{kind}" for kind in ("whole", "stopped"))
    for rate in LEARNING_RATES:
        shutil.rmtree(whole, ignore_errors=True)
        run(command(task, model, file, whole, rate), log)
        score = json.loads((whole / "eval_results.json").read_text(encoding="utf-8"))[metric]
        if score >= TARGET:
            break
    arguments = command(task, model, file, stopped, rate)
    step = run_and_kill(arguments, stopped, log)
    run(arguments, log)
    arrays = weights(whole)
    differing = compare(arrays, weights(stopped))
    size = sum(int(np.prod(array.shape)) for array in arrays.values())
    bits = ", ".join(differing) or "no bit"
    print(
        f"{name}: {metric} {score:.3f} (learning rate {rate:g}); killed after step {step}; "
        f"resumed: {bits} differs in {len(arrays)} variables, {size} values",
        flush=True,
    )
    return score < TARGET or bool(differing)


def main():
    """Runs the trainings and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = [GOLDEN / name for name in MODELS]
    parser.add_argument("models", type=Path, nargs="*", default=default, metavar="FOLDER")
    parser.add_argument("--work_dir", type=Path, default=ROOT / "build" / "hugging_face_training")
    options = parser.parse_args()
    folder = options.work_dir.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files, failed = write_data(folder), False
    for source in options.models:
        model = folder / f"{source.name}_model"
        log = folder / f"{source.name}_prepare.log"
        run([sys.executable, "prepare_model.py", source.resolve(), f"--model_dir={model}"], log)
        for task, file in files.items():
            failed |= check(task, source, model, file, folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
