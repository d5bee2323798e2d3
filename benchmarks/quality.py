# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compare the toolkit's fine-tuning quality with Hugging Face's Trainer on real data.

One command fine-tunes the same pretrained weights on the same files with both, in turns,
prints a table for each task and writes it all to WORK_DIR/quality.json:

    python benchmarks/quality.py --data_dir DIR

DIR holds emotion/ (train.txt, val.txt), mrpc/ (train.tsv, dev.tsv) and wnut17/
(wnut17train.conll, emerging.dev.conll). Run it with the Python that runs the toolkit. The
first run also installs the peer's environment, fetches the weights and converts them, all
inside WORK_DIR.

emotion and mrpc have the sides "toolkit" and "peer", wnut17 has the toolkit's "pooler",
"linear" and "crf" (run_ner.py with --ner_head=pooler, --ner_head=linear, --use_crf=true)
and "peer".

A run whose record (SIDE-TASK-SEED.json) is in WORK_DIR already is reused and said to be;
delete the records of the toolkit's sides, or take another folder, after a change to the
toolkit.

The exit status is 1 if a mean of the toolkit's over the seeds is below what it must reach.
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
    """Train and evaluate with the task's peer, which writes the record to path itself."""
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
    """Return the record at path, or None if there is none of this recipe and these flags."""
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    wanted = (TASKS[task]["recipe"], TASKS[task]["sides"].get(side, {}))
    return record if (record["recipe"], record.get("flags", {})) == wanted else None


def prepare_runners(options):
    """Return, for each side, a function that runs one task and seed and writes its record."""
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
    """Run what has no record yet, the sides in turns, and return all records."""
    records = []
    for task in options.tasks:
        for seed in options.seeds or TASKS[task]["seeds"]:
            # In turns, so that a machine that gets slower or busier does so for all.
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
    """Return the sides of the task that the options ask for."""
    sides = [side for side in list_sides(task) if not options.sides or side in options.sides]
    return [side for side in sides if side != "peer" or not options.skip_peer]


def split_names(text, kind, known):
    """Return the names of a comma-separated list, all of which must be known."""
    names = text.split(",")
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such {kind}: {', '.join(unknown)}")
    return names


def split_tasks(text):
    """Return the task names of a comma-separated list."""
    return split_names(text, "task", TASKS)


def split_sides(text):
    """Return the side names of a comma-separated list."""
    return split_names(text, "side", {side for task in TASKS for side in list_sides(task)})


def split_numbers(text):
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
    add("--data_dir", required=True, type=resolve_path, help="holds a folder for each task")
    add("--tasks", type=split_tasks, default=list(TASKS), help=f"default: {','.join(TASKS)}")
    add("--sides", type=split_sides, help="default: all that a task has")
    add("--seeds", type=split_numbers, help="default: 42,43,44")
    add("--skip_peer", action="store_true", help="run the toolkit alone")
    add("--work_dir", type=resolve_path, default="build/quality", help="default: %(default)s")
    add("--peer_python", default=sys.executable, help="makes the peer's environment (3.11+)")
    options = parser.parse_args()
    idle = [task for task in options.tasks if not choose_sides(task, options)]
    if idle:
        parser.error(f"no side left to run for {', '.join(idle)}; choose others with --tasks")
    return options


def main():
    """Run the comparison and return the exit status."""
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
