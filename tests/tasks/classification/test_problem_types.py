"""The problem types: learning and restoring labels, scores and predictions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.rows import Spec
from finetune.tasks.classification import make_problem, problem_types
from finetune.tasks.classification.problem_types import MultiLabel, Regression, SingleLabel
from finetune.tasks.classification.targets import LabelSets, Numbers, labels_of
from finetune.util.errors import InputError
from processors import BinaryProcessor, DataProcessor, MulticlassProcessor
from tests.tasks.classification.reading import examples


def learn(problem_type, some, processor=None, labels=None, separator=",", thresholds=(0.5,)):
    return make_problem.from_training_data(
        problem_type,
        some,
        processor or MulticlassProcessor(),
        labels=labels,
        separator=separator,
        thresholds=thresholds,
    )


def filled(targets, *labels):
    for example in examples(*labels):
        targets.add(example)
    return targets


# Single-label.


def test_labels_found_in_the_training_data_are_sorted():
    problem = learn("single_label", examples("b", "a c", "b", "A"))
    assert isinstance(problem, SingleLabel)
    assert problem.labels == ["A", "a c", "b"]
    assert problem.facts() == {}


def test_listed_labels_keep_their_order():
    assert learn("single_label", iter(()), labels=["b", "c", "a"]).labels == ["b", "c", "a"]


def test_rows_without_a_label_add_no_label():
    # Encoding such a row raises an error with its place.
    assert learn("single_label", examples("b", None, " ", "", "a")).labels == ["a", "b"]


class ThreeLabels(DataProcessor):
    num_labels = 3


@pytest.mark.parametrize(
    ("labels", "processor", "message"),
    [
        (["a", "a"], MulticlassProcessor(), r"^Found 1 label \('a'\); MulticlassProcessor "
         r"expects two or more\.$"),
        ([None, ""], MulticlassProcessor(), r"^Found 0 labels"),
        (["a", "b", "c"], BinaryProcessor(), r"^Found 3 labels \('a', 'b', 'c'\); "
         r"BinaryProcessor expects 2\. --task_name=multiclass accepts any number\.$"),
        (["a", "b"], ThreeLabels(), r"^Found 2 labels .* ThreeLabels expects 3\."),
        (["a", ["b", "c"]], MulticlassProcessor(), r"^f:2: the label is the list \['b', 'c'\]; "
         r"expected one label\. If texts can have several .* --problem_type=multi_label\.$"),
        (["a", 5], MulticlassProcessor(), "^f:2: the label is 5; expected a string"),
    ],
)  # fmt: skip
def test_unsuitable_labels_raise_an_error(labels, processor, message):
    with pytest.raises(InputError, match=message):
        learn("single_label", examples(*labels), processor)


@pytest.mark.parametrize("problem_type", ["single_label", "multi_label"])
def test_label_listed_twice_raises_an_error(problem_type):
    message = r"^BinaryProcessor: a label is listed twice: \['a', 'b', 'a'\]\.$"
    with pytest.raises(InputError, match=message):
        learn(problem_type, examples("a"), BinaryProcessor(), labels=["a", "b", "a"])


def test_label_ids_are_positions_in_the_label_list():
    targets = filled(SingleLabel(["b", "c", "a"]).targets(), "a", "b", "b", "a", "a")
    assert targets.to_numpy().tolist() == [2, 0, 0, 2, 2]
    assert targets.batch(np.array([3, 1]))["label_ids"].tolist() == [2, 0]
    assert targets.batch(np.array([3, 1]))["label_ids"].dtype == np.int32
    assert targets.specs == {"label_ids": Spec(1, "int32")}
    assert SingleLabel(["b", "c", "a"]).label_counts(targets) == {"b": 2, "c": 0, "a": 3}


def test_single_label_prediction_is_the_most_probable_label():
    problem = SingleLabel(["b", "c", "a"])
    answers = list(problem.prediction_rows(np.log([[0.25, 0.125, 0.625], [0.5, 0.3, 0.2]])))
    assert problem.prediction_columns() == ["prediction", "score", "b", "c", "a"]
    assert answers == [
        ["a", "0.625000", "0.250000", "0.125000", "0.625000"],
        ["b", "0.500000", "0.500000", "0.300000", "0.200000"],
    ]


def test_label_named_like_a_column_gets_a_prefixed_column():
    assert SingleLabel(["good", "score"]).prediction_columns() == [
        "prediction", "score", "label_good", "label_score",
    ]  # fmt: skip
    assert MultiLabel(["guid", "b"], ",", [0.5]).prediction_columns() == [
        "prediction",
        "label_guid",
        "label_b",
    ]


def test_more_than_100_labels_have_no_probability_columns():
    for num_labels, columns in ((100, 100), (101, 0)):
        problem = SingleLabel([f"l{i}" for i in range(num_labels)])
        (answer,) = problem.prediction_rows(np.eye(num_labels)[[97]] * 50)
        assert answer[:2] == ["l97", "1.000000"]
        assert len(answer) == len(problem.prediction_columns()) == 2 + columns
        problem = MultiLabel(problem.labels, ",", [0.5])
        (answer,) = problem.prediction_rows(np.eye(num_labels)[[97]] * 100 - 50)
        assert answer[0] == "l97"
        assert len(answer) == len(problem.prediction_columns()) == 1 + columns


def test_single_label_scores_are_listed_by_label_name():
    problem = SingleLabel(["b", "a"])
    targets = filled(problem.targets(), "a", "b", "b")
    # Predicted: a, a, b
    scores, text, _ = problem.evaluate(targets, np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]))
    assert (scores["labels"]["b"]["precision"], scores["labels"]["b"]["recall"]) == (1.0, 0.5)
    assert (scores["labels"]["a"]["precision"], scores["labels"]["a"]["recall"]) == (0.5, 1.0)
    assert "accuracy = 0.6667" in text


# Multi-label.


def test_multi_label_cells_are_split_into_labels():
    problem = learn("multi_label", examples("b, a", "", "c,b ,", ["d", " e, f"]))
    assert isinstance(problem, MultiLabel)
    assert problem.labels == ["a", "b", "c", "d", "e, f"]
    assert learn("multi_label", examples("b, a|c"), separator="|").labels == ["b, a", "c"]


def test_zeros_and_ones_are_not_two_labels():
    message = r"^f:2: the labels are \[0, 1\], a zero or one for each label"
    with pytest.raises(InputError, match=message):
        learn("multi_label", examples("1", "[0, 1]", "[1, 0]"))
    assert learn("multi_label", examples("1", "[0]")).labels == ["0", "1"]
    assert learn("multi_label", examples("[2]", "[0, 1]")).labels == ["0", "1", "2"]


def test_multi_label_data_needs_at_least_one_label():
    assert learn("multi_label", examples("", "a")).labels == ["a"]
    with pytest.raises(InputError, match=r"^Found 0 labels \(\); .* expects one or more"):
        learn("multi_label", examples("", ""))


def test_label_sets_become_rows_of_zeros_and_ones():
    targets = filled(LabelSets(["b", "c", "a"], ";"), "a;b", "", "c", ["b", "a", "c"], "a")
    assert targets.to_numpy().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]]
    batch = targets.batch(np.array([3, 1, 0, 3]))["label_ids"]
    assert batch.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 1], [1, 1, 1]]
    assert batch.dtype == np.int32
    assert targets.flat().tolist() == [0, 2, 1, 0, 1, 2, 2]
    assert targets.specs == {"label_ids": Spec(2, "int32")}
    assert MultiLabel(["b", "c", "a"], ";", [0.5]).label_counts(targets) == {"b": 2, "c": 2, "a": 3}


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        # Probabilities: 0.9 0.5 0.2; 0.4 0.1 0.3
        ([0.5], ["b,c", ""]),
        ([0.25], ["b,c", "b,a"]),
        ([0.95, 0.05, 0.3], ["c", "c,a"]),
        ([0.0], ["b,c,a", "b,c,a"]),
    ],
)
def test_labels_are_assigned_at_or_above_their_thresholds(thresholds, expected):
    problem = MultiLabel(["b", "c", "a"], ",", thresholds)
    probabilities = np.array([[0.9, 0.5, 0.2], [0.4, 0.1, 0.3 + 1e-9]])
    answers = list(problem.prediction_rows(np.log(probabilities) - np.log1p(-probabilities)))
    assert problem.prediction_columns() == ["prediction", "b", "c", "a"]
    assert [answer[0] for answer in answers] == expected
    assert answers[0][1:] == ["0.900000", "0.500000", "0.200000"]


@pytest.mark.parametrize("thresholds", [[], [0.5, 0.5], [0.5] * 4])
def test_wrong_number_of_thresholds_raises_an_error(thresholds):
    message = rf"^--thresholds: found {len(thresholds)} numbers; expected one, or .* the 3 labels: b, c, a"  # noqa: E501
    with pytest.raises(InputError, match=message):
        MultiLabel(["b", "c", "a"], ",", thresholds)


def test_multi_label_prediction_can_be_read_back():
    problem = MultiLabel(["a b", "c", "d"], "|", [0.5])
    (answer,) = problem.prediction_rows(np.array([[1.0, -1.0, 1.0]]))
    assert answer[0] == "a b|d"
    assert labels_of(examples(answer[0])[0], "|") == ["a b", "d"]


def test_label_sets_are_scored_at_the_thresholds():
    problem = MultiLabel(["b", "a"], ",", [0.5, 0.9])
    targets = filled(problem.targets(), "b,a", "", "a")
    # At these thresholds, the first two rows get b, and the last one gets a.
    scores, text, _ = problem.evaluate(targets, np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 5.0]]))
    assert (scores["labels"]["b"]["precision"], scores["labels"]["b"]["recall"]) == (0.5, 1.0)
    assert (scores["labels"]["a"]["precision"], scores["labels"]["a"]["recall"]) == (1.0, 0.5)
    assert "accuracy = 0.3333" in text


# Regression.


@pytest.mark.parametrize("facts", [{}, {"mean": 3.0}, {"mean": "3", "scale": 2.0}])
def test_regression_without_its_mean_and_scale_cannot_be_restored(facts):
    facts = {"problem_type": "regression", **facts}
    with pytest.raises(InputError, match="run.json. lacks the mean and scale"):
        make_problem.restore([], facts, ",", [])


def test_mean_and_deviation_of_the_training_targets_are_facts():
    # The mean is 4; the squared differences are 9, 1, 1, 9, 0, so the variance is 20 / 5.
    problem = learn("regression", examples("1", "3.0", " 5 ", "7e0", "4"))
    assert isinstance(problem, Regression)
    assert problem.labels == []
    assert problem.facts() == {"mean": pytest.approx(4.0), "scale": pytest.approx(2.0)}


def test_constant_targets_have_scale_one():
    assert learn("regression", examples("2.5", "2.5")).facts() == {"mean": 2.5, "scale": 1.0}
    assert learn("regression", examples("-3")).facts() == {"mean": -3.0, "scale": 1.0}


def test_deviation_of_large_targets_is_accurate():
    # A sum of squares would lose the differences: near 1e18, float64 values are 128 apart.
    facts = learn("regression", examples("1000000001", "1000000003", "1000000005")).facts()
    assert facts == {"mean": pytest.approx(1000000003), "scale": pytest.approx(math.sqrt(8 / 3))}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=31))
def test_mean_and_deviation_match_numpy(numbers):
    facts = learn("regression", examples(*map(repr, numbers))).facts()
    assert facts["mean"] == pytest.approx(np.mean(numbers), rel=1e-9, abs=1e-6)
    if np.std(numbers) > 1e-3:
        assert facts["scale"] == pytest.approx(np.std(numbers), rel=1e-6)


@pytest.mark.parametrize("label", ["good", "", None, "nan", "inf", "1,5", ["1"]])
def test_label_that_is_not_a_number_raises_an_error_with_its_place(label):
    message = r"^f:2: the label is .*; expected a number such as 3\.5 \(--problem_type=regression"
    with pytest.raises(InputError, match=message):
        learn("regression", examples("1", label))
    with pytest.raises(InputError, match=message):
        filled(Numbers(), "1", label)


def test_regression_targets_are_standardised_in_batches():
    targets = filled(Regression(4.0, 2.0).targets(), "1.5", "-3", "0.25")
    assert targets.to_numpy().tolist() == [1.5, -3.0, 0.25]
    assert targets.batch(np.array([2, 0]))["label_ids"].tolist() == [-1.875, -1.25]
    assert targets.batch(np.array([2, 0]))["label_ids"].dtype == np.float32
    assert targets.specs == {"label_ids": Spec(1, "float32")}
    assert Regression(4.0, 2.0).label_counts(targets) == {
        "lowest": -3.0, "mean": pytest.approx(-1.25 / 3), "highest": 1.5,
    }  # fmt: skip


def test_regression_prediction_is_in_the_unit_of_the_labels():
    problem = Regression(100.0, 7.0)
    assert problem.prediction_columns() == ["prediction"]
    answers = list(problem.prediction_rows(np.array([[3.25], [-0.001], [176352.0]], np.float32)))
    assert answers == [["122.75"], ["99.993"], ["1234564"]]


def test_regression_scores_are_in_the_unit_of_the_labels():
    problem = Regression(10.0, 2.0)
    targets = filled(problem.targets(), "1", "2", "4", "7")
    # The predictions are 2, 1, 4 and 9; their errors are 1, -1, 0 and 2.
    scores, text, _ = problem.evaluate(targets, np.array([[-4.0], [-4.5], [-3.0], [-0.5]]))
    assert (scores["mse"], scores["mae"], scores["num_examples"]) == (1.5, 1.0, 4)
    assert "mse = 1.5000\n" in text


def test_predictions_keep_small_differences_between_large_numbers():
    # In float32, times in seconds since 1970 would be multiples of 128 seconds.
    problem = Regression(1700000020.0, 10.0)
    targets = filled(problem.targets(), "1700000010", "1700000030")
    assert targets.batch(np.array([0, 1]))["label_ids"].tolist() == [-1.0, 1.0]
    scores = problem.evaluate(targets, np.array([[-1.0], [0.5]], np.float32)).scores
    assert scores["mae"] == 2.5
    assert list(problem.prediction_rows(np.array([[0.5]], np.float32))) == [["1.70000002e+09"]]


# All problem types.


@pytest.mark.parametrize(
    "problem",
    [
        SingleLabel(["b", "a"]),
        MultiLabel(["b", "a"], ";", [0.25, 0.75]),
        Regression(3.5, 1.25),
    ],
)
def test_problem_type_is_restored_from_its_facts(problem):
    facts = {"problem_type": problem.name, "pairs": False, **problem.facts()}
    again = make_problem.restore(problem.labels, facts, ";", [0.25, 0.75])
    assert type(again) is type(problem)
    assert again.labels == problem.labels
    assert again.facts() == problem.facts()
    logits = np.array([[0.5, -0.5], [-0.25, 2.5]])[:, : len(problem.labels) or 1]
    assert list(again.prediction_rows(logits)) == list(problem.prediction_rows(logits))
    assert problem_types.PROBLEM_TYPES[problem.name] is type(problem)


def test_model_without_problem_type_is_single_label():
    problem = make_problem.restore(["b", "a"], {}, ",", [0.5])
    assert isinstance(problem, SingleLabel)
    assert problem.labels == ["b", "a"]


def test_ids_are_sorted_as_numbers():
    assert learn("single_label", examples("10", "9", "2", "-1")).labels == ["-1", "2", "9", "10"]
    assert learn("multi_label", examples("10,9", "2")).labels == ["2", "9", "10"]
    assert learn("single_label", examples("10", "9", "x")).labels == ["10", "9", "x"]


def test_thresholds_are_tuned_on_the_dev_data_and_restored():
    problem = learn("multi_label", examples("a", "b"), thresholds=None)
    probabilities = np.array([[0.1, 0.2], [0.3, 0.4], [0.2, 0.9], [0.05, 0.1]])
    logits = np.log(probabilities / (1 - probabilities))
    targets = filled(problem.targets(), "", "a,b", "a", "")
    with pytest.raises(InputError, match="thresholds are not tuned yet"):
        list(problem.prediction_rows(logits))
    # Label a: 0.2 and 0.3 of rows with the label, 0.1 below. Label b: 0.4, with 0.9 above it.
    scores = problem.evaluate(targets, logits).scores
    assert scores["labels"]["a"]["f1"] == 1.0
    assert scores["labels"]["b"]["f1"] == pytest.approx(2 / 3)
    assert problem.facts() == {}
    assert problem.tune(targets, logits)
    assert problem.facts()["thresholds"] == pytest.approx([0.15, 0.3])
    assert not problem.tune(targets, logits)
    facts = {"problem_type": "multi_label", **problem.facts()}
    restored = make_problem.restore(["a", "b"], facts, ",", None)
    assert [row[0] for row in restored.prediction_rows(logits)] == ["", "a,b", "a,b", ""]
    given = make_problem.restore(["a", "b"], facts, ",", [0.25])
    assert [row[0] for row in given.prediction_rows(logits)] == ["", "a,b", "b", ""]


def test_gold_labels_are_written_like_predictions():
    problem = SingleLabel(["x", "y"])
    assert list(problem.gold_cells(filled(problem.targets(), "y", "x"))) == ["y", "x"]
    problem = MultiLabel(["x", "y"], ",", [0.5])
    assert list(problem.gold_cells(filled(problem.targets(), "y,x", "", "y"))) == ["x,y", "", "y"]
    problem = Regression(5.0, 2.0)
    assert list(problem.gold_cells(filled(problem.targets(), "2.50", "7"))) == ["2.5", "7"]
