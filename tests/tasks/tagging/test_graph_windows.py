"""Windows of words in a graph are those of finetune.tasks.tagging.features."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.tasks.tagging.features import windows
from finetune.tasks.tagging.graph_windows import make_rows


@pytest.mark.parametrize(("room", "stride"), [(7, 3), (7, 7), (5, 1), (200, 100)])
def test_windows_of_random_segments(room, stride):
    random = np.random.RandomState(0)
    segments = [random.randint(1, min(room, 6), random.randint(1, 40)) for _ in range(50)]
    segments[3] = np.array([5])
    bounds = np.concatenate([[0], np.cumsum(np.concatenate(segments))]).astype(np.int32)
    ends = np.cumsum([len(lengths) for lengths in segments]).astype(np.int32)
    starts = ends - np.array([len(lengths) for lengths in segments], np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        rows = session.run(make_rows(*map(tf.constant, (bounds, starts, ends)), room, stride))
    expected = []
    for start, lengths in zip(starts, segments):
        for w in windows(lengths.tolist(), room, stride):
            places = bounds[start + w.start], bounds[start + w.end]
            count = w.own_end - w.own_start
            expected.append((*places, count, w.own_start == 0, w.own_end == len(lengths)))
    found = zip(rows.piece_starts, rows.piece_ends, rows.counts, rows.starts, rows.ends)
    assert list(found) == expected
    counts = [row[2] for row in expected]
    np.testing.assert_array_equal(rows.row_of, np.repeat(np.arange(len(counts)), counts))
    np.testing.assert_array_equal(rows.number_of, np.concatenate(list(map(np.arange, counts))))
