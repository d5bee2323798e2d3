"""The shares in --split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.splitting import parse_shares
from finetune.util.errors import InputError
from tests.support.fuzzing import fuzz


@fuzz
@given(
    # Within these bounds, the sum is finite too.
    st.lists(st.floats(1e-100, 1e100), min_size=2, max_size=3),
    st.sampled_from([repr, "{:e}".format]),
)
def test_shares_keep_their_proportions_and_sum_to_one(numbers, write):
    shares = parse_shares(":".join(map(write, numbers)))
    assert all(0 < share < 1 or max(numbers) / min(numbers) > 1e15 for share in shares)
    assert sum(shares) == pytest.approx(1)
    assert [share * sum(numbers) for share in shares] == pytest.approx(numbers, rel=1e-5)


@pytest.mark.parametrize("text", ["1e308:1e308", "5e-324:1e308", "inf:1", "nan:1", "0:1"])
def test_shares_that_overflow_or_vanish_are_rejected(text):
    with pytest.raises(InputError, match="--split="):
        parse_shares(text)
