"""The special tokens around one text or a pair."""

import pytest

from finetune.data.frame import MIN_LENGTH, Frame, single_room, special_tokens

FRAME = Frame.of({"[PAD]": 0, "[UNK]": 11, "[CLS]": 13, "[SEP]": 17, "word": 19})


def test_the_ids_come_from_the_vocabulary():
    assert Frame(cls_id=13, sep_id=17, unknown_id=11) == FRAME
    assert special_tokens({"[CLS]": 2}) == ("[UNK]", "[CLS]", "[SEP]")


def test_roberta_has_two_tokens_between_texts_and_only_segment_0():
    # RobertaTokenizer.build_inputs_with_special_tokens of transformers: <s> A </s></s> B </s>
    frame = Frame.of({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "word": 5})
    assert frame.build([7, 9]) == ([0, 7, 9, 2], 4)
    assert frame.build([7, 9], [11]) == ([0, 7, 9, 2, 2, 11, 2], 5)
    assert (frame.num_special(is_pair=True), frame.segment_of_b, frame.unknown_id) == (4, 0, 3)
    assert frame.room(13, is_pair=True) == 9


@pytest.mark.parametrize(
    ("texts", "ids", "start_of_segment_1"),
    [
        (([3, 5],), [13, 3, 5, 17], 4),
        (([],), [13, 17], 2),
        (([3, 5], [7]), [13, 3, 5, 17, 7, 17], 4),
        (([3], []), [13, 3, 17, 17], 3),
        (([], [7, 7]), [13, 17, 7, 7, 17], 2),
    ],
)
def test_build_adds_the_special_tokens(texts, ids, start_of_segment_1):
    assert FRAME.build(*texts) == (ids, start_of_segment_1)
    if texts[0]:
        assert ids[Frame.start_of_a] == texts[0][0]


@pytest.mark.parametrize(
    ("max_seq_length", "is_pair", "expected"),
    [(7, False, 5), (7, True, 4), (2, False, 0), (3, True, 0), (1, False, 0), (1, True, 0)],
)
def test_room_excludes_the_special_tokens(max_seq_length, is_pair, expected):
    assert FRAME.room(max_seq_length, is_pair) == expected
    assert is_pair or single_room(max_seq_length) == expected


def test_min_length_is_that_of_one_piece_per_text():
    assert MIN_LENGTH == FRAME.min_length() == len(FRAME.build([3])[0]) == 3
    assert FRAME.min_length(is_pair=True) == len(FRAME.build([3], [5])[0]) == 5
