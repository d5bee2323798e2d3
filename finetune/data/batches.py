"""Feed features to an Estimator in the order of `row_order`, padding each batch separately."""

import math
from typing import Callable, Dict, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data import row_order
from finetune.data.rows import Rows, Spec

# Additional keys of an element that is one of several parts of a batch.
PART = "part"
IS_LAST_PART = "is_last_part"

_ENDLESS = int(np.iinfo(np.int64).max)


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Returns the number of batches in one epoch; the last one can be smaller."""
    return math.ceil(num_rows / batch_size)


def make_training_input_fn(
    features: Rows,
    *,
    batch_size: int,
    seed: int,
    by_length: bool = True,
    start_step: int = 0,
    pad_to: Optional[int] = None,
    parts: int = 1,
) -> Callable[[], tf.data.Dataset]:
    """Makes the `input_fn` for training: endless epochs, each with every row once.

    Args:
      features: The data set.
      batch_size: Rows per batch.
      seed: Determines the order, which differs between epochs: see `row_order.epoch_order`.
      by_length: Whether batches contain rows of similar length.
      start_step: Number of batches to skip, because a resumed training run has seen them.
      pad_to: Length to which all rows are padded, in wordpieces; if None, that of the batch's
        longest row.
      parts: Number of elements into which a batch is cut, of `batch_size` / `parts` rows each; the
        last batch of an epoch can have fewer parts. If `parts` is more than 1, each element also
        contains `PART`, int64, its index in the batch, and `IS_LAST_PART`, bool.

    Returns:
      A function that returns a Dataset of dicts like those of `Rows.batch`.
    """
    lengths = features.lengths

    def epoch_order(epoch: np.ndarray) -> np.ndarray:
        return row_order.epoch_order(
            lengths, batch_size=batch_size, seed=seed, epoch=int(epoch), by_length=by_length
        )

    def input_fn() -> tf.data.Dataset:
        batches = _batches(_ENDLESS, epoch_order, batch_size).skip(start_step)
        if parts == 1:
            return _load(features, batches, pad_to)

        def gather(rows: tf.Tensor, index: tf.Tensor, is_last: tf.Tensor) -> Dict[str, tf.Tensor]:
            return {**_gather(features, rows, pad_to), PART: index, IS_LAST_PART: is_last}

        return batches.flat_map(_cut_into(parts, batch_size)).map(gather).prefetch(2)

    return input_fn


def make_prediction_input_fn(
    features: Rows, *, batch_size: int, pad_to: Optional[int] = None
) -> Callable[[], tf.data.Dataset]:
    """Makes the `input_fn` for one pass over the rows, in the order of `row_order.pool_order`.

    Args:
      features: The data set.
      batch_size: Rows per batch; the last one can be smaller.
      pad_to: Length to which all rows are padded, in wordpieces; if None, that of the batch's
        longest row.

    Returns:
      A function that returns a Dataset of dicts like those of `Rows.batch`.
    """
    lengths = features.lengths

    def pool_order(pool: np.ndarray) -> np.ndarray:
        return row_order.pool_order(lengths, batch_size=batch_size, pool=int(pool))

    num_pools = row_order.num_pools(len(features), batch_size)
    return lambda: _load(features, _batches(num_pools, pool_order, batch_size), pad_to)


def _batches(
    num_orders: int, order_of: Callable[[np.ndarray], np.ndarray], batch_size: int
) -> tf.data.Dataset:
    """Returns batches of row numbers: those of each epoch or pool in turn."""

    def batches_of(index: tf.Tensor) -> tf.data.Dataset:
        # Computed by NumPy when it is needed: a constant in the graph would hold every row number.
        order = tf.numpy_function(order_of, [index], tf.int64)
        order.set_shape([None])
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    return tf.data.Dataset.range(num_orders).flat_map(batches_of)


def _load(features: Rows, batches: tf.data.Dataset, pad_to: Optional[int]) -> tf.data.Dataset:
    return batches.map(lambda rows: _gather(features, rows, pad_to)).prefetch(2)


def _cut_into(parts: int, batch_size: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function that cuts a batch of row numbers into (rows, index, is last) parts."""
    size = -(-batch_size // parts)

    def cut(rows: tf.Tensor) -> tf.data.Dataset:
        num_parts = (tf.size(rows, out_type=tf.int64) + size - 1) // size
        indexes = tf.data.Dataset.range(num_parts)
        in_parts = tf.data.Dataset.from_tensor_slices(rows).batch(size)
        return tf.data.Dataset.zip((in_parts, indexes)).map(
            lambda part, index: (part, index, tf.equal(index, num_parts - 1))
        )

    return cut


def _gather(features: Rows, rows: tf.Tensor, pad_to: Optional[int]) -> Dict[str, tf.Tensor]:
    specs = features.specs

    def gather(rows: np.ndarray) -> List[np.ndarray]:
        return padded_batch(features, rows, pad_to)

    # Done by NumPy, so that the graph does not contain the data set.
    tensors = tf.numpy_function(gather, [rows], [spec.dtype for spec in specs.values()])
    for tensor, spec in zip(tensors, specs.values()):
        tensor.set_shape([None] * spec.rank)
    return dict(zip(specs, tensors))


def padded_batch(features: Rows, rows: np.ndarray, pad_to: Optional[int]) -> List[np.ndarray]:
    """Returns the arrays of a batch, in the order of `specs`.

    Args:
      features: The data set.
      rows: int [B], the rows.
      pad_to: See `make_prediction_input_fn`.
    """
    batch = features.batch(rows)
    return [_pad(batch[name], spec, pad_to) for name, spec in features.specs.items()]


def _pad(array: np.ndarray, spec: Spec, pad_to: Optional[int]) -> np.ndarray:
    if pad_to is None or spec.filler is None:
        return array
    missing = pad_to - array.shape[1]
    return np.pad(array, [(0, 0), (0, missing)], constant_values=spec.filler)
