"""The order of rows: every row once, batches alike in length, predictions back in their places."""

import numpy as np
import pytest

from finetune.data.row_order import epoch_order, in_input_order, num_pools, pool_order

LENGTHS = np.random.RandomState(3).randint(3, 90, size=1003)


def order_of(lengths=LENGTHS, *, seed=1, epoch=0, by_length=True, batch_size=4):
    return epoch_order(
        lengths, batch_size=batch_size, seed=seed, epoch=epoch, by_length=by_length
    ).tolist()


def padding(order, batch_size=4):
    """Returns the share of a batch that is padding, over all batches."""
    lengths = LENGTHS[order]
    batches = [lengths[i : i + batch_size] for i in range(0, len(lengths), batch_size)]
    return 1 - lengths.sum() / sum(batch.max() * len(batch) for batch in batches)


@pytest.mark.parametrize("by_length", [False, True])
@pytest.mark.parametrize("num_rows", [0, 1, 3, 4, 5, 199, 200, 201, 1003])
def test_every_row_is_in_an_epoch_once(num_rows, by_length):
    order = order_of(LENGTHS[:num_rows], by_length=by_length)
    assert sorted(order) == list(range(num_rows))


def test_batches_by_length_have_little_padding():
    assert padding(order_of(by_length=False)) > 0.3
    # 50 batches of 4 are sorted together: 200 lengths of 87, so that neighbours differ by 0.4.
    assert padding(order_of()) < 0.03


def test_short_and_long_batches_are_mixed():
    order = order_of()[:1000]
    means = LENGTHS[order].reshape(10, -1).mean(axis=1)  # Of each tenth of the epoch
    assert means.max() - means.min() < 20  # Sorted as a whole, it would be about 78.


def test_a_smaller_batch_is_the_last_and_of_any_lengths():
    lasts = [LENGTHS[order_of(epoch=epoch)[1000:]] for epoch in range(40)]
    assert 40 < np.mean(lasts) < 53  # The mean length is 46.1; the rest of a sort is an extreme.


def test_rows_of_equal_length_are_shuffled_too():
    first, second = (order_of(np.full(203, 7), epoch=epoch) for epoch in (0, 1))
    assert first != second
    together = {frozenset(first[i : i + 4]) for i in range(0, 200, 4)}
    assert not together & {frozenset(second[i : i + 4]) for i in range(0, 200, 4)}


def test_of_little_data_other_rows_meet_in_each_epoch():
    orders = [order_of(LENGTHS[:24], epoch=epoch, batch_size=8) for epoch in range(10)]
    batches = {frozenset(order[i : i + 8]) for order in orders for i in (0, 8, 16)}
    assert len(batches) == 30


def test_pools_are_50_batches_in_turn_with_the_longest_rows_first():
    pools = [pool_order(LENGTHS, batch_size=4, pool=i).tolist() for i in range(6)]
    assert num_pools(1003, 4) == 6
    for i, pool in enumerate(pools):
        assert sorted(pool) == list(range(200 * i, min(200 * (i + 1), 1003)))
        assert all(a >= b for a, b in zip(LENGTHS[pool], LENGTHS[pool][1:]))


def test_predictions_come_back_in_the_order_of_the_input():
    def batches():
        for i in range(num_pools(1003, 4)):
            order = pool_order(LENGTHS, batch_size=4, pool=i)
            for start in range(0, len(order), 4):
                rows = order[start : start + 4]
                width = LENGTHS[rows].max()
                # Of each row its number, and as many of it as it is long.
                wide = np.where(np.arange(width) < LENGTHS[rows][:, None], rows[:, None], -1)
                yield {"rows": rows, "wide": wide, "deep": np.stack([wide, wide], axis=2)}

    pools = list(in_input_order(batches(), LENGTHS, 4))
    assert len(pools) == 6
    assert np.concatenate([pool["rows"] for pool in pools]).tolist() == list(range(1003))
    row = 0
    for pool in pools:
        assert pool["deep"].shape == (*pool["wide"].shape, 2)
        for wide in pool["wide"]:
            assert wide[: LENGTHS[row]].tolist() == [row] * LENGTHS[row]
            row += 1
    assert row == 1003


def test_predictions_are_passed_on_pool_by_pool():
    made = []

    def batches():
        for i in range(num_pools(1003, 4)):
            order = pool_order(LENGTHS, batch_size=4, pool=i)
            for start in range(0, len(order), 4):
                made.append(start)
                yield {"rows": order[start : start + 4]}

    next(in_input_order(batches(), LENGTHS, 4))
    assert len(made) == 50
