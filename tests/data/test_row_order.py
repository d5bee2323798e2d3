"""Epochs contain every row once, in batches by length; predictions return in input order."""

import numpy as np
import pytest

from finetune.data.row_order import (
    batches_in,
    epoch_order,
    in_input_order,
    num_pools,
    pool_order,
)

LENGTHS = np.random.RandomState(3).randint(3, 90, size=1003)


def order_of(lengths=LENGTHS, *, seed=1, epoch=0, by_length=True, batch_size=4):
    return epoch_order(
        lengths, batch_size=batch_size, seed=seed, epoch=epoch, by_length=by_length
    ).tolist()


def padding(order, batch_size=4):
    """Returns the share of padding in all batches together."""
    lengths = LENGTHS[order]
    batches = [lengths[i : i + batch_size] for i in range(0, len(lengths), batch_size)]
    return 1 - lengths.sum() / sum(batch.max() * len(batch) for batch in batches)


@pytest.mark.parametrize("by_length", [False, True])
@pytest.mark.parametrize("num_rows", [0, 1, 3, 4, 5, 199, 200, 201, 1003])
def test_an_epoch_contains_each_row_once(num_rows, by_length):
    order = order_of(LENGTHS[:num_rows], by_length=by_length)
    assert sorted(order) == list(range(num_rows))


def test_batches_by_length_have_little_padding():
    assert padding(order_of(by_length=False)) > 0.3
    # 50 batches of 4 are sorted together: 200 rows with 87 possible lengths, so that neighbours
    # differ by 0.4 on average.
    assert padding(order_of()) < 0.03


def test_short_and_long_batches_are_mixed():
    order = order_of()[:1000]
    means = LENGTHS[order].reshape(10, -1).mean(axis=1)  # Per tenth of the epoch
    assert means.max() - means.min() < 20  # About 78 if the whole epoch were sorted


def test_a_partial_batch_is_last_and_not_sorted():
    lasts = [LENGTHS[order_of(epoch=epoch)[1000:]] for epoch in range(40)]
    # The mean length is 46.1; the last rows of a sorted epoch would be extreme.
    assert 40 < np.mean(lasts) < 53


def test_rows_of_equal_length_are_shuffled_too():
    first, second = (order_of(np.full(203, 7), epoch=epoch) for epoch in (0, 1))
    assert first != second
    together = {frozenset(first[i : i + 4]) for i in range(0, 200, 4)}
    assert not together & {frozenset(second[i : i + 4]) for i in range(0, 200, 4)}


def test_batches_of_a_small_data_set_differ_between_epochs():
    orders = [order_of(LENGTHS[:24], epoch=epoch, batch_size=8) for epoch in range(10)]
    batches = {frozenset(order[i : i + 8]) for order in orders for i in (0, 8, 16)}
    assert len(batches) == 30


# The first rows of pools of 1, 2, 4, 8, 16, 32, 50, 50, 50 and 50 batches of 4 rows, and the end.
STARTS = [0, 4, 12, 28, 60, 124, 252, 452, 652, 852, 1003]


def test_pools_grow_to_50_consecutive_batches_with_the_longest_rows_first():
    assert [num_pools(n, 4) for n in (0, 1, 4, 5, 12, 13, 252, 253, 1003)] == [
        0, 1, 1, 2, 2, 3, 6, 7, 10,
    ]  # fmt: skip
    assert [batches_in(pool) for pool in (0, 1, 2, 5, 6, 7, 1000)] == [1, 2, 4, 32, 50, 50, 50]
    for i, (start, end) in enumerate(zip(STARTS, STARTS[1:])):
        pool = pool_order(LENGTHS, batch_size=4, pool=i).tolist()
        assert sorted(pool) == list(range(start, end))
        assert all(a >= b for a, b in zip(LENGTHS[pool], LENGTHS[pool][1:]))


def test_predictions_are_put_back_into_input_order():
    def batches():
        for i in range(num_pools(1003, 4)):
            order = pool_order(LENGTHS, batch_size=4, pool=i)
            for start in range(0, len(order), 4):
                rows = order[start : start + 4]
                width = LENGTHS[rows].max()
                # Each row repeats its number, once for each wordpiece.
                wide = np.where(np.arange(width) < LENGTHS[rows][:, None], rows[:, None], -1)
                yield {"rows": rows, "wide": wide, "deep": np.stack([wide, wide], axis=2)}

    pools = list(in_input_order(batches(), LENGTHS, 4))
    assert len(pools) == 10
    assert np.concatenate([pool["rows"] for pool in pools]).tolist() == list(range(1003))
    row = 0
    for pool in pools:
        assert pool["deep"].shape == (*pool["wide"].shape, 2)
        for wide in pool["wide"]:
            assert wide[: LENGTHS[row]].tolist() == [row] * LENGTHS[row]
            row += 1
    assert row == 1003


def test_predictions_are_yielded_pool_by_pool():
    made = []

    def batches():
        for i in range(num_pools(1003, 4)):
            order = pool_order(LENGTHS, batch_size=4, pool=i)
            for start in range(0, len(order), 4):
                made.append(start)
                yield {"rows": order[start : start + 4]}

    pools = in_input_order(batches(), LENGTHS, 4)
    next(pools)
    assert len(made) == 1
    next(pools)
    assert len(made) == 3
