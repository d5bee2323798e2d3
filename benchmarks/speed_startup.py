# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures start-up: whole processes, from the shell to the first step and to the last prediction.

The toolkit's side runs run_classifier.py; Hugging Face's runs speed_startup_hugging_face.py. Both
read 100 rows, start from the pretrained weights, train one step, and save the model. A second
process then labels 100 rows with that model. For the toolkit, both processes are then repeated to
record where the time goes.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from speed_client import cpu_environment, rotate, tail

ROOT = Path(__file__).resolve().parents[1]
NUM_ROWS = 100
MAX_SEQ_LENGTH = 128
FIRST_STEP = b"step 1 of 1"


def measure_startup(bench):
    """Measures the sides that have a script, alternately."""
    print("start-up:", end="", flush=True)
    folder = bench.options.work_dir / "startup"
    data_dir = folder / "emotion"
    data_dir.mkdir(parents=True, exist_ok=True)
    for source, name in (("train_file", "train.txt"), ("test_file", "test.txt")):
        lines = Path(bench.settings[source]).read_text(encoding="utf-8").split("\n")[:NUM_ROWS]
        (data_dir / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sides = [side for side in COMMANDS if side in bench.sides]
    for number in bench.rounds():
        for side in rotate(sides, max(number, 0)):
            output_dir = folder / side
            shutil.rmtree(output_dir, ignore_errors=True)
            for do in ("train", "predict"):
                command = COMMANDS[side](bench, do, data_dir, output_dir)
                figures = run_timed(command, folder / f"{side}-{do}.log")
                bench.add(number, part="startup", side=side, do=do, **figures)
    if "toolkit" in sides:
        measure_parts(bench, data_dir, folder)


def measure_parts(bench, data_dir, folder):
    """Measures the parts of the toolkit's start-up."""
    print("its parts:", end="", flush=True)
    parts_path = folder / "parts.json"
    output_dir = folder / "toolkit-parts"
    for number in bench.rounds():
        shutil.rmtree(output_dir, ignore_errors=True)
        for do in ("train", "predict"):
            python, _, *flags = toolkit_command(bench, do, data_dir, output_dir)
            script = Path(__file__).with_name("speed_startup_parts.py")
            command = [python, script, time.time(), parts_path, *flags]
            run_timed(command, folder / f"toolkit-{do}-parts.log")
            parts = json.loads(parts_path.read_text(encoding="utf-8"))
            bench.add(number, part="startup_parts", do=do, parts=parts)


def toolkit_command(bench, do, data_dir, output_dir):
    """Returns the run_classifier.py command that trains for one step, or predicts."""
    script = [bench.pythons["toolkit"], ROOT / "run_classifier.py", f"--output_dir={output_dir}"]
    if do == "predict":
        return [*script, "--do_predict=true", f"--data_dir={data_dir}"]
    model_dir = Path(bench.settings["model_dir"])
    steps = -(-NUM_ROWS // bench.settings["batch_size"])
    return [
        *script,
        "--do_train=true",
        "--task_name=emotion",
        f"--data_dir={data_dir}",
        f"--vocab_file={model_dir / 'vocab.txt'}",
        f"--bert_config_file={model_dir / 'bert_config.json'}",
        f"--init_checkpoint={model_dir / 'bert_model.ckpt'}",
        f"--max_seq_length={MAX_SEQ_LENGTH}",
        f"--train_batch_size={bench.settings['batch_size']}",
        "--learning_rate=1e-4",
        f"--num_train_epochs={1 / steps}",
    ]


def hugging_face_command(bench, do, data_dir, output_dir):
    """Returns the command of the peer's script that trains for one step, or predicts."""
    script = Path(__file__).with_name("speed_startup_hugging_face.py")
    return [
        bench.pythons["hugging_face"],
        script,
        f"--do={do}",
        f"--input={data_dir / ('train.txt' if do == 'train' else 'test.txt')}",
        f"--hf_model_dir={bench.settings['hf_model_dir']}",
        f"--output_dir={output_dir}",
        f"--labels={','.join(bench.settings['labels'])}",
        f"--max_seq_length={MAX_SEQ_LENGTH}",
        f"--batch_size={bench.settings['batch_size']}",
    ]


COMMANDS = {"toolkit": toolkit_command, "hugging_face": hugging_face_command}


def run_timed(command, log_path):
    """Runs a command; returns its seconds, the seconds to the first step, and its peak memory."""
    first_step = None
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=cpu_environment(),
    )
    with open(log_path, "wb") as log, process.stdout:
        for line in process.stdout:
            if first_step is None and FIRST_STEP in line:
                first_step = time.perf_counter() - start
            log.write(line)
    # Unlike wait, this also returns the peak memory of the process.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{tail(log_path)}\nstatus {process.returncode}, see {log_path}")
    return {"seconds": seconds, "first_step": first_step, "bytes": usage.ru_maxrss * 1024}
