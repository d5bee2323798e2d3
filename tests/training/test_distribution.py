"""Which devices train, and a training run on two of them from flags to results."""

import pytest
import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.output import train_log
from finetune.training import distribution
from finetune.util.errors import InputError
from tests.support.processes import run_python
from tests.support.reviews import same_weights


@pytest.fixture
def gpus(monkeypatch):
    """Returns a function that sets how many GPUs TensorFlow finds."""

    def set_number(number):
        found = {"GPU": ["gpu"] * number, "CPU": ["cpu"]}
        monkeypatch.setattr(tf.config, "list_physical_devices", found.get)
        monkeypatch.setattr(tf.config, "list_logical_devices", found.get)

    return set_number


def chosen(**flags):
    return distribution._chosen(Config(do_train=True, output_dir="out", **flags))


@pytest.mark.parametrize(
    ("number", "flags", "names"),
    [
        (0, {}, []),
        (1, {}, ["/gpu:0"]),
        (3, {}, ["/gpu:0", "/gpu:1", "/gpu:2"]),
        (3, {"num_gpus": 2}, ["/gpu:0", "/gpu:1"]),
        (3, {"distribution": "none"}, []),
        (2, {"distribution": "mirrored"}, ["/gpu:0", "/gpu:1"]),
    ],
)
def test_all_gpus_train_by_default(gpus, number, flags, names):
    gpus(number)
    assert chosen(**flags) == names


def test_one_device_needs_no_strategy(gpus):
    for number, flags in ((0, {}), (1, {}), (3, {"num_gpus": 1}), (3, {"distribution": "none"})):
        gpus(number)
        config = Config(do_train=True, output_dir="out", **flags)
        assert distribution.find_devices(config) is None


@pytest.mark.parametrize(
    ("number", "flags", "message"),
    [
        (0, {"num_gpus": 1}, "--num_gpus=1: TensorFlow finds 0 GPUs."),
        (2, {"num_gpus": 3}, "--num_gpus=3: TensorFlow finds 2 GPUs."),
        (1, {"distribution": "mirrored"}, "requires at least 2 GPUs; found 1."),
        (3, {"distribution": "mirrored", "num_gpus": 1}, "found 1 (--num_gpus=1)."),
    ],
)
def test_missing_gpus_are_reported(gpus, number, flags, message):
    gpus(number)
    with pytest.raises(InputError) as error:
        chosen(**flags)
    assert message in str(error.value)
    assert "docs/gpus.md" in str(error.value)


# Trains on two logical CPU devices without a break, and with a signal after step 3. Logical devices
# need a process of their own.
TRAINING = """
import os, pathlib, signal, sys
import tests.support.tensorflow_v1
import tensorflow.compat.v1 as tf
from finetune.training.hooks import WatchHook
from tests.support import reviews

(device,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
folder = reviews.make_folder(pathlib.Path(sys.argv[1]), num_layers=1)
flags = {"distribution": "mirrored", "eval_every": 2, "gradient_accumulation_steps": 2}

def train(out, status=0):
    reviews.train(folder, folder / out, "--do_eval", status=status, **flags, train_batch_size=4)

def after_run(self, run_context, run_values):
    watch(self, run_context, run_values)
    if self._step == 3:
        os.kill(os.getpid(), signal.SIGTERM)

train("whole")
watch, WatchHook.after_run = WatchHook.after_run, after_run
train("stopped", status=128 + signal.SIGTERM)
WatchHook.after_run = watch
train("stopped")
"""


@pytest.mark.slow
def test_training_on_two_devices_evaluates_and_resumes(tmp_path):
    messages = run_python("-c", TRAINING, tmp_path)
    assert "Training on 2 CPUs: --train_batch_size=4 is divided among them" in messages
    assert f"Resuming from {tmp_path / 'stopped' / 'train.ckpt-3'}, step 3 of 6" in messages
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in ("", "best"):
        assert same_weights(whole / folder, stopped / folder)
    rows = [train_log.read(out) for out in (whole, stopped)]
    assert [row["step"] for row in train_log.evaluations_of(rows[0])] == [2, 4, 6]
    assert train_log.evaluations_of(rows[0]) == train_log.evaluations_of(rows[1])
    losses = [[row["loss"] for row in some if "learning_rate" in row] for some in rows]
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
