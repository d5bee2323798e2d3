# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compare the toolkit's fine-tuning quality with Hugging Face's Trainer on real data.

One command fine-tunes the same pretrained weights on the same files with both, in turns,
prints a table for each task and writes it all to WORK_DIR/quality.json:

    python benchmarks/quality.py --data_dir DIR

DIR holds emotion/ (train.txt, val.txt) and mrpc/ (train.tsv, dev.tsv). Run it with the
Python that runs the toolkit. The first run also installs the peer's environment, fetches
the weights and converts them, all inside WORK_DIR.

A run whose record (SIDE-TASK-SEED.json) is in WORK_DIR already is reused and said to be;
delete the toolkit-*.json records, or take another folder, after a change to the toolkit.

The exit status is 1 if the toolkit's mean over the seeds misses a target.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from quality_report import build_summary, print_task
from quality_setup import ROOT, convert_weights, fetch_weights, install_peer, run_logged
from quality_tasks import TASKS


def run_toolkit(task, seed, work_dir, data_dir, model_dir):
    """Train and evaluate with run_classifier.py; return its scores and wall-clock seconds."""
    output_dir = work_dir / f"{task}-{seed}"
    # Training would go on from what an interrupted run left, and the seconds be too few.
    shutil.rmtree(output_dir, ignore_errors=True)
    flags = {
        "task_name": task,
        "do_train": "true",
        "do_eval": "true",
        "data_dir": data_dir,
        "vocab_file": model_dir / "vocab.txt",
        "bert_config_file": model_dir / "bert_config.json",
        "init_checkpoint": model_dir / "bert_model.ckpt",
        **TASKS[task]["recipe"],
        "seed": seed,
        "output_dir": output_dir,
    }
    command = [sys.executable, ROOT / "run_classifier.py"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    started = time.perf_counter()
    run_logged(command, work_dir / f"toolkit-{task}-{seed}.log")
    seconds = time.perf_counter() - started
    return {**read_toolkit_scores(task, output_dir / "eval_results.json"), "seconds": seconds}


def read_toolkit_scores(task, path):
    """Return the scores in the toolkit's result file, in the form of the peer's record."""
    results = json.loads(path.read_text(encoding="utf-8"))
    rows = sum(label["support"] for label in results["labels"].values())
    if rows != TASKS[task]["dev_rows"]:
        raise SystemExit(f"{path}: scored {rows} rows where {task} has {TASKS[task]['dev_rows']}")
    scores = {name: results[name] for name in ("loss", "accuracy", "macro_f1")}
    scores["f1"] = {name: label["f1"] for name, label in results["labels"].items()}
    return scores


def run_peer(task, seed, work_dir, data_dir, hf_model_dir, python):
    """Train and evaluate with quality_peer.py, which writes its own record."""
    flags = {
        "task": task,
        "data_dir": data_dir / task,
        "hf_model_dir": hf_model_dir,
        **TASKS[task]["recipe"],
        "seed": seed,
        "output_json": record_path(work_dir, "peer", task, seed),
    }
    command = [python, Path(__file__).with_name("quality_peer.py")]
    command += [f"--{name}={value}" for name, value in flags.items()]
    run_logged(command, work_dir / f"peer-{task}-{seed}.log")


def record_path(work_dir, side, task, seed):
    """Return where the record of one run lies."""
    return work_dir / f"{side}-{task}-{seed}.json"


def find_record(path, recipe):
    """Return the record at path, or None if there is none of this recipe."""
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return record if record["recipe"] == recipe else None


def prepare_sides(options):
    """Return, for each side, a function that runs one task and seed and leaves its record."""
    work_dir, data_dir = options.work_dir, options.data_dir
    hf_model_dir = fetch_weights(work_dir)
    model_dir = convert_weights(work_dir, hf_model_dir)

    def record_toolkit(task, seed):
        scores = run_toolkit(task, seed, work_dir, data_dir, model_dir)
        run = {"side": "toolkit", "task": task, "seed": seed, "recipe": TASKS[task]["recipe"]}
        path = record_path(work_dir, "toolkit", task, seed)
        path.write_text(json.dumps({**run, **scores}, indent=2) + "\n", encoding="utf-8")

    sides = {"toolkit": record_toolkit}
    if not options.skip_peer:
        python = install_peer(work_dir, options.peer_python)
        sides["peer"] = lambda task, seed: run_peer(
            task, seed, work_dir, data_dir, hf_model_dir, python
        )
    return sides


def collect_records(options, sides):
    """Run what has no record yet, the sides in turns, and return all records."""
    records = []
    for task in options.tasks:
        for seed in options.seeds or TASKS[task]["seeds"]:
            # In turns, so that a machine that gets slower or busier does so for both.
            for side, run in sides.items():
                path = record_path(options.work_dir, side, task, seed)
                record = find_record(path, TASKS[task]["recipe"])
                reused = record is not None
                if not reused:
                    print(f"running {side} {task} seed {seed}", flush=True)
                    run(task, seed)
                    record = json.loads(path.read_text(encoding="utf-8"))
                word = "reused" if reused else "done"
                print(f"{word}: {path.name}, {record['seconds']:.0f} s", flush=True)
                records.append(record)
    return records


def split_tasks(text):
    """Return the task names of a comma-separated list."""
    tasks = text.split(",")
    unknown = sorted(set(tasks) - set(TASKS))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such task: {', '.join(unknown)}")
    return tasks


def split_seeds(text):
    """Return the whole numbers of a comma-separated list."""
    return [int(part) for part in text.split(",")]


def resolve_path(text):
    """Return the absolute path."""
    return Path(text).resolve()


def parse_options():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="holds emotion/ and mrpc/")
    add("--tasks", type=split_tasks, default=list(TASKS), help="default: emotion,mrpc")
    add("--seeds", type=split_seeds, help="default: 42 for emotion, 42,43,44 for mrpc")
    add("--skip_peer", action="store_true", help="run the toolkit alone")
    add("--work_dir", type=resolve_path, default="build/quality", help="default: %(default)s")
    add("--peer_python", default=sys.executable, help="makes the peer's environment (3.11+)")
    return parser.parse_args()


def main():
    """Run the comparison and return the exit status."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    records = collect_records(options, prepare_sides(options))
    summary = build_summary(options.tasks, records)
    for task in options.tasks:
        print_task(task, summary[task])
    report = options.work_dir / "quality.json"
    report.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {report}")
    return 0 if all(summary[task]["targets_met"] for task in options.tasks) else 1


if __name__ == "__main__":
    sys.exit(main())
