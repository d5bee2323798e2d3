"""The gold labels of a data set: ids, sets of ids, and regression targets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.processor import InputExample
from finetune.data.rows import Spec
from finetune.tasks.classification.targets import (
    LabelIds,
    LabelSets,
    Numbers,
    labels_of,
    number_of,
)
from finetune.util.errors import InputError


def example_of(label):
    return InputExample("g0", "a", None, label, "f:1")


def filled(targets, *labels):
    for label in labels:
        targets.add(example_of(label))
    return targets


def test_add_returns_the_added_label():
    assert LabelIds(["b", "c", "a"]).add(example_of("a")) == 2
    assert LabelSets(["b", "c", "a"], ";").add(example_of("a;b")) == [0, 2]
    assert Numbers(7.0, 2.0).add(example_of("2.5")) == 2.5


def test_batch_contains_the_label_ids_of_its_rows():
    targets = filled(LabelIds(["b", "c", "a"]), "a", "b", "c")
    assert targets.to_numpy().tolist() == [2, 0, 1]
    assert targets.batch(np.array([2, 0, 2]))["label_ids"].tolist() == [1, 2, 1]
    assert targets.specs == {"label_ids": Spec(1, "int32")}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("egg", r"^f:1: unknown label 'egg'; expected one of 'ham', 'spam'\. The labels are those"),
        ("Ham", "^f:1: unknown label 'Ham'"),
        (None, r"^f:1: the row has no label; expected one of 'ham', 'spam'\.$"),
        ("  ", "^f:1: the row has no label"),
        (7, "^f:1: the label is 7; expected a string"),
        (["ham", "spam"], r"^f:1: the label is the list \['ham', 'spam'\]; expected one label"),
    ],
)
def test_unknown_label_raises_an_error_with_its_place(label, message):
    with pytest.raises(InputError, match=message):
        filled(LabelIds(["ham", "spam"]), label)


def test_error_names_at_most_20_known_labels():
    with pytest.raises(InputError, match=r"'l0', 'l1', .*'l19' …\. The labels"):
        filled(LabelIds([f"l{i}" for i in range(21)]), "egg")


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
def test_cell_is_split_into_labels(label, expected):
    assert labels_of(example_of(label), ",") == expected


@pytest.mark.parametrize("label", [5, ["a", 5], ["a", ["b"]]])
def test_labels_of_an_unsupported_type_raise_an_error_with_their_place(label):
    with pytest.raises(InputError, match="^f:1: .*expected"):
        labels_of(example_of(label), ",")


@given(st.lists(st.sets(st.integers(0, 6)), max_size=13), st.data())
def test_batch_contains_the_label_sets_of_its_rows(sets, data):
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
def test_unknown_label_in_a_set_raises_an_error_with_its_place(label, message):
    with pytest.raises(InputError, match=message):
        filled(LabelSets(["ham", "spam"], ","), label)


def test_rejected_row_leaves_no_labels_behind():
    targets = LabelSets(["ham", "spam"], ",")
    with pytest.raises(InputError, match="unknown label 'egg'"):
        filled(targets, "ham,egg")
    filled(targets, "spam")
    assert targets.to_numpy()[-1].tolist() == [0, 1]
    assert targets.flat().tolist() == [1]


def test_regression_targets_of_a_batch_are_standardised():
    targets = filled(Numbers(4.0, 2.0), "1", " 7e0 ", "-3.5")
    assert targets.to_numpy().tolist() == [1.0, 7.0, -3.5]
    batch = targets.batch(np.array([1, 2]))["label_ids"]
    assert batch.tolist() == [1.5, -3.75]
    assert batch.dtype == np.float32
    assert targets.specs == {"label_ids": Spec(1, "float32")}


@pytest.mark.parametrize(("label", "number"), [("3.5", 3.5), ("-1e100", -1e100), (2, 2.0)])
def test_label_is_converted_to_a_number(label, number):
    assert number_of(example_of(label)) == number


@pytest.mark.parametrize("label", ["1.1e100", "-inf", "nan", "one", "", None, ["1"]])
def test_label_that_is_not_a_number_raises_an_error(label):
    with pytest.raises(InputError, match=r"^f:1: the label is .*; expected a number such as 3\.5"):
        number_of(example_of(label))
