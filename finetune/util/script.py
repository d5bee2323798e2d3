"""Run a script so that it ends with one line and the right exit status, whenever a signal arrives.

This module imports only what takes milliseconds: a script calls it before its slow imports.
"""

import importlib
import os
import sys
from typing import Callable, List

from finetune.util import signals
from finetune.util.files import is_full_disk

Main = Callable[[List[str]], int]


def main_of(module: str) -> Main:
    """Returns a function that imports a module and runs its `main`."""
    return lambda argv: importlib.import_module(module).main(argv)


def run(program: str, main: Main) -> int:
    """Runs a script's `main` with the command line; returns the exit status of the process.

    Args:
      program: Name of the script.
      main: Takes the command line and returns the exit status. Its slow imports are inside.
    """
    with signals.interruptible() as interrupter:
        try:
            status = _run(program, main)
        except BaseException:
            if interrupter.number is None:
                raise
            # A library can turn the interruption of its import into any other error.
            sys.stderr.write(f"{program}: interrupted.\n")
            status = interrupter.status
        # From here on, the interpreter only exits. A signal would make it show a traceback.
        signals.ignore_signals()
    _end_if_unloading_aborts(status)
    return status


def _end_if_unloading_aborts(status: int) -> None:
    """Ends the process at once if tensorflow-io is loaded: unloading its S3 would abort it."""
    if "tensorflow_io" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(program: str, main: Main) -> int:
    try:
        status = _status_of(main)
        sys.stdout.flush()
        return status
    except OSError as error:
        # Any other error of a file is reported by `main`, and names the file.
        is_output = isinstance(error, BrokenPipeError) or is_full_disk(error)
        if error.filename is not None or not is_output:
            raise
        _drop_output()
        if isinstance(error, BrokenPipeError):  # The reader, for example `head`, has stopped.
            return 0
        sys.stderr.write(f"{program}: standard output cannot be written: {error.strerror}.\n")
        return 1


def _status_of(main: Main) -> int:
    try:
        return main(sys.argv)
    except SystemExit as error:  # From argparse
        return error.code if isinstance(error.code, int) else 0


def _drop_output() -> None:
    """Drops the output that cannot be written, so that the interpreter does not try again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
