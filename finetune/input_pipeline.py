"""Feed features to an Estimator: shuffled over the whole data set, padded batch by batch."""

import math
from typing import Callable, Dict, Optional, Protocol

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.features import Spec


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
        rows = tf.data.Dataset.range(len(features))
        if shuffle_seed is not None:
            rows = rows.shuffle(len(features), seed=shuffle_seed, reshuffle_each_iteration=True)
        batches = rows.batch(batch_size)
        if shuffle_seed is not None:
            batches = batches.repeat()
        batches = batches.skip(start_step)
        return batches.map(lambda rows: _gather(features, rows)).prefetch(2)

    return input_fn


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
