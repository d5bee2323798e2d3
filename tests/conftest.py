"""What all tests share. Importing this does not import TensorFlow, which takes seconds."""

import importlib
import logging
import os
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_make_record = logging.getLogRecordFactory()


def _make_sendable_record(*args, **kwargs):
    # A file name that is not UTF-8 contains lone surrogates, which pytest-xdist cannot send from
    # one process to another.
    record = _make_record(*args, **kwargs)
    record.msg = record.getMessage().encode("utf-8", "backslashreplace").decode("utf-8")
    record.args = None
    return record


logging.setLogRecordFactory(_make_sendable_record)


def pytest_collection_finish(session):
    """Sets TensorFlow up if one of the collected test modules has imported it."""
    if "tensorflow" in sys.modules:
        importlib.import_module("tests.support.tensorflow_v1")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a random BERT with one layer, in Google's format."""
    from tests.support import tiny

    folder = tmp_path_factory.mktemp("model")
    tiny.write_google_model(folder, num_layers=1)
    return folder


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A folder with a random BERT with one layer, and with reviews; see `tests.support.reviews`."""
    from tests.support.reviews import make_folder

    return make_folder(tmp_path_factory.mktemp("reviews"), num_layers=1)
