"""Programs in processes of their own, and groups of processes that train together."""

import json
import os
import socket
import subprocess
import sys
from typing import Any, List, Sequence, Tuple

from tests.support import ROOT

_LIMIT = 900.0  # Seconds until a group that hangs is killed
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


def run_python(*arguments: Any) -> str:
    """Runs Python in the project's folder, without GPUs, and asserts that it succeeds.

    Args:
      arguments: Its arguments, for example a script and its flags.

    Returns:
      All that it wrote, to standard output or standard error.
    """
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **_NO_GPU},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def free_ports(number: int) -> List[int]:
    """Returns ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def run_group(commands: Sequence[List[str]]) -> Tuple[List[int], List[str]]:
    """Runs commands as the workers of one training run, in the project's folder, without GPUs.

    Args:
      commands: The command of each worker.

    Returns:
      The exit status of each worker, and what it wrote to standard error.
    """
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(len(commands))]}
    processes = []
    for index, command in enumerate(commands):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, **_NO_GPU, "TF_CONFIG": json.dumps(config)}
        processes.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, encoding="utf-8"
            )
        )
    try:
        messages = [process.communicate(timeout=_LIMIT)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()  # Does nothing to one that has ended.
    return [process.returncode for process in processes], messages
