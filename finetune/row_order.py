"""The order of rows in training and prediction: those of a batch are alike in length.

A batch is padded to its longest row, and attention is over that, so rows of one length cost least.
"""

from typing import Dict, Iterable, Iterator

import numpy as np

# Rows of so many batches are drawn at random, then sorted; but an epoch has four such pools at the
# least, so that of little data it is not the same rows that meet each time. Both numbers are those
# of Hugging Face's LengthGroupedSampler.
_POOLED_BATCHES = 50
_LEAST_POOLS = 4


def epoch_order(
    lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int, by_length: bool
) -> np.ndarray:
    """Returns the order of the rows in one epoch of training.

    All rows are shuffled. By length, they are then, up to 50 batches at a time, sorted and cut into
    batches, and the batches are shuffled. The last batch, if it is smaller, is of any lengths.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows of a batch.
      seed: Of the whole training.
      epoch: Counted from 0; each has an order of its own.
      by_length: Whether batches are of rows that are alike in length.

    Returns:
      Row numbers, int64 [rows].
    """
    random = np.random.RandomState([seed, epoch])
    order = random.permutation(len(lengths))
    if not by_length:
        return order
    in_whole_batches = len(order) - len(order) % batch_size
    whole, rest = order[:in_whole_batches], order[in_whole_batches:]
    pooled_batches = min(max(1, len(whole) // batch_size // _LEAST_POOLS), _POOLED_BATCHES)
    pools = np.arange(len(whole)) // (batch_size * pooled_batches)
    batches = whole[np.lexsort((lengths[whole], pools))].reshape(-1, batch_size)
    return np.concatenate([batches[random.permutation(len(batches))].ravel(), rest])


def num_pools(num_rows: int, batch_size: int) -> int:
    """Returns how many times `pool_order` has rows to predict."""
    return -(-num_rows // (batch_size * _POOLED_BATCHES))


def pool_order(lengths: np.ndarray, *, batch_size: int, pool: int) -> np.ndarray:
    """Returns the rows of 50 batches to predict, the longest first.

    Not of the whole data, so that predictions can be written in the order of the input while they
    are made, whatever its size.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows of a batch.
      pool: Which 50 batches, from 0.

    Returns:
      Row numbers, int64 [rows of the pool].
    """
    start = pool * batch_size * _POOLED_BATCHES
    of_pool = lengths[start : start + batch_size * _POOLED_BATCHES]
    return start + np.argsort(-of_pool, kind="stable")


def in_input_order(
    outputs: Iterable[Dict[str, np.ndarray]], lengths: np.ndarray, batch_size: int
) -> Iterator[Dict[str, np.ndarray]]:
    """Puts predictions of rows in `pool_order` back into the order of the rows, pool by pool.

    Args:
      outputs: Batches: arrays whose first dimension is the batch's rows. The second may differ
        from batch to batch; shorter ones are then filled up with zeros.
      lengths: As of `pool_order`.
      batch_size: As of `pool_order`.

    Yields:
      The arrays of each pool.
    """
    outputs = iter(outputs)
    for pool in range(num_pools(len(lengths), batch_size)):
        order = pool_order(lengths, batch_size=batch_size, pool=pool)
        batches = [next(outputs) for _ in range(0, len(order), batch_size)]
        places = np.argsort(order)
        yield {name: _joined([b[name] for b in batches])[places] for name in batches[0]}


def _joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
    arrays = list(arrays)
    if arrays[0].ndim < 2:
        return np.concatenate(arrays)
    width = max(array.shape[1] for array in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    return np.concatenate(
        [np.pad(array, [(0, 0), (0, width - array.shape[1]), *rest]) for array in arrays]
    )
