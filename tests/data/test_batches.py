"""Batches contain every row once per epoch, in a seeded order; prediction keeps the order."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.data.batches import (
    HAS_ROWS,
    Share,
    make_training_input_fn,
    padded_batch,
    steps_per_epoch,
)
from finetune.data.row_statistics import RowStatistics
from finetune.tasks.classification.features import Features
from finetune.tasks.classification.targets import LabelIds, Numbers
from processors import InputExample


def features_of(num_rows):
    """Makes rows of one token, whose id is the row's number; each half has its own label."""
    targets = LabelIds(["first", "second"])
    for row in range(num_rows):
        label = "second" if row >= num_rows // 2 else "first"
        targets.add(InputExample(str(row), "", None, label))
    return Features(
        input_ids=np.arange(num_rows, dtype=np.int32),
        window_starts=np.arange(num_rows + 1),
        second_starts=np.ones(num_rows, np.int32),
        row_windows=np.arange(num_rows + 1),
        targets=targets,
        pooled=False,
        num_truncated=0,
        statistics=RowStatistics(),
    )


def batches_of(dataset_fn, num_batches):
    with tf.Graph().as_default(), tf.Session() as session:
        element = tf.data.make_one_shot_iterator(dataset_fn()).get_next()
        return [session.run(element) for _ in range(num_batches)]


def train_batches(num_batches, num_rows=23, **settings):
    input_fn = make_training_input_fn(features_of(num_rows), batch_size=5, **settings)
    return batches_of(input_fn, num_batches)


def rows(some_batches):
    return [row for batch in some_batches for row in batch["input_ids"][:, 0].tolist()]


def test_batch_is_padded_to_a_given_length():
    lengths = [2, 5, 1]
    chunk = dataclasses.replace(
        features_of(3),
        input_ids=np.repeat(lengths, lengths).astype(np.int32),
        window_starts=np.concatenate([[0], np.cumsum(lengths)]),
        targets=None,
    )
    ids, mask, segments = padded_batch(chunk, np.array([1, 0]), pad_to=7)
    assert ids[:, 0].tolist() == [5, 2]
    assert mask.tolist() == [[1] * 5 + [0] * 2, [1] * 2 + [0] * 5]
    assert segments.shape == (2, 7)
    assert padded_batch(chunk, np.array([2, 0]), pad_to=None)[0].tolist() == [[1, 0], [2, 2]]


@pytest.fixture(params=[False, True], ids=["any lengths", "by length"])
def by_length(request):
    return request.param


def test_each_epoch_has_every_row_once_in_a_different_order(by_length):
    some_batches = train_batches(10, seed=7, by_length=by_length)
    first, second = rows(some_batches[:5]), rows(some_batches[5:])
    assert sorted(first) == sorted(second) == list(range(23))
    assert first != second
    assert first != list(range(23))


def test_data_sorted_by_label_is_mixed_from_the_first_batch(by_length):
    # If only part of the data set were shuffled, the first batches would have a single label. By
    # chance, 10 batches of 5 have 15 to 35 rows of each label.
    some_batches = train_batches(10, num_rows=1000, seed=3, by_length=by_length)
    assert 15 <= sum(int(batch["label_ids"].sum()) for batch in some_batches) <= 35


def test_the_seed_determines_the_order(by_length):
    def order(seed, num_batches):
        return rows(train_batches(num_batches, seed=seed, by_length=by_length))

    assert order(7, 10) == order(7, 10)
    assert order(7, 5) != order(8, 5)


def test_a_resumed_training_run_continues_in_the_same_order(by_length):
    whole = rows(train_batches(11, seed=7, by_length=by_length))
    # Steps 0 to 4 are the first epoch of 23 rows; step 5 is the first batch of the second.
    resumed = train_batches(5, seed=7, by_length=by_length, start_step=6)
    assert rows(resumed) == whole[28:]


