"""distribute.py: its command line, and training with Ray if Ray is installed."""

import contextlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pytest

import distribute
from finetune.runs import distribute as distribute_run
from tests.support import ROOT
from tests.support.commands import CLASSIFIER, command
from tests.support.processes import run_group, run_python
from tests.support.reviews import flags_for, make_folder, same_weights, train
from tests.support.tiny import weights

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed"
)


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


@pytest.mark.parametrize(
    ("line", "status", "message", "is_mistake"),
    [
        ("run_ner.py: --seed: no.", 2, "run_ner.py: --seed: no.", True),
        ("run_ner.py: a.txt is missing.", 1, "run_ner.py: a.txt is missing.", True),
        ("run_ner.py: worker 1 is gone.", 138, "run_ner.py: worker 1 is gone.", False),
        ("ZeroDivisionError: by zero", 1, "run_ner.py ended with status 1.", False),
    ],
)
def test_a_mistake_differs_from_other_failures(
    line, status, message, is_mistake, tmp_path, monkeypatch, capsys
):
    program = f"import sys\nprint('run_ner.py: Hello.\\n{line}', file=sys.stderr)\n"
    (tmp_path / "run_ner.py").write_text(f"{program}sys.exit({status})")
    monkeypatch.setattr(distribute_run, "_ROOT", str(tmp_path))
    with pytest.raises(distribute_run.CommandFailed) as error:
        distribute_run.run_command(
            {"command": ["run_ner.py"], "folder": str(tmp_path), "uses_gpus": False}
        )
    assert error.value.args == (status, message, is_mistake)
    assert capsys.readouterr().err == f"run_ner.py: Hello.\n{line}\n"


@pytest.mark.parametrize(("uses_gpus", "visible"), [(True, "1"), (False, "-1")])
def test_gpus_are_hidden_unless_they_were_requested(
    uses_gpus, visible, tmp_path, monkeypatch, capfd
):
    program = 'import os; print(os.environ["CUDA_VISIBLE_DEVICES"])'
    (tmp_path / "run_ner.py").write_text(program)
    monkeypatch.setattr(distribute_run, "_ROOT", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # Ray sets it.
    distribute_run.run_command(
        {"command": ["run_ner.py"], "folder": str(tmp_path), "uses_gpus": uses_gpus}
    )
    assert capfd.readouterr().out == f"{visible}\n"


LOST = distribute_run.CommandFailed(138, "run_ner.py: worker 1 is gone.")
MISTAKE = distribute_run.CommandFailed(2, "run_ner.py: --seed: no.", True)


@pytest.mark.parametrize(
    ("attempts", "status", "last"),
    [
        ([LOST, LOST, None], 0, "run_ner.py: worker 1 is gone. Starting all processes again (2 of"),
        ([MISTAKE], 2, "run_ner.py: --seed: no."),
        ([LOST, MISTAKE], 2, "run_ner.py: --seed: no."),
        ([LOST] * 3, 1, "training failed, after 2 restarts: run_ner.py: worker 1 is gone. The me"),
    ],
)
def test_all_processes_are_started_again_unless_the_command_is_wrong(
    attempts, status, last, monkeypatch, caplog
):
    made = []
    monkeypatch.setattr(distribute_run, "_start_ray", lambda address: mock.Mock())
    monkeypatch.setattr(
        distribute_run, "_attempt", lambda *_: made.append(1) or attempts[len(made) - 1]
    )
    argv = ["distribute.py", "--num_workers=2", "--max_failures=2", "--", "run_ner.py"]
    assert distribute.main(argv) == status
    assert len(made) == len(attempts)
    assert caplog.records[-1].getMessage().startswith(f"distribute.py: {last}")


@pytest.mark.slow
@needs_ray
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


def raylets_of(out):
    """Returns, for each worker of the command that writes to a folder, the process of its node."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # The process has ended.
            argv = (process / "cmdline").read_text().split("\0")
            if argv[1:] and argv[1].endswith(CLASSIFIER) and f"--output_dir={out}" in argv:
                environment = (process / "environ").read_text().split("\0")
                (config,) = [text for text in environment if text.startswith("TF_CONFIG=")]
                index = json.loads(config.partition("=")[2])["task"]["index"]
                found[index] = parent_of(parent_of(process.name))
    return found


def parent_of(number):
    status = pathlib.Path(f"/proc/{number}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def await_checkpoint(out, process):
    while not list(out.glob("train.ckpt-*.index")):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)


@pytest.mark.slow
@needs_ray
def test_training_continues_on_a_new_node_after_one_was_killed(tmp_path):
    from ray.cluster_utils import Cluster

    folder = make_folder(tmp_path, num_layers=1)
    flags = {**flags_for(folder), "train_batch_size": 5, "num_train_epochs": 200}
    flags |= {"save_checkpoints_steps": 20, "log_steps": 100}
    out, whole = folder / "ray", folder / "whole"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
        process = subprocess.Popen(
            [sys.executable, "distribute.py", "--num_workers=2", "--max_failures=1",
             f"--address={cluster.address}", "--", *command(CLASSIFIER, **flags, output_dir=out)],
            cwd=ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )  # fmt: skip
        await_checkpoint(out, process)
        by_raylet = {node.all_processes["raylet"][0].process.pid: node for node in nodes}
        raylets = raylets_of(out)
        # The workers are on different nodes, although each of the nodes has two cores.
        assert set(raylets.values()) == set(by_raylet)
        cluster.remove_node(by_raylet[raylets[1]], allow_graceful=False)
        cluster.add_node(num_cpus=2)
        messages, _ = process.communicate()
    finally:
        cluster.shutdown()
    assert process.returncode == 0, messages
    assert "Starting all processes again (1 of at most 1 restart)." in messages
    assert f"Resuming from {out}" in messages
    statuses, messages = run_group(
        [[sys.executable, *command(CLASSIFIER, **flags, output_dir=whole)]] * 2
    )
    assert statuses == [0, 0], messages
    assert same_weights(out, whole)
