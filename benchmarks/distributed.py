# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures what distribution costs: two processes of one thread beside one of two threads.

    python benchmarks/distributed.py --train_file FILE --model_dir DIR

Both sides train the same batches on the same two cores, in turns. FILE is a file of labelled texts
for run_classifier.py. The figures are steps per second, from train_log.jsonl, without the first
step; the bytes that the two processes sent per step, from the counters of the loopback device; and
what a ring all-reduce of the gradients must send.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finetune.output import train_log
from tests.support import ROOT

PORTS = (2281, 2282)


class Turn(NamedTuple):
    """The figures of one training run."""

    steps_per_second: float
    bytes_sent: int
    steps: int


def loopback_bytes() -> int:
    """Returns how many bytes the loopback device has sent."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[8])
    raise SystemExit("/proc/net/dev has no lo")


def environments(processes: int) -> List[Dict[str, str]]:
    """Returns the environment of each process."""
    base = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    base.pop("TF_CONFIG", None)
    if processes == 1:
        return [base]
    workers = [f"localhost:{port}" for port in PORTS]
    return [
        {**base, "TF_CONFIG": json.dumps({
            "cluster": {"worker": workers}, "task": {"type": "worker", "index": index}
        })}
        for index in range(2)
    ]  # fmt: skip


def train(options: argparse.Namespace, processes: int, epochs: float) -> Turn:
    """Trains once; returns the figures."""
    cores = [["0,1"], ["0", "1"]][processes - 1]
    with tempfile.TemporaryDirectory() as out:
        argv = [
            sys.executable, "run_classifier.py", "--do_train=true", f"--output_dir={out}",
            f"--train_file={options.train_file}", f"--model_dir={options.model_dir}",
            f"--max_seq_length={options.max_seq_length}", f"--num_train_epochs={epochs}",
            f"--train_batch_size={options.batch_size}", "--log_steps=5",
        ]  # fmt: skip
        before = loopback_bytes()
        started = [
            subprocess.Popen(["taskset", "-c", core, *argv], cwd=ROOT, env=env, stderr=-1)
            for core, env in zip(cores, environments(processes))
        ]
        for process in started:
            _, messages = process.communicate()
            if process.returncode:
                sys.exit(messages.decode())
        sent = loopback_bytes() - before
        rows = [row for row in train_log.read(out) if "examples_per_second" in row]
    rates = sorted(row["examples_per_second"] for row in rows[1:])
    return Turn(rates[len(rates) // 2] / options.batch_size, sent, int(rows[-1]["step"]))


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train_file", required=True)
    parser.add_argument("--model_dir", required=True)
    parser.add_argument("--max_seq_length", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=float, default=0.1)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    ratios, last = [], {}
    for _ in range(options.turns):
        last = {number: train(options, number, options.epochs) for number in (1, 2)}
        ratios.append(last[2].steps_per_second / last[1].steps_per_second)
        print(
            ", ".join(f"{n} process(es): {t.steps_per_second:.3f} steps/s" for n, t in last.items())
        )
    # The difference between two lengths excludes what is sent only at the start.
    longer = train(options, 2, 2 * options.epochs)
    per_step = (longer.bytes_sent - last[2].bytes_sent) / (longer.steps - last[2].steps)
    ratios.sort()
    print(f"two processes / one process: {ratios[len(ratios) // 2]:.3f} (median of turns)")
    print(f"sent per step by both processes: {per_step / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
