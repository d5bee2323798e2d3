"""The meaning of a row's label: one label, several labels, or a number."""

import pytest

from finetune.data.processor import InputExample
from finetune.tasks.classification.label_cells import label_of, labels_of, number_of
from finetune.util.errors import InputError


def example(label):
    return InputExample("train-1", "a text", None, label, "f:1")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("pos", "pos"),
        (None, None),
        (["pos"], "pos"),
        ([], None),
        ("['pos']", "pos"),
        ('["pos"]', "pos"),
        ("[]", None),
        ("('pos',)", "pos"),
        ("('pos')", "pos"),
        ("{'pos'}", "pos"),
        ("frozenset({'pos'})", "pos"),
        ("array(['pos'], dtype=object)", "pos"),
        ("[3]", "3"),
        # These are labels, not lists.
        ("[unknown]", "[unknown]"),
        ("[not sure]", "[not sure]"),
        ("[a" + " " * 100_000 + "b", "[a" + " " * 100_000 + "b"),
        ("[a] or [b]", "[a] or [b]"),
        ("a, b", "a, b"),
        ("(3)", "(3)"),
        ("(a, b)", "(a, b)"),
        ("{a}", "{a}"),
        ("array(x)", "array(x)"),
        ("0 1", "0 1"),
        ("(" + "'a'" * 30_000, "(" + "'a'" * 30_000),
        ("('a'" + ", " * 30_000, "('a'" + ", " * 30_000),
    ],
)
def test_one_label(label, expected):
    assert label_of(example(label)) == expected


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (["a", "b"], r"^f:1: the label is the list \['a', 'b'\]; expected one label"),
        ("['a', 'b']", r"^f:1: the label is the list \['a', 'b'\]; .*--problem_type=multi_label"),
        ("[1, 0, 0]", r"^f:1: the label is the list \[1, 0, 0\]; expected one label"),
        ("['a' 'b']", r"^f:1: .* an array as NumPy writes it"),
        ("('a', 'b')", r"^f:1: the label is the list \('a', 'b'\); expected one label"),
        ("{'a', 'b'}", "^f:1: the label is the list {'a', 'b'}; expected one label"),
        ("(1, 2)", r"^f:1: the label is the list \(1, 2\); expected one label"),
        ("1 0 0", "^f:1: the labels are 1 0 0, a zero or one for each label"),
        ("0,1,0", "^f:1: the labels are 0,1,0, a zero or one for each label"),
        ("0;0;1", "^f:1: the labels are 0;0;1, a zero or one for each label"),
        ("{'a': 1, 'b': 0}", "^f:1: the label is {'a': 1, 'b': 0}, with a value for each label"),
        ('{"a": true}', '^f:1: the label is {"a": true}, with a value for each label'),
        ([["a"]], "^f:1: the label is the list"),
        (7, "^f:1: the label is 7; expected a string"),
    ],
)
def test_several_labels_instead_of_one_raise_an_error(label, message):
    with pytest.raises(InputError, match=message):
        label_of(example(label))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("joy|calm", ["joy", "calm"]),
        ("", []),
        (["joy", "calm", "joy"], ["joy", "calm"]),
        # Lists that pandas and JSON write into a cell
        ("['joy', 'calm']", ["joy", "calm"]),
        ('["it\'s", "b, c"]', ["it's", "b, c"]),
        (" ['joy', ] ", ["joy"]),
        ('{"choices":["joy","caf\\u00e9"]}', ["joy", "caf\u00e9"]),  # Label Studio's CSV
        ("[]", []),
        ("[3, 17]", ["3", "17"]),
        ("[joy, calm]", ["joy", "calm"]),
        ("[7]", ["7"]),
        ("[joy]", ["joy"]),
        ("('joy', \"it's\",)", ["joy", "it's"]),
        ("{'joy', 'calm'}", ["joy", "calm"]),
        ("frozenset({'joy'})", ["joy"]),
        ("array(['joy', 'calm'], dtype='<U4')", ["joy", "calm"]),
        ("set()", []),
        ("()", []),
        ("\"['joy', 'calm']\"", ["joy", "calm"]),
        ('"[""joy"", ""calm""]"', ["joy", "calm"]),
        ("[0, 1]", ["0", "1"]),  # Labels by number
        ("[x]|[y]", ["[x]", "[y]"]),
    ],
)
def test_several_labels(label, expected):
    assert labels_of(example(label), "|") == expected


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, r"^f:1: the row has no labels; expected labels separated by '\|'"),
        ([1], r"^f:1: the labels are \[1\]; expected a list of strings"),
        ("[1, 0, 0]", r"^f:1: the labels are \[1, 0, 0\], a zero or one for each label"),
        ("[True, True]", r"^f:1: .* a zero or one for each label"),
        (["0", "1", "1"], r"^f:1: .* a zero or one for each label"),
        ("1 0 0", r"^f:1: .* a zero or one for each label"),
        ("0,1,0", r"^f:1: .* a zero or one for each label"),
        ("{'a': 0.5}", "^f:1: the label is {'a': 0.5}, with a value for each label"),
        ("['joy', nan]", r"^f:1: the labels are .*; expected a list of strings"),
        ("[None]", r"^f:1: the labels are .*; expected a list of strings"),
        ("[1 0 0]", r"^f:1: .* an array as NumPy writes it"),
        ("['a' 'b']", r"^f:1: .* an array as NumPy writes it"),
    ],
)
def test_labels_in_another_form_raise_an_error(label, message):
    with pytest.raises(InputError, match=message):
        labels_of(example(label), "|")


def test_number():
    assert number_of(example(" -2.5e1")) == -25.0
    assert number_of(example(3)) == 3.0


@pytest.mark.parametrize("label", ["1_000", "nan", "inf", "1e101", "three", "", None, []])
def test_label_that_is_not_a_number_raises_an_error(label):
    with pytest.raises(InputError, match="^f:1: the label is .*; expected a number"):
        number_of(example(label))
