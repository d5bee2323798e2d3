"""Scripts whose standard output cannot be written."""

import subprocess
import sys

import pytest

from tests.support import ROOT

SCRIPT = """
import sys
from finetune.util import script
def main(argv):
    for _ in range({lines}):
        sys.stdout.write("a line of text\\n")
    return 0
sys.exit(script.run("script.py", main))
"""


@pytest.mark.parametrize("lines", [1, 100_000])
def test_full_disk_at_standard_output_is_one_line(lines):
    code = SCRIPT.format(lines=lines)
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 1
    assert result.stderr == (
        "script.py: standard output cannot be written: No space left on device.\n"
    )


@pytest.mark.parametrize("lines", [1, 100_000])
def test_reader_that_stops_is_no_error(lines):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(lines=lines)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_process_ends_with_its_status_although_unloading_tensorflow_io_would_abort_it():
    code = """
import atexit, os, sys
from finetune.util import script
def main(argv):
    sys.modules["tensorflow_io"] = object()
    atexit.register(os.abort)
    sys.stdout.write("done")
    return 3
sys.exit(script.run("script.py", main))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert (result.returncode, result.stdout) == (3, "done")
