"""Reading JSON lines with spans."""

import json

import pytest

from finetune.util.errors import InputError
from tests.tasks.tagging.reading import read, tagged, words


def line(text, *spans, key="entities"):
    return json.dumps({"text": text, key: list(spans)}, ensure_ascii=False) + "\n"


def span(start, end, kind):
    return {"start": start, "end": end, "type": kind}


def read_json(tmp_path, content, **options):
    return read(tmp_path, content, "train.jsonl", **options)


def test_spans_become_tags(tmp_path):
    text = "Anna lives in New York."
    content = line(text, span(14, 22, "LOC"), span(0, 4, "PER")) + "\n" + line("Hi")
    first, second = read_json(tmp_path, content)
    assert tagged([first]) == ["Anna/B-PER lives/O in/O New/B-LOC York/I-LOC ./O"]
    assert (first.text, first.words[3]) == (text, (14, 17))
    path = tmp_path / "train.jsonl"
    assert (first.where, first.place_of_word(3)) == (f"{path}:1", f"{path}:1, word 4")
    assert (second.guid, second.where, second.tags) == ("train-3", f"{path}:3", ["O"])


@pytest.mark.parametrize("key", ["entities", "spans", "labels", "label"])
@pytest.mark.parametrize(
    "form",
    [
        [0, 4, "PER"],
        {"start": 0, "end": 4, "type": "PER"},
        {"start": 0, "end": 4, "label": "PER", "id": 7},
        {"start": 0, "end": 4, "tag": "PER"},
    ],
)
def test_spans_can_be_objects_or_lists_under_any_known_key(tmp_path, key, form):
    assert tagged(read_json(tmp_path, line("Anna is", form, key=key))) == ["Anna/B-PER is/O"]


def test_span_is_widened_to_whole_words(tmp_path):
    content = line("the Parisians of Paris", span(4, 9, "LOC"), span(18, 19, "LOC"))
    assert tagged(read_json(tmp_path, content)) == ["the/O Parisians/B-LOC of/O Paris/B-LOC"]
    content = line("in New York now", span(2, 8, "LOC"))
    assert tagged(read_json(tmp_path, content)) == ["in/O New/B-LOC York/I-LOC now/O"]


def test_offsets_are_in_code_points(tmp_path):
    content = line("😀👍 Anna", span(3, 7, "PER"))
    escaped = '{"text": "\\ud83d\\ude00\\ud83d\\udc4d Anna", "entities": [[3, 7, "PER"]]}\n'
    for raw in (content, escaped):
        (text,) = read_json(tmp_path, raw)
        assert (words(text)[-1], text.tags[-1]) == ("Anna", "B-PER")
        assert text.text == "😀👍 Anna"


def test_word_split_determines_the_words(tmp_path):
    content = line("St. Paul", span(0, 3, "X"))
    assert tagged(read_json(tmp_path, content)) == ["St/B-X ./I-X Paul/O"]
    assert tagged(read_json(tmp_path, content, word_split="whitespace")) == ["St./B-X Paul/O"]
    seen = tagged(read_json(tmp_path, content, word_split="characters"))
    assert seen == ["S/B-X t/I-X ./I-X P/O a/O u/O l/O"]


def test_json_can_have_crlf_blank_lines_and_a_byte_order_mark(tmp_path):
    content = "\ufeff" + line("Anna", [0, 4, "PER"]) + "\n\n" + line("Hi")
    texts = read_json(tmp_path, content.replace("\n", "\r\n"))
    assert tagged(texts) == ["Anna/B-PER", "Hi/O"]
    assert [text.guid for text in texts] == ["train-1", "train-4"]


