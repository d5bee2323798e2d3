# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares exported ONNX models with the same model as PyTorch exports it, in ONNX Runtime.

    python benchmarks/speed_onnx.py --data_dir DIR --output_dir OUTPUT_DIR

DIR contains emotion/ (val.txt and test.txt, with `text;label` lines); OUTPUT_DIR is that of a
classifier trained on emotion. Use the Python that runs the toolkit, with requirements-onnx.txt. The
first run installs the peer's environment (requirements-speed-serving.txt) inside WORK_DIR. All
models run alternately, in short turns, in one process. The report, which is also written to
WORK_DIR, contains the ratios of medians over the turns.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from quality_setup import run_logged
from speed_client import rotate
from speed_emotion import ROOT, export_model, make_peer_parser, peer_python
from speed_setup import describe_machine
from tokenizers import Tokenizer

BATCH_SIZE = 32


def parse_options():
    """Returns the command-line options."""
    parser = make_peer_parser(__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=15, help="turns per model (default: %(default)s)")
    add("--texts", type=int, default=640, help="texts per turn (default: %(default)s)")
    return parser.parse_args()


def export(options, scratch):
    """Exports the model in all forms; returns the paths by name, and what was logged about int8."""
    log_path = options.work_dir / "speed_onnx-export.log"
    export_model(options, log_path, "huggingface", scratch / "hf")
    flags = ["--quantize=int8", f"--dev_file={options.data_dir / 'emotion' / 'val.txt'}"]
    export_model(options, log_path, "onnx", scratch / "onnx", *flags)
    log = log_path.read_text(encoding="utf-8").splitlines()
    own = scratch / "onnx" / "onnx"
    peer = [
        peer_python(options),
        ROOT / "benchmarks" / "speed_onnx_peer.py",
        scratch / "hf",
        own / "model.onnx",
    ]
    run_logged([*peer, scratch], options.work_dir / "speed_onnx-peer.log")
    paths = {"toolkit": own / "model.onnx", "int8": own / "model_quantized.onnx"}
    names = ("toolkit_optimized", "pytorch", "pytorch_optimized", "pytorch_fused")
    paths.update({name: scratch / f"{name}.onnx" for name in names})
    return paths, [line for line in log if line.startswith("int8: ")]


def load_batches(options, folder):
    """Returns the model's inputs for each batch of test texts, sorted by length."""
    lines = (options.data_dir / "emotion" / "test.txt").read_text(encoding="utf-8").splitlines()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(config["max_seq_length"])
    texts = [line.rpartition(";")[0] for line in lines[: options.texts]]
    rows = sorted((each.ids for each in tokenizer.encode_batch(texts)), key=len)
    return [feeds_of(rows[i : i + BATCH_SIZE]) for i in range(0, len(rows), BATCH_SIZE)]


def feeds_of(rows):
    """Returns the inputs of a batch, padded to its longest row."""
    width = max(map(len, rows))
    ids = np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def load_session(path, threads):
    """Loads a model with ONNX Runtime's default optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Otherwise, the threads of one model would still be spinning during the next one's turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure(sessions, batches, rounds):
    """Returns the seconds of each turn, and those of processor time, by model."""
    seconds = {name: ([], []) for name in sessions}
    for session in sessions.values():
        run(session, batches)
    for turn in range(rounds):
        for name in rotate(sessions, turn):
            started = time.perf_counter(), time.process_time()
            run(sessions[name], batches)
            ended = time.perf_counter(), time.process_time()
            for found, start, end in zip(seconds[name], started, ended):
                found.append(end - start)
    return seconds


def run(session, batches):
    """Returns the logits of all batches."""
    return np.concatenate([session.run(None, feeds)[0] for feeds in batches])


def report(seconds, sessions, batches, notes):
    """Returns the report's lines."""
    medians = {name: [statistics.median(s) for s in found] for name, found in seconds.items()}
    expected = run(sessions["toolkit"], batches)
    lines = [f"onnxruntime {onnxruntime.__version__}, {describe_machine()}", *notes, ""]
    lines += ["model              seconds  of processor time  largest difference of a logit"]
    for name, (elapsed, computed) in medians.items():
        difference = np.abs(run(sessions[name], batches) - expected).max()
        lines.append(f"{name:18} {elapsed:7.3f}  {computed:17.3f}  {difference:.1e}")
    lines += ["", "ratio                                      seconds  of processor time"]
    pairs = [("pytorch", "toolkit"), ("pytorch_optimized", "toolkit_optimized")]
    pairs += [("pytorch_fused", "toolkit"), ("pytorch_fused", "toolkit_optimized")]
    for slow, fast in [*pairs, ("toolkit", "int8")]:
        ratios = [a / b for a, b in zip(medians[slow], medians[fast])]
        title = f"{fast} is faster than {slow} by"
        lines.append(f"{title:50} {ratios[0]:5.2f}  {ratios[1]:5.2f}")
    return lines


def main():
    """Exports, measures and reports."""
    options = parse_options()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work_dir) as scratch:
        paths, notes = export(options, Path(scratch))
        batches = load_batches(options, Path(scratch) / "onnx")
        threads = len(os.sched_getaffinity(0))
        sessions = {name: load_session(path, threads) for name, path in paths.items()}
        seconds = measure(sessions, batches, options.rounds)
        lines = report(seconds, sessions, batches, notes)
    print("\n".join(lines))
    (options.work_dir / "speed_onnx.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
