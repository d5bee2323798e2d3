"""A training run's log, and its end on signals, lack of memory, and numbers that are not finite."""

import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
import tensorflow.compat.v1 as tf
from tensorflow.core.util import event_pb2

from finetune.config.config import Config
from finetune.output import train_log
from finetune.output.best_model import Goal
from finetune.training import trainer as training
from finetune.training.hooks import WatchHook
from finetune.training.step_plan import StepPlan
from finetune.util import lock
from finetune.util.errors import InputError
from finetune.util.progress import Progress
from tests.support import ROOT
from tests.support.commands import CLASSIFIER, command, run
from tests.support.reviews import flags_for
from tests.support.reviews import train as train_on_reviews

FLAGS = {"init_checkpoint": None, "train_batch_size": 4, "learning_rate": 1e-3, "log_steps": 5}


def train(reviews, out, *arguments, status=0, **flags):
    """Trains from random weights, for two epochs of five steps by default."""
    return train_on_reviews(reviews, out, *arguments, status=status, **{**FLAGS, **flags})


def script_command(reviews, out, *arguments):
    """Returns the command that trains in the same way in its own process."""
    flags = {**flags_for(reviews), **FLAGS, "output_dir": out}
    return [sys.executable, *command(CLASSIFIER, *arguments, **flags)]


def test_terminal_gets_a_progress_line_and_a_log_gets_plain_lines(reviews, tmp_path):
    ours, theirs = pty.openpty()
    argv = script_command(reviews, tmp_path / "out", "--eval_every=5")
    environment = {**os.environ, "NO_COLOR": "1"}
    process = subprocess.Popen(argv, cwd=ROOT, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 4096)
        except OSError:  # The process has closed its end of the terminal.
            break
    assert process.wait() == 0
    output = output.decode()
    shown = [line for line in re.split(r"[\r\n]", output) if line.startswith("Training: ")]
    figures = r"Training: .{20} (\d+)/10 steps, (\d\d:\d\d|\?) left, epoch \d\.\d+, loss \d\.\d+, "
    figures += r"lr \d\.\de-0\d, \d+ ex/s, \d+ tok/s"
    assert not re.search(r"\x1b\[\d+m", output)  # No colours
    steps = [int(match[1]) for match in (re.match(figures, line) for line in shown) if match]
    assert steps == sorted(steps)
    assert steps[-1] >= 5
    assert "step 5 of 10, epoch" not in output
    # A message is on its own line.
    message = r"[\r\n]step 5: dev macro_f1 \d\.\d+, loss \d\.\d+ \(best so far\)\r?\n"
    assert re.search(message, output)

    process = subprocess.run(
        script_command(reviews, tmp_path / "log"), cwd=ROOT, capture_output=True
    )
    assert b"\r" not in process.stderr
    lines = process.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        "step 5 of 10, epoch 1.00", "step 10 of 10, epoch 2.00",
    ]  # fmt: skip
    assert not any("tensorflow" in line.lower() for line in lines)


def test_verbosity_error_hides_info_and_warnings(reviews, tmp_path, caplog):
    train(reviews, tmp_path / "out", "--verbosity=error")
    assert not [r for r in caplog.records if r.levelname in ("INFO", "WARNING")]


def test_log_and_tensorboard_have_the_same_numbers(reviews, tmp_path):
    out = tmp_path / "out"
    train(reviews, out, "--eval_every=epoch")
    rows = train_log.read(out)
    assert [(row["step"], "loss" in row) for row in rows] == [
        (5, True), (5, False), (10, True), (10, False),
    ]  # fmt: skip
    # With two labels, the loss starts at 0.6931 nats; each row has 5 wordpieces.
    assert rows[0]["loss"] == pytest.approx(0.69, abs=0.1)
    ratio = rows[0]["tokens_per_second"] / rows[0]["examples_per_second"]
    assert ratio == pytest.approx(5.0)
    assert rows[2]["learning_rate"] == pytest.approx(1e-3 / 10)
    scalars = {}
    for path in out.glob("events.out.tfevents.*"):
        for record in tf.io.tf_record_iterator(str(path)):
            event = event_pb2.Event.FromString(record)
            for value in event.summary.value:
                scalars[event.step, value.tag] = value.simple_value
    written = {
        (row["step"], name): value
        for row in rows
        for name, value in row.items()
        if name != "step" and value is not None
    }
    assert scalars == pytest.approx(written)
    assert (10, "eval/labels/good/f1") in scalars


