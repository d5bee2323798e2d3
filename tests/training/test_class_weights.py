"""--class_weights: each label's weight in the loss."""

import pytest

from finetune.training import class_weights
from finetune.util.errors import UsageError


@pytest.mark.parametrize(
    ("given", "counts", "expected"),
    [
        # Rows / (occurring labels * rows of the label), as in scikit-learn's compute_class_weight.
        (["balanced"], [6, 2, 0], [8 / (2 * 6), 8 / (2 * 2), 1.0]),
        (["balanced"], [7, 3, 1], [11 / (3 * 7), 11 / (3 * 3), 11 / (3 * 1)]),
        (["balanced"], [0, 0, 0], [1.0, 1.0, 1.0]),
        (["b=3", "a=x=0.5"], [1, 1, 1], [1.0, 3.0, 0.5]),
        (["1", "2", "0"], [1, 1, 1], [1.0, 2.0, 0.0]),
    ],
)
def test_class_weights_match_a_hand_calculation(given, counts, expected):
    assert class_weights.parse(given, ["a", "b", "a=x"], counts) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["1", "2"], "found 1,2; expected balanced, one number for each of the 3 labels (a, b, d)"),
        (["c=1"], "'c' is not a label; the labels are a, b, d."),
        (["a=-1"], "found 'a=-1'; expected a number that is at least 0."),
        (["a=x"], "found 'a=x'; expected a number that is at least 0."),
        (["a=1", "a=2"], "'a' occurs twice."),
        (["a=1", "2"], "found '2'; expected label=weight."),
        (["0", "0", "0"], "all weights are 0, so nothing would be learnt."),
    ],
)
def test_invalid_class_weights_are_rejected(given, message):
    with pytest.raises(UsageError) as error:
        class_weights.parse(given, ["a", "b", "d"], [1, 1, 1])
    assert str(error.value).startswith(f"--class_weights: {message}")
