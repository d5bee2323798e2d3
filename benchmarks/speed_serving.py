# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares `load(...).predict` and serve.py with PyTorch, ONNX Runtime and OpenVINO.

    python benchmarks/speed_serving.py --data_dir DIR --output_dir OUTPUT_DIR

DIR contains emotion/ (test.txt, with `text;label` lines); OUTPUT_DIR is that of a classifier
trained on emotion. Use the Python that runs the toolkit, with requirements-serve.txt. The first run
installs the peers' environment (requirements-speed-serving.txt) inside WORK_DIR. All sides run
alternately, in short turns. The report, which is also written to WORK_DIR, contains ratios of
medians over the turns.
"""

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from speed_client import PAUSE_SECONDS, Worker, cpu_environment, rotate
from speed_emotion import ROOT, export_model, make_peer_parser, peer_python
from speed_setup import describe_machine

SIDES = ("toolkit", "hugging_face", "onnx", "openvino")
BODY = {"instances": ["a short text"]}


def parse_options():
    """Returns the command-line options."""
    parser = make_peer_parser(__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="turns per side (default: %(default)s)")
    add("--texts", type=int, default=2000, help="texts per turn (default: %(default)s)")
    add("--each", type=int, default=100, help="single texts per turn (default: %(default)s)")
    add("--clients", type=int, default=32, help="default: %(default)s")
    add("--seconds", type=float, default=10, help="of load per turn (default: %(default)s)")
    return parser.parse_args()


def make_settings(options, scratch_dir):
    """Returns the workers' settings, and exports the model for the peers."""
    record = json.loads((options.output_dir / "run.json").read_text(encoding="utf-8"))
    hf_model_dir = Path(scratch_dir) / "hugging_face"
    log_path = options.work_dir / "speed_serving-export.log"
    export_model(options, log_path, "huggingface", hf_model_dir)
    return {
        "output_dir": str(options.output_dir),
        "hf_model_dir": str(hf_model_dir),
        "test_file": str(options.data_dir / "emotion" / "test.txt"),
        "scratch_dir": str(scratch_dir),
        "labels": record["labels"],
        "max_seq_length": record["settings"]["max_seq_length"],
        "batch_size": 32,
        "threads": describe_machine()["cores"],
    }


@contextlib.contextmanager
def serving(output_dir, log_path):
    """Runs serve.py; yields the URL of the model's predictions, and the process."""
    command = [sys.executable, ROOT / "serve.py", f"model={output_dir}", "--port=0"]
    with open(log_path, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [str(part) for part in command], stderr=log, env=cpu_environment()
        )
    try:
        found = None
        while found is None:
            if process.poll() is not None:
                raise SystemExit(f"serve.py ended, see {log_path}")
            time.sleep(0.01)
            found = re.search(r"Serving at (\S+/)", log_path.read_text(encoding="utf-8"))
        yield f"{found[1]}v1/models/model:predict", process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_seconds(pid):
    """Returns the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """The sides, their turns and what was measured."""

    def __init__(self, options, workers):
        """Takes the workers by name."""
        self._options = options
        self._workers = workers
        self._start = 0
        self.rates = {}  # Texts a second in each turn, by side
        self.latencies = {}  # Seconds of each single text, by side
        self.startups = []  # Seconds, and those of them that the server computed
        self.failures = 0

    def compare(self):
        """Returns how many labels of each peer are the toolkit's; every side predicts once."""
        found = {name: self._all(name)["labels"] for name in SIDES}
        return {
            name: sum(ours == theirs for ours, theirs in zip(found["toolkit"], found[name]))
            for name in SIDES[1:]
        }

    def _all(self, name):
        return self._workers[name].ask("predict_all", num_texts=self._options.texts)

    def turn(self, number, url):
        """Gives each side a turn."""
        options = self._options
        first = number * options.each % (options.texts - options.each + 1)
        for name in rotate([*SIDES, "server"], number):
            time.sleep(PAUSE_SECONDS)
            if name == "server":
                loaded = {"clients": options.clients, "seconds": options.seconds}
                figures = self._workers["serving_clients"].ask("load", url=url, **loaded)
                self.failures += len(figures["failures"])
                rate = figures["requests"] / figures["seconds"]
            else:
                rate = options.texts / self._all(name)["seconds"]
                asked = {"first": first, "num_texts": options.each}
                each = self._workers[name].ask("predict_each", **asked)["seconds"]
                self.latencies.setdefault(name, []).extend(each)
            self.rates.setdefault(name, []).append(rate)

    def start_server(self, log_path):
        """Measures the seconds from the start of serve.py to its first answer."""
        start = time.perf_counter()
        with serving(self._options.output_dir, log_path) as (url, process):
            self._workers["serving_clients"].ask("load", url=url, clients=1, seconds=0.001)
            self.startups.append((time.perf_counter() - start, cpu_seconds(process.pid)))


