"""Counts with their nouns."""

import pytest

from finetune.util.plurals import count


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "row"), "0 rows"),
        ((1, "row"), "1 row"),
        ((2, "row"), "2 rows"),
        ((11, "column"), "11 columns"),
        ((1, "epoch of training", "epochs of training"), "1 epoch of training"),
        ((3, "epoch of training", "epochs of training"), "3 epochs of training"),
    ],
)
def test_count_uses_the_singular_only_for_one(arguments, expected):
    assert count(*arguments) == expected