def test_json_without_spans_can_be_predicted(tmp_path):
    content = '{"text": "Hi, Anna", "id": 3}\n{"text": ""}\n'
    first, second = read(tmp_path, content, "test.jsonl", split="test")
    assert (words(first), first.tags) == (["Hi", ",", "Anna"], None)
    assert (words(second), second.tags) == ([], None)
    with pytest.raises(
        InputError, match=r'train\.jsonl:1: found None under the key "entities"; expected a list of'
    ):
        read_json(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            line("a") * 2 + '{"text": "b"\n',
            r"jsonl:3: not JSON \(.*expected one object per line",
        ),
        (line("a") + '["text"]\n', r"jsonl:2: found '\[\"text\"\]'; expected an object"),
        ("3\n", r"jsonl:1: found '3'; expected an object"),
        ("[" * 100000 + "\n", r"jsonl:1: not JSON"),
        ('{"text": 7, "entities": []}\n', r'jsonl:1: found 7 as "text"; expected a string'),
        ('{"entities": []}\n', r'jsonl:1: found None as "text"; expected a string'),
        ('{"text": "a\\ud83d", "entities": []}\n', "jsonl:1: .*half a surrogate pair"),
        (
            '{"text": "a", "entities": "x"}\n',
            "jsonl:1: found 'x' under the key \"entities\"; expected a list",
        ),
        ('{"text": "a", "entities": null}\n', 'jsonl:1: found None under the key "entities"'),
        (
            line("Hi", span(0, 1.0, "X")),
            r"jsonl:1: found \{.*'end': 1\.0,.*\} as a span; expected",
        ),
        (line("Hi", span(False, True, "X")), "jsonl:1: found .* as a span"),
        (line("Hi", span("0", "1", "X")), "jsonl:1: found .* as a span"),
        (
            line("Hi", {"start": 0, "type": "X"}),
            r"jsonl:1: found \{'start': 0, 'type': 'X'\} as a span",
        ),
        (line("Hi", span(0, 1, "")), "jsonl:1: found .* as a span"),
        (line("Hi", span(0, 1, None)), "jsonl:1: found .* as a span"),
        (line("Hi", [0, 1]), r"jsonl:1: found \[0, 1\] as a span"),
        (line("Hi", 4), "jsonl:1: found 4 as a span"),
        (
            line("Hi") + line("Hi", span(1, 3, "X")),
            r"jsonl:2: span 1 to 3 \(X\) is outside the text, which has 2 characters",
        ),
        (line("Hi", span(-1, 1, "X")), r"jsonl:1: span -1 to 1 \(X\) is outside the text"),
        (line("Hi", span(1, 1, "X")), r"span 1 to 1 \(X\).*expected 0 <= start < end <= 2"),
        (line("Hi", span(2, 1, "X")), r"span 2 to 1 \(X\).*expected 0 <= start < end <= 2"),
        (line("a  b", span(1, 3, "X")), r"jsonl:1: span 1 to 3 \(X\) contains no word: '  '"),
        (
            line("New York City", span(4, 13, "CITY"), span(0, 8, "LOC")),
            r"jsonl:1: the spans 'New York' \(LOC\) and 'York City' \(CITY\) overlap; expected",
        ),
        (
            line("Parisian", span(0, 5, "LOC"), span(5, 8, "X")),
            r"jsonl:1: the spans 'Parisian' \(LOC\) and 'Parisian' \(X\) overlap",
        ),
    ],
)
def test_invalid_json_raises_an_error_with_the_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_json(tmp_path, content)


@pytest.mark.parametrize("kind", ["\ud800", "a\nb", "a\tb"])
def test_types_that_conll_cannot_represent_raise_an_error(tmp_path, kind):
    # The first type cannot be written at all; the others would break rows of test_results.conll.
    content = json.dumps({"text": "Hi", "entities": [span(0, 2, kind)]})
    with pytest.raises(InputError, match=r"jsonl:1: "):
        read_json(tmp_path, content)


def test_spans_inside_words_are_counted_in_a_warning(tmp_path, caplog):
    content = line("Anna Berg", span(0, 3, "X"), span(4, 9, "Y")) + line("Hi", span(0, 2, "X"))
    texts = read_json(tmp_path, content)
    assert tagged(texts) == ["Anna/B-X Berg/B-Y", "Hi/B-X"]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning.startswith("1 span beginning or ending inside a word")
    assert "train.jsonl:1)" in warning


def test_json_can_have_doccano_keys(tmp_path):
    entity = {"id": 3, "label": "PER", "start_offset": 0, "end_offset": 4}
    assert tagged(read_json(tmp_path, line("Anna lives", entity))) == ["Anna/B-PER lives/O"]


# Lists of words, as in Hugging Face's data sets.

HF = '{"id": "0", "tokens": ["Anna", "is", "in", "Rome"], "ner_tags": %s}\n'
LABELS = ["O", "B-PER", "I-PER", "B-LOC"]


@pytest.mark.parametrize("tags", ['["B-PER", "O", "O", "B-LOC"]', "[1, 0, 0, 3]"])
def test_lists_of_words_have_tags_or_their_numbers(tmp_path, tags):
    (text,) = read(tmp_path, HF % tags, "train.jsonl", labels_of_numbers=LABELS)
    assert tagged([text]) == ["Anna/B-PER is/O in/O Rome/B-LOC"]
    assert text.is_joined and text.extra == {"id": "0"}