def test_steps_per_epoch_counts_the_partial_batch():
    assert [steps_per_epoch(n, 5) for n in (1, 5, 6, 23)] == [1, 1, 2, 5]


def test_batch_size_counts_rows_not_windows():
    # Rows of 1, 3, 1, 2 and 4 windows with one token each, whose id is 10 * row + window.
    counts = [1, 3, 1, 2, 4]
    numbers = Numbers()
    for row in range(5):
        numbers.add(InputExample(str(row), "", None, f"{row}.5"))
    features = Features(
        input_ids=np.array([0, 10, 11, 12, 20, 30, 31, 40, 41, 42, 43], np.int32),
        window_starts=np.arange(12),
        second_starts=np.ones(11, np.int32),
        row_windows=np.concatenate([[0], np.cumsum(counts)]),
        targets=numbers,
        pooled=True,
        num_truncated=0,
        statistics=RowStatistics(),
    )
    first, second, last = (features.batch(np.array(rows)) for rows in ([0, 1], [2, 3], [4]))
    assert features.lengths.tolist() == counts
    assert first["input_ids"].tolist() == [[0], [10], [11], [12]]
    assert first["window_rows"].tolist() == [0, 1, 1, 1]
    assert second["window_rows"].tolist() == [0, 1, 1]
    assert last["input_ids"].tolist() == [[40], [41], [42], [43]]
    assert last["window_rows"].tolist() == [0, 0, 0, 0]
    # Numbers keep their type; ids are integers.
    assert [batch["label_ids"].tolist() for batch in (first, second, last)] == [
        [0.5, 1.5],
        [2.5, 3.5],
        [4.5],
    ]


def test_rows_are_padded_to_a_given_length():
    features = features_of(3)
    input_ids, input_mask, _, label_ids = padded_batch(features, np.array([0, 1]), pad_to=4)
    assert input_ids.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
    assert input_mask.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert label_ids.shape == (2,)
    input_fn = make_training_input_fn(features, batch_size=2, seed=1, pad_to=4)
    assert {b["segment_ids"].shape[1] for b in batches_of(input_fn, 5)} == {4}


def shares_of(num_rows, num_batches, first, count, total, **settings):
    """Returns, for each batch and each replica of a process, the numbers of its rows."""
    input_fn = make_training_input_fn(
        features_of(num_rows), batch_size=5, seed=1, share=Share(first, count, total), **settings
    )
    return [
        [(replica["input_ids"][:, 0].tolist(), replica[HAS_ROWS]) for replica in batch]
        for batch in batches_of(input_fn, num_batches)
    ]


def counted(shares):
    return [row for rows, has_rows in shares for row in rows if has_rows]


def test_replicas_share_the_rows_of_each_batch():
    whole = [batch["input_ids"][:, 0].tolist() for batch in train_batches(10, seed=1)]
    shared = shares_of(23, 10, 0, 3, 3)
    assert [sorted(counted(batch)) for batch in shared] == [sorted(batch) for batch in whole]
    sizes = [[len(rows) for rows, _ in batch] for batch in shared]
    assert sizes == [[2, 2, 1], [2, 2, 1], [2, 2, 1], [2, 2, 1], [1, 1, 1]] * 2


def test_processes_share_the_rows_of_each_part_of_a_batch():
    first = shares_of(23, 9, 0, 1, 3, parts=2)
    second = shares_of(23, 9, 1, 2, 3, parts=2)
    parts = [counted([*a, *b]) for a, b in zip(first, second)]
    assert sorted(sum(parts, [])) == list(range(23))
    assert [len(part) for part in parts] == [3, 2] * 4 + [3]


def test_replica_without_rows_gets_one_that_does_not_count():
    (last,) = shares_of(21, 1, 0, 3, 3, start_step=4)
    assert [has_rows for _, has_rows in last] == [1.0, 0.0, 0.0]
    assert [rows for rows, _ in last] == [last[0][0]] * 3
    assert len(last[0][0]) == 1
