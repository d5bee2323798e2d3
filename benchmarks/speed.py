# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares the toolkit's speed and memory with Google's BERT and with Hugging Face.

One command runs the toolkit and both peers alternately, on the same weights, rows and settings:

    python benchmarks/speed.py --data_dir DIR

DIR contains emotion/ (train.txt and test.txt, with `text;label` lines). Use the Python that
runs the toolkit, on an otherwise idle machine. The first run also installs the peers' environments,
downloads the weights and converts them, all inside WORK_DIR. Each run writes speed.json (all
measurements), speed.md (the tables, which it also prints) and speed.png.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import speed_report
from quality import resolve_path, split_names, split_numbers
from speed_parts import (
    Bench,
    measure_conversion,
    measure_memory,
    measure_padding,
    measure_prediction,
    measure_tokenization,
    measure_training,
)
from speed_setup import (
    MINILM,
    RANDOM_MODELS,
    describe_machine,
    find_google,
    find_peer,
    find_plotter,
    prepare_weights,
    read_config,
    write_full_rows,
)
from speed_startup import measure_startup
from speed_worker import read_rows

PARTS = {
    "training": measure_training,
    "prediction": measure_prediction,
    "tokenization": measure_tokenization,
    "conversion": measure_conversion,
    "memory": measure_memory,
    "padding": measure_padding,
    "startup": measure_startup,
}
SIDES = ("toolkit", "google", "hugging_face", "hugging_face_compiled")
TEXTS = ("real", "full")
FULL_ROWS = 256  # Number of rows in each file whose rows fill max_seq_length
# More steps than are ever timed, so that the learning-rate schedule does not end.
TRAINING = {"learning_rate": 1e-4, "num_train_steps": 10000, "num_warmup_steps": 1000}


def make_settings(options):
    """Returns the workers' settings: files, labels, data sets and training settings."""
    peer = find_peer(options) if options.model != MINILM else None
    hf_model_dir, model_dir = prepare_weights(options.work_dir, options.model, peer)
    folder = options.data_dir / "emotion"
    rows = read_rows(folder / "train.txt")
    return {
        "hf_model_dir": str(hf_model_dir),
        "model_dir": str(model_dir),
        "config": read_config(model_dir),
        "labels": sorted({label for _, label in rows}),
        "train_file": str(folder / "train.txt"),
        "test_file": str(folder / "test.txt"),
        "model": options.model,
        "num_train_rows": len(rows[: options.num_rows]),
        "data_sets": list_data_sets(options, rows),
        "batch_size": options.batch_size,
        "seed": 42,
        "threads": describe_machine()["cores"],
        **TRAINING,
    }


def list_data_sets(options, rows):
    """Returns the data sets for training and prediction, and writes the files of full rows."""
    data_sets = []
    for length in options.lengths:
        for texts in options.texts:
            path, num_rows = options.data_dir / "emotion" / "train.txt", options.num_rows
            if texts == "full":
                path, num_rows = options.work_dir / f"full-{length}.txt", None
                write_full_rows(path, rows, length, FULL_ROWS)
            data_sets.append(
                {
                    "name": f"{texts}-{length}",
                    "path": str(path),
                    "max_seq_length": length,
                    "num_rows": num_rows,
                }
            )
    return data_sets


def find_pythons(options):
    """Returns the interpreter of each side that runs, and of the bound, which uses the peer's."""
    peer = find_peer(options)
    pythons = {"gemm": peer}
    for side in options.sides:
        python = find_google(options) if side == "google" else peer
        python = sys.executable if side == "toolkit" else python
        if python is not None:
            pythons[side] = python
    return pythons


def plot(options, report):
    """Writes a plot of the throughputs to the report's folder."""
    command = [find_plotter(options), Path(__file__).with_name("speed_plot.py"), report]
    subprocess.run([str(part) for part in command], check=True)


def split_list(known):
    """Returns a function that splits a comma-separated list and checks its names."""
    return lambda text: split_names(text, "name", known)


def parse_options():
    """Returns the command-line options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="contains emotion/")
    add("--work_dir", type=resolve_path, default="build/speed", help="default: %(default)s")
    add("--model", choices=[MINILM, *RANDOM_MODELS], default=MINILM,
        help="all but %(default)s have random weights (default: %(default)s)")  # fmt: skip
    add("--rounds", type=int, default=5, help="rounds per side (default: %(default)s)")
    add("--steps", type=int, default=4, help="timed steps per round (default: %(default)s)")
    add("--batch_size", type=int, default=32, help="rows per batch (default: %(default)s)")
    add("--only", type=split_list(PARTS), default=list(PARTS), help=f"some of {','.join(PARTS)}")
    add("--sides", type=split_list(SIDES), default=list(SIDES), help=f"some of {','.join(SIDES)}")
    add("--texts", type=split_list(TEXTS), default=list(TEXTS), help=f"some of {','.join(TEXTS)}")
    add("--lengths", type=split_numbers, default=[25, 64, 128, 384], help="max_seq_length")
    add("--num_rows", type=int, help="rows of train.txt (default: all)")
    add("--predict_rows", type=int, default=2000, help="rows of test.txt (default: %(default)s)")
    add("--peer_python", default=sys.executable, help="Python 3.11+ for Hugging Face's environment")
    add("--peer_env", type=resolve_path, help="existing environment of Hugging Face")
    add("--google_python", help="Python 3.7 for Google's environment (default: search)")
    add("--google_env", type=resolve_path, help="existing environment of Google's BERT")
    add("--skip_plot", action="store_true", help="do not write speed.png")
    options = parser.parse_args()
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps: expected at least 1")
    return options


def main():
    """Runs the parts of the benchmark and writes the report."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    pythons = find_pythons(options)
    with tempfile.TemporaryDirectory() as scratch_dir:
        settings = {**make_settings(options), "scratch_dir": scratch_dir}
        bench = Bench(options, settings, pythons)
        path = options.work_dir / "speed.json"
        for part in options.only:
            PARTS[part](bench)
            # Written after each part, so that the results so far survive an error in a later part.
            report = speed_report.build(bench, describe_machine())
            path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = speed_report.format_report(report)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {path} and {path.with_suffix('.md')}", flush=True)
    if not options.skip_plot:
        plot(options, path)


if __name__ == "__main__":
    main()
