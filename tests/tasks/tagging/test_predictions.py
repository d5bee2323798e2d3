"""Result files of a tagger: CoNLL columns, and JSON lines with entities."""

import json

import pytest

from finetune.tasks.tagging.predictions import TaggingFiles
from finetune.tasks.tagging.readers import read_texts
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.files import atomic_text


def write(tmp_path, texts, answers):
    """Writes predictions; returns the content of the CoNLL file, and the JSON objects."""
    conll, jsonl = tmp_path / "test_results.conll", tmp_path / "test_results.jsonl"
    with atomic_text(str(conll)) as words, atomic_text(str(jsonl)) as entities:
        with_gold = all(text.tags is not None for text in texts)
        assert TaggingFiles(words, entities, with_gold).write(texts, answers) == len(texts)
    lines = jsonl.read_text(encoding="utf-8").splitlines()
    return conll.read_text(encoding="utf-8"), [json.loads(line) for line in lines]


def test_entities_have_offsets_and_mean_probabilities(tmp_path):
    text = TaggedText("test-3", "Anna, in New York", [(0, 4), (4, 5), (6, 8), (9, 12), (13, 17)])
    answer = ["B-PER", "O", "O", "B-LOC", "I-LOC"], [0.9, 1.0, 1.0, 0.5, 0.8]
    conll, rows = write(tmp_path, [text], [answer])
    assert conll == "Anna B-PER\n, O\nin O\nNew B-LOC\nYork I-LOC\n\n"
    assert rows == [
        {
            "guid": "test-3",
            "text": "Anna, in New York",
            "entities": [
                {"type": "PER", "start": 0, "end": 4, "surface": "Anna", "score": 0.9},
                {"type": "LOC", "start": 9, "end": 17, "surface": "New York", "score": 0.65},
            ],
        }
    ]


def test_columns_can_be_read_again(tmp_path):
    words = ["-DOCSTART-", "New\u00a0York", "\ufeff", "#", "1", "text"]
    tags = ["B-A", "I-A", "I-A", "B-B", "O", "O"]
    text = TaggedText.from_words("g", words)
    write(tmp_path, [text], [(tags, [0.5] * 6)])
    (again,) = read_texts(str(tmp_path / "test_results.conll"), "auto", "train", TagFormat())
    assert [again.word(i) for i in range(6)] == ["_DOCSTART_", "New_York", "_", "#", "1", "text"]
    assert again.tags == tags


def test_keys_are_in_a_fixed_order(tmp_path):
    write(tmp_path, [TaggedText("g", "Ü", [(0, 1)])], [(["B-A"], [0.5])])
    assert (tmp_path / "test_results.jsonl").read_text(encoding="utf-8") == (
        '{"guid": "g", "text": "Ü", "entities": '
        '[{"type": "A", "start": 0, "end": 1, "surface": "Ü", "score": 0.5}]}\n'
    )


def test_gold_tags_are_a_column_if_all_texts_have_them(tmp_path):
    tagged = TaggedText.from_words("g1", ["a", "b"], ["O", "B-X"])
    untagged = TaggedText.from_words("g2", ["c"])
    answers = [(["B-X", "O"], [0.5, 0.5]), (["O"], [0.5])]
    conll, _ = write(tmp_path, [tagged], answers[:1])
    assert conll == "a O B-X\nb B-X O\n\n"
    conll, _ = write(tmp_path, [tagged, untagged], answers)
    assert conll == "a B-X\nb O\n\nc O\n\n"


def test_text_without_words_is_only_in_the_json_file(tmp_path):
    texts = [TaggedText("g1", " ", []), TaggedText.from_words("g2", ["a"])]
    conll, rows = write(tmp_path, texts, [([], []), (["O"], [1.0])])
    assert conll == "a O\n\n"
    assert rows == [
        {"guid": "g1", "text": " ", "entities": []},
        {"guid": "g2", "text": "a", "entities": []},
    ]


@pytest.mark.parametrize(("word", "cell"), [("New York", "New_York"), ("a\u00a0b\u2003", "a_b_")])
def test_whitespace_in_a_word_is_replaced_in_the_conll_file(tmp_path, word, cell):
    text = TaggedText("g", word, [(0, len(word))])
    conll, rows = write(tmp_path, [text], [(["B-LOC"], [1.0])])
    assert conll == f"{cell} B-LOC\n\n"
    assert rows[0]["entities"][0]["surface"] == word


def test_extra_values_of_the_input_are_repeated(tmp_path):
    text = TaggedText("g", "a", [(0, 1)], extra={"id": 5, "meta": {"x": 1}})
    _, rows = write(tmp_path, [text], [(["O"], [1.0])])
    assert rows == [{"guid": "g", "id": 5, "meta": {"x": 1}, "text": "a", "entities": []}]
