"""The order of rows in training and prediction: batches contain rows of similar length.

A batch is padded to its longest row, and attention is computed over that length, so batches of
equally long rows are cheapest.
"""

from typing import Dict, Iterable, Iterator

import numpy as np

# The rows of this many batches are drawn at random and then sorted; but an epoch has at least four
# such pools, so that in small data sets the same rows do not meet every time. Both numbers are
# those of Hugging Face's LengthGroupedSampler.
_BATCHES_PER_POOL = 50
_MIN_POOLS = 4


def epoch_order(
    lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int, by_length: bool
) -> np.ndarray:
    """Returns the order of the rows in one epoch of training.

    All rows are shuffled. With `by_length`, they are then sorted, up to 50 batches at a time, and
    cut into batches, and the batches are shuffled. The last batch, if it is smaller, is not sorted.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows per batch.
      seed: Seed of the whole training.
      epoch: Number of the epoch, from 0; each has its own order.
      by_length: Whether batches contain rows of similar length.

    Returns:
      Row numbers, int64 [rows].
    """
    random = np.random.RandomState([seed, epoch])
    order = random.permutation(len(lengths))
    if not by_length:
        return order
    in_whole_batches = len(order) - len(order) % batch_size
    whole, rest = order[:in_whole_batches], order[in_whole_batches:]
    batches_per_pool = min(max(1, len(whole) // batch_size // _MIN_POOLS), _BATCHES_PER_POOL)
    pools = np.arange(len(whole)) // (batch_size * batches_per_pool)
    batches = whole[np.lexsort((lengths[whole], pools))].reshape(-1, batch_size)  # [batches, B]
    return np.concatenate([batches[random.permutation(len(batches))].ravel(), rest])


def num_pools(num_rows: int, batch_size: int) -> int:
    """Returns the number of pools into which `pool_order` divides the rows to predict."""
    return -(-num_rows // (batch_size * _BATCHES_PER_POOL))


def pool_order(lengths: np.ndarray, *, batch_size: int, pool: int) -> np.ndarray:
    """Returns the rows of 50 batches to predict, the longest first.

    Only 50 batches are sorted at a time, so that predictions can be written in the order of the
    input while they are computed, whatever the size of the data.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows per batch.
      pool: Number of the 50 batches, from 0.

    Returns:
      Row numbers, int64 [rows of the pool].
    """
    start = pool * batch_size * _BATCHES_PER_POOL
    of_pool = lengths[start : start + batch_size * _BATCHES_PER_POOL]
    return start + np.argsort(-of_pool, kind="stable")


def in_input_order(
    outputs: Iterable[Dict[str, np.ndarray]], lengths: np.ndarray, batch_size: int
) -> Iterator[Dict[str, np.ndarray]]:
    """Puts predictions of rows in `pool_order` back into the order of the rows, pool by pool.

    Args:
      outputs: Batches: arrays whose first dimension is that of the batch. The second can differ
        between batches; shorter ones are padded with zeros.
      lengths: See `pool_order`.
      batch_size: See `pool_order`.

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
