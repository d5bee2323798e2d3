"""How long texts are cut into windows, compared with definitions and values worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.tagging.features import Window, windows


@pytest.mark.parametrize(
    ("lengths", "room", "stride", "expected"),
    [
        ([], 4, 2, []),
        ([4], 4, 2, [(0, 1, 0, 1)]),
        ([1, 2, 1], 4, 2, [(0, 3, 0, 3)]),
        # No wordpiece follows word 3 in the first window; in the second, it has one on each side.
        ([1] * 10, 4, 2, [(0, 4, 0, 3), (2, 6, 3, 5), (4, 8, 5, 7), (6, 10, 7, 10)]),
        # These windows do not overlap.
        ([1] * 6, 3, 3, [(0, 3, 0, 3), (3, 6, 3, 6)]),
        # Word 3 is the last word of the second window and the first word of the third. This is a
        # tie, so the second window labels it.
        ([2, 1, 3, 1, 2], 5, 3, [(0, 2, 0, 2), (2, 4, 2, 4), (3, 5, 4, 5)]),
        # The windows that start at words 1 and 2 are inside the first one, so they label no word.
        ([1, 1, 1, 4], 4, 1, [(0, 3, 0, 3), (3, 4, 3, 4)]),
        # The second window begins after 2 wordpieces, not 4, so that some window contains word 2.
        ([1, 1, 4, 1], 4, 4, [(0, 2, 0, 2), (2, 3, 2, 3), (3, 4, 3, 4)]),
        ([3, 3, 3], 3, 3, [(0, 1, 0, 1), (1, 2, 1, 2), (2, 3, 2, 3)]),
        ([1, 1], 1, 1, [(0, 1, 0, 1), (1, 2, 1, 2)]),
    ],
)
def test_windows_match_values_worked_out_by_hand(lengths, room, stride, expected):
    assert windows(lengths, room, stride) == [Window(*numbers) for numbers in expected]


@st.composite
def window_cases(draw):
    room = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.integers(1, room) | st.just(1), max_size=40))
    return lengths, room, draw(st.integers(1, room))


@settings(deadline=None)
@given(window_cases())
def test_each_word_is_labelled_in_one_window_in_order(case):
    own = [i for w in windows(*case) for i in range(w.own_start, w.own_end)]
    assert own == list(range(len(case[0])))


@settings(deadline=None)
@given(window_cases())
def test_every_window_fits_and_labels_a_word(case):
    lengths, room, _ = case
    for window in windows(*case):
        assert sum(lengths[window.start : window.end]) <= room
        assert window.start <= window.own_start < window.own_end <= window.end


@settings(deadline=None)
@given(window_cases())
def test_text_that_fits_has_one_window(case):
    lengths, room, _ = case
    assert (len(windows(*case)) == 1) == (0 < sum(lengths) <= room)


def bounds_by_definition(lengths, room, stride):
    """Returns full windows; each starts after `stride` wordpieces, or earlier to avoid a gap."""
    found, start = [], 0
    while start < len(lengths):
        end = start
        while end < len(lengths) and sum(lengths[start : end + 1]) <= room:
            end += 1
        found.append((start, end))
        if end == len(lengths):
            break
        following = start + 1
        while sum(lengths[start:following]) < stride and following < end:
            following += 1
        start = following
    return found


def context(word, start, end, lengths):
    before = sum(lengths[start:word]) if start > 0 else math.inf
    behind = sum(lengths[word + 1 : end]) if end < len(lengths) else math.inf
    return min(before, behind)


@settings(deadline=None)
@given(window_cases())
def test_each_word_is_labelled_where_it_has_the_most_context(case):
    lengths = case[0]
    bounds = bounds_by_definition(*case)
    owners = []
    for word in range(len(lengths)):
        holding = [b for b in bounds if b[0] <= word < b[1]]
        owners.append(max(holding, key=lambda b: context(word, *b, lengths)))
    seen = [(w.start, w.end) for w in windows(*case) for _ in range(w.own_start, w.own_end)]
    assert seen == owners
