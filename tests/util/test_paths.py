"""Paths as users write them."""

import os

import pytest

from finetune.util.errors import UsageError
from finetune.util.paths import local_path, pattern_problem


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/a.csv", "data/a.csv"),
        ("-", "-"),
        ("~/a b.csv", "/home/anna/a b.csv"),
        ("data/~a", "data/~a"),
        ("file:///tmp/a%20b", "/tmp/a b"),
        ("file:/tmp/a", "/tmp/a"),
        ("FILE:///tmp/out/", "/tmp/out/"),
        ("C:\\out", "C:\\out"),
        ("a://b/c", "a://b/c"),  # One letter is no scheme.
    ],
)
def test_local_paths(monkeypatch, path, expected):
    monkeypatch.setenv("HOME", "/home/anna")
    assert local_path(path) == expected


@pytest.mark.parametrize(
    "path", ["gs://bucket/out", "s3://bucket/a.csv", "https://example.org/x", "dbfs:/x"]
)
def test_remote_paths_raise_an_error(path):
    with pytest.raises(UsageError, match=f"^{path}: remote paths are not supported"):
        local_path(path)


def test_file_url_with_two_slashes_raises_an_error():
    with pytest.raises(UsageError, match="expected file:///path"):
        local_path("file://tmp/out")


def test_name_that_is_not_utf8_raises_an_error():
    with pytest.raises(UsageError, match="^--dev_file=d.*ta.csv: the name is not UTF-8"):
        local_path(os.fsdecode(b"d\xe4ta.csv"), "dev_file")


@pytest.mark.parametrize("char", ["*", "?", "[", "]", "\\"])
def test_characters_of_patterns_are_named(char):
    assert pattern_problem("/tmp/run1") is None
    assert pattern_problem(f"/tmp/run{char}1").startswith(f"TensorFlow reads the {char} in")
