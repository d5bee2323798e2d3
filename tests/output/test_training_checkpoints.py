"""Checkpoints of a training run: the final one with only the weights, and the one to resume."""

import numpy as np
import pytest

from finetune.models import checkpoints
from finetune.output import training_checkpoints
from tests.support.tensorflow_v1 import tf


def test_finished_training_run_keeps_only_the_weights_under_a_relative_name(tmp_path, monkeypatch):
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=np.arange(7, dtype=np.float32))
        tf.get_variable("w/adam_m", [7])
        step = tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        session.run(step.assign(5))
        saver = tf.train.Saver(save_relative_paths=True)
        saver.save(session, str(tmp_path / "train.ckpt"), global_step=5)
        expected = session.run(weight)
    # If the directory's path is relative, TensorFlow rewrites the names.
    monkeypatch.chdir(tmp_path.parent)
    final = training_checkpoints.finish_training(tmp_path.name)
    assert final == f"{tmp_path.name}/model.ckpt-5"
    assert 'model_checkpoint_path: "model.ckpt-5"' in (tmp_path / "checkpoint").read_text()
    assert not list(tmp_path.glob("train.ckpt*"))

    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    reader = tf.train.load_checkpoint(training_checkpoints.latest(str(moved)))
    assert set(reader.get_variable_to_shape_map()) == {"w", "global_step"}
    assert np.array_equal(reader.get_tensor("w"), expected)
    assert training_checkpoints.step_of(training_checkpoints.latest(str(moved))) == 5
    # A second call, as after a kill during the first one, changes nothing.
    assert training_checkpoints.finish_training(str(moved)) == str(moved / "model.ckpt-5")


@pytest.mark.parametrize(
    ("damage", "step"),
    [("none", 2), ("truncated", 1), ("zeroed", 1), ("missing", 1), ("index", 1), ("state", 2)],
)
def test_training_resumes_from_the_newest_intact_checkpoint(tmp_path, caplog, damage, step):
    for number in (1, 2):
        arrays = {"global_step": np.int64(number), "w": np.arange(100.0) * number}
        checkpoints.write(str(tmp_path / f"train.ckpt-{number}"), arrays)
    names = ["train.ckpt-1", "train.ckpt-2"]
    tf.train.update_checkpoint_state(str(tmp_path), names[-1], names)
    data, index = (tmp_path / f"train.ckpt-2.{end}" for end in ("data-00000-of-00001", "index"))
    {
        "none": lambda: None,
        "truncated": lambda: data.write_bytes(data.read_bytes()[:99]),
        "zeroed": lambda: data.write_bytes(bytes(len(data.read_bytes()))),
        "missing": data.unlink,
        "index": index.unlink,
        "state": lambda: (tmp_path / "checkpoint").write_bytes(b""),
    }[damage]()
    found = training_checkpoints.resumable(str(tmp_path))
    assert found == str(tmp_path / f"train.ckpt-{step}")
    assert ("train.ckpt-2" in caplog.text and "Skipped: " in caplog.text) == (step == 1)
    # TensorFlow resumes from the same checkpoint, and no other is deleted.
    assert tf.train.latest_checkpoint(str(tmp_path)) == found
    assert (tmp_path / "train.ckpt-1.index").exists()
