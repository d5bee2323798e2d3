# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Runs the tests of Google's BERT against this toolkit's modules.

    python benchmarks/google_tests.py

This downloads Google's package (PyPI bert-tensorflow 1.0.4, checked by its SHA-256), builds a
package `bert` from its three tests and this repository's modeling.py, optimization.py and
tokenization.py, runs each test, and prints which pass. Use the Python that runs the
toolkit. The script needs pip and access to PyPI. The exit status is 1 if a test fails.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "bert-tensorflow==1.0.4"
WHEEL_SHA256 = "f880680a03fbf637c217443b7d3d8969d0b3aef4822b4ea13c2a124498dd21a0"
MODULES = ("modeling", "optimization", "tokenization")
# Google's tests are written for TensorFlow 1.
INIT = "import tensorflow.compat.v1 as tf\n\ntf.disable_v2_behavior()\n"


def fetch_wheel(folder):
    """Downloads Google's wheel into a folder, checks it, and returns its path."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder]
    if subprocess.run([*command, PACKAGE]).returncode:
        raise SystemExit(f"{PACKAGE}: pip could not download it")
    (wheel,) = folder.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{wheel.name}: found SHA-256 {found}, expected {WHEEL_SHA256}")
    return wheel


def lay_out(folder, wheel):
    """Creates the package `bert` in folder: this toolkit's modules and Google's tests."""
    package = folder / "bert"
    package.mkdir()
    (package / "__init__.py").write_text(INIT, encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:
        for module in MODULES:
            shutil.copy(ROOT / f"{module}.py", package)
            archive.extract(f"bert/{module}_test.py", folder)


def run_test(folder, module):
    """Runs Google's test of a module; returns its exit status and its output."""
    process = subprocess.run(
        [sys.executable, "-m", f"bert.{module}_test"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return process.returncode, process.stdout


def main():
    """Runs the tests, prints their results, and exits with status 1 if one fails."""
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, fetch_wheel(folder))
        for module in MODULES:
            status, output = run_test(folder, module)
            lines = [line for line in output.splitlines() if line.startswith("Ran ")]
            # A test file in which no test ran proves nothing.
            if status or not lines:
                failed.append(module)
                print(output)
            print(f"{module}_test.py: {'failed' if module in failed else 'passed'}", *lines)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
