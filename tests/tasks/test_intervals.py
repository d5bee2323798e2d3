"""Confidence intervals for scores on small data sets."""

import numpy as np
import pytest

from finetune.tasks import intervals


def test_interval_of_accuracy_is_that_of_wilson():
    # Worked out from Wilson's formula: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), with
    # z = 1.96, n = 20 and p = 0.9.
    is_correct = np.arange(20) < 18
    assert intervals.of_accuracy(is_correct) == pytest.approx((0.699, 0.972), abs=5e-4)
    # Without any mistake, it still has a width: its lower end is n / (n + z²).
    low, high = intervals.of_accuracy(np.ones(20, bool))
    assert (low, high) == pytest.approx((20 / (20 + 1.96**2), 1.0), abs=1e-4)


def test_interval_of_a_mean_is_about_two_standard_errors_wide_on_either_side():
    values = np.arange(100.0)
    low, high = intervals.of_mean(values)
    error = values.std() / np.sqrt(100)
    assert (low, high) == pytest.approx((49.5 - 1.96 * error, 49.5 + 1.96 * error), abs=0.6)
    assert intervals.of_mean(np.ones(7)) is None


def test_interval_of_f1_matches_resampling_with_scikit_learn():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(5)
    gold = rng.integers(0, 3, 97)
    predicted = np.where(rng.random(97) < 0.7, gold, rng.integers(0, 3, 97))
    one_hot = [ids[:, np.newaxis] == np.arange(3) for ids in (gold, predicted)]
    hits, sizes = one_hot[0] & one_hot[1], one_hot[0].astype(int) + one_hot[1]
    drawn = [rng.integers(0, 97, 97) for _ in range(1000)]
    scores = [f1_score(gold[rows], predicted[rows], average="macro") for rows in drawn]
    expected = tuple(np.quantile(scores, [0.025, 0.975]))
    assert intervals.of_f1(hits, sizes) == pytest.approx(expected, abs=0.02)


def test_perfect_f1_has_no_interval_and_a_label_that_never_occurs_counts_as_zero():
    hits = np.array([[1, 0, 0], [0, 1, 0]] * 5)
    assert intervals.of_f1(hits[:, :2], 2 * hits[:, :2]) is None
    # F1 of the labels that occur is 1 in each sample, and that of the third label is 0.
    assert intervals.of_f1(hits, 2 * hits) is None
    # Half of the first label's predictions are correct, and no other label occurs.
    some, all_first = np.array([[1, 0], [0, 0]] * 10), np.array([[2, 0], [2, 0]] * 10)
    low, high = intervals.of_f1(some, all_first)
    assert 0.1 < low < 1 / 4 < high < 0.4


@pytest.mark.parametrize(("rows", "names"), [(0, []), (1, ["a"]), (1000, ["a"]), (1001, [])])
def test_only_small_data_has_intervals(rows, names):
    makers = {"a": lambda: (0.25, 0.5), "b": lambda: None}
    assert list(intervals.for_small_data(rows, makers)) == names
