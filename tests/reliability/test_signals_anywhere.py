"""A signal at any moment ends a script with one line, the right status, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.support import ROOT, tiny
from tests.support.commands import CLASSIFIER, TAGGER, command
from tests.support.files import write

PREPARE = "prepare_model.py"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The command line of each script, with enough data to read for seconds."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny.write_google_model(folder / "model")
    rows = "".join(f"good\ta good film {i}\nbad\ta bad film {i}\n" for i in range(200_000))
    table = write(folder / "train.tsv", "label\ttext\n" + rows)
    words = write(folder / "train.txt", "Anna B-PER\nlives O\nhere O\n\n" * 200_000)
    check = {"do_check": "true", "model": folder / "model"}
    return {
        CLASSIFIER: command(CLASSIFIER, train_file=table, **check),
        TAGGER: command(TAGGER, train_file=words, **check),
        PREPARE: [PREPARE, str(folder / "model"), f"--model_dir={folder / 'installed'}"],
    }


def run_with_signals(argv, after, *numbers):
    """Starts a script, and sends it signals after some seconds; returns its status and stderr."""
    process = subprocess.Popen(
        [sys.executable, *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(after)
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.01)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize("script", [CLASSIFIER, TAGGER, PREPARE])
@pytest.mark.parametrize("after", [0.3, 0.8, 1.5, 3.0])
@pytest.mark.parametrize("numbers", [[signal.SIGINT] * 2, [signal.SIGTERM, signal.SIGINT]])
def test_two_quick_signals_give_one_line(inputs, script, after, numbers):
    status, errors = run_with_signals(inputs[script], after, *numbers)
    lines = errors.splitlines()
    if status == 0:
        return  # It had finished.
    # Signals that arrive together are handled in the order of their numbers.
    assert status in [128 + number for number in numbers], errors
    assert re.match(rf"{re.escape(script)}: interrupted\.", lines[-1])
    assert "Traceback" not in errors
    installed = os.path.join(os.path.dirname(inputs[PREPARE][1]), "installed")
    assert not os.path.exists(installed) or "model_info.json" in os.listdir(installed)
