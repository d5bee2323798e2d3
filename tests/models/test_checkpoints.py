"""The load report, and errors about missing, mismatched and damaged checkpoints."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from finetune.models import checkpoints
from finetune.models.bert_shapes import shapes_of_bert
from finetune.util.errors import InputError
from tests.support.bert import make_config


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


def test_report_lists_matched_missing_unused_and_mismatched_variables(checkpoint):
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
    report.check_encoder()  # A new head and the sequence-output layer may be missing.
    assert str(report).split("\n")[1:] == [
        "  newly initialised: 2 (bert/sequence_output/dense/kernel, output_weights)",
        "  unused checkpoint variables: 2 (cls/predictions/bias, output_weights ([2, 5] in the "
        "checkpoint, [6, 5] in the config))",
        "  unused optimizer variables: 3",
    ]


def test_missing_or_mismatched_encoder_variable_is_rejected(checkpoint):
    with pytest.raises(InputError, match=r"Missing: 1 \(bert/embeddings/word_embeddings\)"):
        report_for(checkpoint, **{"bert/embeddings/word_embeddings": [7]}).check_encoder()
    with pytest.raises(InputError, match=r"kernel \(\[3, 5\] in the checkpoint, \[3, 4\] in the"):
        report_for(checkpoint, **{"bert/encoder/kernel": [3, 4]}).check_encoder()


def test_checkpoint_with_more_layers_than_the_config_is_rejected(tmp_path):
    checkpoints.write(
        str(tmp_path / "deep.ckpt"),
        {f"bert/encoder/layer_{i}/output/kernel": np.zeros(3, np.float32) for i in range(2)},
    )
    report = report_for(str(tmp_path / "deep.ckpt"), **{"bert/encoder/layer_0/output/kernel": [3]})
    with pytest.raises(InputError, match=r"Too many layers: 1 \(bert/encoder/layer_1/output/ker"):
        report.check_encoder()


def test_error_names_the_missing_or_damaged_checkpoint(tmp_path, checkpoint):
    with pytest.raises(InputError, match=r"none\.ckpt: no such checkpoint"):
        checkpoints.read_shapes(str(tmp_path / "none.ckpt"))
    (tmp_path / "model.ckpt.index").write_bytes(b"not an index")
    with pytest.raises(InputError, match=r"model\.ckpt: the checkpoint is damaged"):
        checkpoints.read_shapes(checkpoint)


@pytest.mark.parametrize(
    "changes",
    [{}, {"embedding_size": 13}, {"type_vocab_size": 0, "position_offset": 2}],
    ids=["BERT", "ELECTRA", "RoBERTa"],
)
def test_shapes_of_a_configuration_equal_those_of_its_graph(changes):
    config = make_config(**changes)
    with tf.Graph().as_default():
        modeling.BertModel(config, False, tf.placeholder(tf.int32, [None, None]))
        expected = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    assert shapes_of_bert(config) == expected
