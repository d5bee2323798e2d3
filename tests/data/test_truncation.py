"""Over-long texts are cut, or split into overlapping windows."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.data.frame import Frame
from finetune.data.truncation import TRUNCATIONS, Cut, Pieces, cut_row, kept_lengths

FRAME = Frame.of({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3})
ROBERTA = Frame.of({"<unk>": 1, "<s>": 2, "</s>": 3})


def a_of(length):
    return list(range(length))


def b_of(length):
    return list(range(100, 100 + length))


def cut(a, b=None, max_seq_length=13, **settings):
    return cut_row(Pieces(a, b), Cut(max_seq_length, **settings), FRAME)


# Cutting


def test_num_special_counts_cls_and_sep():
    # [CLS] a [SEP]; [CLS] a [SEP] b [SEP], even if b has no pieces
    assert FRAME.num_special(Pieces([5]).is_pair) == 2
    assert FRAME.num_special(Pieces([5], [6]).is_pair) == 3
    assert FRAME.num_special(Pieces([5], []).is_pair) == 3


def test_a_pair_of_roberta_has_room_for_one_piece_less():
    pair = Pieces(a_of(6), b_of(6))
    assert cut_row(pair, Cut(15), FRAME) == ([pair], False)
    assert cut_row(pair, Cut(15), ROBERTA) == ([Pieces(a_of(6), b_of(5))], True)


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("windows", [False, True])
def test_a_row_that_fits_is_unchanged(truncation, windows):
    how = {"truncation": truncation, "windows": windows, "doc_stride": 3, "max_windows": 5}
    assert cut(a_of(11), **how) == ([Pieces(a_of(11))], False)
    assert cut(a_of(7), b_of(3), **how) == ([Pieces(a_of(7), b_of(3))], False)
    assert cut(a_of(10), [], **how) == ([Pieces(a_of(10), [])], False)
    assert cut([], **how) == ([Pieces([])], False)
    # One more piece does not fit.
    for a, b in ((a_of(12), None), (a_of(7), b_of(4)), (a_of(11), [])):
        assert cut(a, b, **how) != ([Pieces(a, b)], False)


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [
        ("head", list(range(510))),
        ("tail", list(range(1000 - 510, 1000))),
        # Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?": "the first 128 and
        # the last 382 tokens"
        ("head_tail", [*range(128), *range(1000 - 382, 1000)]),
    ],
)
def test_510_of_1000_pieces_are_kept(truncation, expected):
    rows, lost = cut(list(range(1000)), max_seq_length=512, truncation=truncation)
    assert rows == [Pieces(expected)]
    assert lost


@pytest.mark.parametrize(
    ("truncation", "a", "b"),
    [
        ("head", [0, 1, 2, 3], [100, 101, 102, 103]),
        ("tail", [3, 4, 5, 6], [113, 114, 115, 116]),
        ("head_tail", [0, 4, 5, 6], [100, 114, 115, 116]),
    ],
)
def test_both_texts_of_a_pair_are_cut_in_the_same_way(truncation, a, b):
    rows, lost = cut(a_of(7), b_of(17), max_seq_length=11, truncation=truncation)
    assert rows == [Pieces(a, b)]
    assert lost


def test_the_longer_text_of_a_pair_is_cut_first():
    assert cut(a_of(17), b_of(3), truncation="tail") == (
        [Pieces([10, 11, 12, 13, 14, 15, 16], [100, 101, 102])],
        True,
    )
    assert cut(a_of(2), b_of(9), truncation="head") == (
        [Pieces([0, 1], [100, 101, 102, 103, 104, 105, 106, 107])],
        True,
    )


def test_a_row_without_room_keeps_no_pieces():
    for truncation in TRUNCATIONS:
        assert cut(a_of(5), b_of(7), 3, truncation=truncation) == ([Pieces([], [])], True)
        assert cut(a_of(5), None, 2, truncation=truncation) == ([Pieces([])], True)


@pytest.mark.parametrize(
    ("lengths", "room", "expected"),
    [
        ((7, 3), 10, (7, 3)),
        ((7, 3), 9, (6, 3)),
        ((7, 3), 6, (3, 3)),
        ((7, 3), 5, (3, 2)),  # On a tie, the second text is cut.
        ((3, 7), 5, (3, 2)),
        ((3, 7), 4, (2, 2)),
        ((5, 0), 3, (3, 0)),
        ((5, 7), 0, (0, 0)),
    ],
)
def test_kept_lengths_equal_those_computed_by_hand(lengths, room, expected):
    assert kept_lengths(*lengths, room) == expected


@given(st.integers(0, 17), st.integers(0, 17), st.integers(0, 37))
def test_kept_lengths_equal_those_of_google(length_a, length_b, room):
    # _truncate_seq_pair in Google's run_classifier.py drops the last token of the longer text, or
    # of b on a tie.
    expected_a, expected_b = length_a, length_b
    while expected_a + expected_b > room:
        if expected_a > expected_b:
            expected_a -= 1
        else:
            expected_b -= 1
    assert kept_lengths(length_a, length_b, room) == (expected_a, expected_b)
    rows, lost = cut(a_of(length_a), b_of(length_b), room + 3)
    assert rows == [Pieces(a_of(expected_a), b_of(expected_b))]
    assert lost == (length_a + length_b > room)


@given(st.integers(0, 41), st.none() | st.integers(0, 41), st.integers(3, 31))
def test_every_truncation_keeps_as_much_as_fits(length_a, length_b, max_seq_length):
    a, b = a_of(length_a), None if length_b is None else b_of(length_b)
    total = length_a + (length_b or 0)
    for truncation in TRUNCATIONS:
        (row,), lost = cut(a, b, max_seq_length, truncation=truncation)
        kept = len(row.a) + len(row.b or [])
        assert kept == min(total, max_seq_length - FRAME.num_special(row.is_pair))
        assert lost == (kept < total)
        assert (row.b is None) == (b is None)
        # In the original order, without duplicates.
        assert row.a == sorted(set(row.a) & set(a))
        assert (row.b or []) == sorted(set(row.b or []) & set(b or []))


# Windows


def windows(a, b=None, max_seq_length=7, doc_stride=3, max_windows=97):
    return cut(
        a,
        b,
        max_seq_length,
        windows=True,
        doc_stride=doc_stride,
        max_windows=max_windows,
    )


@pytest.mark.parametrize(
    ("length", "stride", "expected"),
    [
        (6, 3, [(0, 5), (3, 6)]),
        (8, 3, [(0, 5), (3, 8)]),
        (9, 3, [(0, 5), (3, 8), (6, 9)]),
        (11, 5, [(0, 5), (5, 10), (10, 11)]),
        (10, 5, [(0, 5), (5, 10)]),
        (7, 1, [(0, 5), (1, 6), (2, 7)]),
        (11, 97, [(0, 5), (5, 10), (10, 11)]),  # A stride of 97 would skip pieces.
    ],
)
def test_windows_equal_those_computed_by_hand(length, stride, expected):
    # 5 pieces fit between [CLS] and [SEP].
    rows, lost = windows(a_of(length), doc_stride=stride)
    assert rows == [Pieces(list(range(start, end))) for start, end in expected]
    assert not lost


def test_each_window_of_a_pair_contains_the_shorter_text():
    # 8 pieces fit: 2 of the shorter text and 6 of the longer.
    rows, lost = windows(b_of(2), a_of(11), max_seq_length=11, doc_stride=4)
    assert rows == [
        Pieces([100, 101], [0, 1, 2, 3, 4, 5]),
        Pieces([100, 101], [4, 5, 6, 7, 8, 9]),
        Pieces([100, 101], [8, 9, 10]),
    ]
    assert not lost
    rows, lost = windows(a_of(7), b_of(2), max_seq_length=11, doc_stride=4)
    assert rows == [Pieces([0, 1, 2, 3, 4, 5], [100, 101]), Pieces([4, 5, 6], [100, 101])]
    assert not lost


def test_the_shorter_text_of_a_pair_gets_at_most_half_of_a_window():
    # 9 pieces fit: 4 of the shorter text and 5 of the longer.
    rows, lost = windows(a_of(13), b_of(6), max_seq_length=12, doc_stride=5)
    assert rows == [
        Pieces([0, 1, 2, 3, 4], [100, 101, 102, 103]),
        Pieces([5, 6, 7, 8, 9], [100, 101, 102, 103]),
        Pieces([10, 11, 12], [100, 101, 102, 103]),
    ]
    assert lost  # Two pieces of the shorter text are in no window.


def test_windows_of_a_pair_keep_an_empty_second_text():
    rows, lost = windows(a_of(7), [], max_seq_length=8, doc_stride=5)
    assert rows == [Pieces([0, 1, 2, 3, 4], []), Pieces([5, 6], [])]
    assert not lost


@pytest.mark.parametrize(("max_windows", "lost"), [(1, True), (2, True), (3, False), (5, False)])
def test_windows_over_the_limit_are_cut_and_reported(max_windows, lost):
    rows, seen = windows(a_of(11), max_windows=max_windows)
    whole = [[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [6, 7, 8, 9, 10]]
    assert rows == [Pieces(ids) for ids in whole[:max_windows]]
    assert seen == lost


@settings(deadline=None)
@given(
    st.integers(0, 61),
    st.none() | st.integers(0, 61),
    st.integers(5, 23),
    st.integers(1, 23),
    st.integers(1, 13),
)
def test_windows_are_full_start_a_stride_apart_and_report_lost_pieces(
    length_a, length_b, max_seq_length, doc_stride, max_windows
):
    a, b = a_of(length_a), None if length_b is None else b_of(length_b)
    rows, lost = windows(a, b, max_seq_length, doc_stride, max_windows)
    assert 1 <= len(rows) <= max_windows
    room = max_seq_length - FRAME.num_special(b is not None)
    assert all((row.b is None) == (b is None) for row in rows)
    sizes = [len(row.a) + len(row.b or []) for row in rows]
    assert max(sizes) <= room
    in_windows = {id_ for row in rows for id_ in [*row.a, *(row.b or [])]}
    assert lost == (in_windows != {*a, *(b or [])})
    if len(rows) == 1:
        return
    assert all(size == room for size in sizes[:-1])  # Only the last may be shorter.
    long_first = length_a >= (length_b or 0)
    parts = [row.a if long_first else row.b for row in rows]
    others = [row.b if long_first else row.a for row in rows]
    assert all(other == others[0] for other in others)
    starts = [part[0] for part in parts]
    stride = min(doc_stride, len(parts[0]))
    assert {after - before for before, after in zip(starts, starts[1:])} == {stride}
    assert all(part == list(range(part[0], part[-1] + 1)) for part in parts)
    # The last window adds pieces.
    assert parts[-1][-1] > parts[-2][-1]


@settings(deadline=None)
@given(st.integers(0, 61), st.none() | st.integers(0, 61), st.integers(5, 23), st.integers(1, 23))
def test_enough_windows_contain_every_piece_of_the_longer_text(
    length_a, length_b, max_seq_length, doc_stride
):
    a, b = a_of(length_a), None if length_b is None else b_of(length_b)
    assume(max(length_a, length_b or 0) > 0)
    rows, _ = windows(a, b, max_seq_length, doc_stride)
    if length_a >= (length_b or 0):
        assert {id_ for row in rows for id_ in row.a} == set(a)
    else:
        assert {id_ for row in rows for id_ in row.b} == set(b)
