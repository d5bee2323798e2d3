"""Batches: every row once an epoch, well shuffled, seeded; in order and whole when predicting."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.features import Features
from finetune.input_pipeline import make_input_fn, steps_per_epoch


def features_of(num_rows):
    """Rows of one token, whose id is the row's number; labels sorted, one half each."""
    return Features(
        input_ids=np.arange(num_rows, dtype=np.int32),
        segment_ids=np.zeros(num_rows, np.int32),
        row_starts=np.arange(num_rows + 1),
        label_ids=(np.arange(num_rows) >= num_rows // 2).astype(np.int32),
        num_truncated=0,
    )


def batches(num_batches, num_rows=23, **settings):
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = make_input_fn(features_of(num_rows), batch_size=5, **settings)()
        element = tf.data.make_one_shot_iterator(dataset).get_next()
        return [session.run(element) for _ in range(num_batches)]


def rows(some_batches):
    return [row for batch in some_batches for row in batch["input_ids"][:, 0].tolist()]


def test_one_pass_keeps_order_and_the_last_partial_batch():
    some_batches = batches(5)
    assert rows(some_batches) == list(range(23))
    assert len(some_batches[-1]["label_ids"]) == 3
    with pytest.raises(tf.errors.OutOfRangeError):
        batches(6)


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own():
    some_batches = batches(10, shuffle_seed=7)
    first, second = rows(some_batches[:5]), rows(some_batches[5:])
    assert sorted(first) == sorted(second) == list(range(23))
    assert first != second
    assert first != list(range(23))


def test_label_sorted_data_is_mixed_from_the_first_batch():
    # A shuffle buffer shorter than the data set would start with one label alone: with 1000 rows
    # a batch of 5 is pure by chance once in 16; the first 10 batches must hold 15 to 35 of 50.
    ones = sum(int(b["label_ids"].sum()) for b in batches(10, num_rows=1000, shuffle_seed=3))
    assert 15 <= ones <= 35


def test_the_seed_determines_the_order():
    assert rows(batches(10, shuffle_seed=7)) == rows(batches(10, shuffle_seed=7))
    assert rows(batches(5, shuffle_seed=7)) != rows(batches(5, shuffle_seed=8))


def test_a_resumed_training_goes_on_in_the_order_of_the_first():
    whole = rows(batches(11, shuffle_seed=7))
    # Steps 0 to 4 are the first epoch (23 rows), step 5 is the first batch of the second.
    assert rows(batches(5, shuffle_seed=7, start_step=6)) == whole[28:]


def test_steps_per_epoch_counts_the_partial_batch():
    assert [steps_per_epoch(n, 5) for n in (1, 5, 6, 23)] == [1, 1, 2, 5]
