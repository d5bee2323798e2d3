"""Rows are assigned to parts by shares, overall and within each label; copies stay together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.splitting import assign_parts, number_names, parse_shares
from finetune.util.errors import InputError


def assign(strata, shares, seed=7, groups=None, **more):
    """Assigns rows to parts; if `groups` is None, each row is its own group."""
    return assign_parts(
        strata, range(len(strata)) if groups is None else groups, shares, seed, **more
    )


def counts(parts, num_parts):
    return np.bincount(parts, minlength=num_parts).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("70:15:15", [0.7, 0.15, 0.15]),
        ("80:20", [0.8, 0.2]),
        ("0.8:0.2", [0.8, 0.2]),
        ("3:1:1", [0.6, 0.2, 0.2]),
        ("1:1", [0.5, 0.5]),
        ("2e1: 5", [0.8, 0.2]),
    ],
)
def test_shares_are_normalised_to_sum_to_one(text, expected):
    assert parse_shares(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["", "80", "80:", "80:0", "100:-1", "1:2:3:4", "80/20", "a:b", "nan:1", "inf:1", "80:20:0"],
)
def test_invalid_shares_raise_an_error(text):
    with pytest.raises(InputError, match=rf"^--split={text}: expected the shares of train, dev"):
        parse_shares(text)


@pytest.mark.parametrize(
    ("num_rows", "shares", "expected"),
    [
        (100, [0.7, 0.15, 0.15], [70, 15, 15]),
        (20, [0.7, 0.15, 0.15], [14, 3, 3]),
        # The deficit of each part before each row is assigned, in hundredths: 70 15 15, 40 30 30,
        # 10 45 45, 80 -40 60, 50 -25 75, 120 -10 -10, 90 5 5.
        (7, [0.7, 0.15, 0.15], [5, 1, 1]),
        (5, [0.6, 0.4], [3, 2]),
        (10, [0.8, 0.2], [8, 2]),
        (3, [0.8, 0.2], [2, 1]),
        (1, [0.2, 0.8], [0, 1]),
        (15, [0.2] * 5, [3, 3, 3, 3, 3]),
    ],
)
def test_counts_equal_those_computed_by_hand(num_rows, shares, expected):
    parts = assign([0] * num_rows, shares)
    assert parts.dtype == np.int32
    assert counts(parts, len(shares)) == expected


def test_each_label_is_split_by_the_shares():
    strata = np.array([0] * 60 + [1] * 30 + [2] * 10)
    parts = assign(strata, [0.8, 0.2])
    assert [counts(parts[strata == label], 2) for label in range(3)] == [[48, 12], [24, 6], [8, 2]]


def test_sorted_rows_are_spread_over_the_parts():
    # Each part has rows from everywhere in the file.
    parts = assign([0] * 500 + [1] * 500, [0.5, 0.5])
    for start in range(0, 1000, 100):
        assert 30 < parts[start : start + 100].sum() < 70


def test_labels_with_a_single_row_are_split_by_the_shares_in_total():
    # 40 labels with one row each: the first part gets 4 of 5 rows, although no label can be split.
    assert counts(assign(range(40), [0.8, 0.2]), 2) == [32, 8]


SHARES = st.lists(st.integers(1, 17), min_size=2, max_size=3).map(
    lambda numbers: [number / sum(numbers) for number in numbers]
)
# The label and the group of each row
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=61)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=97), SHARES, st.integers(0, 2**32 - 1))
def test_parts_are_within_one_row_of_their_share_and_two_per_label(strata, shares, seed):
    parts = assign(strata, shares, seed)
    for part, share in enumerate(shares):
        assert abs((parts == part).sum() - share * len(strata)) < 1 + 1e-9
        for label in set(strata):
            of_label = parts[np.array(strata) == label]
            assert abs((of_label == part).sum() - share * len(of_label)) < 2 + 1e-9


@settings(deadline=None)
@given(ROWS, SHARES, st.integers(0, 2**32 - 1), st.booleans())
def test_groups_stay_together(rows, shares, seed, all_strata_in_first):
    strata, groups = zip(*rows)
    parts = assign(strata, shares, seed, groups, all_strata_in_first=all_strata_in_first)
    assert len(parts) == len(rows)
    assert set(parts) <= set(range(len(shares)))
    part_of = dict(zip(groups, parts))
    assert parts.tolist() == [part_of[group] for group in groups]


@settings(deadline=None)
@given(ROWS, SHARES, st.integers(0, 2**32 - 1))
def test_parts_are_within_the_largest_group_of_their_share(rows, shares, seed):
    strata, groups = zip(*rows)
    parts = assign(strata, shares, seed, groups)
    largest = max(groups.count(group) for group in groups)
    for part, share in enumerate(shares):
        assert abs((parts == part).sum() - share * len(rows)) < largest + 1e-9


def test_a_group_has_the_label_of_its_first_row():
    # Rows 0 and 2 are one group with label 1, so row 1 is the only group with label 0.
    strata, groups = [1, 0, 0, 1], [5, 6, 5, 7]
    for seed in range(13):
        parts = assign(strata, [0.5, 0.5], seed, groups, all_strata_in_first=True)
        # The first group of each label: row 1 for label 0, row 0 or row 3 for label 1.
        assert parts[1] == 0
        assert 0 in (parts[0], parts[3])
        assert parts[0] == parts[2]


def test_all_strata_in_first_puts_each_label_into_the_first_part():
    strata = np.repeat(np.arange(23), [1, 2, 1] * 7 + [3, 1])
    every_label = set(range(23))
    for seed in range(13):
        parts = assign(strata, [0.5, 0.25, 0.25], seed, all_strata_in_first=True)
        assert set(strata[parts == 0]) == every_label
        assert set(strata[assign(strata, [0.5, 0.25, 0.25], seed) == 0]) < every_label


def test_all_strata_in_first_does_not_change_the_counts_of_frequent_labels():
    strata = np.repeat([0, 1], 20)
    parts = assign(strata, [0.7, 0.15, 0.15], all_strata_in_first=True)
    assert [counts(parts[strata == label], 3) for label in (0, 1)] == [[14, 3, 3], [14, 3, 3]]


def test_the_seed_determines_which_row_goes_to_which_part():
    strata = [0, 1] * 50
    first, again, other = (assign(strata, [0.8, 0.2], seed) for seed in (7, 7, 8))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert counts(first, 2) == counts(other, 2) == [80, 20]


def test_the_numbering_of_groups_does_not_matter():
    groups = np.array([0, 1, 2, 0, 3, 4, 1, 5, 6, 7] * 3)
    # Hashes, some of them beyond the range of int64
    hashes = np.array([2**64 - 1 - 977 * (3 * g % 8) for g in range(8)], np.uint64)
    strata = [0, 1, 0, 1, 1] * 6
    shares = [0.5, 0.3, 0.2]
    parts = assign(strata, shares, 7, groups)
    assert assign(strata, shares, 7, hashes[groups]).tolist() == parts.tolist()
    assert len(set(parts)) == 3


def test_group_that_is_much_larger_than_a_fold_leaves_no_fold_empty():
    groups = (0, 0, 0, 0, 0, 0, 1, 2, 3)
    for seed in range(20):
        parts = assign((0,) * 8 + (1,), [1 / 4] * 4, seed, groups, no_part_empty=True)
        assert sorted(counts(parts, 4)) == [1, 1, 1, 6]


@settings(deadline=None)
@given(
    st.integers(2, 7),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 29)), min_size=7, max_size=61),
    st.integers(0, 2**32 - 1),
)
def test_folds_are_equally_large_and_not_empty(count, rows, seed):
    strata, groups = zip(*rows)
    parts = assign(strata, [1 / count] * count, seed)
    sizes = counts(parts, count)
    assert sum(sizes) == len(rows)
    assert max(sizes) - min(sizes) <= 1
    # No fold is empty if there are enough groups, however uneven they are.
    if len(set(groups)) >= count:
        parts = assign(strata, [1 / count] * count, seed, groups, no_part_empty=True)
        assert min(counts(parts, count)) > 0


def test_names_are_numbered_in_order_of_appearance():
    assert list(number_names(iter(["b", "a", "b", "", "a"]))) == [0, 1, 0, 2, 1]
