"""Fixtures for the tests of the scripts."""

import functools
import pathlib
import shutil

import pytest

from tests.support import tiny
from tests.support.classifier import REVIEWS
from tests.support.files import write_tsv


@pytest.fixture
def binary_data(tmp_path):
    """A folder with a task's data: 18 rows to train on, 7 to evaluate, 2 without labels."""
    folder = tmp_path / "data" / "binary"
    write_tsv(folder / "train.tsv", REVIEWS)
    write_tsv(folder / "dev.tsv", REVIEWS[:7])
    write_tsv(folder / "test.tsv", [("good is this",), ('"bad',)], header=("text",))
    return folder


# Models to install with prepare_model.py.


@pytest.fixture(scope="module")
def google_models(tmp_path_factory):
    """The folder and weights of an uncased model, a cased one, and one with different weights."""
    root = tmp_path_factory.mktemp("models")
    return {
        "lower": (root / "lower", tiny.write_google_model(root / "lower")),
        "cased": (root / "cased", tiny.write_google_model(root / "cased", lower_case=False)),
        "other": (root / "other", tiny.write_google_model(root / "other", seed=1)),
    }


@pytest.fixture
def source(google_models, tmp_path):
    """A copy of the uncased model, which a test can change."""
    return pathlib.Path(shutil.copytree(google_models["lower"][0], tmp_path / "source"))


@pytest.fixture
def arrays(google_models):
    """The weights of the uncased model."""
    return google_models["lower"][1]


@pytest.fixture
def model_dir(tmp_path):
    """Where to install a model."""
    return tmp_path / "model_dir"


@pytest.fixture
def hugging_face(arrays, tmp_path):
    """A function that writes the uncased model in Hugging Face's format."""
    return functools.partial(tiny.write_hugging_face_model, tmp_path / "hf", arrays)
