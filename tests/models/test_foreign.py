"""Models in formats of TensorFlow 2 are called what they are."""

import subprocess
import sys
import tarfile

import pytest

from finetune.models import checkpoints
from finetune.util.errors import InputError
from tests.support.files import write
from tests.support.installs import assert_rejected

# Run in its own process: the tests use TensorFlow 1's behaviour.
SAVE = """
import sys
import tensorflow as tf
folder = sys.argv[1]
model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(2,))])
tf.train.Checkpoint(model=model).write(folder + "/bert_model.ckpt")
model.save(folder + "/saved")
model.save(folder + "/model.h5")
model.save(folder + "/model.keras")
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a model that TensorFlow 2 saved in each of its formats."""
    folder = tmp_path_factory.mktemp("saved")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""}
    command = [sys.executable, "-W", "ignore", "-c", SAVE, str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return folder


FORMATS = [
    ("bert_model.ckpt", r"is an object-based checkpoint of TensorFlow 2, whose variables"),
    ("saved", r"is a SavedModel \(the format of TensorFlow 2, Keras and TF-Hub\), not a"),
    ("model.h5", r"is a Keras model \(HDF5 weights\)\. This toolkit reads TensorFlow 1 check"),
    ("model.keras", r"is a Keras model \(HDF5 weights\)\. This toolkit reads TensorFlow 1 check"),
]


@pytest.mark.parametrize(("name", "message"), FORMATS)
def test_checkpoint_of_another_format_is_called_what_it_is(saved, name, message):
    with pytest.raises(InputError, match=f"{name} {message}") as caught:
        checkpoints.open_checkpoint(str(saved / name))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "message"), FORMATS[1:])
def test_prepare_model_calls_it_what_it_is(saved, tmp_path, name, message):
    assert_rejected(saved / name, tmp_path / "model_dir", f"{name} {message}")


def test_prepare_model_looks_into_an_archive_of_a_tf_hub_module(saved, tmp_path):
    write(saved / "saved" / "tfhub_module.pb", b"\x08\x03")
    with tarfile.open(tmp_path / "hub.tar.gz", "w:gz") as tar:
        tar.add(saved / "saved", "module")
    (saved / "saved" / "tfhub_module.pb").unlink()
    assert_rejected(
        tmp_path / "hub.tar.gz", tmp_path / "model_dir", r"hub\.tar\.gz is a TF-Hub mod"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert_model.ckpt.index", r"Specify their common name: \S+/bert_model\.ckpt\.$"),
        ("bert_model.ckpt.data-00000-of-00001", r"their common name: \S+/bert_model\.ckpt\.$"),
        ("", r"is a folder\. Specify the checkpoint in it: \S+/bert_model\.ckpt\.$"),
    ],
)
def test_file_or_folder_of_a_checkpoint_is_corrected(model, name, message):
    with pytest.raises(InputError, match=message):
        checkpoints.open_checkpoint(str(model / name).rstrip("/"))


def test_weights_of_hugging_face_are_to_be_converted(tmp_path):
    path = write(tmp_path / "model.safetensors", "")
    for found in (path, tmp_path):
        with pytest.raises(InputError, match="Convert it with `python prepare_model.py"):
            checkpoints.open_checkpoint(str(found))


def test_tensorflow_1_checkpoint_is_read(model):
    shapes = checkpoints.open_checkpoint(str(model / "bert_model.ckpt"))
    assert "bert/pooler/dense/kernel" in shapes.get_variable_to_shape_map()
