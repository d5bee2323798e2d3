# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Runs one of the toolkit's sides of the quality benchmark and records its scores."""

import json
import shutil
import sys
import time

from quality_setup import ROOT, run_logged
from quality_tasks import TASKS

NER_SCORES = ("loss", "precision", "recall", "f1", "macro_f1", "token_accuracy", "strict_f1")


def run_toolkit(task, seed, path, side, data_dir, model_dir):
    """Trains and evaluates with the task's tool and writes the record to path."""
    trained = find_trained_side(task, side)
    output_dir = path.with_name(f"{trained}-{task}-{seed}")
    if trained == side:
        # Otherwise, the run would resume an interrupted one, and "seconds" would be too small.
        shutil.rmtree(output_dir, ignore_errors=True)
    elif not output_dir.exists():
        raise SystemExit(f"{output_dir}: no model; delete {output_dir.name}.json and run {trained}")
    started = time.perf_counter()
    run_logged(
        build_command(task, seed, side, data_dir, model_dir, output_dir), path.with_suffix(".log")
    )
    record = {
        "side": side,
        "task": task,
        "seed": seed,
        "recipe": TASKS[task]["recipe"],
        "flags": TASKS[task]["sides"][side],
        "seconds": time.perf_counter() - started,
        **READERS[TASKS[task]["tool"]](task, output_dir / "eval_results.json"),
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def find_trained_side(task, side):
    """Returns the side whose model this one evaluates: itself, unless it trains nothing."""
    return TASKS[task].get("evaluates", {}).get(side, side)


def build_command(task, seed, side, data_dir, model_dir, output_dir):
    """Returns the command that trains and evaluates a side."""
    flags = {
        "task_name": TASKS[task].get("task_name", task),
        "do_train": "true" if find_trained_side(task, side) == side else "false",
        "do_eval": "true",
        "data_dir": data_dir / task,
        "vocab_file": model_dir / "vocab.txt",
        "bert_config_file": model_dir / "bert_config.json",
        "init_checkpoint": model_dir / "bert_model.ckpt",
        **TASKS[task]["recipe"],
        **TASKS[task]["sides"][side],
        "seed": seed,
        "output_dir": output_dir,
    }
    script = ROOT / TASKS[task]["tool"]
    return [sys.executable, script, *(f"--{name}={value}" for name, value in flags.items())]


def check_count(path, task, name, found):
    """Exits unless the toolkit scored everything in the task's dev file."""
    expected = TASKS[task][name]
    if found != expected:
        raise SystemExit(f"{path}: {name} is {found}, but {task} has {expected}")


def read_classifier_scores(task, path):
    """Returns the scores in run_classifier.py's result file, in the format of the peer's record."""
    results = json.loads(path.read_text(encoding="utf-8"))
    labels = results["labels"]
    check_count(path, task, "dev_rows", sum(label["support"] for label in labels.values()))
    scores = {name: results[name] for name in ("loss", "accuracy", "macro_f1")}
    scores["f1"] = {name: label["f1"] for name, label in labels.items()}
    return scores


def read_ner_scores(task, path):
    """Returns the scores in run_ner.py's result file, in the format of the peer's record."""
    results = json.loads(path.read_text(encoding="utf-8"))
    types = results["types"]
    check_count(path, task, "dev_rows", results["num_sentences"])
    check_count(path, task, "dev_entities", sum(kind["support"] for kind in types.values()))
    return {**{name: results[name] for name in NER_SCORES}, "types": types}


def read_qa_scores(task, path):
    """Returns the scores in run_squad.py's result file, in the format of the peer's record."""
    results = json.loads(path.read_text(encoding="utf-8"))
    check_count(path, task, "dev_rows", results["total"])
    return {name: value for name, value in results.items() if name != "file"}


READERS = {
    "run_classifier.py": read_classifier_scores,
    "run_ner.py": read_ner_scores,
    "run_squad.py": read_qa_scores,
}