def report_of(bench, about, same_labels, options):
    """Returns the report as Markdown."""
    rates = {name: statistics.median(values) for name, values in bench.rates.items()}
    seconds = {name: statistics.median(values) for name, values in bench.latencies.items()}
    startup, startup_cpu = map(statistics.median, zip(*bench.startups))
    machine = describe_machine()
    ratios = [
        ("`predict` of a list over Hugging Face's model in PyTorch",
         rates["toolkit"] / rates["hugging_face"], "at least 1.1"),
        ("… over ONNX Runtime", rates["toolkit"] / rates["onnx"], "at least 1.0"),
        ("… over OpenVINO", rates["toolkit"] / rates["openvino"], ""),
        ("one text, median latency over ONNX Runtime",
         seconds["toolkit"] / seconds["onnx"], "at most 1.5"),
        ("`serve.py` with clients, over `predict` of a list",
         rates["server"] / rates["toolkit"], "at least 0.8"),
        ("seconds from `python serve.py` to the first answer", startup, "at most 6"),
        ("… of which the process computed", startup_cpu, ""),
    ]  # fmt: skip
    lines = [
        f"{machine['cores']} cores, {machine['cpu']}; {options.rounds} turns; {json.dumps(about)}",
        f"{options.clients} clients; failed requests: {bench.failures}; labels like the "
        f"toolkit's, of {options.texts}: {json.dumps(same_labels)}",
        "",
        "| ratio of medians | measured | wanted |",
        "|---|---|---|",
        *(f"| {title} | {value:.2f} | {wanted} |" for title, value, wanted in ratios),
        "",
        "| side | texts/s | one text, ms |",
        "|---|---|---|",
    ]
    for name, rate in rates.items():
        each = f"{1000 * seconds[name]:.2f}" if name in seconds else ""
        lines.append(f"| {name} | {rate:.1f} | {each} |")
    return "\n".join(lines) + "\n"


def main():
    """Runs the benchmark and writes the report."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    pythons = dict.fromkeys(SIDES[1:], peer_python(options))
    with tempfile.TemporaryDirectory() as scratch_dir, contextlib.ExitStack() as stack:
        settings = make_settings(options, scratch_dir)
        workers = {}
        for name in (*SIDES, "serving_clients"):
            side = name if name.startswith("serving") else f"serving_{name}"
            log_path = options.work_dir / f"speed_{side}.log"
            python = pythons.get(name, sys.executable)
            worker = Worker(name=side, python=python, settings=settings, log_path=log_path)
            workers[name] = stack.enter_context(worker)
        bench = Bench(options, workers)
        about = {name: workers[name].ask("about") for name in SIDES}
        same_labels = bench.compare()
        log_path = options.work_dir / "speed_serving-server.log"
        with serving(options.output_dir, log_path) as (url, _):
            for number in range(options.rounds):
                bench.turn(number, url)
                print(".", end="", flush=True)
        for _ in range(options.rounds):
            bench.start_server(log_path)
    report = report_of(bench, about, same_labels, options)
    (options.work_dir / "speed_serving.md").write_text(report, encoding="utf-8")
    print(f"\n\n{report}")


if __name__ == "__main__":
    main()
