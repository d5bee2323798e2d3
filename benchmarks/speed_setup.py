# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Prepares speed.py's work folder: weights, and the other sides' environments.

Every step is skipped if its result exists, so a second run is quick.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from quality_setup import convert_weights, fetch_weights, install_peer, run_logged

HERE = Path(__file__).parent
CPU_FIELDS = ("model name", "flags")  # In Linux's /proc/cpuinfo
# The vector instructions on which the speed of matrix products depends
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
MINILM = "minilm"
# What differs from the defaults of transformers' BertConfig, which are those of BERT-Base.
# "multilingual" has the shape of bert-base-multilingual-cased.
RANDOM_MODELS = {
    "bert-base": {},
    "bert-base-6": {"num_hidden_layers": 6},
    "multilingual": {"vocab_size": 119547},
}
FIND_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def prepare_weights(work_dir, model=MINILM, peer=None):
    """Returns the folders with the weights in Hugging Face's and in the toolkit's format.

    Args:
      work_dir: The work folder.
      model: `MINILM`, or one of `RANDOM_MODELS`.
      peer: The Python of Hugging Face's environment, which makes random models.
    """
    hf_model_dir = fetch_weights(work_dir)
    if model != MINILM:
        work_dir /= model
        hf_model_dir = make_random_model(work_dir, model, hf_model_dir, peer)
    return hf_model_dir, convert_weights(work_dir, hf_model_dir)


def make_random_model(work_dir, model, minilm, peer):
    """Returns the folder of a model with random weights, which is made if it is missing."""
    folder = work_dir / "weights"
    # The script writes this file last.
    if not (folder / "tokenizer.json").exists():
        print(f"making {model} with random weights", flush=True)
        work_dir.mkdir(parents=True, exist_ok=True)
        command = [peer, HERE / "speed_random_model.py", minilm, folder]
        command += [f"{name}={value}" for name, value in RANDOM_MODELS[model].items()]
        run_logged(command, work_dir / "random-model.log")
    return folder


def find_peer(options):
    """Returns the Python of Hugging Face's environment, created unless --peer_env names one."""
    if options.peer_env:
        return python_of(options.peer_env)
    return install_peer(options.work_dir, options.peer_python)


def find_google(options):
    """Returns the Python of Google's environment, which is created if missing.

    Without Python 3.7, returns None.
    """
    if options.google_env:
        return python_of(options.google_env)
    base = find_python37(options.google_python)
    if base is None:
        print("no Python 3.7 (--google_python): Google's side is skipped", flush=True)
        return None
    return install(options.work_dir, "google", base)


def find_plotter(options):
    """Returns the Python of the environment for plots, which is created if missing."""
    return install(options.work_dir, "plot", sys.executable)


def python_of(folder):
    """Returns the interpreter of an environment, which must exist."""
    python = folder / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{folder} is not a virtual environment: {python} does not exist")
    return python


def install(work_dir, name, base_python):
    """Returns the Python of requirements-speed-NAME.txt's environment, created if missing."""
    requirements = HERE / f"requirements-speed-{name}.txt"
    folder = work_dir / f"{name}-venv"
    wanted = requirements.read_text(encoding="utf-8")
    # Written last, so that an interrupted or outdated installation is repeated.
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {requirements.name}", flush=True)
        run_logged([base_python, "-m", "venv", folder], work_dir / f"{name}-venv.log")
        command = [python_of(folder), "-m", "pip", "install", "-r", requirements]
        run_logged(command, work_dir / f"{name}-install.log")
        stamp.write_text(wanted, encoding="utf-8")
    return python_of(folder)


def find_python37(given):
    """Returns a Python 3.7, or None; without `given`, looks on PATH, in uv and in pyenv."""
    if given:
        if version_of(given) != "3.7":
            raise SystemExit(f"--google_python={given} is not Python 3.7")
        return given
    candidates = [shutil.which("python3.7")]
    if shutil.which("uv"):
        command = ["uv", "python", "find", "3.7"]
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        candidates.append(found.stdout.decode().strip())
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += sorted(pyenv.glob("versions/3.7*/bin/python"))
    return next((path for path in candidates if path and version_of(path) == "3.7"), None)


def version_of(python):
    """Returns an interpreter's version, such as "3.7", or None if it does not run."""
    try:
        found = subprocess.run(
            [str(python), "-c", FIND_VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return found.stdout.decode().strip() or None


def write_full_rows(path, rows, max_seq_length, count):
    """Writes rows longer than max_seq_length, each a concatenation of texts."""
    texts = iter(rows * (1 + max_seq_length * count // len(rows)))
    with open(path, "w", encoding="utf-8") as stream:
        for _ in range(count):
            words, label = [], None
            # A word has at least one wordpiece.
            while len(words) < max_seq_length:
                text, label = next(texts)
                words += text.split()
            stream.write(f"{' '.join(words)};{label}\n")


def read_config(model_dir):
    """Returns the model's configuration as a dict."""
    return json.loads((model_dir / "bert_config.json").read_text(encoding="utf-8"))


def describe_machine():
    """Returns the processor, its vector instructions, and how many cores this process may use."""
    about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    values = {name: re.search(rf"^{name}\s*: (.*)$", about, re.MULTILINE) for name in CPU_FIELDS}
    model, flags = (found[1] if found else "" for found in values.values())
    return {
        "cpu": model or "unknown processor",
        "instructions": [name for name in INSTRUCTIONS if name in flags.split()],
        "cores": len(os.sched_getaffinity(0)),
    }
