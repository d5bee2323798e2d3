"""The metrics of regression, compared with values worked out by hand."""

import math

import numpy as np
import pytest

from finetune.tasks.classification.metrics import (
    format_figures,
    regression_scores,
)


def test_regression_scores_match_values_worked_out_by_hand():
    scores = regression_scores(np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 1.0, 4.0, 9.0]))
    assert scores == {
        "num_examples": 4,
        "mse": pytest.approx((1 + 1 + 0 + 4) / 4),
        "mae": pytest.approx((1 + 1 + 0 + 2) / 4),
        # Means 3.5 and 4: (5 + 4.5 + 0 + 17.5) / sqrt((6.25 + 2.25 + .25 + 12.25) * (4 + 9 + 25))
        "pearson": pytest.approx(27 / math.sqrt(21 * 38)),
        # Ranks 1 2 3 4 and 2 1 3 4: 1 - 6 * (1 + 1) / (4 * (16 - 1))
        "spearman": pytest.approx(0.8),
    }


def test_spearman_uses_the_mean_rank_of_ties():
    # Ranks 1 2 3 and 1.5 1.5 3, whose correlation is 1.5 / sqrt(2 * 1.5).
    scores = regression_scores(np.array([1.0, 2.0, 30.0]), np.array([5.0, 5.0, 6.0]))
    assert scores["spearman"] == pytest.approx(math.sqrt(3) / 2)


def test_pearson_ignores_scale_and_offset_but_errors_do_not():
    numbers, predicted = np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 1.0, 4.0, 9.0])
    scores = regression_scores(numbers, 10 * predicted + 100)
    assert scores["pearson"] == pytest.approx(27 / math.sqrt(21 * 38))
    assert scores["mae"] == pytest.approx((119 + 108 + 136 + 183) / 4)


@pytest.mark.parametrize(("numbers", "predicted"), [([3, 3], [1, 2]), ([1, 2], [3, 3]), ([5], [4])])
def test_correlations_with_constant_values_are_none(numbers, predicted):
    scores = regression_scores(np.array(numbers), np.array(predicted))
    assert (scores["pearson"], scores["spearman"]) == (None, None)
    assert scores["mse"] == pytest.approx(np.mean(np.subtract(numbers, predicted) ** 2))
    assert "pearson = None" in format_figures(scores)
