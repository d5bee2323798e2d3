"""Set TensorFlow up as the scripts do, and make the project importable."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pytest  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
import tiny  # noqa: E402

tf.disable_v2_behavior()
tf.enable_resource_variables()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a random BERT of one layer, in Google's form."""
    folder = tmp_path_factory.mktemp("model")
    tiny.write_google_model(folder, num_layers=1)
    return folder
