"""Rows of a flat array become a padded rectangle."""

import numpy as np

from finetune.data.rows import distinct_ids, pad

VALUES = np.array([2, 3, 5, 7, 11, 13], np.int32)
ROW_STARTS = np.array([0, 3, 3, 4, 6])  # [2, 3, 5], [], [7], [11, 13]


def test_rows_are_padded_to_the_longest_in_the_given_order():
    values, mask = pad(VALUES, ROW_STARTS, np.array([3, 0, 1]))
    assert values.tolist() == [[11, 13, 0], [2, 3, 5], [0, 0, 0]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
    assert values.dtype == mask.dtype == np.int32


def test_padding_has_the_value_of_the_filler():
    values, mask = pad(VALUES, ROW_STARTS, np.array([2, 3]), filler=-1)
    assert values.tolist() == [[7, -1], [11, 13]]
    assert mask.tolist() == [[1, 0], [1, 1]]


def test_a_row_can_occur_twice():
    values, _ = pad(VALUES, ROW_STARTS, np.array([2, 2]))
    assert values.tolist() == [[7], [7]]


def test_rows_without_values_have_no_width():
    values, mask = pad(VALUES, ROW_STARTS, np.array([1, 1]))
    assert values.shape == mask.shape == (2, 0)


def test_no_rows_make_an_empty_rectangle():
    values, mask = pad(VALUES, ROW_STARTS, np.array([], np.int64))
    assert values.shape == mask.shape == (0, 0)


def test_distinct_ids_are_ascending_and_include_the_padding():
    arrays = np.array([7, 3, 7], np.int32), np.array([12, 3], np.int32)
    assert distinct_ids(*arrays).tolist() == [0, 3, 7, 12]
    assert distinct_ids(np.zeros(0, np.int32)).tolist() == [0]
