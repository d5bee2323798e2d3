"""Labels, sets of labels and numbers: learnt, recalled, as arrays, and as answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.rows import Spec
from finetune.tasks.classification import problem_types
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.problem_types import MultiLabel, Regression, SingleLabel
from finetune.tasks.classification.targets import LabelIds, LabelSets, Numbers, labels_of
from finetune.tasks.classification.task import Classification
from finetune.util.errors import InputError
from processors import BinaryProcessor, DataProcessor, InputExample, MulticlassProcessor


def examples(*labels):
    return [InputExample(f"g{i}", "a", None, x, f"f:{i + 1}") for i, x in enumerate(labels)]


def learn(problem_type, some, processor=None, labels=None, separator=",", thresholds=(0.5,)):
    return problem_types.from_training_data(
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


# One label.


def test_labels_of_the_training_are_sorted():
    problem = learn("single_label", examples("b", "a c", "b", "A"))
    assert isinstance(problem, SingleLabel)
    assert problem.labels == ["A", "a c", "b"]
    assert problem.facts() == {}


def test_labels_that_are_known_keep_their_order_and_need_no_data():
    assert learn("single_label", iter(()), labels=["b", "c", "a"]).labels == ["b", "c", "a"]


def test_rows_without_a_label_make_none():
    # They are refused with their place when they are encoded.
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
         r"BinaryProcessor expects 2\. --task_name=multiclass takes any number\.$"),
        (["a", "b"], ThreeLabels(), r"^Found 2 labels .* ThreeLabels expects 3\."),
        (["a", ["b", "c"]], MulticlassProcessor(), r"^f:2: the label is \['b', 'c'\]; expected a "
         r"string\. If texts have several .* --problem_type=multi_label\.$"),
        (["a", 5], MulticlassProcessor(), "^f:2: the label is 5; expected a string"),
    ],
)  # fmt: skip
def test_labels_that_are_not_fit_are_refused(labels, processor, message):
    with pytest.raises(InputError, match=message):
        learn("single_label", examples(*labels), processor)


@pytest.mark.parametrize("problem_type", ["single_label", "multi_label"])
def test_a_label_list_with_a_label_twice_is_refused(problem_type):
    message = r"^BinaryProcessor: a label is listed twice: \['a', 'b', 'a'\]\.$"
    with pytest.raises(InputError, match=message):
        learn(problem_type, examples("a"), BinaryProcessor(), labels=["a", "b", "a"])


def test_label_ids_are_places_in_the_list():
    targets = filled(SingleLabel(["b", "c", "a"]).targets(), "a", "b", "b", "a", "a")
    assert targets.to_numpy().tolist() == [2, 0, 0, 2, 2]
    assert targets.batch(np.array([3, 1]))["label_ids"].tolist() == [2, 0]
    assert targets.batch(np.array([3, 1]))["label_ids"].dtype == np.int32
    assert targets.specs == {"label_ids": Spec(1, "int32")}
    assert SingleLabel(["b", "c", "a"]).label_counts(targets) == {"b": 2, "c": 0, "a": 3}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("egg", r"^f:1: unknown label 'egg'; expected one of 'ham', 'spam'\. The labels are those"),
        ("Ham", "^f:1: unknown label 'Ham'"),
        (None, r"^f:1: the row has no label; expected one of 'ham', 'spam'\.$"),
        ("  ", "^f:1: the row has no label"),
        (7, "^f:1: unknown label 7"),
        (["ham"], r"^f:1: .*\['ham'\]"),
    ],
)
def test_a_label_that_is_not_in_the_list_is_refused_with_its_place(label, message):
    with pytest.raises(InputError, match=message):
        filled(LabelIds(["ham", "spam"]), label)


def test_of_many_labels_that_are_known_the_first_20_are_named():
    with pytest.raises(InputError, match=r"'l0', 'l1', .*'l19' …\. The labels"):
        filled(LabelIds([f"l{i}" for i in range(21)]), "egg")


def test_a_single_answer_is_the_likeliest_label_with_all_probabilities():
    problem = SingleLabel(["b", "c", "a"])
    answers = list(problem.prediction_rows(np.log([[0.25, 0.125, 0.625], [0.5, 0.3, 0.2]])))
    assert problem.prediction_columns() == ["prediction", "score", "b", "c", "a"]
    assert answers == [
        ["a", "0.625000", "0.250000", "0.125000", "0.625000"],
        ["b", "0.500000", "0.500000", "0.300000", "0.200000"],
    ]


def test_a_label_named_like_a_column_has_a_column_that_is_told_apart():
    assert SingleLabel(["good", "score"]).prediction_columns() == [
        "prediction", "score", "label_good", "label_score",
    ]  # fmt: skip
    assert MultiLabel(["guid", "b"], ",", [0.5]).prediction_columns() == [
        "prediction",
        "label_guid",
        "label_b",
    ]


def test_of_more_than_100_labels_the_answer_alone_is_shown():
    for num_labels, columns in ((100, 100), (101, 0)):
        problem = SingleLabel([f"l{i}" for i in range(num_labels)])
        (answer,) = problem.prediction_rows(np.eye(num_labels)[[97]] * 50)
        assert answer[:2] == ["l97", "1.000000"]
        assert len(answer) == len(problem.prediction_columns()) == 2 + columns
        problem = MultiLabel(problem.labels, ",", [0.5])
        (answer,) = problem.prediction_rows(np.eye(num_labels)[[97]] * 100 - 50)
        assert answer[0] == "l97"
        assert len(answer) == len(problem.prediction_columns()) == 1 + columns


def test_single_labels_are_scored_by_name():
    problem = SingleLabel(["b", "a"])
    targets = filled(problem.targets(), "a", "b", "b")
    # Predicted: a, a, b
    scores, text = problem.scores(targets, np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]))
    assert (scores["labels"]["b"]["precision"], scores["labels"]["b"]["recall"]) == (1.0, 0.5)
    assert (scores["labels"]["a"]["precision"], scores["labels"]["a"]["recall"]) == (0.5, 1.0)
    assert "accuracy = 0.6667" in text


# Any number of labels.


def test_labels_of_texts_that_have_several_are_taken_apart():
    problem = learn("multi_label", examples("b, a", "", "c,b ,", ["d", " e, f"]))
    assert isinstance(problem, MultiLabel)
    assert problem.labels == ["a", "b", "c", "d", "e, f"]
    assert learn("multi_label", examples("b, a|c"), separator="|").labels == ["b, a", "c"]


def test_one_label_is_enough_where_texts_may_have_none():
    assert learn("multi_label", examples("", "a")).labels == ["a"]
    with pytest.raises(InputError, match=r"^Found 0 labels \(\); .* expects one or more"):
        learn("multi_label", examples("", ""))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("a,b", ["a", "b"]),
        (" b , a,,b ", ["b", "a"]),
        ("", []),
        ([], []),
        (["x,y", "", "x,y", " z "], ["x,y", "z"]),
    ],
)
def test_labels_of_a_text(label, expected):
    assert labels_of(examples(label)[0], ",") == expected


@pytest.mark.parametrize("label", [5, ["a", 5], ["a", ["b"]]])
def test_labels_that_are_no_strings_are_refused_with_their_place(label):
    with pytest.raises(InputError, match="^f:1: .*expected"):
        labels_of(examples(label)[0], ",")


def test_sets_of_labels_become_rows_of_zeros_and_ones():
    targets = filled(LabelSets(["b", "c", "a"], ";"), "a;b", "", "c", ["b", "a", "c"], "a")
    assert targets.to_numpy().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]]
    batch = targets.batch(np.array([3, 1, 0, 3]))["label_ids"]
    assert batch.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 1], [1, 1, 1]]
    assert batch.dtype == np.int32
    assert targets.flat().tolist() == [0, 2, 1, 0, 1, 2, 2]
    assert targets.specs == {"label_ids": Spec(2, "int32")}
    assert MultiLabel(["b", "c", "a"], ";", [0.5]).label_counts(targets) == {"b": 2, "c": 2, "a": 3}


@given(st.lists(st.sets(st.integers(0, 6)), max_size=13), st.data())
def test_a_batch_of_sets_is_that_of_its_rows(sets, data):
    names = [f"l{i}" for i in range(7)]
    targets = filled(LabelSets(names, ","), *(",".join(names[i] for i in s) for s in sets))
    rows = data.draw(st.lists(st.integers(0, len(sets) - 1), max_size=17) if sets else st.just([]))
    batch = targets.batch(np.array(rows, int))["label_ids"]
    assert batch.shape == (len(rows), 7)
    assert [set(np.nonzero(row)[0]) for row in batch] == [sets[row] for row in rows]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("ham,egg", r"^f:1: unknown label 'egg'; expected one of 'ham', 'spam'\."),
        (None, r"^f:1: the row has no labels; expected labels separated by ',', or an empty cell"),
        (["spam", "egg"], "^f:1: unknown label 'egg'"),
    ],
)
def test_a_set_with_a_label_that_is_not_in_the_list_is_refused_with_its_place(label, message):
    with pytest.raises(InputError, match=message):
        filled(LabelSets(["ham", "spam"], ","), label)


def test_a_row_that_is_refused_leaves_no_label_to_the_next():
    targets = LabelSets(["ham", "spam"], ",")
    with pytest.raises(InputError, match="unknown label 'egg'"):
        filled(targets, "ham,egg")
    filled(targets, "spam")
    assert targets.to_numpy()[-1].tolist() == [0, 1]
    assert targets.flat().tolist() == [1]


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
def test_labels_are_given_from_their_thresholds_on(thresholds, expected):
    problem = MultiLabel(["b", "c", "a"], ",", thresholds)
    probabilities = np.array([[0.9, 0.5, 0.2], [0.4, 0.1, 0.3 + 1e-9]])
    answers = list(problem.prediction_rows(np.log(probabilities) - np.log1p(-probabilities)))
    assert problem.prediction_columns() == ["prediction", "b", "c", "a"]
    assert [answer[0] for answer in answers] == expected
    assert answers[0][1:] == ["0.900000", "0.500000", "0.200000"]


@pytest.mark.parametrize("thresholds", [[], [0.5, 0.5], [0.5] * 4])
def test_thresholds_are_one_or_as_many_as_labels(thresholds):
    message = rf"^--thresholds: found {len(thresholds)} numbers; expected one, or .* the 3 labels: b, c, a"  # noqa: E501
    with pytest.raises(InputError, match=message):
        MultiLabel(["b", "c", "a"], ",", thresholds)


def test_an_answer_of_several_labels_can_be_read_as_they_were_written():
    problem = MultiLabel(["a b", "c", "d"], "|", [0.5])
    (answer,) = problem.prediction_rows(np.array([[1.0, -1.0, 1.0]]))
    assert answer[0] == "a b|d"
    assert labels_of(examples(answer[0])[0], "|") == ["a b", "d"]


def test_sets_are_scored_at_their_thresholds():
    problem = MultiLabel(["b", "a"], ",", [0.5, 0.9])
    targets = filled(problem.targets(), "b,a", "", "a")
    # At these thresholds b is given to the first two rows, a to the last.
    scores, text = problem.scores(targets, np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 5.0]]))
    assert (scores["labels"]["b"]["precision"], scores["labels"]["b"]["recall"]) == (0.5, 1.0)
    assert (scores["labels"]["a"]["precision"], scores["labels"]["a"]["recall"]) == (1.0, 0.5)
    assert "accuracy = 0.3333" in text


# Numbers.


def test_mean_and_deviation_of_the_training_are_kept():
    # Mean 4; squares of the differences 9, 1, 1, 9, 0: 20 by 5.
    problem = learn("regression", examples("1", "3.0", " 5 ", "7e0", "4"))
    assert isinstance(problem, Regression)
    assert problem.labels == []
    assert problem.facts() == {"mean": pytest.approx(4.0), "scale": pytest.approx(2.0)}


def test_numbers_that_are_all_the_same_have_the_scale_one():
    assert learn("regression", examples("2.5", "2.5")).facts() == {"mean": 2.5, "scale": 1.0}
    assert learn("regression", examples("-3")).facts() == {"mean": -3.0, "scale": 1.0}


def test_small_differences_of_large_numbers_are_not_lost():
    # A sum of squares in float64 would lose them: 1e18 has 128 between neighbours.
    facts = learn("regression", examples("1000000001", "1000000003", "1000000005")).facts()
    assert facts == {"mean": pytest.approx(1000000003), "scale": pytest.approx(math.sqrt(8 / 3))}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=31))
def test_mean_and_deviation_are_those_of_numpy(numbers):
    facts = learn("regression", examples(*map(repr, numbers))).facts()
    assert facts["mean"] == pytest.approx(np.mean(numbers), rel=1e-9, abs=1e-6)
    if np.std(numbers) > 1e-3:
        assert facts["scale"] == pytest.approx(np.std(numbers), rel=1e-6)


@pytest.mark.parametrize("label", ["good", "", None, "nan", "inf", "1,5", ["1"]])
def test_what_is_no_number_is_refused_with_its_place(label):
    message = r"^f:2: the label is .*; expected a number such as 3\.5 \(--problem_type=regression"
    with pytest.raises(InputError, match=message):
        learn("regression", examples("1", label))
    with pytest.raises(InputError, match=message):
        filled(Numbers(), "1", label)


def test_numbers_are_kept_as_they_are_and_learnt_in_standard_deviations():
    targets = filled(Regression(4.0, 2.0).targets(), "1.5", "-3", "0.25")
    assert targets.to_numpy().tolist() == [1.5, -3.0, 0.25]
    assert targets.batch(np.array([2, 0]))["label_ids"].tolist() == [-1.875, -1.25]
    assert targets.batch(np.array([2, 0]))["label_ids"].dtype == np.float32
    assert targets.specs == {"label_ids": Spec(1, "float32")}
    assert Regression(4.0, 2.0).label_counts(targets) == {
        "lowest": -3.0, "mean": pytest.approx(-1.25 / 3), "highest": 1.5,
    }  # fmt: skip


def test_an_answer_is_in_the_unit_of_the_labels():
    problem = Regression(100.0, 7.0)
    assert problem.prediction_columns() == ["prediction"]
    answers = list(problem.prediction_rows(np.array([[3.25], [-0.001], [176352.0]], np.float32)))
    assert answers == [["122.75"], ["99.993"], ["1234564"]]


def test_numbers_are_scored_in_their_unit():
    problem = Regression(10.0, 2.0)
    targets = filled(problem.targets(), "1", "2", "4", "7")
    # 2, 1, 4, 9: errors 1, -1, 0, 2
    scores, text = problem.scores(targets, np.array([[-4.0], [-4.5], [-3.0], [-0.5]]))
    assert (scores["mse"], scores["mae"], scores["num_examples"]) == (1.5, 1.0, 4)
    assert "mse = 1.5000\n" in text


def test_large_numbers_that_differ_by_little_stay_apart():
    # In float32, times of day in seconds since 1970 would be 128 seconds apart.
    problem = Regression(1700000020.0, 10.0)
    targets = filled(problem.targets(), "1700000010", "1700000030")
    assert targets.batch(np.array([0, 1]))["label_ids"].tolist() == [-1.0, 1.0]
    scores, _ = problem.scores(targets, np.array([[-1.0], [0.5]], np.float32))
    assert scores["mae"] == 2.5
    assert list(problem.prediction_rows(np.array([[0.5]], np.float32))) == [["1.70000002e+09"]]


# All of them.


@pytest.mark.parametrize(
    "problem",
    [
        SingleLabel(["b", "a"]),
        MultiLabel(["b", "a"], ";", [0.25, 0.75]),
        Regression(3.5, 1.25),
    ],
)
def test_a_problem_is_recalled_as_it_was_learnt(problem):
    facts = {"problem_type": problem.name, "pairs": False, **problem.facts()}
    again = problem_types.restore(problem.labels, facts, ";", [0.25, 0.75])
    assert type(again) is type(problem)
    assert again.labels == problem.labels
    assert again.facts() == problem.facts()
    logits = np.array([[0.5, -0.5], [-0.25, 2.5]])[:, : len(problem.labels) or 1]
    assert list(again.prediction_rows(logits)) == list(problem.prediction_rows(logits))
    assert problem_types.PROBLEM_TYPES[problem.name] is type(problem)


def test_a_model_of_before_there_were_problem_types_has_single_labels():
    problem = problem_types.restore(["b", "a"], {}, ",", [0.5])
    assert isinstance(problem, SingleLabel)
    assert problem.labels == ["b", "a"]


def stratum_of(problem_type):
    config = ClassifierConfig(output_dir="out", do_train=True, problem_type=problem_type)
    return Classification.stratum_of(config)


def test_rows_are_stratified_by_label_by_set_of_labels_or_not_at_all():
    first, same, other, none = map(stratum_of("multi_label"), examples("a,b", "b, a", "a", ""))
    assert first == same
    assert len({first, other, none}) == 3
    assert list(map(stratum_of("single_label"), examples("a", "b"))) == ["a", "b"]
    assert len(set(map(stratum_of("regression"), examples("1", "2")))) == 1
