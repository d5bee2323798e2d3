"""Load report, weights-only checkpoint at the end of a training, and what damage is called."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny

import modeling
from finetune import checkpoints


@pytest.fixture
def checkpoint(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    checkpoints.write(
        prefix,
        {
            "bert/encoder/kernel": np.arange(15, dtype=np.float32).reshape(3, 5),
            "bert/encoder/kernel/adam_m": np.zeros((3, 5), np.float32),
            "bert/encoder/kernel/adam_v": np.zeros((3, 5), np.float32),
            "cls/predictions/bias": np.zeros(7, np.float32),
            "output_weights": np.zeros((2, 5), np.float32),
            "global_step": np.int64(11),
        },
    )
    return prefix


def report_for(checkpoint, **shapes):
    return checkpoints.load_report(shapes, checkpoint)


def test_report_tells_matched_missing_unused_and_mismatched_apart(checkpoint):
    report = report_for(
        checkpoint,
        **{
            "bert/encoder/kernel": [3, 5],
            "bert/sequence_output/dense/kernel": [5, 5],
            "output_weights": [6, 5],
        },
    )
    assert report.matched == ["bert/encoder/kernel"]
    assert report.missing == ["bert/sequence_output/dense/kernel"]
    assert list(report.mismatched) == ["output_weights"]
    report.refuse_wrong_encoder()  # A new head and the sequence-output pooler may be missing.
    assert str(report).split("\n")[1:] == [
        "  new, to be trained from scratch: 2 (bert/sequence_output/dense/kernel, output_weights)",
        "  in the checkpoint, not used: 2 (cls/predictions/bias, output_weights ([2, 5] in the "
        "checkpoint, [6, 5] by the config))",
        "  optimizer state, not used: 3",
    ]


def test_an_encoder_variable_that_is_missing_or_of_another_shape_is_refused(checkpoint):
    with pytest.raises(ValueError, match=r"Missing: 1 \(bert/embeddings/word_embeddings\)"):
        report_for(checkpoint, **{"bert/embeddings/word_embeddings": [7]}).refuse_wrong_encoder()
    with pytest.raises(ValueError, match=r"kernel \(\[3, 5\] in the checkpoint, \[3, 4\] by the"):
        report_for(checkpoint, **{"bert/encoder/kernel": [3, 4]}).refuse_wrong_encoder()


def test_a_checkpoint_of_more_layers_than_the_config_is_refused(tmp_path):
    checkpoints.write(
        str(tmp_path / "deep.ckpt"),
        {f"bert/encoder/layer_{i}/output/kernel": np.zeros(3, np.float32) for i in range(2)},
    )
    report = report_for(str(tmp_path / "deep.ckpt"), **{"bert/encoder/layer_0/output/kernel": [3]})
    with pytest.raises(ValueError, match=r"Layers too many: 1 \(bert/encoder/layer_1/output/ker"):
        report.refuse_wrong_encoder()


def test_finished_training_keeps_the_weights_alone_under_a_relative_name(tmp_path, monkeypatch):
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=np.arange(7, dtype=np.float32))
        tf.get_variable("w/adam_m", [7])
        step = tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        session.run(step.assign(5))
        saver = tf.train.Saver(save_relative_paths=True)
        saver.save(session, str(tmp_path / "train.ckpt"), global_step=5)
        expected = session.run(weight)
    # A relative directory is the case in which TensorFlow rewrites names by itself.
    monkeypatch.chdir(tmp_path.parent)
    final = checkpoints.finish_training(tmp_path.name)
    assert final == f"{tmp_path.name}/model.ckpt-5"
    assert 'model_checkpoint_path: "model.ckpt-5"' in (tmp_path / "checkpoint").read_text()
    assert not list(tmp_path.glob("train.ckpt*"))

    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    reader = tf.train.load_checkpoint(checkpoints.latest(str(moved)))
    assert set(reader.get_variable_to_shape_map()) == {"w", "global_step"}
    assert np.array_equal(reader.get_tensor("w"), expected)
    assert checkpoints.step_of(checkpoints.latest(str(moved))) == 5
    # Called again, as after a kill in its midst, it changes nothing.
    assert checkpoints.finish_training(str(moved)) == str(moved / "model.ckpt-5")


def test_missing_and_damaged_checkpoints_are_named(tmp_path, checkpoint):
    with pytest.raises(ValueError, match=r"none\.ckpt: no such checkpoint"):
        checkpoints.read_shapes(str(tmp_path / "none.ckpt"))
    (tmp_path / "model.ckpt.index").write_bytes(b"not an index")
    with pytest.raises(ValueError, match=r"model\.ckpt: the checkpoint is damaged"):
        checkpoints.read_shapes(checkpoint)


def test_the_shapes_of_a_configuration_are_those_of_its_graph():
    config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=12))
    with tf.Graph().as_default():
        modeling.BertModel(config, False, tf.placeholder(tf.int32, [None, None]))
        expected = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    # With eleven layers and more, "layer_1" is the beginning of another's name.
    assert checkpoints._shapes_of_bert(config) == expected
    assert config.num_hidden_layers == 12


@pytest.mark.parametrize(
    ("damage", "step"),
    [("none", 2), ("truncated", 1), ("zeroed", 1), ("missing", 1), ("index", 1), ("state", 2)],
)
def test_the_newest_whole_checkpoint_is_the_one_to_go_on_from(tmp_path, caplog, damage, step):
    for number in (1, 2):
        arrays = {"global_step": np.int64(number), "w": np.arange(100.0) * number}
        checkpoints.write(str(tmp_path / f"train.ckpt-{number}"), arrays)
    names = ["train.ckpt-1", "train.ckpt-2"]
    tf.train.update_checkpoint_state(str(tmp_path), names[-1], names)
    (tmp_path / "train.ckpt-3.data-00000-of-00001.tempstate12").write_bytes(b"half")
    data, index = (tmp_path / f"train.ckpt-2.{end}" for end in ("data-00000-of-00001", "index"))
    {
        "none": lambda: None,
        "truncated": lambda: data.write_bytes(data.read_bytes()[:99]),
        "zeroed": lambda: data.write_bytes(bytes(len(data.read_bytes()))),
        "missing": data.unlink,
        "index": index.unlink,
        "state": lambda: (tmp_path / "checkpoint").write_bytes(b""),
    }[damage]()
    found = checkpoints.resumable(str(tmp_path))
    assert found == str(tmp_path / f"train.ckpt-{step}")
    assert ("train.ckpt-2" in caplog.text and "passed over" in caplog.text) == (step == 1)
    # It is what TensorFlow takes, too, and nothing but what was never finished is removed.
    assert tf.train.latest_checkpoint(str(tmp_path)) == found
    assert not list(tmp_path.glob("*tempstate*"))
    assert (tmp_path / "train.ckpt-1.index").exists()
