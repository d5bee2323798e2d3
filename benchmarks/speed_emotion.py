# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""What the benchmarks of a classifier of emotion share: options, exports, the peers' Python."""

import argparse
import sys
from pathlib import Path

from quality import resolve_path
from quality_setup import run_logged
from speed_setup import install, python_of

ROOT = Path(__file__).resolve().parents[1]


def make_parser(description):
    """Returns a parser of the options that all of them have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, type=resolve_path, help="contains emotion/")
    add("--output_dir", required=True, type=resolve_path, help="a classifier of emotion")
    return parser


def make_peer_parser(description):
    """Returns a parser of the options of those that compare with peers."""
    parser = make_parser(description)
    add = parser.add_argument
    add("--work_dir", type=resolve_path, default="build/speed", help="default: %(default)s")
    add("--peer_env", type=resolve_path, help="existing environment of the peers")
    return parser


def peer_python(options):
    """Returns the peers' Python; the first time, installs their environment in WORK_DIR."""
    given = python_of(options.peer_env) if options.peer_env else None
    return given or install(options.work_dir, "serving", sys.executable)


def export_model(options, log_path, form, folder, *flags):
    """Exports the classifier with export_model.py."""
    command = [sys.executable, ROOT / "export_model.py", f"--output_dir={options.output_dir}"]
    run_logged([*command, f"--to={form}", f"--export_dir={folder}", *flags], log_path)
