"""Set TensorFlow up as the scripts do, and make the project importable."""

import logging
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

_make_record = logging.getLogRecordFactory()


def _make_sendable_record(*args, **kwargs):
    # A file's name that is not UTF-8 has lone surrogates, and pytest-xdist ends where it is to send
    # such a message from one process to another.
    record = _make_record(*args, **kwargs)
    record.msg = record.getMessage().encode("utf-8", "backslashreplace").decode("utf-8")
    record.args = None
    return record


logging.setLogRecordFactory(_make_sendable_record)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a random BERT of one layer, in Google's form."""
    folder = tmp_path_factory.mktemp("model")
    tiny.write_google_model(folder, num_layers=1)
    return folder