def test_second_run_in_a_directory_is_rejected_while_the_first_runs(
    reviews, tmp_path, caplog, monkeypatch
):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(lock, "_PATIENCE", 0.3)
    other = lock.Lock(str(out))
    other.take()
    train(reviews, out, status=1)
    assert f"--output_dir={out}: another run is using this directory." in caplog.text
    assert os.listdir(out) == []
    other.close()
    # A closed lock can be taken again; no lock file has to be deleted first.
    lock.Lock(str(out)).take()


def test_moved_output_directory_ends_the_training_run_and_is_not_recreated(
    reviews, tmp_path, caplog, monkeypatch
):
    out = tmp_path / "out"
    logs_at = StepPlan.logs_at

    def move(plan, step):
        if step == 7:
            os.rename(out, tmp_path / "moved")
        return logs_at(plan, step)

    flags = {"save_checkpoints_steps": 5, "num_train_epochs": 3}
    with monkeypatch.context() as patch:
        patch.setattr(StepPlan, "logs_at", move)
        train(reviews, out, **flags, status=1)
    assert f"--output_dir={out} was deleted or moved" in caplog.text
    assert not out.exists()
    os.rename(tmp_path / "moved", out)
    caplog.clear()
    train(reviews, out, **flags)
    assert "step 5 of 15" in caplog.text


def test_sigterm_during_a_prediction_leaves_no_file_behind(reviews, tmp_path, monkeypatch):
    out = tmp_path / "out"
    train(reviews, out)
    before = sorted(os.listdir(out))

    def answers(*_):
        yield from ()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(
        "finetune.tasks.classification.problem_types.SingleLabel.prediction_rows", answers
    )
    assert run(CLASSIFIER, "--do_predict", data_dir=reviews, output_dir=out) == 143
    assert sorted(os.listdir(out)) == before


def trainer(tmp_path, **settings):
    config = Config(do_train=True, output_dir=str(tmp_path), **settings)
    plan = StepPlan(num_train_steps=1, epoch_steps=1, log_every=1, save_every=1)
    return training.Trainer(config, plan, Goal("loss"), None)


def test_out_of_memory_error_gives_advice(tmp_path):
    class Greedy:
        def train(self, input_fn, hooks, max_steps):
            with tf.Graph().as_default(), tf.Session() as session:
                size = tf.constant([1 << 45])
                session.run(tf.random.uniform(size))  # 128 TiB

    settings = {"train_batch_size": 24, "gradient_accumulation_steps": 2, "max_seq_length": 128}
    with pytest.raises(InputError) as error:
        trainer(tmp_path, **settings).train(0, Greedy(), None)
    assert str(error.value) == (
        "Out of memory with --train_batch_size=24. Set --train_batch_size=12 "
        "--gradient_accumulation_steps=4 (which is equivalent, but needs less memory), or a "
        "--max_seq_length below 128, and --resume_with_changes=true if there is a checkpoint. "
        "No checkpoint was saved yet."
    )


@pytest.mark.parametrize("tensor", ["loss", "gradient"])
def test_value_that_is_not_finite_ends_the_training_run_before_a_checkpoint(
    reviews, tmp_path, caplog, monkeypatch, tensor
):
    out = tmp_path / "out"

    original = WatchHook.after_run

    def with_nan(self, context, values):
        if self._step == 6:
            name = "loss_sum" if tensor == "loss" else "gradient_norm"
            values = values._replace(results=values.results._replace(**{name: float("nan")}))
        original(self, context, values)

    monkeypatch.setattr(WatchHook, "after_run", with_nan)
    train(reviews, out, "--save_checkpoints_steps=1", status=1)
    assert re.search(r"The (loss|gradient) is not (a )?finite( number)? at step 7", caplog.text)
    assert f"The last good checkpoint is {out}/train.ckpt-6." in caplog.text


def test_progress_writes_nothing_outside_a_terminal(capsys):
    progress = Progress("Reading: ", "rows", 3)
    progress.add(1)
    progress.close()
    assert capsys.readouterr().err == ""
