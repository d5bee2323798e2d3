"""Mixed precision: its hardware requirements, its effect, and the loss scale of float16."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from finetune.models import checkpoints
from finetune.output import run_record, training_checkpoints
from finetune.runs import resolve
from finetune.training import session
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.commands import CLASSIFIER, run
from tests.support.files import write

pytestmark = pytest.mark.slow

ROWS = "label\ttext\n" + "good\ta fine film\nbad\ta dull one\n" * 6


@pytest.mark.parametrize(
    ("found", "rejected"),
    [({"fma", "avx2"}, True), ({"amx_bf16"}, False), ({"avx512_bf16"}, False), (set(), True)],
)
def test_bf16_is_rejected_if_it_would_be_slower(monkeypatch, found, rejected):
    monkeypatch.setattr(session, "_processor_flags", lambda: found)
    session.check_precision(use_bf16=False, use_fp16=False)
    if rejected:
        with pytest.raises(InputError, match="neither AMX nor AVX512_BF16"):
            session.check_precision(use_bf16=True, use_fp16=False)
    else:
        session.check_precision(use_bf16=True, use_fp16=False)


def test_processor_flags_are_read():
    if not Path("/proc/cpuinfo").exists() or "flags\t" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("not Linux on x86")
    assert "sse2" in session._processor_flags()  # Every x86-64 processor has it.
    assert not session._processor_flags() & {"", ":", "flags"}


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_fp16_is_rejected_without_a_gpu(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: {"GPU": gpus}[kind])
    if gpus:
        session.check_precision(use_bf16=False, use_fp16=True)
        return
    with pytest.raises(InputError, match="finds no GPU"):
        session.check_precision(use_bf16=False, use_fp16=True)


# 1 + 2^-9 has nine binary digits after the point. bfloat16 keeps seven of them, float16 all.
PROGRAM = """
import sys
import numpy as np
import tensorflow.compat.v1 as tf
from finetune.training.session import make_session_config
tf.disable_v2_behavior()
with tf.Session(config=make_session_config(use_bf16=sys.argv[1] == "bf16")) as session:
    x = tf.placeholder(tf.float32, [64, 64])
    y = tf.nn.relu(tf.matmul(tf.nn.relu(x), tf.eye(64) + 0.0 * x)) - 1.0
    print("rest %.10g" % session.run(y, {x: np.eye(64) * (1 + 2.0**-9)})[0, 0])
"""


def test_bf16_multiplies_in_bfloat16():
    if not session._processor_flags() & {"avx512f", "avx512_bf16", "amx_bf16"}:
        pytest.skip("oneDNN has no bfloat16 on this processor")
    rests = []
    for precision in ("bf16", "float32"):
        process = subprocess.run(
            [sys.executable, "-c", PROGRAM, precision], cwd=ROOT, capture_output=True, text=True
        )
        assert "rest" in process.stdout, process.stderr[-2000:]
        rests.append(float(process.stdout.split()[1]))
    assert rests == [0.0, 2.0**-9]


def train(scale_loss, gradients):
    """Trains with fixed gradients; returns weights, step and loss scale after each step."""
    history = []
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [3])
        weights = tf.get_variable("weights", initializer=tf.constant([0.5, -0.25, 2.0]))
        loss = tf.reduce_sum(weights * x)
        op = optimization.create_optimizer(loss, 0.1, 100, 0, scale_loss=scale_loss)
        sess.run(tf.global_variables_initializer())
        state = [weights, tf.train.get_global_step()]
        state += [v for v in tf.global_variables() if v.op.name == "current_loss_scale"]
        for gradient in gradients:
            sess.run(op, {x: gradient})
            history.append([np.array(value) for value in sess.run(state)])
    return history


def test_loss_scale_does_not_change_the_weights():
    # The scale is a power of two, so multiplying and dividing by it is exact.
    gradients = np.random.RandomState(0).uniform(-2, 2, size=[5, 3]).astype(np.float32)
    plain, scaled = train(False, gradients), train(True, gradients)
    for (weights, step), (scaled_weights, scaled_step, scale) in zip(plain, scaled):
        np.testing.assert_array_equal(weights, scaled_weights)
        assert step == scaled_step
        assert scale == 2**15
    assert plain[-1][1] == 5


def test_overflowing_step_changes_only_the_loss_scale():
    # 1e35 exceeds the largest float32, 3.4e38, when multiplied by a scale of 2^15 or of 2^14.
    fine, too_large = [1.0, 2.0, 3.0], [1e35, 0.0, 0.0]
    history = train(True, [fine, too_large, too_large, fine])
    steps, scales = [int(h[1]) for h in history], [float(h[2]) for h in history]
    # Skipped steps count, because the order of the data depends on the step.
    assert steps == [1, 2, 3, 4]
    assert scales == [2**15, 2**14, 2**13, 2**13]
    np.testing.assert_array_equal(history[0][0], history[2][0])
    assert np.all(history[3][0] != history[2][0])


def run_classifier(model, tmp_path, *arguments, **flags):
    """Runs the classifier on a few rows; returns the exit status."""
    write(tmp_path / "train.tsv", ROWS)
    write(tmp_path / "dev.tsv", ROWS)
    files = {"data_dir": tmp_path, "output_dir": tmp_path / "out"}
    settings = {"task_name": "binary", "train_batch_size": 4, "learning_rate": 1e-3}
    return run(CLASSIFIER, *arguments, model=model, **files, **settings, **flags)


def test_fp16_keeps_its_loss_scale_in_checkpoints_but_not_in_the_model(
    model, tmp_path, monkeypatch
):
    monkeypatch.setattr(resolve, "check_precision", lambda use_bf16, use_fp16: None)
    finish = training_checkpoints.finish_training
    scales = []

    def record_and_finish(output_dir):
        names = checkpoints.read_shapes(training_checkpoints.latest(output_dir))
        scales.extend(name for name in names if "scale" in name or "good_steps" in name)
        return finish(output_dir)

    monkeypatch.setattr(training_checkpoints, "finish_training", record_and_finish)
    flags = ("--do_train", "--do_eval", "--use_fp16")
    assert run_classifier(model, tmp_path, *flags) == 0
    assert sorted(scales) == ["current_loss_scale", "good_steps"]
    final = checkpoints.read_shapes(training_checkpoints.latest(str(tmp_path / "out")))
    assert "output_weights" in final and "global_step" in final
    assert not [name for name in final if "adam" in name or "scale" in name or "good" in name]
    assert run_record.load(str(tmp_path / "out")).settings["use_fp16"] is True


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--use_bf16"], 1, "neither AMX nor AVX512_BF16"),
        (["--use_fp16"], 1, "finds no GPU"),
        (["--use_bf16", "--use_fp16"], 2, "--use_bf16 and --use_fp16 cannot be combined"),
    ],
)
def test_unavailable_precision_is_rejected_in_one_line(
    model, tmp_path, monkeypatch, caplog, flags, status, message
):
    monkeypatch.setattr(session, "_processor_flags", lambda: {"avx2"})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert run_classifier(model, tmp_path, "--do_train", *flags) == status
    assert message in caplog.text
    assert not (tmp_path / "out").exists()
