"""Products in fewer digits: where the machine can, with a loss scale where gradients need one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
import run_classifier
from finetune import checkpoints, run_record, runner, session

ROOT = Path(__file__).resolve().parents[1]
ROWS = "label\ttext\n" + "good\ta fine film\nbad\ta dull one\n" * 6


@pytest.mark.parametrize(
    ("found", "refused"),
    [({"fma", "avx2"}, True), ({"amx_bf16"}, False), ({"avx512_bf16"}, False), (set(), True)],
)
def test_bf16_is_refused_where_it_would_be_slower(monkeypatch, found, refused):
    monkeypatch.setattr(session, "_processor_flags", lambda: found)
    session.refuse_precision(use_bf16=False, use_fp16=False)
    if refused:
        with pytest.raises(ValueError, match="neither AMX nor AVX512_BF16"):
            session.refuse_precision(use_bf16=True, use_fp16=False)
    else:
        session.refuse_precision(use_bf16=True, use_fp16=False)


def test_the_processors_instructions_are_read():
    if not Path("/proc/cpuinfo").exists() or "flags\t" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("not Linux on x86")
    assert "sse2" in session._processor_flags()  # Every x86-64 processor has it.
    assert not session._processor_flags() & {"", ":", "flags"}


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_fp16_is_refused_without_a_gpu(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: {"GPU": gpus}[kind])
    if gpus:
        session.refuse_precision(use_bf16=False, use_fp16=True)
        return
    with pytest.raises(ValueError, match="finds no GPU"):
        session.refuse_precision(use_bf16=False, use_fp16=True)


# 1 + 2^-9 has nine digits behind the point, of which bfloat16 keeps seven and float16 all.
PROGRAM = """
import sys
import numpy as np
import tensorflow.compat.v1 as tf
from finetune.session import make_session_config
tf.disable_v2_behavior()
with tf.Session(config=make_session_config(use_bf16=sys.argv[1] == "bf16")) as session:
    x = tf.placeholder(tf.float32, [64, 64])
    y = tf.nn.relu(tf.matmul(tf.nn.relu(x), tf.eye(64) + 0.0 * x)) - 1.0
    print("rest %.10g" % session.run(y, {x: np.eye(64) * (1 + 2.0**-9)})[0, 0])
"""


def test_bf16_has_products_in_bfloat16():
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
    """Trains by the given gradients; returns the weights, step and loss scale after each step."""
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


def test_a_loss_scale_changes_no_bit_of_the_training():
    # The scale is a power of two, so that to multiply and to divide by it is exact.
    gradients = np.random.RandomState(0).uniform(-2, 2, size=[5, 3]).astype(np.float32)
    plain, scaled = train(False, gradients), train(True, gradients)
    for (weights, step), (scaled_weights, scaled_step, scale) in zip(plain, scaled):
        np.testing.assert_array_equal(weights, scaled_weights)
        assert step == scaled_step
        assert scale == 2**15
    assert plain[-1][1] == 5


def test_a_step_that_overflows_changes_nothing_but_the_scale():
    # 1e35 times the scale, 2^15, is above the largest float32, 3.4e38; times 2^11, it is not.
    fine, too_large = [1.0, 2.0, 3.0], [1e35, 0.0, 0.0]
    history = train(True, [fine, too_large, too_large, fine])
    steps, scales = [int(h[1]) for h in history], [float(h[2]) for h in history]
    assert steps == [1, 2, 3, 4]  # The order of data goes by the step, so that all steps count.
    assert scales == [2**15, 2**14, 2**13, 2**13]
    np.testing.assert_array_equal(history[0][0], history[2][0])
    assert np.all(history[3][0] != history[2][0])


def test_a_loss_scale_under_several_replicas_is_refused():
    with tf.Graph().as_default(), tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        with pytest.raises(ValueError, match="not supported under tf.distribute"):
            optimization.create_optimizer(tf.constant(1.0), 0.1, 10, 0, scale_loss=True)


def command(model, tmp_path, *more):
    return ["run_classifier.py", "--task_name=binary", f"--data_dir={tmp_path}",
            f"--output_dir={tmp_path / 'out'}", f"--vocab_file={model / 'vocab.txt'}",
            f"--bert_config_file={model / 'bert_config.json'}", "--max_seq_length=16",
            f"--init_checkpoint={model / 'bert_model.ckpt'}", "--train_batch_size=4",
            "--learning_rate=1e-3", *more]  # fmt: skip


def test_fp16_trains_with_a_loss_scale_that_its_checkpoints_keep_and_the_model_leaves_out(
    model, tmp_path, monkeypatch
):
    (tmp_path / "train.tsv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "dev.tsv").write_text(ROWS, encoding="utf-8")
    monkeypatch.setattr(runner, "refuse_precision", lambda use_bf16, use_fp16: None)
    finish = checkpoints.finish_training
    scales = []

    def look_and_finish(output_dir):
        names = checkpoints.read_shapes(checkpoints.latest(output_dir))
        scales.extend(name for name in names if "scale" in name or "good_steps" in name)
        return finish(output_dir)

    monkeypatch.setattr(runner.checkpoints, "finish_training", look_and_finish)
    flags = ("--do_train", "--do_eval", "--use_fp16")
    assert run_classifier.main(command(model, tmp_path, *flags)) == 0
    assert sorted(scales) == ["current_loss_scale", "good_steps"]
    final = checkpoints.read_shapes(checkpoints.latest(str(tmp_path / "out")))
    assert "output_weights" in final and "global_step" in final
    assert not [name for name in final if "adam" in name or "scale" in name or "good" in name]
    assert run_record.load(str(tmp_path / "out")).settings["use_fp16"] is True


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--use_bf16"], 1, "neither AMX nor AVX512_BF16"),
        (["--use_fp16"], 1, "finds no GPU"),
        (["--use_bf16", "--use_fp16"], 2, "expected one of them"),
    ],
)
def test_a_precision_that_cannot_be_had_ends_with_a_line(
    model, tmp_path, monkeypatch, caplog, flags, status, message
):
    monkeypatch.setattr(session, "_processor_flags", lambda: {"avx2"})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert run_classifier.main(command(model, tmp_path, "--do_train", *flags)) == status
    assert message in caplog.text
    assert not (tmp_path / "out").exists()
