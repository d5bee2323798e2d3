"""Exports of annotation tools and of pandas, read by both tasks.

The shapes are those of the tools' documentation and source: Label Studio's "Label Studio JSON
format of annotated tasks" and converter.py, doccano's export repositories, Prodigy's "Annotation
task formats", spaCy's `docs_to_json` and `Doc.to_json` (the values below are what spaCy 3.8 wrote),
and pandas' `DataFrame.to_json`.
"""

import json

import pytest

from finetune.data.processor import SkippedRow
from finetune.tasks.classification.readers import TextFormat, resolve_format
from finetune.util.errors import InputError
from tests.tasks.classification import reading as texts
from tests.tasks.tagging import reading as tags

ANNA = "Anna lives in Paris."
TAGGED = ["Anna/B-PER lives/O in/O Paris/B-LOC ./O"]


def classified(tmp_path, value, name="a.json", **options):
    """Returns the text and label of each row."""
    content = value if isinstance(value, str) else json.dumps(value, indent=2)
    rows = texts.read(tmp_path, content, name, **options)
    assert len({row.name for row in rows}) == len(rows)
    return texts.labelled(rows)


def tagged(tmp_path, value, name="a.json", **options):
    content = value if isinstance(value, str) else json.dumps(value, indent=1)
    return tags.tagged(tags.read(tmp_path, content, name, **options))


# Label Studio


def region(start, end, text, label, kind="labels"):
    value = {"start": start, "end": end, "text": text, kind: [label]}
    return {
        "id": f"{start}-{label}",
        "from_name": "ner",
        "to_name": "text",
        "type": kind,
        "value": value,
    }


def choice(*labels, control="mood"):
    return {
        "from_name": control,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [*labels]},
    }


def annotation(*results, **values):
    return {"id": 7, "completed_by": 1, "result": [*results], "was_cancelled": False, **values}


def task(*annotations, text=ANNA, key="text", **values):
    return {
        "id": 3,
        "annotations": [*annotations],
        "predictions": [{"result": [choice("wrong"), region(6, 11, "lives", "WRONG")]}],
        "drafts": [],
        "data": {key: text, "source": 5},
        "meta": {},
        "created_at": "2024-05-03T10:00:00.000000Z",
        "inner_id": 1,
        **values,
    }


PER, LOC = region(0, 4, "Anna", "PER"), region(14, 19, "Paris", "LOC")
RELATION = {"from_id": "0-PER", "to_id": "14-LOC", "type": "relation", "direction": "right"}


def test_label_studio_spans(tmp_path):
    assert tagged(tmp_path, [task(annotation(LOC, PER, RELATION))]) == TAGGED
    assert tagged(tmp_path, [task(annotation())]) == ["Anna/O lives/O in/O Paris/O ./O"]
    named = task(annotation(PER, LOC), key="my_text")
    named["data"]["source"] = "http://a.example"
    with pytest.raises(InputError, match=r"a\.json:1, item 1: found None as \"text\""):
        tags.read(tmp_path, json.dumps([named]), "a.json")
    for key in ("review", "my_text"):
        assert tagged(tmp_path, [task(annotation(PER, LOC), key=key)]) == TAGGED
    assert tagged(tmp_path, [task(annotation(PER), completions=[])]) == [
        "Anna/B-PER lives/O in/O Paris/O ./O"
    ]


def test_label_studio_before_version_1(tmp_path):
    old = {"id": 1, "completions": [annotation(PER, LOC)], "data": {"text": ANNA}}
    assert tagged(tmp_path, [old]) == TAGGED
    skipped = {"id": 1, "completions": [annotation(skipped=True)], "data": {"text": ANNA}}
    (row,) = tags.read(tmp_path, json.dumps([skipped]), "a.json")
    assert row.reason == "the annotator skipped the task (Label Studio)"


def test_label_studio_choices(tmp_path):
    tasks = [task(annotation(choice("joy"))), task(annotation(choice("joy", "calm")), text="b")]
    assert classified(tmp_path, tasks) == [(ANNA, ["joy"]), ("b", ["joy", "calm"])]
    assert classified(tmp_path, [task(annotation(choice("a"))), task(annotation())])[1] == (
        ANNA,
        [],
    )
    rated = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    assert classified(tmp_path, [task(annotation(rated))]) == [(ANNA, "4")]
    tree = {"from_name": "topic", "type": "taxonomy", "value": {"taxonomy": [["News", "Sport"]]}}
    assert classified(tmp_path, [task(annotation(tree))]) == [(ANNA, ["News/Sport"])]


