"""Training in several processes, each of which is a command with its own TF_CONFIG."""

import json
import signal

import pytest

from finetune.output import train_log
from finetune.training.cluster import Member
from finetune.training.peers import LOST_STATUS, Peers
from finetune.util.errors import InputError
from tests.support.commands import CLASSIFIER, python_command, run
from tests.support.processes import free_ports, run_group
from tests.support.reviews import flags_for, make_folder, same_weights

pytestmark = pytest.mark.slow

# Kills the process after step 3.
KILLED = """
import os, signal
from finetune.training.group_hook import GroupStopHook
def after_run(self, context, values):
    stop(self, context, values)
    if self._step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
stop, GroupStopHook.after_run = GroupStopHook.after_run, after_run
"""


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("processes"), num_layers=1)


def train(folder, out, *flags, patches=("", ""), worker_flags=()):
    """Trains in two processes; returns the exit status and the messages of each."""
    common = {
        **flags_for(folder),
        "output_dir": out,
        "train_batch_size": 5,
        "save_checkpoints_steps": 2,
        "eval_every": 4,
    }
    return run_group(
        [
            python_command(CLASSIFIER, *flags, *more, patch=patch, **common)
            for more, patch in zip(((), worker_flags), patches)
        ]
    )


def test_training_resumes_with_the_same_weights_after_a_worker_was_killed(reviews):
    whole, killed = reviews / "whole", reviews / "killed"
    statuses, (of_chief, of_worker) = train(reviews, whole, "--do_eval")
    assert statuses == [0, 0], of_chief + of_worker
    assert "Training on 2 processes: --train_batch_size=5 is divided" in of_chief
    assert "step 4: dev macro_f1" in of_chief
    assert "dev macro_f1" not in of_worker

    statuses, (of_chief, _) = train(reviews, killed, "--do_eval", patches=("", KILLED))
    assert statuses == [LOST_STATUS, -signal.SIGKILL], of_chief
    assert "Traceback" not in of_chief
    last = of_chief.splitlines()[-1]
    assert last.startswith("run_classifier.py: worker 1 (localhost:")
    assert last.endswith("the same commands resume training from the last checkpoint.")

    statuses, (of_chief, of_worker) = train(reviews, killed, "--do_eval")
    assert statuses == [0, 0], of_chief + of_worker
    assert f"Resuming from {killed / 'train.ckpt-2'}, step 2 of 8" in of_chief
    for folder in ("", "best"):
        assert same_weights(whole / folder, killed / folder)
    evaluations = [train_log.evaluations_of(train_log.read(out)) for out in (whole, killed)]
    assert [row["step"] for row in evaluations[0]] == [4, 8]
    assert evaluations[0] == evaluations[1]


def test_worker_with_other_flags_is_refused(reviews, tmp_path):
    statuses, messages = train(reviews, tmp_path / "out", worker_flags=["--seed=43"])
    assert statuses == [1, 1], messages
    for message in messages:
        (line,) = [line for line in message.splitlines() if "was refused" in line]
        assert "its --seed is not that of the chief (43 instead of 42)." in line
        assert "Traceback" not in message
    assert not list((tmp_path / "out").glob("*"))  # Nothing was started.


def test_each_process_can_check_the_data(reviews, monkeypatch, capsys):
    workers = ["localhost:1", "localhost:2"]
    config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    flags = {**flags_for(reviews), "do_train": None}
    assert run(CLASSIFIER, "--do_check", **flags) == 0
    assert "10 (50.0%)" in capsys.readouterr().out


def test_process_that_does_not_answer_is_reported():
    (port,) = free_ports(1)
    lost = []
    peers = Peers([Member("worker", 1, f"localhost:{port}")], lost.append)
    with pytest.raises(InputError, match="worker 1 .* has not answered for 1 seconds"):
        peers.wait(1.0)
    assert not lost
