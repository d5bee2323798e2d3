# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The interface through which speed.py controls a worker process."""

import json
import os
import subprocess
from pathlib import Path

# Some libraries' threads spin for up to 0.2 seconds before they sleep. The next side's turn
# starts only afterwards.
PAUSE_SECONDS = 0.3


class Worker:
    """The process of a side. It executes a command, answers, and sleeps until the next command."""

    def __init__(self, *, name, python, settings, log_path, env=None):
        """Starts speed_NAME.py.

        Args:
          name: Name of the side.
          python: The interpreter of the side's environment.
          settings: The side's settings, passed as JSON.
          log_path: The log file for the process's output.
          env: Environment variables in addition to those of this process.
        """
        self.name = name
        self._log_path = log_path
        script = Path(__file__).with_name(f"speed_{name}.py")
        reading, writing = os.pipe()
        with open(log_path, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(python), str(script), str(writing), json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                env=cpu_environment(env),
                encoding="utf-8",
            )
        # Only the worker keeps the pipe open for writing, so the answers end when the worker ends.
        os.close(writing)
        self._answers = os.fdopen(reading, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        if error[0] is not None:
            self._process.kill()
        self._process.wait()
        self._answers.close()

    def ask(self, do, **arguments):
        """Returns the answer to a command; without an answer, exits with the end of the log."""
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(f"{tail(self._log_path)}\n{self.name} ended, see {self._log_path}")
        return json.loads(answer)


def cpu_environment(more=None):
    """Returns the environment variables of a process that sees no GPU."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **(more or {})}


def tail(path):
    """Returns the last lines of a log."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-20:])


def rotate(items, turns):
    """Returns the items, with the first `turns` of them moved to the end."""
    items = list(items)
    turns %= max(len(items), 1)
    return items[turns:] + items[:turns]
