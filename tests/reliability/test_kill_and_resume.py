"""A training run that is killed at any moment resumes and ends with the same weights."""

import os
import random
import signal
import subprocess
import time

import pytest

from finetune.output import train_log
from tests.support import ROOT
from tests.support.commands import CLASSIFIER, python_command
from tests.support.reviews import flags_for, same_weights

IMPORTS = """
import os, signal
import tensorflow.compat.v1 as tf
from tensorflow.python.checkpoint import checkpoint_management
"""
# Kills the process while it writes the checkpoint of step 8, when part of the data is written.
HALF_WRITTEN = """
def save(self, session, path, global_step=None, **more):
    if global_step == 8:
        with open(f"{path}-8.data-00000-of-00001.tempstate123", "wb") as writer:
            writer.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return written(self, session, path, global_step=global_step, **more)
written, tf.train.Saver.save = tf.train.Saver.save, save
"""
# Kills the process after it has written the checkpoint of step 8, while the file that names the
# newest checkpoint still names the previous one.
NOT_NAMED = """
def name(*arguments, **more):
    if "train.ckpt-8" in str(more.get("model_checkpoint_path", arguments)):
        os.kill(os.getpid(), signal.SIGKILL)
    return named(*arguments, **more)
named = checkpoint_management.update_checkpoint_state_internal
checkpoint_management.update_checkpoint_state_internal = name
"""


@pytest.fixture(scope="module")
def uninterrupted(reviews):
    """The output directory of a training run that was never killed."""
    process = start(reviews, reviews / "uninterrupted")
    assert process.wait() == 0, process.stderr.read()
    return reviews / "uninterrupted"


def start(folder, out, patch=""):
    """Starts a training run of 100 steps in its own process, with code to run before it."""
    flags = {
        **flags_for(folder),
        "do_eval": "true",
        "output_dir": out,
        "train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1e-3,
        "num_train_epochs": 20,
        "save_checkpoints_steps": 4,
        "eval_every": 50,
        "log_steps": 10,
    }
    argv = python_command(CLASSIFIER, patch=IMPORTS + patch if patch else "", **flags)
    return subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def assert_equal_trainings(first, second):
    """Asserts that two training runs have the same weights, evaluations and final loss."""
    for folder in ("", "best"):
        assert same_weights(first / folder, second / folder)
    evaluations = [train_log.evaluations_of(train_log.read(out)) for out in (first, second)]
    assert evaluations[0] == evaluations[1]
    assert [row["step"] for row in evaluations[0]] == [50, 100]
    last = [[r for r in train_log.read(out) if "loss" in r][-1] for out in (first, second)]
    assert last[0]["loss"] == last[1]["loss"]
    assert not list(second.glob("train.ckpt*"))


def test_training_killed_at_random_moments_ends_with_the_same_weights(reviews, uninterrupted):
    out = reviews / "random"
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    has_resumed = False
    for _ in range(2):
        process = start(reviews, out)
        has_resumed |= await_first_step(process)
        time.sleep(draw.random())
        process.kill()
        process.communicate()
        if process.returncode == 0:  # The training run ended before it could be killed.
            break
    process = start(reviews, out)
    _, messages = process.communicate()
    assert process.returncode == 0, f"seed {seed}: {messages}"
    assert has_resumed or "Resuming from" in messages, f"seed {seed}"
    assert_equal_trainings(uninterrupted, out)


def await_first_step(process):
    """Waits until a process logs a step; returns whether it resumed a training run."""
    has_resumed = False
    for line in process.stderr:
        has_resumed |= line.startswith("Resuming from")
        if line.startswith("step "):
            break
    return has_resumed


def test_training_killed_while_writing_a_checkpoint_resumes_from_the_previous_one(
    reviews, uninterrupted
):
    out = reviews / "writing"
    for patch in (HALF_WRITTEN, NOT_NAMED):
        process = start(reviews, out, patch)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert any("train.ckpt-8" in name for name in os.listdir(out))
    process = start(reviews, out)
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    assert f"Resuming from {out}/train.ckpt-4, step 4 of 100" in messages
    assert_equal_trainings(uninterrupted, out)
