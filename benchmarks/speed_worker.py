# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""What the worker processes of speed.py share: commands, rows, batches' timing, peak memory.

It needs nothing but the standard library, and runs on Python 3.7 as well, which Google's side has.
"""

import json
import os
import sys
import time


def serve(make_side):
    """Obey the commands on standard input until it ends.

    The process is started as `speed_SIDE.py FD SETTINGS`: a file descriptor for the answers, and
    the settings as JSON. A command is a line of JSON, such as {"do": "train", "name": ...}: a
    method of the side and its arguments. What the method returns is the answer, a line of JSON.
    Standard output is free for what libraries print.

    Args:
      make_side: A function of the settings, which returns the side.
    """
    with os.fdopen(int(sys.argv[1]), "w") as answers:
        side = make_side(json.loads(sys.argv[2]))
        for line in sys.stdin:
            command = json.loads(line)
            answer = getattr(side, command.pop("do"))(**command)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def read_rows(path, num_rows=None):
    """Return (text, label) of the first num_rows lines of `text;label`, or of all."""
    # Only "\n" ends a line: str.splitlines would also break at characters inside a text.
    with open(path, encoding="utf-8-sig", newline="\n") as stream:
        rows = [line.rstrip("\r\n").rsplit(";", 1) for line in stream]
    return [(text, label) for text, label in rows[:num_rows]]


def time_steps(step, batches):
    """Return the seconds that each batch's step took, and what each step returned."""
    seconds, results = [], []
    for batch in batches:
        start = time.perf_counter()
        results.append(step(batch))
        seconds.append(time.perf_counter() - start)
    return seconds, results


def time_texts(turn_into_ids, texts):
    """Return the seconds for all texts, one by one, and the wordpieces that they have."""
    start = time.perf_counter()
    wordpieces = 0
    for text in texts:
        wordpieces += len(turn_into_ids(text))
    return {"seconds": time.perf_counter() - start, "wordpieces": wordpieces}


def peak_memory():
    """Return the most memory in bytes that this process has held at once."""
    # Not ru_maxrss, which begins at what the parent held when it started this process.
    with open("/proc/self/status", encoding="utf-8") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return int(fields["VmHWM"].split()[0]) * 1024
