"""Batches: every row once an epoch, well shuffled, seeded; in order and whole when predicting."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune import input_pipeline
from finetune.features import Features
from finetune.input_pipeline import make_input_fn, steps_per_epoch
from finetune.problems import LabelIds, Numbers
from finetune.survey import Survey
from processors import InputExample


def features_of(num_rows):
    """Rows of one token, whose id is the row's number; labels sorted, one half each."""
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
        survey=Survey(unknown_id=1),
    )


def batches(num_batches, num_rows=23, **settings):
    return batches_of(features_of(num_rows), num_batches, batch_size=5, **settings)


def batches_of(features, num_batches, **settings):
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = make_input_fn(features, **settings)()
        element = tf.data.make_one_shot_iterator(dataset).get_next()
        return [session.run(element) for _ in range(num_batches)]


def rows(some_batches):
    return [row for batch in some_batches for row in batch["input_ids"][:, 0].tolist()]


@pytest.fixture(params=["few rows", "many rows"])
def either_way(request, monkeypatch):
    """Both ways of shuffling: few rows by TensorFlow's buffer, many by one permutation an epoch."""
    if request.param == "many rows":
        monkeypatch.setattr(input_pipeline, "_SHUFFLED_BY_TENSORFLOW", 20)


def test_one_pass_keeps_order_and_the_last_partial_batch():
    some_batches = batches(5)
    assert rows(some_batches) == list(range(23))
    assert len(some_batches[-1]["label_ids"]) == 3
    with pytest.raises(tf.errors.OutOfRangeError):
        batches(6)


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own(either_way):
    some_batches = batches(10, shuffle_seed=7)
    first, second = rows(some_batches[:5]), rows(some_batches[5:])
    assert sorted(first) == sorted(second) == list(range(23))
    assert first != second
    assert first != list(range(23))


def test_label_sorted_data_is_mixed_from_the_first_batch(either_way):
    # A shuffle buffer shorter than the data set would start with one label alone: with 1000 rows
    # a batch of 5 is pure by chance once in 16; the first 10 batches must hold 15 to 35 of 50.
    ones = sum(int(b["label_ids"].sum()) for b in batches(10, num_rows=1000, shuffle_seed=3))
    assert 15 <= ones <= 35


def test_the_seed_determines_the_order(either_way):
    assert rows(batches(10, shuffle_seed=7)) == rows(batches(10, shuffle_seed=7))
    assert rows(batches(5, shuffle_seed=7)) != rows(batches(5, shuffle_seed=8))


def test_a_resumed_training_goes_on_in_the_order_of_the_first(either_way):
    whole = rows(batches(11, shuffle_seed=7))
    # Steps 0 to 4 are the first epoch (23 rows), step 5 is the first batch of the second.
    assert rows(batches(5, shuffle_seed=7, start_step=6)) == whole[28:]


def test_steps_per_epoch_counts_the_partial_batch():
    assert [steps_per_epoch(n, 5) for n in (1, 5, 6, 23)] == [1, 1, 2, 5]


def test_batches_are_of_rows_however_many_windows_they_have():
    # Rows of 1, 3, 1, 2 and 4 windows, of one token each: its id is 10 times the row, and more.
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
        survey=Survey(unknown_id=1),
    )
    first, second, last = batches_of(features, 3, batch_size=2)
    assert first["input_ids"].tolist() == [[0], [10], [11], [12]]
    assert first["window_rows"].tolist() == [0, 1, 1, 1]
    assert second["window_rows"].tolist() == [0, 1, 1]
    assert last["input_ids"].tolist() == [[40], [41], [42], [43]]
    assert last["window_rows"].tolist() == [0, 0, 0, 0]
    # Numbers are not rounded to the type of ids.
    assert [batch["label_ids"].tolist() for batch in (first, second, last)] == [
        [0.5, 1.5],
        [2.5, 3.5],
        [4.5],
    ]
