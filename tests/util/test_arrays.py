"""A growing array contains the same values as a plain list, in memory or on disk."""

import array
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.util import arrays
from finetune.util.arrays import GrowingArray

TYPES = (np.int32, np.int64, np.uint64, np.float64)


def limit_memory(patch, limit):
    """Moves arrays to disk once they have `limit` bytes."""
    patch.setattr(arrays, "_MAX_BYTES_IN_MEMORY", limit)


@pytest.fixture(params=[1, 13 * 4, 1 << 20], ids=["each", "some", "none"])
def max_bytes(request, monkeypatch):
    """Moves arrays to disk with every number, with 13 numbers of 4 bytes, or never."""
    limit_memory(monkeypatch, request.param)
    return request.param


def test_numbers_are_returned_in_order_from_memory_and_disk(max_bytes):
    numbers = GrowingArray(np.int32, [7])
    numbers.append(-2)
    numbers.extend(range(100, 129))
    numbers.extend([])
    numbers.append(2**31 - 1)
    assert len(numbers) == 32
    assert numbers.to_numpy().tolist() == [7, -2, *range(100, 129), 2**31 - 1]
    assert len(numbers) == 32
    assert isinstance(numbers.to_numpy(), np.memmap) == (max_bytes < 1000)


@pytest.mark.parametrize("dtype", TYPES)
def test_an_empty_array_has_its_dtype(dtype, max_bytes):
    assert GrowingArray(dtype).to_numpy().dtype == dtype
    assert GrowingArray(dtype).to_numpy().shape == (0,)
    assert GrowingArray(dtype, [3] * 17).to_numpy().dtype == dtype


def test_the_extreme_values_of_each_dtype_are_stored(max_bytes):
    for dtype in TYPES[:3]:
        limits = [np.iinfo(dtype).min, np.iinfo(dtype).max]
        numbers = GrowingArray(dtype, limits)
        numbers.extend(limits)
        assert numbers.to_numpy().tolist() == limits * 2
    numbers = GrowingArray(np.float64, [0.1])
    assert numbers.to_numpy().tolist() == [0.1]


def test_a_number_outside_the_range_of_the_dtype_raises_an_error():
    with pytest.raises(OverflowError, match="(signed|greater)"):
        GrowingArray(np.int32).append(2**31)


def test_reading_twice_returns_the_same_memory(max_bytes):
    numbers = GrowingArray(np.int32, range(23))
    numbers.extend(range(5))
    first, second = numbers.to_numpy(), numbers.to_numpy()
    assert np.shares_memory(first, second)
    assert second.tolist() == [*range(23), *range(5)]


def test_memory_use_stays_below_the_limit(monkeypatch):
    limit = 13 * 4
    limit_memory(monkeypatch, limit)
    numbers = GrowingArray(np.int32)
    for number in range(31):
        numbers.append(number)
        assert len(numbers._in_memory) * 4 < limit
        assert len(numbers) == number + 1
    assert numbers.to_numpy().tolist() == list(range(31))


@pytest.mark.parametrize("count", [1, 12, 13, 29])
def test_an_array_that_was_read_cannot_grow(count, max_bytes):
    numbers = GrowingArray(np.int32, range(count))
    numbers.extend([5])
    seen = numbers.to_numpy()
    for grow in (lambda: numbers.append(6), lambda: numbers.extend([6, 7])):
        with pytest.raises(
            (RuntimeError, BufferError), match="can no longer grow|exporting buffers"
        ):
            grow()
    assert seen.tolist() == [*range(count), 5]
    assert len(numbers) == count + 1


def test_two_arrays_do_not_share_a_file(monkeypatch):
    limit_memory(monkeypatch, 1)
    first, second = GrowingArray(np.int32), GrowingArray(np.int32)
    for number in range(11):
        first.append(number)
        second.append(-number)
    assert first.to_numpy().tolist() == list(range(11))
    assert second.to_numpy().tolist() == [-number for number in range(11)]


def test_arrays_of_16_mebibytes_are_on_disk():
    almost = array.array("i", [3]) * (2**22 - 1)
    numbers = GrowingArray(np.int32, almost)
    numbers.extend([])
    assert not isinstance(numbers.to_numpy(), np.memmap)
    numbers = GrowingArray(np.int32, almost)
    numbers.extend([-7, -5])
    seen = numbers.to_numpy()
    assert isinstance(seen, np.memmap)
    assert len(seen) == 2**22 + 1
    assert seen[[0, 2**22 - 2, 2**22 - 1, 2**22]].tolist() == [3, 3, -7, -5]


@settings(deadline=None)
@given(
    st.sampled_from(TYPES),
    st.integers(1, 97),
    st.lists(st.lists(st.integers(0, 2**24), max_size=19), max_size=7),
)
def test_an_array_equals_a_list(dtype, limit, parts):
    with pytest.MonkeyPatch.context() as patch:
        limit_memory(patch, limit)
        numbers = GrowingArray(dtype)
        for part in parts:
            if len(part) == 1:
                numbers.append(part[0])
            else:
                numbers.extend(iter(part))
        expected = list(itertools.chain.from_iterable(parts))
        assert len(numbers) == len(expected)
        assert numbers.to_numpy().tolist() == expected
