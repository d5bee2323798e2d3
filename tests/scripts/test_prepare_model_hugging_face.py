"""prepare_model.py with a folder in Hugging Face's format."""

import logging
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support import tiny
from tests.support.files import read_json, write
from tests.support.installs import (
    INSTALLED,
    QUERY_KERNEL,
    assert_rejected,
    assert_same_weights,
    names_in,
    prepare,
    weights_in,
)

HEAD = {
    "cls.predictions.bias": np.zeros(101, np.float32),
    "cls.predictions.transform.dense.weight": np.ones((32, 32), np.float32),
    "cls.seq_relationship.weight": np.ones((2, 32), np.float32),
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"extra": {"embeddings.position_ids": np.arange(64)[None]}},
        {"prefix": "bert.", "extra": HEAD},
        {
            "prefix": "bert.",
            "old_norm": True,
            "extra": {"bert.embeddings.position_ids": np.ones(64)},
        },
    ],
    ids=["bare", "with position_ids", "with prefix and head", "with gamma and beta"],
)
def test_hugging_face_folder_is_converted(hugging_face, arrays, model_dir, caplog, changes):
    folder = hugging_face(**changes)
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert names_in(model_dir) == sorted([*INSTALLED, "tokenizer_config.json"])
    # transformers' limit; Google's is 200
    assert read_json(model_dir / "tokenizer_config.json") == {"max_input_chars_per_word": 100}
    assert_same_weights(weights_in(model_dir), arrays)
    assert "2 layers, width 32" in caplog.text
    assert "uncased" in caplog.text
    for key in changes.get("extra", {}):
        assert key in caplog.text


def test_float16_weights_become_float32(hugging_face, arrays, model_dir):
    prepare(hugging_face(prefix="bert.", dtype=np.float16), model_dir)
    rounded = {name: a.astype(np.float16).astype(np.float32) for name, a in arrays.items()}
    assert_same_weights(weights_in(model_dir), rounded)


def test_tokenizer_config_is_installed_too(hugging_face, model_dir, caplog):
    folder = hugging_face()
    write(folder / "tokenizer_config.json", '{"do_lower_case": false}')
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert names_in(model_dir) == sorted([*INSTALLED, "tokenizer_config.json"])
    assert caplog.text.endswith(" tokens, cased\n")


def test_missing_pooler_is_accepted_and_logged(arrays, model_dir, tmp_path, caplog):
    without = {name: array for name, array in arrays.items() if "/pooler/" not in name}
    folder = tiny.write_hugging_face_model(tmp_path / "hf", without)
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert_same_weights(weights_in(model_dir), without)
    assert "without bert/pooler/dense/" in caplog.text


def test_missing_layer_is_rejected(arrays, model_dir, tmp_path):
    without = {name: array for name, array in arrays.items() if name != QUERY_KERNEL}
    folder = tiny.write_hugging_face_model(tmp_path / "hf", without)
    assert_rejected(folder, model_dir, rf"Missing: 1 \({QUERY_KERNEL}\)")


@pytest.mark.parametrize("tensors", [{}, HEAD], ids=["nothing", "head only"])
def test_safetensors_without_an_encoder_are_rejected(hugging_face, model_dir, tensors):
    folder = hugging_face()
    save_file(tensors, folder / "model.safetensors")
    assert_rejected(folder, model_dir, r"model\.safetensors|bert/embeddings/word_embeddings")


def test_truncated_safetensors_are_rejected(hugging_face, model_dir):
    folder = hugging_face()
    os.truncate(folder / "model.safetensors", 50021)
    assert_rejected(folder, model_dir, r"model\.safetensors: cannot be read as safetensors")