def test_label_studio_choices_of_several_controls_are_keys(tmp_path):
    both = [task(annotation(choice("joy", control="mood"), choice("a", control="kind")))]
    with pytest.raises(InputError, match=r"no 'label'; its keys are .*'mood', 'kind', 'entities'"):
        classified(tmp_path, both)
    assert classified(tmp_path, both, label="kind") == [(ANNA, ["a"])]
    # The choice about a region is not about the text.
    about_region = choice("x", control="why")
    about_region["value"].update(start=0, end=4, text="Anna")
    mixed = [task(annotation(PER, LOC, about_region, choice("joy")))]
    assert classified(tmp_path, mixed) == [(ANNA, ["joy"])]
    assert tagged(tmp_path, mixed) == TAGGED


def test_label_studio_annotations_of_several_people(tmp_path):
    def reasons(*annotations):
        rows = tags.read(tmp_path, json.dumps([task(*annotations)]), "a.json")
        return [row.reason if isinstance(row, SkippedRow) else len(row.words) for row in rows]

    assert reasons(annotation(PER, LOC), annotation(LOC, PER, RELATION)) == [5]
    assert reasons(annotation(PER, LOC), annotation(PER)) == [
        "its annotations differ, and none is the ground truth"
    ]
    assert (
        tagged(tmp_path, [task(annotation(PER), annotation(PER, LOC, ground_truth=True))]) == TAGGED
    )
    assert (
        tagged(tmp_path, [task(annotation(PER, was_cancelled=True), annotation(PER, LOC))])
        == TAGGED
    )
    skipped = "the annotator skipped the task (Label Studio)"
    assert reasons(annotation(PER, was_cancelled=True)) == [skipped]
    assert reasons() == ["the task is not annotated (Label Studio)"]
    rows = texts.read(tmp_path, json.dumps([task(), task(annotation(choice("a")))]), "a.json")
    assert rows[0] == SkippedRow(
        f"{tmp_path}/a.json:1, item 1", "the task is not annotated (Label Studio)"
    )
    # All of them are predicted.
    rows = texts.read(tmp_path, json.dumps([task(), task()]), "a.json", need_label=False)
    assert [row.text for row in rows] == [ANNA, ANNA]
    found = tags.read(tmp_path, json.dumps([{"data": {"text": ANNA}}]), "a.json", split="test")
    assert found[0].text == ANNA
    found = tags.read(tmp_path, json.dumps([task()]), "a.json", split="test")
    assert found[0].extra == {"id": 3, "meta": {}}


def test_label_studio_offsets_count_utf16_units(tmp_path):
    text = "😀 Mira"
    value = [task(annotation(region(3, 7, "Mira", "PER")), text=text)]
    assert tagged(tmp_path, value) == ["😀/O Mira/B-PER"]


def test_label_studio_spans_that_overlap_are_an_error(tmp_path):
    crossing = region(0, 10, "Anna lives", "X")
    with pytest.raises(InputError, match=r"a\.json:1, item 1: the spans .* overlap"):
        tags.read(tmp_path, json.dumps([task(annotation(PER, crossing))]), "a.json")


def test_label_studio_json_min(tmp_path):
    about = {
        "annotator": 1,
        "annotation_id": 7,
        "created_at": "2024-05-03T10:00:00Z",
        "updated_at": "2024-05-03T10:00:00Z",
        "lead_time": 3.5,
    }
    spans = [LOC["value"], PER["value"]]
    assert tagged(tmp_path, [{"id": 1, "text": ANNA, "label": spans, **about}]) == TAGGED
    assert tagged(tmp_path, [{"id": 1, "review": ANNA, "ner": spans, **about}]) == TAGGED
    assert tagged(tmp_path, [{"id": 1, "text": "Hi", **about}]) == ["Hi/O"]
    rows = [
        {"id": 1, "text": "a", "sentiment": "pos", **about},
        {"id": 2, "text": "b", "sentiment": {"choices": ["pos", "neg"]}, **about},
    ]
    assert classified(tmp_path, rows) == [("a", "pos"), ("b", ["pos", "neg"])]


# doccano


def test_doccano(tmp_path):
    lines = [
        {"id": 1, "text": ANNA, "label": [[0, 4, "PER"], [14, 19, "LOC"]], "Comments": []},
        {
            "id": 2,
            "text": ANNA,
            "entities": [
                {"id": 5, "label": "PER", "start_offset": 0, "end_offset": 4},
                {"id": 6, "label": "LOC", "start_offset": 14, "end_offset": 19},
            ],
            "relations": [{"id": 9, "from_id": 5, "to_id": 6, "type": "lives in"}],
        },
    ]
    assert tagged(tmp_path, "\n".join(map(json.dumps, lines)), "a.jsonl") == TAGGED * 2
    assert tagged(tmp_path, lines) == TAGGED * 2
    rows = [{"id": 1, "text": "a", "label": ["pos"]}, {"id": 2, "text": "b", "label": []}]
    assert classified(tmp_path, rows) == [("a", ["pos"]), ("b", [])]
    intents = [{"id": 1, "text": ANNA, "cats": ["live"], "entities": [[0, 4, "PER"]]}]
    assert classified(tmp_path, intents) == [(ANNA, ["live"])]
    assert tagged(tmp_path, intents) == ["Anna/B-PER lives/O in/O Paris/O ./O"]


