"""Tokenizers from the optional package `tokenizers`."""

import sys

import pytest

from finetune.models.library_tokenizer import LibraryTokenizer
from finetune.util.errors import InputError
from tests.support.files import write
from tests.support.subwords import write_byte_level_bpe


@pytest.fixture
def tokenizer(tmp_path):
    pytest.importorskip("tokenizers")
    return LibraryTokenizer(str(write_byte_level_bpe(tmp_path / "tokenizer.json")))


def test_ids_depend_on_the_space_before_a_word(tokenizer):
    # merges: n e, ne w, Ġ new
    vocab = tokenizer.vocab
    assert tokenizer.tokenize_to_ids("new new") == [vocab["new"], vocab["Ġnew"]]
    assert tokenizer.tokenize_to_ids("") == []


def test_offsets_are_code_points_without_the_space(tokenizer):
    tokens = tokenizer.tokenize_with_offsets("new 😀 new")
    assert [tuple(token) for token in (tokens[0], tokens[-1])] == [("new", 0, 3), ("Ġnew", 6, 9)]
    assert {(start, end) for _, start, end in tokens[1:-1]} == {(4, 4), (4, 5)}


def test_lone_surrogate_is_replaced(tokenizer):
    assert tokenizer.tokenize_to_ids("\ud800") == tokenizer.tokenize_to_ids("\ufffd")


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        InputError, match=r"pip install -c constraints\.txt -r requirements-tokenizers\.txt"
    ):
        LibraryTokenizer(str(tmp_path / "tokenizer.json"))


def test_damaged_file_is_refused(tmp_path):
    pytest.importorskip("tokenizers")
    path = write(tmp_path / "tokenizer.json", "{")
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer"):
        LibraryTokenizer(str(path))
