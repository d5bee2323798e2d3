# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares the toolkit's fine-tuning quality with Hugging Face's Trainer on real data.

One command fine-tunes the same pretrained weights on the same files with both, alternately,
prints a table for each task, and writes all results to WORK_DIR/quality.json:

    python benchmarks/quality.py --data_dir DIR

DIR contains emotion/ (train.txt, val.txt), mrpc/ (train.tsv, dev.tsv), wnut17/ (wnut17train.conll,
emerging.dev.conll), conll2003/ (train.txt, dev.txt), squad/ and squad_no_answer/ (train.json,
dev.json). Use the Python that runs the toolkit. The first run also installs the peer's environment,
downloads the weights and converts them, all inside WORK_DIR.

Every task has the side "peer", and every task but wnut17 has "toolkit". wnut17 has "pooler" and
"linear" (run_ner.py with --ner_head). wnut17 and conll2003 have "crf" (--use_crf=true). conll2003
has "grouped" (--group_by_length=true), and emotion and wnut17 have "padded" (--padding_free=false
--group_by_length=false). squad has "first" (--answers=first) and "skip"
(--windows_without_answer=skip); squad_no_answer has "zero", which evaluates the toolkit's model
with --null_score_diff_threshold=0.

A run whose record (SIDE-TASK-SEED.json) exists in WORK_DIR is reused, and a message says so.
After a change to the toolkit, delete the records of its sides, or use a different WORK_DIR.

The exit status is 1 if one of the toolkit's means over the seeds misses its target.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from quality_report import build_summary, has_missed, print_task
from quality_setup import convert_weights, fetch_weights, install_peer, run_logged
from quality_tasks import TASKS, list_sides
from quality_toolkit import run_toolkit


def run_peer(task, seed, path, data_dir, hf_model_dir, python):
    """Trains and evaluates with the task's peer, which itself writes the record to path."""
    flags = {
        "task": task,
        "data_dir": data_dir / task,
        "hf_model_dir": hf_model_dir,
        **TASKS[task]["recipe"],
        "seed": seed,
        "output_json": path,
    }
    command = [python, Path(__file__).with_name(TASKS[task]["peer"])]
    command += [f"--{name}={value}" for name, value in flags.items()]
    run_logged(command, path.with_suffix(".log"))


def find_record(path, task, side):
    """Returns the record at path, or None unless it has this recipe and these flags."""
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    wanted = (TASKS[task]["recipe"], TASKS[task]["sides"].get(side, {}))
    return record if (record["recipe"], record.get("flags", {})) == wanted else None


def prepare_runners(options):
    """Returns, for each side, a function that runs one task and seed and writes its record."""
    sides = {side for task in options.tasks for side in choose_sides(task, options)}
    hf_model_dir = fetch_weights(options.work_dir)
    runners = {}
    if "peer" in sides:
        python = install_peer(options.work_dir, options.peer_python)
        sides.remove("peer")
        runners["peer"] = partial(
            run_peer, data_dir=options.data_dir, hf_model_dir=hf_model_dir, python=python
        )
    if sides:
        model_dir = convert_weights(options.work_dir, hf_model_dir)
        run = partial(run_toolkit, data_dir=options.data_dir, model_dir=model_dir)
        runners.update({side: partial(run, side=side) for side in sides})
    return runners


def collect_records(options, runners):
    """Makes all runs that have no record yet, the sides alternately; returns all records."""
    records = []
    for task in options.tasks:
        for seed in options.seeds or TASKS[task]["seeds"]:
            # The sides alternate, so that a change in the machine's speed affects all of them.
            for side in choose_sides(task, options):
                path = options.work_dir / f"{side}-{task}-{seed}.json"
                record = find_record(path, task, side)
                reused = record is not None
                if not reused:
                    print(f"running {side} {task} seed {seed}", flush=True)
                    runners[side](task, seed, path)
                    record = json.loads(path.read_text(encoding="utf-8"))
                word = "reused" if reused else "done"
                print(f"{word}: {path.name}, {record['seconds']:.0f} s", flush=True)
                records.append(record)
    return records


def choose_sides(task, options):
    """Returns the task's sides that the options select."""
    sides = [side for side in list_sides(task) if not options.sides or side in options.sides]
    return [side for side in sides if side != "peer" or not options.skip_peer]


def split_names(text, kind, known):
    """Returns the names in a comma-separated list, all of which must be known."""
    names = text.split(",")
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {kind}: {', '.join(unknown)}")
    return names


def split_tasks(text):
    """Returns the task names in a comma-separated list."""
    return split_names(text, "task", TASKS)


def split_sides(text):
    """Returns the side names in a comma-separated list."""
    return split_names(text, "side", {side for task in TASKS for side in list_sides(task)})


def split_numbers(text):
    """Returns the integers in a comma-separated list."""
    return [int(part) for part in text.split(",")]


def resolve_path(text):
    """Returns the absolute path."""
    return Path(text).resolve()


def parse_options():
    """Returns the command-line options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="contains a folder for each task")
    add("--tasks", type=split_tasks, default=list(TASKS), help=f"default: {','.join(TASKS)}")
    add("--sides", type=split_sides, help="default: all sides of a task")
    add("--seeds", type=split_numbers, help="default: those of the task")
    add("--skip_peer", action="store_true", help="run only the toolkit")
    add("--work_dir", type=resolve_path, default="build/quality", help="default: %(default)s")
    add("--peer_python", default=sys.executable, help="Python 3.11+ for the peer's environment")
    options = parser.parse_args()
    idle = [task for task in options.tasks if not choose_sides(task, options)]
    if idle:
        parser.error(f"no side to run for {', '.join(idle)}; choose others with --tasks")
    return options


def main():
    """Runs the comparison and returns the exit status."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    records = collect_records(options, prepare_runners(options))
    summary = build_summary(options.tasks, records)
    for task in options.tasks:
        print_task(task, summary[task])
    report = options.work_dir / "quality.json"
    report.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {report}")
    return 1 if any(has_missed(part) for part in summary.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