def test_doccano_with_the_text_as_data(tmp_path):
    rows = [{"id": 1, "data": "a", "label": ["pos"]}, {"id": 2, "data": "b", "label": ["neg"]}]
    assert classified(tmp_path, rows) == [("a", ["pos"]), ("b", ["neg"])]
    row = {"id": 1, "data": ANNA, "label": [[0, 4, "PER"], [14, 19, "LOC"]]}
    assert tagged(tmp_path, json.dumps(row), "a.jsonl") == TAGGED
    row = {"data": "x", "sentence": "a", "label": "pos"}  # Not of doccano
    assert classified(tmp_path, [row]) == [("a", "pos")]


def test_doccano_before_version_1(tmp_path):
    spans = [
        {"label": 1, "start_offset": 0, "end_offset": 4, "user": 1},
        {"label": 2, "start_offset": 14, "end_offset": 19, "user": 1},
    ]
    row = {"id": 1, "text": ANNA, "annotations": spans, "meta": {}}
    assert tagged(tmp_path, [row]) == ["Anna/B-1 lives/O in/O Paris/B-2 ./O"]
    row = {"id": 1, "text": ANNA, "annotations": [{"label": 3, "user": 1}], "meta": {}}
    assert classified(tmp_path, [row]) == [(ANNA, ["3"])]


# Prodigy


def prodigy(**values):
    return {"text": ANNA, "_input_hash": 1, "_task_hash": 2, "answer": "accept", **values}


def test_prodigy(tmp_path):
    spans = [
        {"start": 0, "end": 4, "token_start": 0, "token_end": 0, "label": "PER"},
        {"start": 14, "end": 19, "token_start": 3, "token_end": 3, "label": "LOC"},
    ]
    tokens = [{"text": "Anna", "start": 0, "end": 4, "id": 0}]
    lines = [
        prodigy(spans=spans, tokens=tokens),
        prodigy(tokens=tokens),
        prodigy(spans=spans, answer="reject"),
    ]
    found = tags.read(tmp_path, "\n".join(map(json.dumps, lines)), "a.jsonl")
    assert tags.tagged(found[:2]) == [*TAGGED, "Anna/O lives/O in/O Paris/O ./O"]
    assert found[2].reason == 'the annotator\'s "answer" is "reject"'


def test_prodigy_choices(tmp_path):
    options = [{"id": "joy", "text": "Joy"}, {"id": "calm", "text": "Calm"}]
    lines = [
        prodigy(options=options, accept=["joy"], config={"choice_style": "single"}),
        prodigy(options=options, accept=["joy", "calm"]),
        prodigy(options=options, accept=[], answer="ignore"),
    ]
    rows = texts.read(tmp_path, "\n".join(map(json.dumps, lines)), "a.jsonl")
    assert texts.labelled(rows[:2]) == [(ANNA, ["joy"]), (ANNA, ["joy", "calm"])]
    assert rows[2].reason == 'the annotator\'s "answer" is "ignore"'


# spaCy

SPACY_2 = {
    "id": 0,
    "paragraphs": [
        {
            "raw": ANNA,
            "sentences": [
                {
                    "tokens": [
                        {"id": 0, "orth": "Anna", "space": " ", "ner": "U-PER"},
                        {"id": 1, "orth": "lives", "space": " ", "ner": "O"},
                        {"id": 2, "orth": "in", "space": " ", "ner": "O"},
                        {"id": 3, "orth": "Paris", "space": "", "ner": "U-LOC"},
                        {"id": 4, "orth": ".", "space": "", "ner": "O"},
                    ],
                    "brackets": [],
                }
            ],
            "cats": [{"label": "POS", "value": 1.0}, {"label": "NEG", "value": 0.0}],
            "entities": [[0, 4, "PER"], [14, 19, "LOC"]],
            "links": [],
        }
    ],
}
SPACY_3 = {
    "text": ANNA,
    "ents": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 19, "label": "LOC"}],
    "cats": {"POS": 1.0, "NEG": 0.0},
    "tokens": [{"id": 0, "start": 0, "end": 4}, {"id": 1, "start": 5, "end": 10}],
}


def test_spacy_documents(tmp_path):
    for value in ([SPACY_2], SPACY_2, json.dumps(SPACY_3), [SPACY_3]):
        assert tagged(tmp_path, value) == TAGGED
        assert classified(tmp_path, value) == [(ANNA, ["POS"])]


