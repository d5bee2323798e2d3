# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures how time and memory grow with rows, text length, layers and cores.

    python benchmarks/growth.py --data_dir DIR

DIR contains emotion/ (train.txt). For each quantity, the command prints a table, and the exponent
of the power law that fits best: 1 means that twice the quantity costs twice as much.

- rows: run_classifier.py checks the data, trains for ten steps, and predicts all rows, with a tiny
  model, so that the data dominates.
- lengths, layers, cores: training steps in which every row fills --max_seq_length.
"""

import argparse
import os
import random
import string
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from quality import resolve_path, split_names, split_numbers
from speed import make_settings
from speed_client import Worker
from speed_setup import MINILM

ROOT = Path(__file__).resolve().parents[1]
LABELS = ("bad", "good", "so-so")
WORDS = 20
BATCH_SIZE, STEPS = 8, 4
LENGTH = 128  # max_seq_length when layers and cores vary


def write_rows(path, num_rows):
    """Writes a table of generated texts and labels."""
    source = random.Random(num_rows)
    words = ["".join(source.choices(string.ascii_lowercase, k=4)) for _ in range(5000)]
    with open(path, "w", encoding="utf-8") as writer:
        writer.write("label\ttext\n")
        for _ in range(num_rows):
            text = " ".join(source.choices(words, k=WORDS))
            writer.write(f"{source.choice(LABELS)}\t{text}\n")


def run(*flags):
    """Runs run_classifier.py; returns its seconds and its peak resident memory in bytes."""
    command = [sys.executable, "run_classifier.py", *map(str, flags)]
    log, start = subprocess.DEVNULL, time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def measure_rows(options, num_rows):
    """Returns (seconds, bytes) of a data report, ten training steps, and a prediction."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT))
    from tests.support import tiny

    model, data = options.work_dir / "tiny", options.work_dir / f"{num_rows}.tsv"
    tiny.write_google_model(model, num_layers=1)
    output_dir = options.work_dir / f"output-{num_rows}"
    write_rows(data, num_rows)
    common = [
        f"--vocab_file={model / 'vocab.txt'}",
        f"--bert_config_file={model / 'bert_config.json'}",
        f"--train_file={data}",
        "--max_seq_length=32",
    ]
    training = ["--do_train=true", f"--num_train_epochs={320 / num_rows}",
                "--overwrite_output_dir=true", f"--output_dir={output_dir}"]  # fmt: skip
    predicting = ["--do_predict=true", f"--predict_file={data}", f"--output_dir={output_dir}",
                  "--predict_batch_size=256"]  # fmt: skip
    figures = {
        "--do_check": run(*common, "--do_check=true"),
        "--do_train, ten steps": run(*common, *training),
        "--do_predict": run(*predicting),
    }
    data.unlink()
    return figures


def measure_steps(options, length, model=MINILM, cores=None):
    """Returns (seconds, bytes) of a training step, and of the process.

    Args:
      options: The command-line options.
      length: The number of wordpieces of each row.
      model: The model; see speed.py.
      cores: Number of cores; None for all.
    """
    texts = {"lengths": [length], "texts": ["full"], "num_rows": None}
    of_model = argparse.Namespace(
        **{**vars(options), **texts, "model": model, "batch_size": BATCH_SIZE}
    )
    scratch = options.work_dir / "scratch"
    settings = {**make_settings(of_model), "scratch_dir": str(scratch)}
    (data,) = settings["data_sets"]
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_cores)[:cores])  # The worker inherits this.
    log = options.work_dir / "growth-toolkit.log"
    with Worker(name="toolkit", python=sys.executable, settings=settings, log_path=log) as worker:
        os.sched_setaffinity(0, all_cores)
        lengths = worker.ask("load", **data)
        batches = [
            [row % len(lengths) for row in range(i * BATCH_SIZE, (i + 1) * BATCH_SIZE)]
            for i in range(1 + STEPS)
        ]
        seconds = worker.ask("train", name=data["name"], batches=batches)["seconds"][1:]
        return {"a training step": (float(np.median(seconds)), worker.ask("peak_memory"))}


def count_cores():
    """Returns one core and all cores, without repetition."""
    return sorted({1, len(os.sched_getaffinity(0))})


PARTS = {
    "rows": (lambda options: options.rows, measure_rows),
    "lengths": (lambda options: options.lengths, measure_steps),
    "layers": (
        lambda options: [6, 12],
        lambda options, layers: measure_steps(
            options, LENGTH, "bert-base" if layers == 12 else "bert-base-6"
        ),
    ),
    "cores": (
        lambda options: count_cores(),
        lambda options, cores: measure_steps(options, LENGTH, cores=cores),
    ),
}


def exponent(sizes, values):
    """Returns the exponent of the power law that fits best; None for a single size."""
    if len(sizes) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def print_table(part, sizes, figures):
    """Prints the figures of a part; `figures` has (seconds, bytes) by size and name."""
    print(f"\n| {part} | " + " | ".join(f"{size:,}" for size in sizes) + " | exponent |")
    print("|---" * (len(sizes) + 2) + "|")
    for name in figures[0]:
        seconds, peaks = zip(*(row[name] for row in figures))
        times = " | ".join(f"{value:.2f}" for value in seconds)
        print(f"| {name}, s | {times} | {exponent(sizes, seconds):.2f} |")
        memory = " | ".join(f"{value / 2**20:.0f}" for value in peaks)
        print(f"| {name}, MiB at the peak | {memory} | {exponent(sizes, peaks):.2f} |", flush=True)


def main():
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="contains emotion/")
    add("--work_dir", type=resolve_path, default="build/speed", help="default: %(default)s")
    add("--only", type=lambda text: split_names(text, "part", PARTS), default=list(PARTS),
        help=f"some of {','.join(PARTS)}")  # fmt: skip
    add("--rows", type=split_numbers, default=[1000, 10_000, 100_000, 1_000_000])
    add("--lengths", type=split_numbers, default=[32, 64, 128, 256, 512])
    add("--peer_python", default=sys.executable, help="Python 3.11+ for Hugging Face's environment")
    add("--peer_env", type=resolve_path, help="existing environment of Hugging Face")
    options = parser.parse_args()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    for part in options.only:
        list_sizes, measure = PARTS[part]
        sizes = list_sizes(options)
        print_table(part, sizes, [measure(options, size) for size in sizes])


if __name__ == "__main__":
    main()
