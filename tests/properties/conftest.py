"""Fixtures for the property tests."""

import pytest

from tests.support import tiny
from tests.support.fuzzing import tokenizer_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that all examples of a module's tests share."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def tokenizers(folder):
    """A lower-casing and a cased tokenizer."""
    return [tokenizer_of(folder, tiny.vocabulary(), lower_case) for lower_case in (True, False)]
