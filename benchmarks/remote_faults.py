# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Kills training runs whose output directory is in S3, and compares the final weights.

    python benchmarks/remote_faults.py

moto's server stands for S3, on this machine; TensorFlow reaches it through tensorflow-io. Install
requirements-remote.txt first, in an environment that has the toolkit's requirements. A training run
of one process, and then one of two, is killed with SIGKILL at random moments and started again. At
the end, the weights must be those of a run in a local folder without faults, bit for bit.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Iterator, List

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distributed_faults import Process, await_training, report_failure, start

from tests.support import reviews
from tests.support.processes import free_ports

BUCKET = "bucket"


@contextlib.contextmanager
def s3_server() -> Iterator[None]:
    """Runs moto's server with an empty bucket, and makes it the S3 of this process's children."""
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=endpoint,
        S3_ENDPOINT=endpoint,
        S3_USE_HTTPS="0",
        S3_VERIFY_SSL="0",
    )
    command = [Path(sys.executable).with_name("moto_server"), "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while True:
                with contextlib.suppress(urllib.error.URLError):
                    urllib.request.urlopen(endpoint).close()
                    break
                time.sleep(0.2)
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield
        finally:
            server.kill()


def fetch(name: str, folder: Path) -> Path:
    """Downloads a directory of the bucket, which must have no incomplete files."""
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{name}/"):
        for key in (item["Key"] for item in page["Contents"]):
            if key.endswith("/"):
                continue
            assert not key.endswith(".tmp"), key
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, key, str(path))
    return folder / name


def finish(folder: Path, out: object, options: argparse.Namespace, count: int) -> None:
    """Trains to the end."""
    processes = start(folder, out, options.epochs, count)
    if any(process.popen.wait() for process in processes):
        report_failure(processes)


def kill_at_random(processes: List[Process], victim: int, delay: float) -> bool:
    """Kills one process after a delay, then the others; returns whether none had ended before."""
    await_training(processes, delay)
    was_running = all(process.popen.poll() is None for process in processes)
    for process in (processes[victim], *processes):
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()
    return was_running


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=5, help="of each of the two training runs")
    parser.add_argument("--epochs", type=int, default=100, help="of 5 steps")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    draw = random.Random(seed)
    print(f"seed {seed}", flush=True)
    all_same = True
    with tempfile.TemporaryDirectory() as scratch, s3_server():
        folder = reviews.make_folder(Path(scratch), num_layers=1)
        for count in (1, 2):
            name = f"run-{count}"
            for _ in range(options.kills):
                processes = start(folder, f"s3://{BUCKET}/{name}", options.epochs, count)
                if not kill_at_random(processes, draw.randrange(count), draw.uniform(0, 5)):
                    print("the training run had ended before the kill; raise --epochs")
                    break
                print(f"{name}: killed", flush=True)
            finish(folder, f"s3://{BUCKET}/{name}", options, count)
            finish(folder, folder / f"whole-{count}", options, count)
            same = reviews.same_weights(fetch(name, folder), folder / f"whole-{count}")
            print(f"{name}: final weights: {'the same bits' if same else 'DIFFERENT'}", flush=True)
            all_same = all_same and same
    sys.exit(not all_same)


if __name__ == "__main__":
    main()
