"""Inputs made in a graph equal those of finetune.data.truncation and finetune.data.frame."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.data.frame import Frame
from finetune.data.truncation import Cut, Pieces, cut_row
from finetune.models.graph_inputs import framed
from finetune.models.graph_tokenizer import GraphPieces

FRAME = Frame.of({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3})
ROBERTA = Frame.of({"<unk>": 1, "<s>": 2, "</s>": 3})
LENGTHS = [0, 1, 2, 3, 4, 5, 7, 11, 13, 29]


def in_graph(a, b, cut, frame):
    def pieces(rows):
        lengths = tf.constant([len(row) for row in rows], tf.int32)
        flat = tf.constant([i for row in rows for i in row], tf.int32)
        return GraphPieces(flat, flat, flat, flat, lengths)

    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(framed(pieces(a), pieces(b) if b else None, cut, frame))


def expected(a, b, cut, frame):
    ids, seconds, rows = [], [], []
    for i, pair in enumerate(zip(a, b) if b else ((row, None) for row in a)):
        for window in cut_row(Pieces(*pair), cut, frame)[0]:
            row, second = frame.build(window.a, window.b)
            ids.append(row)
            seconds.append(second)
            rows.append(i)
    return ids, seconds, rows


@pytest.mark.parametrize("is_pair", [False, True])
@pytest.mark.parametrize("frame", [FRAME, ROBERTA], ids=["bert", "roberta"])
@pytest.mark.parametrize(
    "how",
    [
        {"truncation": "head"},
        {"truncation": "tail"},
        {"truncation": "head_tail"},
        {"windows": True, "doc_stride": 3, "max_windows": 4},
        {"windows": True, "doc_stride": 100, "max_windows": 100},
    ],
    ids=str,
)
def test_inputs_of_texts_of_all_lengths(is_pair, frame, how):
    cut = Cut(max_seq_length=13, **how)
    pairs = [(m, n) for m in LENGTHS for n in (LENGTHS if is_pair else [0])]
    a = [list(range(100, 100 + m)) for m, _ in pairs]
    b = [list(range(200, 200 + n)) for _, n in pairs] if is_pair else None
    found = in_graph(a, b, cut, frame)
    ids, seconds, rows = expected(a, b, cut, frame)
    assert found["window_rows"].tolist() == rows
    lengths = found["input_mask"].sum(axis=1)
    assert [row[:n].tolist() for row, n in zip(found["input_ids"], lengths)] == ids
    assert found["input_ids"].shape[1] == 13  # The longest window is full.
    positions = np.arange(13)
    is_second = (positions >= np.array(seconds)[:, None]) & (positions < lengths[:, None])
    np.testing.assert_array_equal(found["segment_ids"], is_second * frame.segment_of_b)


def test_no_rows():
    found = in_graph([], None, Cut(13), FRAME)
    assert found["input_ids"].shape[0] == 0
