"""The files of sentence vectors: NumPy and a reader of tables read them back."""

import csv

import numpy as np
import pytest

from finetune.output import embeddings


def test_vectors_and_rows_are_read_back(tmp_path):
    vectors = np.arange(7 * 3, dtype=np.float32).reshape(7, 3) / 3
    rows = [("a\tb", "x"), ("b", 'say "x"'), ("c", "one\rtwo"), ("d", "é\nf"), *[("e", "")] * 3]
    paths = [str(tmp_path / name) for name in ("vectors.npy", "rows.tsv")]
    with embeddings.opened(*paths, width=3) as files:
        files.write(rows[:5], vectors[:5])
        files.write(rows[5:], vectors[5:].astype(np.float64))
    found = np.load(paths[0])
    assert (found.dtype, found.shape) == (np.float32, (7, 3))
    np.testing.assert_array_equal(found, vectors)
    assert np.load(paths[0], mmap_mode="r").shape == (7, 3)
    with open(paths[1], encoding="utf-8", newline="") as table:
        assert [tuple(row) for row in csv.reader(table, "excel-tab")] == [("guid", "text"), *rows]


def test_failure_leaves_the_earlier_files(tmp_path):
    paths = [str(tmp_path / name) for name in ("vectors.npy", "rows.tsv")]
    with embeddings.opened(*paths, width=2):
        pass
    assert np.load(paths[0]).shape == (0, 2)
    with pytest.raises(ValueError, match="row 2"), embeddings.opened(*paths, width=2) as files:
        files.write([("a", "a")], np.zeros((1, 2)))
        raise ValueError("row 2")
    assert np.load(paths[0]).shape == (0, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.tsv", "vectors.npy"]
