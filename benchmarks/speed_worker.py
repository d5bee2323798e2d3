# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Code that the workers of speed.py share: commands, rows, timing of batches, peak memory.

It needs only the standard library, and also runs on Python 3.7, which Google's side uses.
"""

import json
import os
import sys
import time


def serve(make_side):
    """Executes commands from standard input until end of file.

    The process is started as `speed_SIDE.py FD SETTINGS`: a file descriptor for the answers, and
    the settings as JSON. A command is a line of JSON, such as {"do": "train", "name": ...}, which
    names a method of the side and its arguments. The answer is the method's result as a line of
    JSON. It has its own descriptor, because libraries may print to standard output.

    Args:
      make_side: A function that takes the settings and returns the side.
    """
    with os.fdopen(int(sys.argv[1]), "w") as answers:
        side = make_side(json.loads(sys.argv[2]))
        for line in sys.stdin:
            command = json.loads(line)
            answer = getattr(side, command.pop("do"))(**command)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def read_rows(path, num_rows=None):
    """Returns (text, label) for the first num_rows lines of `text;label`, or for all lines."""
    # Only "\n" ends a line: str.splitlines would also break at characters inside a text.
    with open(path, encoding="utf-8-sig", newline="\n") as stream:
        rows = [line.rstrip("\r\n").rsplit(";", 1) for line in stream]
    return [(text, label) for text, label in rows[:num_rows]]


def time_steps(step, batches):
    """Returns the seconds that each batch's step took, and each step's return value."""
    seconds, results = [], []
    for batch in batches:
        start = time.perf_counter()
        results.append(step(batch))
        seconds.append(time.perf_counter() - start)
    return seconds, results


class Clock:
    """Times a `with` block.

    Attributes:
      times: Seconds by kind: "wall", and "cpu" of all threads of this process.
    """

    def __enter__(self):
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error):
        self.times = {
            "wall": time.perf_counter() - self._start[0],
            "cpu": time.process_time() - self._start[1],
        }


def time_texts(turn_into_ids, texts):
    """Returns the total seconds for the texts, one at a time, and their number of wordpieces."""
    start = time.perf_counter()
    wordpieces = 0
    for text in texts:
        wordpieces += len(turn_into_ids(text))
    return {"seconds": time.perf_counter() - start, "wordpieces": wordpieces}


def peak_memory():
    """Returns the peak memory of this process in bytes."""
    # Not ru_maxrss: it starts at the memory that the parent had when it started this process.
    with open("/proc/self/status", encoding="utf-8") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return int(fields["VmHWM"].split()[0]) * 1024
