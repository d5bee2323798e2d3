"""Order rows for training and prediction so that a batch contains rows of similar length.

A batch is padded to its longest row, and attention is computed over that length, so a batch whose
rows are equally long is cheapest.
"""

import itertools
from typing import Dict, Iterable, Iterator, List, TypeVar

import numpy as np

ItemT = TypeVar("ItemT")

# A pool is this many batches of random rows, which are sorted together. An epoch has at least four
# pools, so that batches differ between epochs even in a small data set. Both numbers are those of
# Hugging Face's LengthGroupedSampler.
_BATCHES_PER_POOL = 50
_MIN_POOLS = 4
# In prediction, this many pools are smaller: they have 1, 2, 4, … 32 batches.
_GROWING_POOLS = (_BATCHES_PER_POOL - 1).bit_length()


def epoch_order(
    lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int, by_length: bool
) -> np.ndarray:
    """Returns the order of the rows in one epoch of training.

    All rows are shuffled. With `by_length`, they are then sorted, up to 50 batches at a time, and
    cut into batches, and the batches are shuffled. The rows that do not fill a batch stay last,
    unsorted.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows per batch.
      seed: Seed of the whole training run.
      epoch: Index of the epoch, from 0; each has its own order.
      by_length: Whether batches contain rows of similar length.

    Returns:
      Row numbers, int64 [rows].
    """
    random = np.random.RandomState([seed, epoch])
    order = random.permutation(len(lengths))
    if not by_length:
        return order
    num_whole = len(order) - len(order) % batch_size
    whole, rest = order[:num_whole], order[num_whole:]
    batches_per_pool = min(max(1, len(whole) // batch_size // _MIN_POOLS), _BATCHES_PER_POOL)
    pools = np.arange(len(whole)) // (batch_size * batches_per_pool)
    batches = whole[np.lexsort((lengths[whole], pools))].reshape(-1, batch_size)  # [batches, B]
    return np.concatenate([batches[random.permutation(len(batches))].ravel(), rest])


def num_pools(num_rows: int, batch_size: int) -> int:
    """Returns the number of pools into which `pool_order` divides the rows to predict."""
    pool = 0
    while _batches_before(pool) * batch_size < num_rows:
        pool += 1
    return pool


def batches_in(pool: int) -> int:
    """Returns the number of batches in a pool to predict: 1, 2, 4, … up to 50.

    The first rows are answered soon, and later pools are large enough to be sorted well. Files and
    streams have the same pools, so that a row is computed in the same batch.
    """
    return min(1 << min(pool, _GROWING_POOLS), _BATCHES_PER_POOL)


def in_chunks(items: Iterable[ItemT], batch_size: int) -> Iterator[List[ItemT]]:
    """Yields items in lists, which are as large as the pools of `batches_in`."""
    left = iter(items)
    for pool in itertools.count():
        chunk = list(itertools.islice(left, batches_in(pool) * batch_size))
        if not chunk:
            return
        yield chunk


def _batches_before(pool: int) -> int:
    growing = min(pool, _GROWING_POOLS)
    return (1 << growing) - 1 + (pool - growing) * _BATCHES_PER_POOL


def pool_order(lengths: np.ndarray, *, batch_size: int, pool: int) -> np.ndarray:
    """Returns the rows of one pool to predict, the longest first; see `batches_in`.

    Each pool is sorted separately, so that predictions can be written in the order of the input
    while later pools are computed.

    Args:
      lengths: int [rows], in wordpieces.
      batch_size: Rows per batch.
      pool: Index of the pool, from 0.

    Returns:
      Row numbers, int64 [rows of the pool].
    """
    start = _batches_before(pool) * batch_size
    return start + longest_first(lengths[start : start + batches_in(pool) * batch_size])


def in_pool_order(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the row numbers of each batch to predict, pool by pool; see `pool_order`."""
    for pool in range(num_pools(len(lengths), batch_size)):
        order = pool_order(lengths, batch_size=batch_size, pool=pool)
        yield from (order[i : i + batch_size] for i in range(0, len(order), batch_size))


def longest_first(lengths: np.ndarray) -> np.ndarray:
    """Returns the numbers of all rows, int64 [rows], the longest first."""
    return np.argsort(-lengths, kind="stable")


def in_input_order(
    outputs: Iterable[Dict[str, np.ndarray]], lengths: np.ndarray, batch_size: int
) -> Iterator[Dict[str, np.ndarray]]:
    """Puts predictions made in `pool_order` back into the order of the input, pool by pool.

    Args:
      outputs: The arrays of each batch, [B, …]. The second dimension can differ between batches;
        narrower arrays are padded with zeros.
      lengths: See `pool_order`.
      batch_size: See `pool_order`.

    Yields:
      The arrays of each pool.
    """
    batches_left = iter(outputs)
    for pool in range(num_pools(len(lengths), batch_size)):
        order = pool_order(lengths, batch_size=batch_size, pool=pool)
        yield restored(batches_left, order, batch_size)


def restored(
    outputs: Iterator[Dict[str, np.ndarray]], order: np.ndarray, batch_size: int
) -> Dict[str, np.ndarray]:
    """Takes the predictions of some rows, and returns them in the order of the row numbers.

    Args:
      outputs: See `in_input_order`.
      order: int64 [rows], the rows in the order in which they are predicted.
      batch_size: Rows per batch.
    """
    batches = [next(outputs) for _ in range(0, len(order), batch_size)]
    input_order = np.argsort(order)
    return {name: _concatenate([b[name] for b in batches])[input_order] for name in batches[0]}


def _concatenate(arrays: List[np.ndarray]) -> np.ndarray:
    """Concatenates arrays, after padding their second dimensions to the longest."""
    if len(arrays) == 1:
        return arrays[0]
    if arrays[0].ndim < 2:
        return np.concatenate(arrays)
    width = max(array.shape[1] for array in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    return np.concatenate(
        [np.pad(array, [(0, 0), (0, width - array.shape[1]), *rest]) for array in arrays]
    )
