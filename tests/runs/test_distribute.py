"""distribute.py: its command line, and training with Ray if Ray is installed."""

import importlib.util
import sys

import numpy as np
import pytest

import distribute
from finetune.runs import distribute as distribute_run
from tests.support.commands import CLASSIFIER, command
from tests.support.processes import run_python
from tests.support.reviews import flags_for, make_folder, train
from tests.support.tiny import weights


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--num_workers=2"],
            "found 'nothing' after --; expected one of run_classifier.py, run_ner",
        ),
        (
            ["--num_workers=2", "--", "ls"],
            "found 'ls' after --; expected one of run_classifier.py,",
        ),
        (
            ["--num_workers=2", "run_ner.py", "--do_train"],
            "put -- before run_ner.py: distribute.py --num_workers=2 -- run_classifier.py",
        ),
        (["--num_workers=0", "--", "run_ner.py"], "--num_workers=0: expected at least 1."),
        (
            ["--num_workers=1", "--max_failures=-1", "--", "run_ner.py"],
            "--max_failures=-1: expected at least 0.",
        ),
    ],
)
def test_command_line_is_checked(arguments, message, caplog):
    assert distribute.main(["distribute.py", *arguments]) == 2
    assert message in caplog.records[-1].getMessage()


def test_flags_of_the_script_are_left_to_it():
    arguments = ["--num_workers=2", "--max_failures=1", "--", "run_ner.py", "--num_workers=9", "--"]
    own, rest = distribute_run._split(arguments)
    assert own == ["--num_workers=2", "--max_failures=1"]
    assert rest == ["run_ner.py", "--num_workers=9", "--"]


def test_missing_ray_is_reported_with_the_command_that_installs_it(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "ray", None)
    status = distribute.main(["distribute.py", "--num_workers=2", "--", "run_ner.py"])
    assert status == 1
    line = caplog.records[-1].getMessage()
    assert line == (
        "distribute.py: the package ray is missing. Install it: "
        "pip install -c constraints.txt -r requirements-ray.txt"
    )


def test_command_that_fails_makes_ray_restart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"command": ["run_classifier.py", "--no_such_flag=1"], "folder": str(tmp_path)}
    with pytest.raises(RuntimeError, match="run_classifier.py ended with status 2."):
        distribute_run.run_command(config)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_trains_with_two_processes(tmp_path):
    folder = make_folder(tmp_path, num_layers=1)
    no_dropout = {"hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}
    flags = {**flags_for(folder), **no_dropout}
    out = {"ray": folder / "ray", "one": folder / "one"}
    argv = command(CLASSIFIER, **flags, output_dir=out["ray"])
    messages = run_python("distribute.py", "--num_workers=2", "--", *argv)
    assert "Training on 2 processes: " in messages
    train(folder, out["one"], **no_dropout)
    these, those = weights(out["ray"]), weights(out["one"])
    assert these.keys() == those.keys()
    for name, array in these.items():
        np.testing.assert_allclose(array, those[name], rtol=0, atol=1e-5)
