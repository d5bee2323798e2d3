"""Reading texts whose tags are in a file of their own, one per word or per character."""

import contextlib
import logging

import pytest

from finetune.tasks.tagging.readers import (
    word_split_for_training_file,
)
from finetune.util.errors import InputError
from tests.tasks.tagging.reading import read, words


def read_pair(tmp_path, texts, labels, split="train"):
    return read(tmp_path, texts, "texts.txt", split=split, labels=labels)


def test_labels_can_belong_to_characters(tmp_path):
    first, second = read_pair(tmp_path, "我爱北京\n你好\n", "OOBI\nOO\n")
    assert (words(first), first.tags) == (list("我爱北京"), ["O", "O", "B", "I"])
    assert first.words == [(0, 1), (1, 2), (2, 3), (3, 4)]
    labels = tmp_path / "labels.txt"
    assert (second.guid, second.where) == ("train-2", f"{labels}:2")
    assert second.place_of_word(1) == f"{labels}:2, word 2"


@pytest.mark.parametrize(
    ("texts", "labels", "unit", "rule", "error"),
    [
        ("我爱\n你好\n", "OO\nBI\n", "character", "more lines fit the characters", None),
        ("New York\n", "B I\n", "word", "as many or more lines fit the words", None),
        (
            "a b\n你好\n",
            "O O\nBI\n",
            "word",
            "as many or more lines fit the words",
            "found 'BI' as a tag",
        ),
        (
            "我 爱\n",
            "O\n",
            "character",
            "no line fits, and all lines contain only tag letters",
            "1 label, but 3 characters",
        ),
        ("我 爱\n", "O B-X O\n", "word", "no line fits", "3 labels, but 2 words"),
    ],
)
def test_log_names_the_rule_that_found_the_unit_of_the_labels(
    tmp_path, caplog, texts, labels, unit, rule, error
):
    caplog.set_level(logging.INFO)
    with pytest.raises(InputError, match=error) if error else contextlib.nullcontext():
        read_pair(tmp_path, texts, labels)
    assert f"{tmp_path / 'labels.txt'}: one label per {unit} (rule: {rule})" in caplog.messages


def test_spaces_between_labelled_characters_belong_to_no_word(tmp_path):
    (text,) = read_pair(tmp_path, "我 爱\u3000北京😀", "BIOOBIO")
    assert "".join(words(text)) == "我爱北京😀"
    assert text.words == [(0, 1), (2, 3), (4, 5), (5, 6), (6, 7)]
    assert text.tags == ["B", "O", "B", "I", "O"]


def test_labels_separated_by_spaces_belong_to_words(tmp_path):
    first, second = read_pair(
        tmp_path, "Anna  lives in Paris.\nHi!\n", "B-PER O O\tB-LOC\n  S-X \n"
    )
    assert (words(first), first.tags) == (
        ["Anna", "lives", "in", "Paris."],
        ["B-PER", "O", "O", "B-LOC"],
    )
    assert (words(second), second.tags) == (["Hi!"], ["S-X"])


@pytest.mark.parametrize(("texts", "labels"), [("我们", "BI"), ("New York", "B-LOC I-LOC")])
def test_empty_lines_in_both_files_are_texts_without_words(tmp_path, texts, labels):
    seen = read_pair(tmp_path, f"\n{texts}\n\n\n", f"\n{labels}\n\n\n")
    assert [len(text.words) for text in seen] == [0, 2, 0, 0]
    assert [text.guid for text in seen] == ["train-1", "train-2", "train-3", "train-4"]
    expected = labels.split() if " " in labels else list(labels)
    assert [text.tags for text in seen] == [[], expected, [], []]


def test_texts_and_labels_can_have_crlf_and_byte_order_marks(tmp_path):
    (text,) = read_pair(tmp_path, "\ufeff我们\r\n", "\ufeffBI\r\n")
    assert (words(text), text.tags) == (["我", "们"], ["B", "I"])


def test_texts_without_labels_file_can_be_predicted(tmp_path):
    texts = read_pair(tmp_path, "Hi, Anna\n\n你好\n", None, split="test")
    assert [words(text) for text in texts] == [["Hi", ",", "Anna"], [], ["你", "好"]]
    assert [text.tags for text in texts] == [None, None, None]
    with pytest.raises(
        InputError, match=r"labels\.txt does not exist; expected the tags of .*texts\.txt"
    ):
        read_pair(tmp_path, "Hi\n", None)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (
            "我们\n他\n",
            "BI\n",
            r"texts\.txt has 2 lines, but .*labels\.txt has 1; expected equally many",
        ),
        # The labels of the only text match neither its words nor its characters.
        ("我爱北京\n", "BIO\n", r"labels\.txt:1: 3 labels, but 4 characters in .*texts\.txt:1"),
        ("a b c\n", "O B-X\n", r"labels\.txt:1: 2 labels, but 3 words .*in .*texts\.txt:1"),
        ("a\nb", "O\nO\nO", r"texts\.txt has 2 lines, but .*labels\.txt has 3"),
        ("a\n", "O\n\n", r"texts\.txt has 1 line, but .*labels\.txt has 2"),
        (
            "我们\n他们\n",
            "BI\nBIO\n",
            r"labels\.txt:2: 3 labels, but 2 characters in .*texts\.txt:2; expected one each",
        ),
        (
            "New York\nHi\n",
            "B-L I-L\nO O\n",
            r"labels\.txt:2: 2 labels, but 1 word .*in .*texts\.txt:2; expected one each",
        ),
        ("我们\n\n他\n", "BI\nO\nO\n", r"labels\.txt:2: 1 label, but 0 characters"),
        ("我们\n他们\n", "BI\nBX\n", r"labels\.txt:2: found 'X' as a tag; expected O"),
        ("New York\n", "PER O\n", r"labels\.txt:1: found 'PER' as a tag; expected O"),
        ("a b\nc\n", "O O\nPER\n", r"labels\.txt:2: found 'PER' as a tag; expected O"),
        ("我们\n", b"B\xff\n", r"labels\.txt:1: byte 0xff at position 2 is not UTF-8"),
        ("我们\n", "", r"labels\.txt: the file is empty"),
    ],
)
def test_texts_and_labels_that_do_not_match_raise_an_error(tmp_path, texts, labels, message):
    with pytest.raises(InputError, match=message):
        read_pair(tmp_path, texts, labels)


def test_word_split_is_detected_from_the_training_file(tmp_path):
    path = str(tmp_path / "texts.txt")
    read_pair(tmp_path, "我 们\n他\n", "BOI\nB\n")
    assert word_split_for_training_file(path) == "characters"
    read_pair(tmp_path, "New York\nI\n", "B-L I-L\nO\n")
    assert word_split_for_training_file(path) == "whitespace"
    assert word_split_for_training_file(str(tmp_path / "train.jsonl")) is None
