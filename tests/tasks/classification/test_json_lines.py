"""Reading JSON lines with labels."""

import json

import pytest

from finetune.util.errors import InputError
from tests.tasks.classification.reading import GOOD_BAD, labelled, read


def test_json_labels_are_strings_or_lists_of_strings_or_null(tmp_path):
    values = ["x", "", 1, -2.5, True, None, ["x", 3, False], [], "1"]
    rows = read(
        tmp_path,
        "".join(json.dumps({"text": "a", "label": value}) + "\n" for value in values),
        "train.jsonl",
    )
    assert [row.label for row in rows] == [
        "x", "", "1", "-2.5", "true", None, ["x", "3", "false"], [], "1",
    ]  # fmt: skip


def test_json_keys_can_be_given_or_detected(tmp_path):
    content = '{"Satz": "good", "Urteil": "pos"}\n{"Urteil": "neg", "Satz": "bad", "id": [{}]}\n'
    assert labelled(read(tmp_path, content, "a.jsonl", text="Satz", label="Urteil")) == GOOD_BAD
    content = '{"Review": "good", " stars ": 5, "question2": null}\n'
    (row,) = read(tmp_path, content, "a.jsonl")
    assert row[2:] == ("good", None, "5")
    (row,) = read(tmp_path, '{"text": "good", "label": "pos", "Label": "neg"}\n', "a.jsonl")
    assert row.label == "pos"
    content = '{"text": "good", "title": "T", "label": "pos", "stars": 5}\n'
    (row,) = read(tmp_path, content, "a.jsonl", text_b="title", label="stars")
    assert row[2:] == ("good", "T", "5")


def test_json_to_predict_needs_no_label(tmp_path):
    content = '{"text": "a"}\n{"text": "b", "label": "x"}\n{"text": "", "label": null}\n'
    rows = read(tmp_path, content, "test.jsonl", need_label=False)
    assert labelled(rows) == [("a", None), ("b", "x"), ("", None)]


ROW = '{"text": "a", "label": "x"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROW * 2 + '{"text": "b", "label"\n' + ROW, r":3: not JSON \(.*expected one object per"),
        (ROW + "{'text': 'b', 'label': 'x'}\n", r":2: not JSON"),
        (ROW + ROW.strip() + ROW, ":2: not JSON"),
        ('[\n{"text": "a"}\n]\n', r":2, item 1: no 'label'; its keys are 'text'"),
        ('[{"text": "a", "label": "x"}, 7]\n', r":1, item 2: found '7'; expected an object"),
        ("7\n", r":1: found '7'; expected an object with a \"text\""),
        ("[" * 100_000 + "\n", ":1: not JSON"),
        ("1" * 5000 + "\n", ":1: not JSON"),
        ('{"text": "a"}\n', r":1: no 'label'; its keys are 'text'\. Specify the key with --label_column"),  # noqa: E501
        ('{"texte": "a", "label": "x"}\n', r":1: no 'text'; its keys are 'texte', 'label'"),
        ("{}\n", ":1: no 'text'"),
        (ROW + '{"text": 7, "label": "x"}\n', ':2: found 7 as "text"; expected a string'),
        (ROW + '{"text": null, "label": "x"}\n', ':2: found None as "text"; expected a string'),
        (ROW + '{"text": ["a"], "label": "x"}\n', r":2: found \['a'\] as \"text\""),
        ('{"text": "a", "label": {"x": 1}}\n', r":1: found \{'x': 1\} as \"label\"; expected a"),
        ('{"text": "a", "label": ["x", {}]}\n', r":1: found \{\} as \"label\""),
        ('{"text": "\\ud83d", "label": "x"}\n', ":1: the text contains half a surrogate pair"),
        ('{"text": "a", "label": "\\ud83d"}\n', ":1: found .* as \"label\"; expected a label"),
        ("\n\n" + '{"text": "caf\xe9"', r":3: not JSON"),
    ],
)  # fmt: skip
def test_bad_json_raises_an_error_with_the_line(tmp_path, content, message):
    with pytest.raises(InputError, match=r"train\.jsonl" + message):
        read(tmp_path, content, "train.jsonl")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"text": "Satz"}, "no 'Satz'.*'text', 'label'.*--text_column"),
        ({"text_b": "second"}, "no 'second'.*'text', 'label'.*--text_b_column"),
        ({"label": "lable"}, "no 'lable'.*'text', 'label'.*--label_column"),
    ],
)
def test_missing_key_raises_an_error_that_names_it(tmp_path, wanted, message):
    content = '{"Satz": "a", "text": "b", "second": "c", "label": "x", "lable": "y"}\n'
    with pytest.raises(InputError, match=r"train\.jsonl:2: " + message):
        read(tmp_path, content + ROW, "train.jsonl", **wanted)
