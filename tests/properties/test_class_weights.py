"""Any --class_weights yield one weight per label or a single error."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finetune.training import class_weights
from finetune.util.errors import InputError
from tests.support.fuzzing import ANY_TEXT, NUMBERS, assert_names_flag_in_one_line, fuzz

WEIGHTS = st.floats(0, exclude_min=True, allow_infinity=False)
LABELS = st.lists(
    st.sampled_from(["", "=", "a=1", "a=", "=1", "balanced", "1", "a,b", "é北😀"]) | ANY_TEXT,
    min_size=1,
    max_size=5,
    unique=True,
)


@fuzz
@given(LABELS, st.data())
def test_named_weights_round_trip_even_if_labels_contain_separators(labels, data):
    named = data.draw(st.dictionaries(st.sampled_from(labels), WEIGHTS, min_size=1))
    given_weights = [f"{label}={weight!r}" for label, weight in named.items()]
    found = class_weights.parse(given_weights, labels, [1] * len(labels))
    assert found == [named.get(label, 1.0) for label in labels]
    with pytest.raises(InputError, match="occurs twice"):
        class_weights.parse(given_weights + given_weights[-1:], labels, [])


@fuzz
@given(LABELS, st.data())
def test_unnamed_weights_must_be_one_per_label(labels, data):
    weights = data.draw(st.lists(WEIGHTS, max_size=7))
    try:
        found = class_weights.parse([repr(weight) for weight in weights], labels, [])
    except InputError as error:
        assert_names_flag_in_one_line(error)
        assert len(weights) != len(labels)
        return
    assert found == weights
    assert len(found) == len(labels)


@fuzz
@given(st.lists(st.integers(0, 10**4), min_size=1, max_size=8).filter(any))
def test_balanced_weights_give_each_label_the_same_total(counts):
    labels = [str(i) for i in range(len(counts))]
    weights = class_weights.parse([class_weights.BALANCED], labels, counts)
    totals = [count * weight for count, weight in zip(counts, weights) if count]
    assert totals == pytest.approx([sum(counts) / len(totals)] * len(totals))
    assert all(weight == 1 for count, weight in zip(counts, weights) if not count)


ODD_WEIGHTS = st.sampled_from(["0", "1", "0.5", "nan", "inf", "-1", "1e999", "x"]) | NUMBERS


@fuzz
@given(
    LABELS.flatmap(
        lambda labels: st.tuples(
            st.just(labels),
            st.lists(
                ODD_WEIGHTS
                | ANY_TEXT
                | st.builds("{}={}".format, st.sampled_from(labels) | ANY_TEXT, ODD_WEIGHTS),
                max_size=len(labels),
            ),
        )
    )
)
@example((["a"], ["nan"]))
@example((["a", "b"], ["a=1", "b=inf"]))
@example((["a", "b"], ["a=1", "1"]))
@example((["a", "b"], ["balanced", "1"]))
def test_any_items_yield_one_weight_per_label_or_one_error(case):
    labels, items = case
    try:
        weights = class_weights.parse(items, labels, list(range(len(labels), 0, -1)))
    except InputError as error:
        assert_names_flag_in_one_line(error)
        return
    assert len(weights) == len(labels)
    assert all(type(weight) is float and 0 <= weight < math.inf for weight in weights)
