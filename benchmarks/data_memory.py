# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures how the peak memory of run_classifier.py grows with the number of rows.

The model is tiny and random, and each text has 20 generated words, so the data dominates memory.
"""

import argparse
import os
import random
import string
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
LABELS = ("bad", "good", "so-so")
WORDS = 20


def write_rows(path, num_rows):
    """Writes a table of generated texts and labels."""
    source = random.Random(num_rows)
    words = ["".join(source.choices(string.ascii_lowercase, k=4)) for _ in range(5000)]
    with open(path, "w", encoding="utf-8") as writer:
        writer.write("label\ttext\n")
        for _ in range(num_rows):
            text = " ".join(source.choices(words, k=WORDS))
            writer.write(f"{source.choice(LABELS)}\t{text}\n")


def peak_of(*flags):
    """Runs run_classifier.py; returns its peak resident memory in MiB."""
    command = [sys.executable, "run_classifier.py", *map(str, flags)]
    log = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / 1024


def measure(work_dir, model, num_rows):
    """Returns the peaks of a data report, a few training steps, and a prediction of all rows."""
    data, output_dir = work_dir / f"{num_rows}.tsv", work_dir / f"output-{num_rows}"
    write_rows(data, num_rows)
    common = [f"--vocab_file={model / 'vocab.txt'}", "--max_seq_length=32",
              f"--bert_config_file={model / 'bert_config.json'}"]  # fmt: skip
    training = ["--do_train=true", f"--num_train_epochs={320 / num_rows}",
                "--overwrite_output_dir=true", f"--output_dir={output_dir}"]  # fmt: skip
    predicting = ["--do_predict=true", f"--predict_file={data}", f"--output_dir={output_dir}",
                  "--predict_batch_size=256"]  # fmt: skip
    peaks = {
        "--do_check": peak_of(*common, "--do_check=true", f"--train_file={data}"),
        "--do_train": peak_of(*common, *training, f"--train_file={data}"),
        "--do_predict": peak_of(*predicting),
    }
    data.unlink()
    return peaks


def main():
    """Measures tables of both sizes and prints the peaks and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 1_000_000])
    parser.add_argument("--work_dir", type=Path, default=ROOT / "build" / "data_memory")
    arguments = parser.parse_args()
    model = arguments.work_dir / "model"
    from tests.support import tiny

    tiny.write_google_model(model, num_layers=1)
    few, many = (measure(arguments.work_dir, model, rows) for rows in arguments.rows)
    print(
        f"{'MiB, peak':<14}" + "".join(f"{rows:>12,} rows" for rows in arguments.rows) + "   ratio"
    )
    for name in few:
        print(f"{name:<14}{few[name]:>17.0f}{many[name]:>17.0f}{many[name] / few[name]:>8.2f}")


if __name__ == "__main__":
    main()
