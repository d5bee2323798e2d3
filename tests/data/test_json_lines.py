"""JSON objects: their keys, and the conversion of labels."""

import pytest

from finetune.data.column_rules import WantedColumns
from finetune.data.json_lines import (
    Keys,
    find_keys,
    has_surrogates,
    label_of,
    match_key,
    text_of,
)
from finetune.util.errors import InputError

WHERE = "train.jsonl:7"


@pytest.mark.parametrize(
    ("row", "wanted", "expected"),
    [
        ({"text": "a", "label": "x"}, {}, Keys(("text",), None, "label")),
        ({"Label": "x", " TEXT ": "a"}, {}, Keys((" TEXT ",), None, "Label")),
        (
            {"premise": "a", "hypothesis": "b", "label": 0},
            {},
            (("premise",), "hypothesis", "label"),
        ),
        ({"title": "a", "text": "b", "stars": 5}, {}, Keys(("text",), None, "stars")),
        (
            {"text": "a", "note": "b", "label": "x", "sort": "y"},
            {"text": "note", "label": "sort"},
            Keys(("note",), None, "sort"),
        ),
        # A number refers to a column of a table.
        ({"text": "a", "label": "x"}, {"text": "2", "label": "-1"}, Keys(("text",), None, "label")),
        ({"2": "a", "label": "x"}, {"text": "2"}, Keys(("2",), None, "label")),
    ],
)
def test_keys_are_found_by_name(row, wanted, expected):
    assert find_keys(row, WHERE, WantedColumns(**wanted), need_label=True) == expected


@pytest.mark.parametrize(
    ("row", "wanted", "message"),
    [
        ({"txt": "a", "label": "x"}, {}, "no 'text'; its keys are 'txt', 'label'. Did you mean 'txt'? Specify the key with --text_column."),  # noqa: E501
        ({"text": "a"}, {}, "no 'label'; its keys are 'text'. Specify the key with --label_column."),  # noqa: E501
        ({"text": "a", "label": 1}, {"text_b": "other"}, "no 'other'; its keys are 'text', 'label'. Specify the key with --text_b_column."),  # noqa: E501
        ({"text": "a", "label": 1}, {"label": "lable"}, "no 'lable'; its keys are 'text', 'label'. Did you mean 'label'? Specify the key with --label_column."),  # noqa: E501
    ],
)  # fmt: skip
def test_a_missing_key_raises_an_error_that_lists_the_keys(row, wanted, message):
    with pytest.raises(InputError) as caught:
        find_keys(row, WHERE, WantedColumns(**wanted), need_label=True)
    assert str(caught.value) == f"{WHERE}: {message}"


def test_the_label_may_be_missing_in_data_to_predict():
    keys = find_keys({"text": "a"}, WHERE, WantedColumns(), need_label=False)
    assert keys == Keys(("text",), None, None)


def test_match_key_ignores_case_unless_the_key_exists():
    assert match_key({"Text": "a", "text": "b"}, "text") == "text"
    assert match_key({"Text": "a"}, "text") == "Text"
    assert match_key({"Text": "a"}, "label") == "label"
    assert match_key({"Text": "a"}, None) is None


def test_text_of_returns_a_string_or_raises_an_error():
    assert text_of({"Text": ""}, WHERE, "text", "--text_column") == ""
    with pytest.raises(InputError, match=r'^train\.jsonl:7: found 7 as "text"; expected a string'):
        text_of({"text": 7}, WHERE, "text", "--text_column")
    with pytest.raises(InputError, match=r"^train\.jsonl:7: no 'text'; its keys are 'body'\. Spec"):
        text_of({"body": "a"}, WHERE, "text", "--text_column")
    with pytest.raises(InputError, match=r"^train\.jsonl:7: the text contains half a surrogate"):
        text_of({"text": "a\ud83d"}, WHERE, "text", "--text_column")


def test_has_surrogates_finds_lone_surrogates():
    assert [has_surrogates(text) for text in ("", "\U0001f600", "\ud83d", "a\udfffb")] == [
        False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("pos", "pos"),
        ("", ""),
        (None, None),
        (1, "1"),
        (-2.5, "-2.5"),
        (True, "true"),
        (False, "false"),
        (["a", 2, True], ["a", "2", "true"]),
        ([], []),
    ],
)
def test_labels_become_strings(value, expected):
    assert label_of(value, WHERE, "label") == expected


@pytest.mark.parametrize(
    ("value", "ignored"), [({"a": 1}, None), ("\ud83d", None), (["x", {"a": 1}], ["x", None])]
)
def test_other_labels_raise_an_error_only_if_they_are_needed(value, ignored):
    with pytest.raises(InputError, match=r'^train\.jsonl:7: found .* as "label"; expected a label'):
        label_of(value, WHERE, "label")
    assert label_of(value, WHERE, "label", needed=False) == ignored
