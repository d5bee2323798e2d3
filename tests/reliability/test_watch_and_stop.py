"""What is said while a training runs, and how it ends where something is in its way."""

import errno
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

import run_classifier
from finetune.config.config import Config
from finetune.output import lock, train_log
from finetune.output.best_model import Goal
from finetune.training import trainer as training
from finetune.training.hooks import WatchHook
from finetune.training.step_plan import StepPlan
from finetune.util.errors import InputError
from finetune.util.progress import Progress
from finetune.util.tensorflow_errors import is_full_disk
from tests.support import ROOT, tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    tiny.write_google_model(folder / "model", num_layers=1)
    nouns = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "old")
    lines = "".join(f"{word}\ta {word} {noun}\n" for noun in nouns for word in ("good", "bad"))
    for split in ("train", "dev", "test"):
        (folder / f"{split}.tsv").write_text("label\ttext\n" + lines)
    return folder


def command(folder, out, *more, epochs=2):
    model = folder / "model"
    return [
        "run_classifier.py", "--do_train", f"--data_dir={folder}", "--task_name=binary",
        f"--vocab_file={model / 'vocab.txt'}", f"--bert_config_file={model / 'bert_config.json'}",
        "--max_seq_length=16", "--train_batch_size=4", f"--num_train_epochs={epochs}",
        "--log_steps=5", "--learning_rate=1e-3", f"--output_dir={out}", *more,
    ]  # fmt: skip


def test_a_terminal_has_one_line_and_a_log_has_plain_ones(folder, tmp_path):
    ours, theirs = pty.openpty()
    argv = [sys.executable, *command(folder, tmp_path / "out", "--eval_every=5")]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # The other end is closed.
            break
        said += read
    assert process.wait() == 0
    said = said.decode()
    shown = [line for line in re.split(r"[\r\n]", said) if line.startswith("Training: ")]
    figures = r"Training: (\d+)/10 steps, (\d\d:\d\d|\?) left, epoch \d\.\d+, loss \d\.\d+, "
    figures += r"lr \d\.\de-0\d, \d+ ex/s, \d+ tok/s"
    steps = [int(match[1]) for match in (re.match(figures, line) for line in shown) if match]
    assert steps == sorted(steps)
    assert steps[-1] >= 5
    assert "step 5 of 10, epoch" not in said
    # Messages stand in lines of their own.
    message = r"[\r\n]step 5: dev macro_f1 \d\.\d+, loss \d\.\d+ \(best so far\)\r?\n"
    assert re.search(message, said)

    process = subprocess.run(
        [sys.executable, *command(folder, tmp_path / "log")], cwd=ROOT, capture_output=True
    )
    assert b"\r" not in process.stderr
    lines = process.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        "step 5 of 10, epoch 1.00", "step 10 of 10, epoch 2.00",
    ]  # fmt: skip
    assert not any("tensorflow" in line.lower() for line in lines)


def test_verbosity(folder, tmp_path, caplog):
    assert run_classifier.main(command(folder, tmp_path / "out", "--verbosity=error")) == 0
    assert not [r for r in caplog.records if r.levelname in ("INFO", "WARNING")]


def test_the_log_and_tensorboard_have_the_same_figures(folder, tmp_path):
    out = tmp_path / "out"
    assert run_classifier.main(command(folder, out, "--eval_every=epoch")) == 0
    rows = train_log.read(out)
    assert [(row["step"], "loss" in row) for row in rows] == [
        (5, True), (5, False), (10, True), (10, False),
    ]  # fmt: skip
    # 20 rows of two labels: 0.6931 nats at the start, and 5 wordpieces of each row.
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


