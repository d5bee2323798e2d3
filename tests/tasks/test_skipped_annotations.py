"""Annotations that the annotator did not accept, which both tasks skip."""

import json

import pytest

from finetune.data.processor import SkippedRow
from tests.tasks.classification import reading as texts
from tests.tasks.tagging import reading as tags


def prodigy(answer, **values):
    return json.dumps({"text": "Anna sells shoes", **values, "answer": answer}) + "\n"


def test_annotations_that_the_annotator_rejected_are_skipped(tmp_path):
    content = "".join(prodigy(a, label="pos") for a in ("accept", "reject", "ignore"))
    first, *skipped = texts.read(tmp_path, content, "a.jsonl")
    assert (first.text, first.label) == ("Anna sells shoes", "pos")
    assert skipped == [
        SkippedRow(f"{tmp_path}/a.jsonl:2", 'the annotator\'s "answer" is "reject"'),
        SkippedRow(f"{tmp_path}/a.jsonl:3", 'the annotator\'s "answer" is "ignore"'),
    ]
    # All of them are predicted.
    rows = texts.read(tmp_path, content, "a.jsonl", need_label=False)
    assert [row.text for row in rows] == ["Anna sells shoes"] * 3


@pytest.mark.parametrize(
    ("key", "value", "is_skipped"),
    [
        ("answer", "Reject", True),
        ("answer", " IGNORE", True),
        ("answer", "skip", True),
        ("answer", "accept", False),
        ("answer", None, False),
        ("answer", ["reject"], False),
        ("status", "Discarded", True),  # Argilla
        ("status", "Validated", False),
        ("state", "rejected", False),
    ],
)
def test_other_marks_of_annotations_that_do_not_hold(tmp_path, key, value, is_skipped):
    row = {"text": "Anna sells shoes", "label": "pos", "spans": [], key: value}
    content = json.dumps(row) + "\n"
    for read in (texts.read, tags.read):
        (found,) = read(tmp_path, content, "a.jsonl")
        assert isinstance(found, SkippedRow) == is_skipped


def test_label_under_the_key_answer_is_a_label(tmp_path):
    rows = texts.read(tmp_path, prodigy("reject"), "a.jsonl", label="answer")
    assert texts.labelled(rows) == [("Anna sells shoes", "reject")]


def test_spans_that_the_annotator_rejected_are_skipped(tmp_path):
    spans = [{"start": 0, "end": 4, "label": "PER"}]
    content = prodigy("reject", spans=spans) + prodigy("accept", spans=spans)
    skipped, text = tags.read(tmp_path, content, "a.jsonl")
    assert skipped == SkippedRow(f"{tmp_path}/a.jsonl:1", 'the annotator\'s "answer" is "reject"')
    assert tags.tagged([text]) == ["Anna/B-PER sells/O shoes/O"]
    assert len(tags.read(tmp_path, content, "a.jsonl", split="test")) == 2
