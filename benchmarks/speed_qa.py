# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares the speed of run_squad.py with that of Hugging Face's run_qa recipe.

    python benchmarks/speed_qa.py --data_dir DIR

DIR contains squad/ (train.json and dev.json). The toolkit and the recipe (PyTorch, batches padded
to their longest row) take turns with the same weights (`minilm`), questions and settings: batches
of 16, windows of 384 wordpieces, a step of 128 in the toolkit, an overlap of 128 in the recipe.
Both train on the same batches: the first windows of random questions. Both predict the first
questions of dev.json, each in its own batches, and find the 20 best answers to each.

The command prints the median over the rounds of the questions per second of wall time and of CPU
time (all threads), and the ratios. The first turn of each side is not counted. On a busy machine,
only CPU time is comparable. The first run also installs the peer and the weights.
"""

import argparse
import random
import statistics
import sys
import time
from contextlib import ExitStack

from quality import resolve_path
from speed_client import PAUSE_SECONDS, Worker, rotate
from speed_setup import describe_machine, find_peer, prepare_weights

BATCH_SIZE, MAX_SEQ_LENGTH = 16, 384
TRAIN_QUESTIONS = 2000  # Those that batches are drawn from


def parse_options():
    """Returns the command-line options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="contains squad/")
    add("--work_dir", type=resolve_path, default="build/speed", help="default: %(default)s")
    add("--rounds", type=int, default=5, help="counted turns per side (default: %(default)s)")
    add("--steps", type=int, default=4, help="training steps per turn (default: %(default)s)")
    add("--predict_questions", type=int, default=256, help="default: %(default)s")
    add("--peer_python", default=sys.executable, help="Python 3.11+ for the peer's environment")
    add("--peer_env", type=resolve_path, help="existing environment of the peer")
    return parser.parse_args()


def make_settings(options):
    """Returns the workers' settings."""
    hf_model_dir, model_dir = prepare_weights(options.work_dir)
    return {
        "hf_model_dir": str(hf_model_dir),
        "model_dir": str(model_dir),
        "train_file": str(options.data_dir / "squad" / "train.json"),
        "dev_file": str(options.data_dir / "squad" / "dev.json"),
        "train_questions": TRAIN_QUESTIONS,
        "dev_questions": options.predict_questions,
        "batch_size": BATCH_SIZE,
        "max_seq_length": MAX_SEQ_LENGTH,
        "threads": describe_machine()["cores"],
    }


def measure(workers, options):
    """Returns the questions per second, of each side and part, in every counted round."""
    chosen = random.Random(42)
    rates = {}
    for turn in range(options.rounds + 1):
        numbers = [chosen.sample(range(TRAIN_QUESTIONS), BATCH_SIZE) for _ in range(options.steps)]
        parts = {
            "training": ("train", {"batches": numbers}, options.steps * BATCH_SIZE),
            "prediction": ("predict", {}, options.predict_questions),
        }
        for part, (command, arguments, questions) in parts.items():
            for worker in rotate(workers, turn):
                times = worker.ask(command, **arguments)
                time.sleep(PAUSE_SECONDS)
                spent = ", ".join(f"{clock} {seconds:.1f} s" for clock, seconds in times.items())
                print(f"turn {turn}, {part}, {worker.name}: {spent}", flush=True)
                if turn:
                    for clock, seconds in times.items():
                        rates.setdefault((part, clock, worker.name), []).append(questions / seconds)
    return rates


def main():
    """Prints the medians and ratios."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    settings = make_settings(options)
    pythons = {"qa_toolkit": sys.executable, "qa_hugging_face": find_peer(options)}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(
                    name=name,
                    python=python,
                    settings=settings,
                    log_path=options.work_dir / f"speed-{name}.log",
                )
            )
            for name, python in pythons.items()
        ]
        machine = describe_machine()
        print(f"{machine['cores']} cores: {machine['cpu']}", flush=True)
        for worker in workers:
            print(f"{worker.name}: {worker.ask('about')}", flush=True)
        rates = measure(workers, options)
    for part in ("training", "prediction"):
        for clock in ("wall", "cpu"):
            ours, theirs = (rates[part, clock, name] for name in pythons)
            ratio = statistics.median(ours) / statistics.median(theirs)
            print(
                f"{part}, questions per second of {clock} time: toolkit "
                f"{statistics.median(ours):.1f} ({min(ours):.1f} to {max(ours):.1f}), Hugging Face "
                f"{statistics.median(theirs):.1f} ({min(theirs):.1f} to {max(theirs):.1f}), "
                f"ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
