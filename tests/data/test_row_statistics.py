"""Statistics of each row, and the errors in rows."""

import numpy as np
import pytest

from finetune.data.row_statistics import (
    RowError,
    RowErrors,
    RowStatistics,
    TextStatistics,
    text_hash,
)
from finetune.util.errors import InputError


def test_the_first_ten_errors_are_kept_and_all_are_counted():
    errors = RowErrors()
    for i in range(13):
        errors.add(f"a.tsv:{i}: unknown label '{i}'", f"a.tsv:{i}")
    assert errors.count == 13
    assert errors.first == [RowError(f"unknown label '{i}'", [f"a.tsv:{i}"], 1) for i in range(10)]


def test_rows_with_the_same_error_are_counted():
    errors = RowErrors()
    errors.check()
    for i in range(7):
        errors.add(f"a.tsv:{i}: no label", f"a.tsv:{i}")
    assert errors.first == [RowError("no label", [f"a.tsv:{i}" for i in range(5)], 7)]
    message = r"^a\.tsv:0: no label The same error occurs in 6 more rows\.$"
    with pytest.raises(InputError, match=message):
        errors.check()
    errors.add("a.tsv:9: unknown label", "a.tsv:9")
    with pytest.raises(InputError, match=r"in 6 more rows\. 1 row has other errors\.$"):
        errors.check()


def test_text_statistics_are_built_from_tuples():
    statistics = TextStatistics.of([(2**64 - 1, 7, 5, 1, True), (3, 4, 2, 0, False)])
    assert statistics.texts.tolist() == [2**64 - 1, 3]
    assert statistics.lengths.tolist() == [7, 4]
    assert statistics.pieces.tolist() == [5, 2]
    assert statistics.unknown.tolist() == [1, 0]
    assert statistics.cut.tolist() == [1, 0]
    assert [array.dtype for array in statistics] == [np.uint64] + [np.int32] * 4


def test_rows_are_added_in_order():
    rows = RowStatistics()
    rows.extend(TextStatistics.of([(11, 7, 5, 1, True)]))
    rows.extend(TextStatistics.of([(13, 4, 2, 0, False), (17, 3, 1, 1, False)]))
    assert len(rows) == 3
    assert rows.texts.tolist() == [11, 13, 17]
    assert rows.lengths.tolist() == [7, 4, 3]
    assert rows.pieces.tolist() == [5, 2, 1]
    assert rows.unknown.tolist() == [1, 0, 1]
    assert rows.cut.tolist() == [1, 0, 0]


def test_labels_are_equal_if_they_have_the_same_type_and_value():
    rows = RowStatistics()
    for label in ("1", 1, "1", ["B-PER", "O"], ["B-PER", "O"], None):
        rows.add_label(label)
    first, number, second, tags, same_tags, none = rows.labels.tolist()
    assert first == second
    assert tags == same_tags
    assert len({first, number, tags, none}) == 4


def test_text_hash_ignores_only_whitespace():
    assert text_hash(["a  b\n"]) == text_hash(["a b"]) == text_hash([" a\tb"])
    different = [["a b"], ["ab"], ["A b"], ["a", "b"], ["a b", ""], ["b", "a"]]
    assert len({text_hash(texts) for texts in different}) == len(different)
    assert 0 <= text_hash(["\ud83d"]) < 2**64  # A lone surrogate has a hash, too.
