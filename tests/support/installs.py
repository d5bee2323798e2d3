"""Run prepare_model.py, make the archives that it reads, and check the installed model."""

import hashlib
import logging
import os
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import prepare_model
from finetune.util.errors import InputError
from tests.support.files import read_json, write_json

DATA = "bert_model.ckpt.data-00000-of-00001"
INDEX = "bert_model.ckpt.index"
GOOGLE_FILES = ["bert_config.json", DATA, INDEX, "vocab.txt"]
INSTALLED = sorted([*GOOGLE_FILES, "model_info.json"])
QUERY_KERNEL = "bert/encoder/layer_1/attention/self/query/kernel"


def prepare(source, model_dir, overwrite=False):
    """Installs a model as prepare_model.py does."""
    prepare_model.prepare(str(source), str(model_dir), overwrite)


def run_main(capsys, *arguments):
    """Runs `main` without changing the logging of the tests; returns its status and its stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        status = prepare_model.main(["prepare_model.py", *map(str, arguments)])
    finally:
        root.handlers = handlers
        root.setLevel(level)
    return status, capsys.readouterr().err


def contents(folder):
    """Returns the bytes of each file in a folder by its relative path."""
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def names_in(folder):
    """Returns the sorted names in a folder; none if it does not exist."""
    return sorted(os.listdir(folder)) if folder.exists() else []


def weights_in(folder):
    """Returns the installed weights by name."""
    reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_weights(found, expected):
    """Asserts that weights have the same names, dtype and bits."""
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def assert_rejected(source, model_dir, match, overwrite=False):
    """Asserts that a source is rejected and the folder unchanged; returns the message."""
    before = contents(model_dir)
    with pytest.raises(InputError, match=match) as caught:
        prepare(source, model_dir, overwrite)
    assert contents(model_dir) == before
    assert names_in(model_dir) == sorted(before), "a scratch folder remains"
    return str(caught.value)


def edit_config(folder, **changes):
    """Changes values of bert_config.json."""
    path = folder / "bert_config.json"
    write_json(path, {**read_json(path), **changes})


def change_byte(path, at):
    """Inverts all bits of one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 255
    path.write_bytes(data)


def sha256(path):
    """Returns the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    """Writes an archive of {member: its bytes, or the path of a file}, in that order."""
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for member, content in files.items():
            data = content.read_bytes() if isinstance(content, pathlib.Path) else content
            zipped.writestr(member, data)
    return path


def released_layout(folder):
    """Returns the members of an archive like Google's: all in one folder, with a graph."""
    scope = "uncased_L-2_H-32_A-4/"
    files = {scope: b"", scope + "bert_model.ckpt.meta": b"A graph that is not needed."}
    return {**files, **{scope + name: folder / name for name in GOOGLE_FILES}}
