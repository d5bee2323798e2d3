# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The driver's end of a worker process."""

import json
import os
import subprocess
from pathlib import Path

# Some libraries' threads spin for up to 0.2 seconds before they sleep; the next side's turn
# begins when they do not.
PAUSE_SECONDS = 0.3


class Worker:
    """A side's process: it takes a command, answers it, and sleeps until the next."""

    def __init__(self, *, name, python, settings, log_path, env=None):
        """Start speed_NAME.py.

        Args:
          name: The side.
          python: The interpreter of its environment.
          settings: What it is told, as JSON.
          log_path: The file for what it prints.
          env: Environment variables beside those of this process.
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
        # Held by the process alone, so that its end is the end of the answers.
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
        """Return the answer to a command; stop with the log's end if there is none."""
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
    """Return the environment variables of a process that sees no GPU."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **(more or {})}


def tail(path):
    """Return the last lines of a log."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-20:])


def rotate(items, turns):
    """Return the items with the first `turns` of them at the end."""
    items = list(items)
    turns %= max(len(items), 1)
    return items[turns:] + items[:turns]
