"""Converting Hugging Face's names and layouts to Google's."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from finetune.models.families import FAMILIES, NO_HEAD, SEQUENCE, TOKEN
from finetune.models.hugging_face import google_names_of, read_weights
from finetune.util.errors import InputError
from tests.support import tiny

BERT = FAMILIES["bert"]


# Hugging Face's names are from google-bert/bert-base-uncased (gamma, beta) and from later models
# (weight, bias); Google's are from `tf.train.list_variables` on uncased_L-12_H-768_A-12.
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bert.embeddings.word_embeddings.weight", "bert/embeddings/word_embeddings"),
        ("bert.embeddings.position_embeddings.weight", "bert/embeddings/position_embeddings"),
        ("embeddings.token_type_embeddings.weight", "bert/embeddings/token_type_embeddings"),
        ("bert.embeddings.LayerNorm.weight", "bert/embeddings/LayerNorm/gamma"),
        ("embeddings.LayerNorm.bias", "bert/embeddings/LayerNorm/beta"),
        ("bert.embeddings.LayerNorm.gamma", "bert/embeddings/LayerNorm/gamma"),
        ("bert.embeddings.LayerNorm.beta", "bert/embeddings/LayerNorm/beta"),
        (
            "bert.encoder.layer.0.attention.self.query.weight",
            "bert/encoder/layer_0/attention/self/query/kernel",
        ),
        (
            "encoder.layer.11.attention.self.key.bias",
            "bert/encoder/layer_11/attention/self/key/bias",
        ),
        (
            "bert.encoder.layer.3.attention.output.LayerNorm.weight",
            "bert/encoder/layer_3/attention/output/LayerNorm/gamma",
        ),
        (
            "bert.encoder.layer.3.attention.output.dense.weight",
            "bert/encoder/layer_3/attention/output/dense/kernel",
        ),
        (
            "bert.encoder.layer.23.intermediate.dense.bias",
            "bert/encoder/layer_23/intermediate/dense/bias",
        ),
        ("bert.encoder.layer.3.output.dense.weight", "bert/encoder/layer_3/output/dense/kernel"),
        (
            "bert.encoder.layer.3.output.LayerNorm.beta",
            "bert/encoder/layer_3/output/LayerNorm/beta",
        ),
        ("bert.pooler.dense.weight", "bert/pooler/dense/kernel"),
        ("pooler.dense.bias", "bert/pooler/dense/bias"),
        ("bert.embeddings.position_ids", None),
        ("embeddings.position_ids", None),
        ("cls.predictions.bias", None),
        ("cls.predictions.decoder.weight", None),
        ("cls.predictions.transform.LayerNorm.weight", None),
        ("cls.seq_relationship.weight", None),
        ("classifier.weight", None),
        ("qa_outputs.bias", None),
    ],
)
def test_key_is_converted_to_googles_variable_name(key, expected):
    assert google_names_of([key], BERT, NO_HEAD).get(key) == expected


def test_every_weight_of_a_model_is_converted_to_googles_name():
    names = tiny.hugging_face_names(num_layers=3)
    assert sorted(names) == sorted(tiny.shapes(vocab_size=101, num_layers=3))
    for prefix in ("bert.", ""):
        keys = {prefix + key: google for google, key in names.items()}
        assert google_names_of(keys, BERT, NO_HEAD) == keys


def write_raw(path, key, dtype, shape, data):
    """Writes one tensor as the format specifies: length, JSON header, bytes."""
    # https://github.com/huggingface/safetensors#format
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    header = json.dumps({key: entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def test_only_kernels_are_transposed(tmp_path):
    rows = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    save_file(
        {
            "bert.encoder.layer.0.intermediate.dense.weight": rows,
            "bert.embeddings.word_embeddings.weight": rows,
            "bert.pooler.dense.bias": np.array([7, 8], np.float32),
        },
        tmp_path / "model.safetensors",
    )
    arrays, skipped = read_weights(str(tmp_path / "model.safetensors"), BERT, NO_HEAD)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "bert/encoder/layer_0/intermediate/dense/kernel": [[1, 4], [2, 5], [3, 6]],
        "bert/embeddings/word_embeddings": [[1, 2, 3], [4, 5, 6]],
        "bert/pooler/dense/bias": [7, 8],
    }
    assert skipped == []


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        # 1.0 and -2.5 in IEEE 754; bfloat16 is the upper half of float32.
        ("F32", bytes.fromhex("0000803f000020c0")),
        ("F16", bytes.fromhex("003c00c1")),
        ("BF16", bytes.fromhex("803f20c0")),
        ("F64", bytes.fromhex("000000000000f03f00000000000004c0")),
    ],
)
def test_weights_of_any_precision_are_converted_to_float32(tmp_path, dtype, data):
    write_raw(tmp_path / "model.safetensors", "bert.pooler.dense.bias", dtype, [2], data)
    arrays, _ = read_weights(str(tmp_path / "model.safetensors"), BERT, NO_HEAD)
    assert arrays["bert/pooler/dense/bias"].dtype == np.float32
    assert arrays["bert/pooler/dense/bias"].tolist() == [1.0, -2.5]


def test_heads_and_buffers_are_skipped_and_listed(tmp_path):
    save_file(
        {
            "bert.pooler.dense.bias": np.zeros(2, np.float32),
            "bert.embeddings.position_ids": np.arange(5),
            "cls.seq_relationship.bias": np.zeros(2, np.float32),
            "classifier.weight": np.zeros((3, 2), np.float32),
        },
        tmp_path / "model.safetensors",
    )
    arrays, skipped = read_weights(str(tmp_path / "model.safetensors"), BERT, NO_HEAD)
    assert list(arrays) == ["bert/pooler/dense/bias"]
    assert sorted(skipped) == [
        "bert.embeddings.position_ids",
        "classifier.weight",
        "cls.seq_relationship.bias",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 17\n",
        struct.pack("<Q", 2) + b"{]",
    ],
    ids=["empty", "Git LFS pointer", "malformed header"],
)
def test_file_that_is_not_safetensors_is_rejected(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be read as safetensors"):
        read_weights(str(path), BERT, NO_HEAD)


def test_truncated_file_is_rejected(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"bert.pooler.dense.weight": np.zeros((7, 7), np.float32)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be read as safetensors"):
        read_weights(str(path), BERT, NO_HEAD)


def test_unsupported_dtype_is_rejected(tmp_path):
    path = tmp_path / "model.safetensors"
    write_raw(path, "bert.pooler.dense.bias", "F8_E4M3", [2], b"\0\0")
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be read as safetensors"):
        read_weights(str(path), BERT, NO_HEAD)


# From the state dicts of transformers 5.23: each model's class, with a number of layers.
@pytest.mark.parametrize(
    ("family", "head", "key", "expected"),
    [
        ("bert", SEQUENCE, "classifier.weight", "output_weights"),
        ("bert", SEQUENCE, "bert.pooler.dense.bias", "bert/pooler/dense/bias"),
        ("bert", TOKEN, "classifier.bias", "output_bias"),
        ("roberta", NO_HEAD, "roberta.pooler.dense.weight", None),
        ("roberta", NO_HEAD, "lm_head.dense.weight", None),
        ("roberta", SEQUENCE, "classifier.dense.weight", "bert/pooler/dense/kernel"),
        ("roberta", SEQUENCE, "classifier.out_proj.bias", "output_bias"),
        ("roberta", TOKEN, "classifier.weight", "output_weights"),
        ("xlm-roberta", SEQUENCE, "classifier.out_proj.weight", "output_weights"),
        (
            "camembert",
            TOKEN,
            "roberta.encoder.layer.5.output.LayerNorm.bias",
            "bert/encoder/layer_5/output/LayerNorm/beta",
        ),
        ("distilbert", SEQUENCE, "pre_classifier.weight", "bert/pooler/dense/kernel"),
        ("distilbert", SEQUENCE, "classifier.weight", "output_weights"),
        (
            "distilbert",
            TOKEN,
            "distilbert.transformer.layer.2.attention.q_lin.weight",
            "bert/encoder/layer_2/attention/self/query/kernel",
        ),
        (
            "distilbert",
            TOKEN,
            "distilbert.transformer.layer.2.sa_layer_norm.weight",
            "bert/encoder/layer_2/attention/output/LayerNorm/gamma",
        ),
        (
            "distilbert",
            NO_HEAD,
            "transformer.layer.0.ffn.lin2.bias",
            "bert/encoder/layer_0/output/dense/bias",
        ),
        ("electra", SEQUENCE, "classifier.dense.bias", "bert/pooler/dense/bias"),
        ("electra", TOKEN, "electra.embeddings_project.weight", "bert/embeddings_project/kernel"),
        ("electra", NO_HEAD, "discriminator_predictions.dense.weight", None),
    ],
)
def test_tensors_of_other_families_have_googles_names(family, head, key, expected):
    assert google_names_of([key], FAMILIES[family], head).get(key) == expected
