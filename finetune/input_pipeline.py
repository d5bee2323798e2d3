"""Feed features to an Estimator: shuffled over the whole data set, padded batch by batch."""

import math
from typing import Callable, Dict, Optional, Protocol

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.features import Spec

# Rows; with more, TensorFlow's buffer of single row numbers, some 350 bytes each, is too large.
_SHUFFLED_BY_TENSORFLOW = 1_000_000


class Rows(Protocol):
    """A data set as arrays: `features.Features`, or `tagging_features.TaggingFeatures`."""

    specs: Dict[str, Spec]  # Of each array of a batch

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given rows as arrays of these ranks and types, padded to the longest."""


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Returns the batches of one epoch; the last one may be smaller."""
    return math.ceil(num_rows / batch_size)


def make_input_fn(
    features: Rows, *, batch_size: int, shuffle_seed: Optional[int] = None, start_step: int = 0
) -> Callable[[], tf.data.Dataset]:
    """Makes the `input_fn` of one pass, or of endless training.

    Args:
      features: The data set.
      batch_size: Rows of a batch.
      shuffle_seed: For training: epochs follow one another without end, each with every row once
        in an order of its own, which the seed determines. None: one pass, in order.
      start_step: Batches to pass over, those that a resumed training has seen.

    Returns:
      A function that returns a Dataset of dicts as of the features' `batch`.
    """

    def input_fn() -> tf.data.Dataset:
        if shuffle_seed is None:
            batches = tf.data.Dataset.range(len(features)).batch(batch_size)
        else:
            batches = _shuffled_batches(len(features), batch_size, shuffle_seed).skip(start_step)
        return batches.map(lambda rows: _gather(features, rows)).prefetch(2)

    return input_fn


def _shuffled_batches(num_rows: int, batch_size: int, seed: int) -> tf.data.Dataset:
    """Returns batches of row numbers without end, every row once an epoch."""
    if num_rows <= _SHUFFLED_BY_TENSORFLOW:
        rows = tf.data.Dataset.range(num_rows)
        rows = rows.shuffle(num_rows, seed=seed, reshuffle_each_iteration=True)
        return rows.batch(batch_size).repeat()

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.numpy_function(
            lambda e: np.random.RandomState([seed, e]).permutation(num_rows), [epoch], tf.int64
        )
        order.set_shape([num_rows])
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    return tf.data.Dataset.range(np.iinfo(np.int64).max).flat_map(epoch_batches)


def _gather(features: Rows, rows: tf.Tensor) -> Dict[str, tf.Tensor]:
    specs = features.specs

    def gather(rows):
        batch = features.batch(rows)
        return [batch[name] for name in specs]

    # In NumPy, so that neither the graph nor each batch carries the data set.
    tensors = tf.numpy_function(gather, [rows], [spec.dtype for spec in specs.values()])
    for tensor, spec in zip(tensors, specs.values()):
        tensor.set_shape([None] * spec.rank)
    return dict(zip(specs, tensors))
