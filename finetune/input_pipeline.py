"""Feed features to an Estimator: shuffled over the whole data set, padded batch by batch."""

import math
from typing import Callable, Optional

import tensorflow.compat.v1 as tf

from finetune.features import Features

_KEYS = ("input_ids", "input_mask", "segment_ids", "label_ids")


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Returns the batches of one epoch; the last one may be smaller."""
    return math.ceil(num_rows / batch_size)


def make_input_fn(
    features: Features, *, batch_size: int, shuffle_seed: Optional[int] = None, start_step: int = 0
) -> Callable[[], tf.data.Dataset]:
    """Makes the `input_fn` of one pass, or of endless training.

    Args:
      features: The data set.
      batch_size: Rows of a batch.
      shuffle_seed: For training: epochs follow one another without end, each with every row once
        in an order of its own, which the seed determines. None: one pass, in order.
      start_step: Batches to pass over, those that a resumed training has seen.

    Returns:
      A function that returns a Dataset of dicts as of `Features.batch`.
    """

    def input_fn() -> tf.data.Dataset:
        rows = tf.data.Dataset.range(len(features))
        if shuffle_seed is not None:
            rows = rows.shuffle(len(features), seed=shuffle_seed, reshuffle_each_iteration=True)
        batches = rows.batch(batch_size)
        if shuffle_seed is not None:
            batches = batches.repeat()
        batches = batches.skip(start_step)
        return batches.map(lambda rows: _gather(features, rows)).prefetch(2)

    return input_fn


def _gather(features: Features, rows: tf.Tensor) -> dict:
    def gather(rows):
        batch = features.batch(rows)
        return [batch[key] for key in _KEYS]

    # In NumPy, so that neither the graph nor each batch carries the data set.
    tensors = tf.numpy_function(gather, [rows], [tf.int32] * len(_KEYS))
    batch = dict(zip(_KEYS, tensors))
    for key in _KEYS[:-1]:
        batch[key].set_shape([None, None])  # [B, S]
    batch["label_ids"].set_shape([None])  # [B]
    return batch
