# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Prepare what speed.py needs in its work folder: weights, and the other sides' environments.

Every step looks first whether its result is there already, so a second run is quick.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from quality_setup import convert_weights, fetch_weights, install_peer, run_logged

HERE = Path(__file__).parent
FIND_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def prepare_weights(work_dir):
    """Return the folders of the weights in Hugging Face's and in the toolkit's form."""
    hf_model_dir = fetch_weights(work_dir)
    return hf_model_dir, convert_weights(work_dir, hf_model_dir)


def find_peer(options):
    """Return the Python of Hugging Face's environment, ready-made or installed here."""
    if options.peer_env:
        return python_of(options.peer_env)
    return install_peer(options.work_dir, options.peer_python)


def find_google(options):
    """Return the Python of Google's environment, ready-made or installed here; None: no side."""
    if options.google_env:
        return python_of(options.google_env)
    base = find_python37(options.google_python)
    if base is None:
        print("no Python 3.7 (--google_python): the run goes on without Google's side", flush=True)
        return None
    return install(options.work_dir, "google", base)


def find_plotter(options):
    """Return the Python of the environment that plots, installed here."""
    return install(options.work_dir, "plot", sys.executable)


def python_of(folder):
    """Return the interpreter of an environment, which must be there."""
    python = folder / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{folder} is no environment: {python} is not there")
    return python


def install(work_dir, name, base_python):
    """Return the Python of the environment of requirements-speed-NAME.txt, made if not there."""
    requirements = HERE / f"requirements-speed-{name}.txt"
    folder = work_dir / f"{name}-venv"
    wanted = requirements.read_text(encoding="utf-8")
    # Written last, so an installation that was cut short or has old pins is done again.
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {requirements.name}", flush=True)
        run_logged([base_python, "-m", "venv", folder], work_dir / f"{name}-venv.log")
        command = [python_of(folder), "-m", "pip", "install", "-r", requirements]
        run_logged(command, work_dir / f"{name}-install.log")
        stamp.write_text(wanted, encoding="utf-8")
    return python_of(folder)


def find_python37(given):
    """Return a Python 3.7: the given one, or of PATH, uv or pyenv; None if there is none."""
    if given:
        if version_of(given) != "3.7":
            raise SystemExit(f"--google_python={given} is no Python 3.7")
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
    """Return an interpreter's version, such as "3.7"; None if it does not run."""
    try:
        found = subprocess.run(
            [str(python), "-c", FIND_VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return found.stdout.decode().strip() or None


def write_full_rows(path, rows, max_seq_length, count):
    """Write rows that are each longer than max_seq_length, made of texts put end to end."""
    texts = iter(rows * (1 + max_seq_length * count // len(rows)))
    with open(path, "w", encoding="utf-8") as stream:
        for _ in range(count):
            words, label = [], None
            # A word is a wordpiece at the least.
            while len(words) < max_seq_length:
                text, label = next(texts)
                words += text.split()
            stream.write(f"{' '.join(words)};{label}\n")


def read_config(model_dir):
    """Return the model's configuration, a dict."""
    return json.loads((model_dir / "bert_config.json").read_text(encoding="utf-8"))


def describe_machine():
    """Return the processor's name and the cores that this process may use."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {"cpu": names[0] if names else "unknown", "cores": len(os.sched_getaffinity(0))}
