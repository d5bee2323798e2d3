"""Feed features to an Estimator in the order of `row_order`, padding each batch separately."""

import math
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data import row_order
from finetune.data.rows import Rows, Spec

# Additional keys of an element that is one of several parts of a batch.
PART = "part"
IS_LAST_PART = "is_last_part"
# Additional key of an element for one of several replicas: 1.0, or 0.0 if it has no rows.
HAS_ROWS = "has_rows"

_Features = Dict[str, tf.Tensor]
_ENDLESS = int(np.iinfo(np.int64).max)

# AutoGraph looks for control flow in the functions of a Dataset, which have none. It would take a
# tenth of a second at start-up.
_no_autograph = tf.autograph.experimental.do_not_convert


class Share(NamedTuple):
    """The replicas of a model that this process trains, out of those of all processes.

    Attributes:
      first: Index of the first one.
      number: How many they are.
      total: The number of replicas of all processes.
    """

    first: int
    number: int
    total: int


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
    share: Optional[Share] = None,
) -> Callable[[], tf.data.Dataset]:
    """Makes the `input_fn` for training: endless epochs, each with every row once.

    With `share`, the replicas divide the rows of each element among them. A replica that gets none,
    because a batch is small, gets a row of another replica; its `HAS_ROWS` is 0.0.

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
      share: The replicas of this process; None if there is only one, without `tf.distribute`.

    Returns:
      A function that returns a Dataset of dicts like those of `Rows.batch`; with `share`, of tuples
      of such dicts, one for each replica of this process, which also contain `HAS_ROWS`, float32.
    """
    lengths = features.lengths

    def epoch_order(epoch: np.ndarray) -> np.ndarray:
        return row_order.epoch_order(
            lengths, batch_size=batch_size, seed=seed, epoch=int(epoch), by_length=by_length
        )

    def input_fn() -> tf.data.Dataset:
        batches = _batches(epoch_order, batch_size).skip(start_step)
        if parts == 1:
            shared = _no_autograph(lambda rows: _shared(features, rows, pad_to, share))
            return batches.map(shared).prefetch(2)

        @_no_autograph
        def gather(
            rows: tf.Tensor, index: tf.Tensor, is_last: tf.Tensor
        ) -> Union[_Features, Tuple[_Features, ...]]:
            keys = {PART: index, IS_LAST_PART: is_last}
            found = _shared(features, rows, pad_to, share)
            if isinstance(found, tuple):
                return tuple({**replica, **keys} for replica in found)
            return {**found, **keys}

        return batches.flat_map(_cut_into(parts, batch_size)).map(gather).prefetch(2)

    return input_fn


def _batches(order_of: Callable[[np.ndarray], np.ndarray], batch_size: int) -> tf.data.Dataset:
    """Returns batches of row numbers: those of each epoch in turn, without end."""

    @_no_autograph
    def batches_of(index: tf.Tensor) -> tf.data.Dataset:
        # Computed by NumPy when it is needed: a constant in the graph would hold every row number.
        order = tf.numpy_function(order_of, [index], tf.int64)
        order.set_shape([None])
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    return tf.data.Dataset.range(_ENDLESS).flat_map(batches_of)


def _cut_into(parts: int, batch_size: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function that cuts a batch of row numbers into (rows, index, is last) parts."""
    size = -(-batch_size // parts)

    @_no_autograph
    def cut(rows: tf.Tensor) -> tf.data.Dataset:
        num_parts = (tf.size(rows, out_type=tf.int64) + size - 1) // size
        indexes = tf.data.Dataset.range(num_parts)
        in_parts = tf.data.Dataset.from_tensor_slices(rows).batch(size)
        return tf.data.Dataset.zip((in_parts, indexes)).map(
            _no_autograph(lambda part, index: (part, index, tf.equal(index, num_parts - 1)))
        )

    return cut


def _shared(
    features: Rows, rows: tf.Tensor, pad_to: Optional[int], share: Optional[Share]
) -> Union[_Features, Tuple[_Features, ...]]:
    """Returns the features of all rows; with `share`, those of each replica of this process."""
    if share is None:
        return _gather(features, rows, pad_to)
    return tuple(
        _gather_share(features, rows, pad_to, replica, share.total)
        for replica in range(share.first, share.first + share.number)
    )


def _gather_share(
    features: Rows, rows: tf.Tensor, pad_to: Optional[int], replica: int, total: int
) -> _Features:
    # The rows of a batch can be sorted by length, so every replica gets both short and long ones.
    own = rows[replica::total]
    has_rows = tf.size(own) > 0
    # Not all ops accept an empty batch.
    own = tf.cond(has_rows, lambda: own, lambda: rows[:1])
    return {**_gather(features, own, pad_to), HAS_ROWS: tf.cast(has_rows, tf.float32)}


def _gather(features: Rows, rows: tf.Tensor, pad_to: Optional[int]) -> _Features:
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
      pad_to: See `make_training_input_fn`.
    """
    batch = features.batch(rows)
    return [_pad(batch[name], spec, pad_to) for name, spec in features.specs.items()]


def _pad(array: np.ndarray, spec: Spec, pad_to: Optional[int]) -> np.ndarray:
    if pad_to is None or spec.filler is None:
        return array
    missing = pad_to - array.shape[1]
    return np.pad(array, [(0, 0), (0, missing)], constant_values=spec.filler)
