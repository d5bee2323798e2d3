# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures what distribution costs: two processes of one thread beside one of two threads.

    python benchmarks/distributed.py --train_file FILE --model_dir DIR

Both sides train the same batches on the same two cores, in turns. FILE is a file of labelled texts
for run_classifier.py. The figures are CPU seconds per step of all processes, which mean something
on a busy machine, too; steps per second, from train_log.jsonl, without the first step; and the
bytes that the processes sent per step, from the counters of the loopback device.
"""

import argparse
import json
import os
import resource
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


class Run(NamedTuple):
    """The figures of one training run: of all its processes together."""

    steps_per_second: float
    cpu_seconds: float
    bytes_sent: int
    steps: int


def loopback_bytes() -> int:
    """Returns how many bytes the loopback device has sent."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[8])
    raise SystemExit("/proc/net/dev has no lo")


def cpu_seconds() -> float:
    """Returns the CPU time of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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


def train(options: argparse.Namespace, processes: int, epochs: float) -> Run:
    """Trains once; returns the figures."""
    cores = [["0,1"], ["0", "1"]][processes - 1]
    with tempfile.TemporaryDirectory() as out:
        argv = [
            sys.executable, "run_classifier.py", "--do_train=true", f"--output_dir={out}",
            f"--train_file={options.train_file}", f"--model_dir={options.model_dir}",
            f"--max_seq_length={options.max_seq_length}", f"--num_train_epochs={epochs}",
            f"--train_batch_size={options.batch_size}", "--log_steps=5",
        ]  # fmt: skip
        before, cpu_before = loopback_bytes(), cpu_seconds()
        started = [
            subprocess.Popen(["taskset", "-c", core, *argv], cwd=ROOT, env=env, stderr=-1)
            for core, env in zip(cores, environments(processes))
        ]
        for process in started:
            _, messages = process.communicate()
            if process.returncode:
                sys.exit(messages.decode())
        sent, cpu = loopback_bytes() - before, cpu_seconds() - cpu_before
        rows = [row for row in train_log.read(out) if "examples_per_second" in row]
    rates = sorted(row["examples_per_second"] for row in rows[1:])
    return Run(rates[len(rates) // 2] / options.batch_size, cpu, sent, int(rows[-1]["step"]))


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
    lengths = (options.epochs, 2 * options.epochs)
    for _ in range(options.turns):
        cpu = {}
        for number in (1, 2):
            short, long = (train(options, number, epochs) for epochs in lengths)
            # The difference between two lengths excludes what happens only at the start.
            steps = long.steps - short.steps
            cpu[number] = (long.cpu_seconds - short.cpu_seconds) / steps
            sent = (long.bytes_sent - short.bytes_sent) / steps
            print(
                f"{number} process(es): {cpu[number]:.3f} CPU seconds per step, "
                f"{long.steps_per_second:.3f} steps/s, {sent / 1e6:.1f} MB sent per step",
                flush=True,
            )
        print(f"CPU time, two processes / one: {cpu[2] / cpu[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()