def test_two_runs_in_one_directory_are_one_too_many(folder, tmp_path, caplog, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(lock, "_PATIENCE", 0.3)
    other = lock.Lock(str(out))
    other.take()
    assert run_classifier.main(command(folder, out)) == 1
    assert f"--output_dir={out}: another run is using this folder." in caplog.text
    assert os.listdir(out) == []
    other.close()
    # The lock ends with its process, so that nothing is left to be removed.
    lock.Lock(str(out)).take()


def test_a_vanished_directory_ends_the_training_and_is_not_made_anew(
    folder, tmp_path, caplog, monkeypatch
):
    out = tmp_path / "out"
    logs_at = StepPlan.logs_at

    def move(plan, step):
        if step == 7:
            os.rename(out, tmp_path / "moved")
        return logs_at(plan, step)

    argv = command(folder, out, "--save_checkpoints_steps=5", epochs=3)
    with monkeypatch.context() as patch:
        patch.setattr(StepPlan, "logs_at", move)
        assert run_classifier.main(argv) == 1
    assert f"--output_dir={out} was deleted or moved" in caplog.text
    assert not out.exists()
    os.rename(tmp_path / "moved", out)
    caplog.clear()
    assert run_classifier.main(argv) == 0
    assert "step 5 of 15" in caplog.text


def test_sigterm_in_a_prediction_leaves_no_file_behind(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run_classifier.main(command(folder, out)) == 0
    before = sorted(os.listdir(out))

    def answers(*_):
        yield from ()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(
        "finetune.tasks.classification.problem_types.SingleLabel.prediction_rows", answers
    )
    argv = ["run_classifier.py", "--do_predict", f"--data_dir={folder}", f"--output_dir={out}"]
    assert run_classifier.main(argv) == 143
    assert sorted(os.listdir(out)) == before


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 700 kB, on systems where a test may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("No disk can be mounted here.")
    yield disk
    # Lazily: TensorFlow keeps the file for TensorBoard open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_leaves_the_last_good_checkpoint_whole(folder, tmp_path, small_disk, caplog):
    # Two checkpoints of some 320 kB have room, and none beside them while it is written.
    argv = command(folder, small_disk / "out", "--save_checkpoints_steps=2")
    assert run_classifier.main(argv) == 1
    line = r"no space is left on its disk. The last good checkpoint is (\S+)\. "
    good = re.search(line, caplog.text)
    there = sorted(path.name for path in (small_disk / "out").glob("train.ckpt-*.index"))
    assert os.path.basename(good[1]) + ".index" == there[-1]
    assert not list((small_disk / "out").glob("*tempstate*"))

    subprocess.run(["mount", "-o", "remount,size=3m", str(small_disk)], check=True)
    caplog.clear()
    assert run_classifier.main(argv) == 0
    assert f"Resuming from {good[1]}" in caplog.text
    assert run_classifier.main(command(folder, tmp_path / "straight")) == 0
    assert (tiny.weights(tmp_path / "straight")["output_weights"] ==
            tiny.weights(small_disk / "out")["output_weights"]).all()  # fmt: skip


def test_errors_of_full_disks_are_told_from_others():
    assert is_full_disk(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_full_disk(OSError(errno.EACCES, "Permission denied"))
    full = tf.errors.ResourceExhaustedError(None, None, "/x; No space left on device")
    assert is_full_disk(full)
    assert not is_full_disk(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))


def trainer(tmp_path, **settings):
    config = Config(do_train=True, output_dir=str(tmp_path), **settings)
    plan = StepPlan(num_train_steps=1, epoch_steps=1, log_every=1, save_every=1)
    return training.Trainer(config, plan, Goal("loss"), None)


def test_want_of_memory_is_answered_with_advice(tmp_path):
    class Greedy:
        def train(self, input_fn, hooks, max_steps):
            with tf.Graph().as_default(), tf.Session() as session:
                size = tf.constant([1 << 45])
                session.run(tf.random.uniform(size))  # 128 TiB

    settings = {"train_batch_size": 24, "gradient_accumulation_steps": 2, "max_seq_length": 128}
    with pytest.raises(InputError) as error:
        trainer(tmp_path, **settings).train(0, Greedy(), None)
    assert str(error.value) == (
        "Out of memory with --train_batch_size=24. Give --train_batch_size=12 "
        "--gradient_accumulation_steps=4 (which trains the same in less memory), or a "
        "--max_seq_length below 128, and --resume_with_changes=true if there is a checkpoint. "
        "No checkpoint was saved yet."
    )


@pytest.mark.parametrize("tensor", ["loss", "gradient"])
def test_what_is_no_number_ends_the_training_before_it_is_saved(
    folder, tmp_path, caplog, monkeypatch, tensor
):
    out = tmp_path / "out"

    original = WatchHook.after_run

    def spoilt(self, context, values):
        if self._step == 6:
            name = "loss_sum" if tensor == "loss" else "gradient_norm"
            values = values._replace(results=values.results._replace(**{name: float("nan")}))
        original(self, context, values)

    monkeypatch.setattr(WatchHook, "after_run", spoilt)
    assert run_classifier.main(command(folder, out, "--save_checkpoints_steps=1")) == 1
    assert re.search(r"The (loss|gradient) is not (a )?finite( number)? at step 7", caplog.text)
    assert f"The last good checkpoint is {out}/train.ckpt-6." in caplog.text


def test_no_line_is_kept_up_to_date_in_a_log(capsys):
    progress = Progress("Reading: ", "rows", 3)
    progress.add(1)
    progress.close()
    assert capsys.readouterr().err == ""