def test_spacy_2_paragraphs_without_their_raw_text(tmp_path):
    def paragraph(*words):
        tokens = [{"orth": word, "ner": tag} for word, tag in words]
        return {"sentences": [{"tokens": tokens[:2]}, {"tokens": tokens[2:]}]}

    first = paragraph(("New", "B-LOC"), ("York", "I-LOC"), ("City", "L-LOC"), ("Bonn", "U-LOC"))
    second = paragraph(("Hi", "O"), ("Bob", "-"))
    content = json.dumps([{"id": 0, "paragraphs": [first, first]}])
    found = tags.read(tmp_path, content, "a.json")
    assert tags.tagged(found) == ["New/B-LOC York/I-LOC City/I-LOC Bonn/B-LOC"] * 2
    assert [text.guid for text in found] == ["train-1.1", "train-1.2"]
    content = json.dumps([{"id": 0, "paragraphs": [first, second]}])
    message = r'a\.json:1, item 1, row 2: found None under the key "entities"'
    with pytest.raises(InputError, match=message):
        tags.read(tmp_path, content, "a.json")


def test_spacy_training_pairs(tmp_path):
    pairs = [
        [ANNA, {"entities": [[0, 4, "PER"], [14, 19, "LOC"]], "cats": {"POS": True, "NEG": 0}}],
        ["Hi", {"entities": [], "cats": {"POS": 0, "NEG": 1}}],
    ]
    annotator = {"classes": ["PER", "LOC"], "annotations": [pairs[0], None, pairs[1]]}
    lines = "\n".join(map(json.dumps, pairs))
    pretty = "\n".join(json.dumps(pair, indent=2) for pair in pairs)  # As `jq '.[]'` writes them
    for value in (pairs, annotator, lines, pretty):
        assert tagged(tmp_path, value, "a.jsonl") == [*TAGGED, "Hi/O"]
        assert classified(tmp_path, value) == [(ANNA, ["POS"]), ("Hi", ["NEG"])]


# pandas, and other lists of rows

ROWS = [{"text": "good", "label": "pos"}, {"text": "bad", "label": "neg"}]


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        {"data": ROWS},
        {"version": "1.0", "data": ROWS, "title": "Reviews"},
        {"schema": {"fields": []}, "data": [{"index": 0, **ROWS[0]}, {"index": 1, **ROWS[1]}]},
        {"columns": ["text", "label"], "index": [0, 1], "data": [["good", "pos"], ["bad", "neg"]]},
        {"text": {"0": "good", "1": "bad"}, "label": {"0": "pos", "1": "neg"}},
        {"0": ROWS[0], "1": ROWS[1]},
    ],
)
def test_lists_of_rows(tmp_path, value):
    assert classified(tmp_path, value) == texts.GOOD_BAD


def test_object_with_data_and_a_text_is_a_row(tmp_path):
    row = {"text": "good", "data": [{"text": "no"}], "label": "pos"}
    assert classified(tmp_path, json.dumps(row)) == [("good", "pos")]


def test_list_deeper_in_an_object_is_an_error_that_says_how_to_extract_it(tmp_path):
    value = {"data": {"my items": ROWS}}
    message = (
        r"a\.json:1: found an object with the keys 'data'; expected an object with a \"text\"\. "
        r"Extract the list in it: `jq -c '\.\[\"data\"\]\[\"my items\"\]\[\]' /.*/a\.json > rows"
    )
    with pytest.raises(InputError, match=message):
        classified(tmp_path, json.dumps(value))


def test_list_of_strings_is_a_list_of_texts(tmp_path):
    assert classified(tmp_path, ["a", "b"], need_label=False) == [("a", None), ("b", None)]
    with pytest.raises(InputError, match=r"a\.json:1, item 1: no 'label'; its keys are 'text'"):
        classified(tmp_path, '["a", "b"]')


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"data": {"text": "a"}, "annotations": [3]}], "looks like Label Studio's JSON, but"),
        ([{"paragraphs": [{"sentences": [{}]}]}], "looks like spaCy 2's JSON format, but"),
        ([{"text": "a", "cats": {"x": "y"}}], "looks like spaCy's Doc.to_json, or doccano's"),
        (
            [
                {
                    "paragraphs": [
                        {"raw": "b", "sentences": [{"tokens": [{"orth": "a", "ner": "O"}]}]}
                    ]
                }
            ],
            "looks like spaCy 2's JSON format, but .*ValueError",
        ),
    ],
)
def test_damaged_exports_are_errors(tmp_path, value, message):
    with pytest.raises(InputError, match=rf"a\.json:1, item 1: the object {message}"):
        classified(tmp_path, json.dumps(value))


def test_training_file_in_a_list_is_resolved(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"text": "a", "label": "x"}, *ROWS], indent=1))
    found = resolve_format(str(tmp_path / "a.json"), TextFormat())
    assert (found.columns.text, found.columns.label) == ("text", "label")
