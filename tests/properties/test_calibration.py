"""The reliability diagram for any confidences."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from finetune.reports.plots import reliability
from tests.support.fuzzing import fuzz


@fuzz
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1, width=32) | st.integers(0, 10).map(lambda n: n / 10), st.booleans()
        ),
        max_size=60,
    ),
    st.sampled_from([np.float32, np.float64]),
)
@example([], np.float32)
@example([(1.0, True)] * 3, np.float32)
@example([(0.95, True), (1.0, False)], np.float64)
def test_reliability_bins_ascend_and_cover_every_confidence(predictions, number_type):
    confidences = np.array([confidence for confidence, _ in predictions], number_type)
    is_correct = np.array([correct for _, correct in predictions], bool)
    mean, shares, counts = reliability(confidences, is_correct)
    assert counts.sum() == len(predictions)
    assert len(mean) == len(shares)
    assert len(shares) <= 10
    assert all((shares >= 0) & (shares <= 1) & (mean >= 0) & (mean <= 1))
    assert all(np.diff(mean) > 0)
    # A bin is 0.1 wide, so each confidence is within 0.1 of the mean of its bin.
    near = np.abs(confidences[:, None] - mean) < 0.1 + 1e-6
    assert near.any(axis=1).all()
    assert near.any(axis=0).all()
    if number_type is np.float64:  # In float32, the bin of a confidence depends on rounding.
        tenths = {}
        for confidence, correct in predictions:
            tenths.setdefault(min(int(confidence * 10), 9), []).append(correct)
        assert list(shares) == [sum(tenths[i]) / len(tenths[i]) for i in sorted(tenths)]
    order = np.arange(len(predictions))[::-1]
    again = reliability(confidences[order], ~is_correct[order])
    np.testing.assert_allclose(again[0], mean, rtol=1e-12)
    np.testing.assert_allclose(again[1], 1 - shares, atol=1e-12)
