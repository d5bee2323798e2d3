"""The training hooks: what they log, when they save, and how they end a training run."""

import math
import shutil
import types

import pytest

from finetune.models.model_fn import Watched
from finetune.training import hooks
from finetune.training.hooks import Diverged, SaverHook, StopHook, WatchHook
from finetune.training.step_plan import StepPlan
from finetune.util.errors import InputError
from finetune.util.signals import Interrupter, StopRequest
from tests.support.tensorflow_v1 import tf

PLAN = StepPlan(num_train_steps=5, epoch_steps=2, log_every=2, save_every=2)


def watched(loss_sum=0.0, weight=4.0, rows=4, wordpieces=20, norm=0.5, ends_step=True):
    return Watched(loss_sum, weight, rows, wordpieces, 0.25, norm, ends_step, 0.0)


class FakeLog:
    """Collects the rows that a hook logs."""

    def __init__(self):
        self.rows = []

    def write(self, step, epoch, values):
        self.rows.append({"step": step, "epoch": epoch, **values})

    def seconds(self):
        return 7.5


@pytest.fixture
def clock(monkeypatch):
    """The time that hooks see."""
    now = types.SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(hooks.time, "monotonic", lambda: now.seconds)
    return now


def start(start_step=0, skips_overflows=False):
    """Returns a hook at the start of a training run, and its log."""
    log = FakeLog()
    hook = WatchHook(PLAN, log, skips_overflows=skips_overflows)
    hook.after_create_session(types.SimpleNamespace(run=lambda tensor: start_step), None)
    return hook, log


def step(hook, *parts):
    for part in parts:
        hook.after_run(None, types.SimpleNamespace(results=part))


def test_logged_loss_is_the_mean_of_the_steps_since_the_last_line(clock):
    hook, log = start()
    for loss_sum in (4.0, 8.0, 2.0, 4.0, 3.0):  # Mean losses 1, 2, 0.5, 1 and 0.75
        clock.seconds += 2.0
        step(hook, watched(loss_sum))
    hook.close()
    assert [(row["step"], row["epoch"], row["loss"]) for row in log.rows] == [
        (2, 1.0, 1.5),
        (4, 2.0, 0.75),
        (5, 2.5, 0.75),
    ]
    assert list(log.rows[0]) == [
        "step", "epoch", "loss", "learning_rate", "gradient_norm", "examples_per_second",
        "tokens_per_second", "seconds",
    ]  # fmt: skip
    assert (log.rows[0]["learning_rate"], log.rows[0]["gradient_norm"]) == (0.25, 0.5)


def test_speed_excludes_the_first_step_and_evaluations(clock):
    hook, log = start()
    clock.seconds += 60.0
    step(hook, watched())  # Not timed
    clock.seconds += 32.0
    hook.exclude(30.0)
    step(hook, watched(rows=6, wordpieces=34))
    hook.close()
    assert (log.rows[0]["examples_per_second"], log.rows[0]["tokens_per_second"]) == (3.0, 17.0)


def test_parts_of_a_batch_count_as_one_step(clock):
    hook, log = start()
    clock.seconds += 1.0
    for _ in range(2):
        # The mean over all 4 rows: (1 + 8) / (1 + 3).
        step(hook, watched(1.0, weight=1.0, ends_step=False), watched(8.0, weight=3.0))
    hook.close()
    assert [(row["step"], row["loss"]) for row in log.rows] == [(2, 2.25)]


def test_resumed_training_run_continues_the_step_count(clock):
    hook, log = start(start_step=3)
    clock.seconds += 1.0
    step(hook, watched(4.0))
    hook.close()
    assert [row["step"] for row in log.rows] == [4]


@pytest.mark.parametrize("loss_sum", [math.nan, math.inf])
def test_non_finite_loss_ends_training(clock, loss_sum):
    hook, _ = start(start_step=2)
    with pytest.raises(Diverged, match="^The loss is not a finite number at step 3$"):
        step(hook, watched(loss_sum))


def test_non_finite_gradient_ends_training(clock):
    hook, _ = start()
    with pytest.raises(Diverged, match="^The gradient is not finite at step 1$"):
        step(hook, watched(norm=math.inf))


def test_overflow_skipped_by_the_loss_scale_is_logged_without_a_gradient_norm(clock):
    hook, log = start(skips_overflows=True)
    clock.seconds += 1.0
    step(hook, watched(norm=0.5), watched(norm=math.inf))
    hook.close()
    assert [(row["step"], row["gradient_norm"]) for row in log.rows] == [(2, None)]


def test_log_line_shows_the_remaining_time(clock, caplog, monkeypatch):
    monkeypatch.setattr(hooks, "on_terminal", lambda: False)
    caplog.set_level("INFO")
    hook, _ = start()
    step(hook, watched(4.0))
    clock.seconds += 2.0
    step(hook, watched(8.0, rows=6, wordpieces=34))
    assert caplog.messages == [
        "step 2 of 5, epoch 1.00: loss 1.5000, learning rate 2.50e-01, 3.0 examples/s, "
        "17 tokens/s, 0:06 left"
    ]


def saved_steps(folder, after_save, num_steps=5, delete_at=None):
    """Runs a session with the hook; returns the steps with which `after_save` was called."""
    saved = []

    def record_and_return(step):
        saved.append(step)
        return after_save(step)

    with tf.Graph().as_default():
        add = tf.train.get_or_create_global_step().assign_add(1)
        hook = SaverHook(str(folder), PLAN, record_and_return)
        with tf.train.MonitoredSession(hooks=[hook]) as session:
            for number in range(num_steps):
                if number == delete_at:
                    shutil.rmtree(folder)
                if not session.should_stop():
                    session.run(add)
    return saved


def test_checkpoints_are_saved_when_due_and_at_the_end_but_not_at_the_start(tmp_path):
    assert saved_steps(tmp_path, lambda step: False) == [2, 4, 5]
    assert sorted(path.name for path in tmp_path.glob("*.index")) == [
        "train.ckpt-2.index",
        "train.ckpt-4.index",
        "train.ckpt-5.index",
    ]


def test_training_ends_if_after_save_returns_true(tmp_path):
    assert saved_steps(tmp_path, lambda step: step == 2) == [2]


def test_deleted_output_directory_is_not_recreated(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(InputError) as error:
        saved_steps(folder, lambda step: False, delete_at=0)
    assert str(error.value).startswith(
        f"--output_dir={folder} was deleted or moved during training."
    )
    assert not folder.exists()


@pytest.mark.parametrize(("signal", "stops"), [(None, False), (15, True)])
def test_signal_ends_training_after_the_current_step(signal, stops):
    request = StopRequest(Interrupter())
    request.signal = signal
    calls = []
    context = types.SimpleNamespace(request_stop=lambda: calls.append("stop"))
    StopHook(request).after_run(context, None)
    assert calls == ["stop"] * stops
