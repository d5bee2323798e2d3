"""The suggested maximum length, and the advice on truncated rows."""

import numpy as np
import pytest

from finetune.reports.length_advice import (
    covered,
    shown_share,
    suggested_length,
    truncation_advice,
)


def test_suggested_length_fits_99_percent_of_all_rows_and_of_each_large_split():
    train = np.array([10] * 1991 + [60] * 9)
    assert suggested_length([train], 512) == 16
    assert suggested_length([np.append(train, [60] * 20)], 512) == 64
    dev = np.array([10] * 95 + [30] * 5)  # 5% are longer than 99% of the training rows.
    assert suggested_length([train, dev], 512) == 32
    assert suggested_length([train, dev[-50:]], 512) == 16  # Too few to count on their own
    assert suggested_length([train, dev], 24) == 24
    assert suggested_length([], 512) == 512


def test_coverage_is_the_fraction_of_all_rows_that_fit():
    splits = [np.array([4, 3, 4]), np.array([2, 3, 9])]
    assert covered(splits, 4) == pytest.approx(5 / 6)
    assert covered(splits, 3) == pytest.approx(3 / 6)
    assert covered([], 3) == 0.0


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (1.0, "all rows"),
        (1999 / 2000, "99.9% of the rows"),
        (0.9949, "99.5% of the rows"),
        (0.0, "0.0% of the rows"),
    ],
)
def test_only_the_whole_is_shown_as_all_rows(fraction, expected):
    assert shown_share(fraction) == expected


@pytest.mark.parametrize(
    ("lengths", "num_cut", "suggested", "expected"),
    [
        ([10] * 100, 0, 16, "--max_seq_length=16 fits all rows"),
        ([10] * 50 + [5] * 50, 50, 16, "--max_seq_length=16 fits all rows"),
        ([10] * 51 + [5] * 49, 51, 16, "--max_seq_length=16 fits all rows; windows"),
        ([10] * 90 + [99] * 10, 10, 16, "--max_seq_length=16 fits 90.0% of the rows; windows"),
        ([5] * 90 + [99] * 10, 10, 8, "windows"),
        ([5] * 96 + [99] * 4, 4, 8, ""),
    ],
)
def test_windows_are_named_if_most_rows_are_cut_or_no_length_fits(
    lengths, num_cut, suggested, expected
):
    advice = truncation_advice(
        np.array(lengths), num_cut, max_seq_length=8, suggested=suggested, others="windows"
    )
    assert advice == expected