def test_lists_of_words_have_one_of_the_usual_keys(tmp_path):
    content = '{"words": ["Anna", "is"], "ner": ["B-PER", "O"]}\n'
    assert tagged(read(tmp_path, content, "train.jsonl")) == ["Anna/B-PER is/O"]


def test_lists_of_words_must_contain_characters(tmp_path, caplog):
    content = '{"tokens": ["Anna", "", " "], "tags": ["B-PER", "O", "O"]}\n'
    assert tagged(read(tmp_path, content, "train.jsonl")) == ["Anna/B-PER"]
    assert "2 tokens without a visible character: skipped" in caplog.text
    with pytest.raises(InputError, match=r"train\.jsonl:1: the text contains half a surrogate"):
        read(tmp_path, '{"tokens": ["a\\ud800"], "tags": ["O"]}\n', "train.jsonl")


def test_lists_of_words_to_predict_need_no_tags(tmp_path):
    content = '{"tokens": ["Anna", " ", "is"]}\n{"tokens": []}\n'
    texts = read(tmp_path, content, "test.jsonl", split="test")
    assert [(words(text), text.tags) for text in texts] == [(["Anna", "is"], None), ([], None)]
    (text,) = read(tmp_path, '{"tokens": ["北", "京"], "tags": ["O", "O"]}\n', "train.jsonl")
    assert text.text == "北京"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("[1, 0, 0, 4]", r"train\.jsonl:1: found the number 4 as a tag; expected the names"),
        (
            '["O"]',
            r"train\.jsonl:1: found \['O'\] as \"ner_tags\"; expected a tag for each",
        ),
        ("null", r"found None as \"ner_tags\""),
        ('["O", "O", "O", "PER"]', r"found 'PER' as a tag"),
    ],
)
def test_wrong_tags_of_lists_raise_an_error(tmp_path, tags, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, HF % tags, "train.jsonl", labels_of_numbers=LABELS)


# Overlapping spans, and values that are passed through.

NESTED = '{"text": "University of Paris is old", "entities": [[14, 19, "LOC"], [0, 19, "ORG"]]}\n'


def test_overlaps_are_reported_once_or_the_longest_span_is_used(tmp_path):
    content = NESTED * 3 + '{"text": "Rome", "entities": [[0, 4, "LOC"]]}\n'
    message = r"train\.jsonl:1: the spans 'University of Paris' .* 3 texts in the file have overlap"
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, "train.jsonl")
    texts = read(tmp_path, content, "train.jsonl", overlaps="longest")
    assert tagged(texts[2:]) == ["University/B-ORG of/I-ORG Paris/I-ORG is/O old/O", "Rome/B-LOC"]


def test_longest_spans_are_chosen_one_after_the_other(tmp_path):
    row = {
        "text": "a b c d e f",
        "entities": [[0, 3, "X"], [2, 9, "Y"], [8, 11, "Z"], [10, 11, "W"]],
    }
    (text,) = read(tmp_path, json.dumps(row) + "\n", "train.jsonl", overlaps="longest")
    assert text.tags == ["O", "B-Y", "I-Y", "I-Y", "I-Y", "B-W"]


def test_id_and_meta_are_passed_through(tmp_path):
    row = {"id": 7, "text": "Rome", "meta": {"source": "x"}, "other": 1}
    (text,) = read(tmp_path, json.dumps(row) + "\n", "test.jsonl", split="test")
    assert text.extra == {"id": 7, "meta": {"source": "x"}}


@pytest.mark.parametrize("key", ["entities", "spans", "ents", "labels"])
def test_spans_under_the_keys_of_other_tools(tmp_path, key):
    span = '{"start": 0, "end": 4, "label": "PER"}'
    (text,) = read(tmp_path, f'{{"text": "Anna lives", "{key}": [{span}]}}\n', "train.jsonl")
    assert text.tags == ["B-PER", "O"]
    with pytest.raises(InputError, match=rf'found None under the key "{key}"; expected a list'):
        read(tmp_path, f'{{"text": "Anna lives", "{key}": null}}\n', "train.jsonl")


def test_labels_of_numbers_must_be_tags(tmp_path):
    with pytest.raises(InputError, match="found the number 1 as a tag; expected the names of all"):
        read(tmp_path, HF % "[1, 0, 0, 1]", "train.jsonl", labels_of_numbers=["O", "PER"])
