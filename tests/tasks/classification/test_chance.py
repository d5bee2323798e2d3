"""A model that has learnt nothing is recognised, and a weak or imbalanced one is not."""

import numpy as np
import pytest

from finetune.tasks.classification.problem_types import MultiLabel, Regression, SingleLabel
from finetune.tasks.classification.targets import LabelIds, LabelSets, Numbers
from tests.tasks.classification.reading import examples


def warning_of(problem, targets, labels, logits):
    for example in examples(*labels):
        targets.add(example)
    return problem.evaluate(targets, np.asarray(logits, np.float64)).warning


def single_label(gold, predicted, labels=("0", "1")):
    logits = [[8.0 * (label == answer) for label in labels] for answer in predicted]
    return warning_of(SingleLabel(labels), LabelIds(labels), gold, logits)


def test_one_answer_to_all_rows_is_named_as_for_cola():
    # The dev data of CoLA: 322 rows have the label 0, and 721 have 1.
    warning = single_label(["0"] * 322 + ["1"] * 721, ["1"] * 1043)
    assert warning == (
        "The model has learnt next to nothing: '1' is the answer to all 1043 rows; the predictions "
        "are no better than chance (mcc 0.00). Try a different --learning_rate (smaller models "
        "need a higher one), more --num_train_epochs or --class_weights=balanced."
    )


def test_a_score_at_chance_is_named_even_if_both_labels_are_given():
    # Each label is predicted for half of the rows of each label.
    warning = single_label(["0", "1", "0", "1"] * 50, ["0", "0", "1", "1"] * 50)
    assert "no better than chance (mcc 0.00)" in warning
    assert "is the answer" not in warning and "class_weights" not in warning


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        (["0", "1"] * 50, ["0", "1"] * 40 + ["1", "0"] * 10),  # mcc 0.6
        (["0"] * 97 + ["1"] * 3, ["0"] * 99 + ["1"]),  # 99% "0", and the rare answer is right
        (["0", "1"] * 9, ["1"] * 18),  # Too few rows
        (["1"] * 50, ["1"] * 50),  # The dev data has only one label.
    ],
)
def test_a_classifier_that_has_learnt_something_is_not_complained_about(gold, predicted):
    assert single_label(gold, predicted) is None


def test_few_rows_cannot_tell_a_weak_score_from_chance():
    # 12 of 20 rows are correct: mcc 0.2, but a model that guesses exceeds 0.37 in 5% of the cases.
    gold = ["0", "1"] * 10
    assert "mcc 0.20" in single_label(gold, gold[:12] + ["1", "0"] * 4)
    gold, predicted = gold * 10, (gold[:12] + ["1", "0"] * 4) * 10
    assert single_label(gold, predicted) is None


def multi_label(gold, probabilities, thresholds=(0.5,)):
    labels = ["a", "b"]
    p = np.asarray(probabilities, np.float64)
    problem = MultiLabel(labels, ",", thresholds)
    return warning_of(problem, LabelSets(labels, ","), gold, np.log(p / (1 - p)))


def test_a_multi_label_model_that_never_gives_a_label_is_named():
    warning = multi_label(["a", "b", "a,b", ""] * 10, [[0.31, 0.04]] * 40)
    assert warning.startswith(
        "The model has learnt next to nothing: no row is assigned any label (the highest "
        "probability is 0.31); each label has nearly the same probability for all rows; the "
        "ranking is no better than chance (macro_auc 0.50). Try "
    )
    assert warning.endswith("other --thresholds (best tunes them).")


def test_a_multi_label_model_that_gives_all_rows_the_same_labels_is_named():
    warning = multi_label(["a", "b", "a,b", ""] * 10, [[0.9, 0.8], [0.8, 0.9]] * 20)
    assert "all 40 rows are assigned the same labels" in warning
    assert multi_label(["a", "b"] * 20, [[0.9, 0.1], [0.1, 0.9]] * 20) is None
    assert multi_label([""] * 40, [[0.1, 0.1]] * 40) is None


def regression(gold, predicted):
    numbers = [str(number) for number in gold]
    return warning_of(Regression(0.0, 1.0), Numbers(0.0, 1.0), numbers, [[p] for p in predicted])


def test_a_regression_model_that_predicts_the_mean_is_named():
    gold = list(range(5)) * 10
    warning = regression(gold, [2.0, 2.01] * 25)
    assert "all predictions lie between 2 and 2.01, the true values between 0 and 4" in warning
    assert "pearson" in warning
    assert regression(gold, [number / 2 for number in gold]) is None
    assert "no better than chance (pearson -1.00)" in regression(gold, [-g for g in gold])
