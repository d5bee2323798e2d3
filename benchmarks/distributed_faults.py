# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Kills and stops processes of a training run at random moments, and compares the final weights.

    python benchmarks/distributed_faults.py

Two processes train a tiny model together. Ten times, one of them gets SIGKILL at a random moment;
then each gets SIGSTOP once. The other one must end with status 138 and one line, within a minute.
After each fault, both are started again. At the end, the weights must be those of a training run
without faults, bit for bit. It takes about a quarter of an hour, most of which is waiting.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, NamedTuple, Optional

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import ROOT, reviews
from tests.support.commands import CLASSIFIER, command
from tests.support.processes import free_ports

LOST_STATUS = 138
LIMIT = 60.0  # Seconds in which the other process must end
STEP = re.compile(r"^step (\d+) of", re.MULTILINE)


class Process(NamedTuple):
    """A process of a training run, and the file with its messages."""

    popen: subprocess.Popen
    log: Path

    def last_line(self) -> str:
        """The last message."""
        lines = self.log.read_text().splitlines()
        return lines[-1] if lines else ""


def start(folder: Path, out: object, epochs: int, count: int = 2) -> List[Process]:
    """Starts the processes of a training run."""
    workers = [f"localhost:{port}" for port in free_ports(count)]
    flags = {
        **reviews.flags_for(folder),
        "output_dir": out,
        "train_batch_size": 4,
        "num_train_epochs": epochs,
        "save_checkpoints_steps": 20,
        "log_steps": 20,
        "worker_timeout": 60,
    }
    argv = [sys.executable, *command(CLASSIFIER, **flags)]
    processes = []
    for index in range(count):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": "-1"}
        log = folder / f"log-{index}"
        with open(log, "w") as writer:
            popen = subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=writer)
        processes.append(Process(popen, log))
    return processes


def await_training(processes: List[Process], delay: float) -> None:
    """Waits until the chief logs a step, and then for a delay; none may end before that step."""
    while not STEP.search(processes[0].log.read_text()):
        if any(process.popen.poll() is not None for process in processes):
            report_failure(processes)
        time.sleep(0.1)
    time.sleep(delay)


def disturb(processes: List[Process], victim: int, number: int, delay: float) -> Optional[float]:
    """Sends a signal after a delay; returns the seconds until the other process ended.

    Returns:
      None if the training run ended before the signal.
    """
    await_training(processes, delay)
    other = processes[1 - victim]
    if any(process.popen.poll() is not None for process in processes):
        return None
    processes[victim].popen.send_signal(number)
    sent_at = time.monotonic()
    try:
        status = other.popen.wait(LIMIT)
    except subprocess.TimeoutExpired:
        report_failure(processes)
    seconds = time.monotonic() - sent_at
    processes[victim].popen.kill()
    processes[victim].popen.wait()
    if status == 0:  # It had finished its last step.
        return None
    if status != LOST_STATUS or "Traceback" in other.log.read_text():
        report_failure(processes)
    return seconds


def report_failure(processes: List[Process]) -> None:
    """Ends the benchmark with the messages of both processes."""
    for process in processes:
        process.popen.kill()
        print(f"--- {process.log.name}, status {process.popen.wait()}")
        print(process.log.read_text()[-3000:])
    sys.exit("FAILED")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=250, help="of 5 steps")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    draw = random.Random(seed)
    print(f"seed {seed}", flush=True)
    faults = [(draw.randrange(2), signal.SIGKILL) for _ in range(options.kills)]
    faults += [(0, signal.SIGSTOP), (1, signal.SIGSTOP)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = reviews.make_folder(Path(scratch), num_layers=1)
        out, whole = folder / "disturbed", folder / "whole"
        for victim, number in faults:
            processes = start(folder, out, options.epochs)
            seconds = disturb(processes, victim, number, draw.uniform(0, 3))
            name = signal.Signals(number).name
            if seconds is None:
                print(f"{name} to process {victim}: came after the last step; raise --epochs")
                break
            line = processes[1 - victim].last_line()
            print(
                f"{name} to process {victim}: the other ended after {seconds:.1f} s: {line}",
                flush=True,
            )
        for folder_of_run in (out, whole):
            processes = start(folder, folder_of_run, options.epochs)
            if any(process.popen.wait() for process in processes):
                report_failure(processes)
        same = reviews.same_weights(out, whole)
        print("final weights: " + ("the same bits" if same else "DIFFERENT"))
        sys.exit(not same)


if __name__ == "__main__":
    main()
