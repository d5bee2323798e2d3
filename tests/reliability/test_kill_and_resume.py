"""A training that is killed anywhere ends, given again, with the weights of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from finetune.output import train_log
from tests.support import ROOT, tiny
from tests.support.tiny import weights

# Ends the process in the midst of writing the checkpoint of step 8: with some of its data there; or
# with all of it, and the file that names checkpoints as it was.
HALF_WRITTEN = """
def save(self, session, path, global_step=None, **more):
    if global_step == 8:
        with open(f"{path}-8.data-00000-of-00001.tempstate123", "wb") as writer:
            writer.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return written(self, session, path, global_step=global_step, **more)
written, tf.train.Saver.save = tf.train.Saver.save, save
"""
NOT_NAMED = """
def name(*arguments, **more):
    if "train.ckpt-8" in str(more.get("model_checkpoint_path", arguments)):
        os.kill(os.getpid(), signal.SIGKILL)
    return named(*arguments, **more)
named = checkpoint_management.update_checkpoint_state_internal
checkpoint_management.update_checkpoint_state_internal = name
"""
START = """
import os, signal, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf
from tensorflow.python.checkpoint import checkpoint_management
{patch}
import run_classifier
sys.exit(run_classifier.main(sys.argv))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    tiny.write_google_model(folder / "model", num_layers=1)
    nouns = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "old")
    lines = "".join(f"{word}\ta {word} {noun}\n" for noun in nouns for word in ("good", "bad"))
    for split in ("train", "dev"):
        (folder / f"{split}.tsv").write_text("label\ttext\n" + lines)
    return folder


@pytest.fixture(scope="module")
def straight(folder):
    """The folder of a training that was never killed."""
    process = start(folder, folder / "straight")
    assert process.wait() == 0, process.stderr.read()
    return folder / "straight"


def start(folder, out, patch=""):
    model = folder / "model"
    flags = [
        "--do_train", "--do_eval", "--task_name=binary", f"--data_dir={folder}",
        f"--vocab_file={model / 'vocab.txt'}", f"--bert_config_file={model / 'bert_config.json'}",
        f"--init_checkpoint={model / 'bert_model.ckpt'}", "--max_seq_length=16",
        "--train_batch_size=2", "--gradient_accumulation_steps=2", "--learning_rate=1e-3",
        "--num_train_epochs=20", "--save_checkpoints_steps=4", "--eval_every=50",
        "--log_steps=10", f"--output_dir={out}",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", START.format(patch=patch), *flags],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_equal_trainings(first, second):
    for folder in ("", "best"):
        these, those = weights(first / folder), weights(second / folder)
        assert these.keys() == those.keys()
        assert all(np.array_equal(array, those[name]) for name, array in these.items())
    evaluations = [train_log.evaluations_of(train_log.read(out)) for out in (first, second)]
    assert evaluations[0] == evaluations[1]
    assert [row["step"] for row in evaluations[0]] == [50, 100]
    last = [[r for r in train_log.read(out) if "loss" in r][-1] for out in (first, second)]
    assert last[0]["loss"] == last[1]["loss"]
    assert not list(second.glob("train.ckpt*"))


def test_killed_at_random_moments_it_ends_with_the_same_weights(folder, straight):
    out = folder / "random"
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    resumed = 0
    for _ in range(2):
        process = start(folder, out)
        resumed += _await_training(process, out)
        time.sleep(draw.random())
        process.kill()
        process.communicate()
        if process.returncode == 0:  # The machine was faster.
            break
    process = start(folder, out)
    _, said = process.communicate()
    assert process.returncode == 0, f"seed {seed}: {said}"
    assert resumed or "Resuming from" in said, f"seed {seed}"
    assert_equal_trainings(straight, out)


def _await_training(process, out):
    """Waits until a process trains; returns whether it went on from a checkpoint."""
    went_on = False
    for line in process.stderr:
        went_on |= line.startswith("Resuming from")
        if line.startswith("step "):
            break
    return went_on


def test_killed_while_a_checkpoint_is_written_it_goes_on_from_the_one_before(folder, straight):
    out = folder / "writing"
    for patch in (HALF_WRITTEN, NOT_NAMED):
        process = start(folder, out, patch)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert any("train.ckpt-8" in name for name in os.listdir(out))
    process = start(folder, out)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert f"Resuming from {out}/train.ckpt-4, step 4 of 100" in said
    assert_equal_trainings(straight, out)
