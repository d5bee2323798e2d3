"""Columns in a stream: each sentence is read as it comes, in bounded memory."""

import itertools
import threading

import pytest

from finetune.data.data_path import DataPath, StreamPath
from finetune.tasks.tagging import column_table, conll
from finetune.tasks.tagging.readers import find_form, read_texts
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.util.errors import InputError
from tests.support.files import write
from tests.tasks.tagging.reading import GERMEVAL, read, tagged, words

TO_PREDICT = TagFormat(need_tags=False)


def stream(path, form="conll", options=TO_PREDICT):
    return iter(read_texts(path, form, "test", options))


def opened(tmp_path, content, max_line_length=1 << 24):
    """Opens a file as a stream, which never pauses."""
    path = str(write(tmp_path / "rows", content))
    return StreamPath.opened(DataPath.of(path, "utf-8", max_line_length))


def test_each_sentence_is_yielded_when_its_blank_line_comes(pipe):
    path, say = pipe()
    texts = stream(path)
    for number, (word, tag) in enumerate((("Anna", "B-PER"), ("Paris", "B-LOC"), ("is", "O"))):
        say(f"{word} {tag}\nx O\n\n")
        text = next(texts)
        assert (words(text), text.tags) == ([word, "x"], [tag, "O"])
        assert (text.guid, text.where) == (f"test-{3 * number + 1}", f"{path}:{3 * number + 1}")


def test_a_pause_inside_a_sentence_does_not_end_it(pipe):
    path, say = pipe()
    threading.Timer(0.3, say, ["lives\n\n"]).start()
    say("\n# a comment\nAnna\n")
    assert words(next(stream(path))) == ["Anna", "lives"]


@pytest.mark.parametrize(
    "content",
    [
        "New B-LOC\nYork I-LOC\n\nHi O\n",
        "token\ttag\nNew\tB-LOC\nYork\tI-LOC\n\n\n\nHi\tO\n\n",
        "-DOCSTART- O\n\nNew B-LOC\nYork I-LOC\n-DOCSTART- O\n# about\nHi O",
        "Sentence: 1\tNew\tB-LOC\n\tYork\tI-LOC\nSentence: 2\tHi\tO\n",
        "1 New B-LOC\n2 York I-LOC\n\n1-2 x _\n1 Hi _\n",
    ],
)
def test_a_stream_is_read_as_a_file(tmp_path, content, monkeypatch):
    expected = ["New/B-LOC York/I-LOC", "Hi/O"]
    assert tagged(read(tmp_path, content, split="test", form="conll")) == expected
    assert tagged(stream(opened(tmp_path, content))) == expected
    # The lines after the first ones are read in the same way.
    monkeypatch.setattr(column_table, "_PEEKED_LINES", 4)
    assert tagged(stream(opened(tmp_path, content))) == expected


def test_comments_and_cells_at_the_end_are_dropped_after_the_first_lines(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(column_table, "_PEEKED_LINES", 5)
    content = GERMEVAL + "#\tsource\tof\tall\n1\tAnna\tB-PER\tO\t\n"
    options = TO_PREDICT._replace(word_column=2, tag_column=3)
    texts = tagged(stream(opened(tmp_path, content), options=options))
    assert texts == [
        "Schartau/B-PER sagte/O dem/O Tagesspiegel/B-ORG",
        "#/O Bonn/B-LOC",
        "Anna/B-PER",
    ]
    assert "rows:12: a separator at the end of the line" in caplog.text


def test_characters_are_joined_without_spaces(tmp_path):
    text, _ = stream(opened(tmp_path, "我\n在\n北\n京\n\n我\n"))
    assert text.text == "我在北京"


def test_sentences_before_a_wrong_line_are_yielded(tmp_path):
    texts = stream(opened(tmp_path, "a O\n\nb O\n\nc\n"))
    assert tagged(itertools.islice(texts, 2)) == ["a/O", "b/O"]
    with pytest.raises(InputError, match=r"rows:5: 1 column \('c'\); expected 2"):
        next(texts)


def test_only_blank_lines_are_an_error(tmp_path):
    with pytest.raises(InputError, match="only blank lines; expected one word per line"):
        next(stream(opened(tmp_path, "\n" * 5000)))


@pytest.mark.parametrize(("max_words", "max_line_length"), [(4, 100), (100, 9)])
def test_a_sentence_without_an_end_is_an_error(tmp_path, monkeypatch, max_words, max_line_length):
    monkeypatch.setattr(conll, "_MAX_WORDS", max_words)
    texts = stream(opened(tmp_path, "ab\n\n" + "ab\n" * 5 + "\n", max_line_length))
    assert words(next(texts)) == ["ab"]
    with pytest.raises(InputError) as caught:
        next(texts)
    assert str(caught.value) == (
        f"{tmp_path / 'rows'}:3: a sentence of more than {max_words} words or {max_line_length} "
        "characters; expected a blank line after each sentence. Save a text of this length as a "
        "file, and predict the file."
    )


def test_a_stream_is_bare_text_unless_columns_are_specified(tmp_path):
    path = opened(tmp_path, "a O\n")
    assert find_form(path, TO_PREDICT) == ("text", "standard input")
    for column in ("word_column", "tag_column"):
        options = TO_PREDICT._replace(**{column: 1})
        assert find_form(path, options) == ("conll", "the columns are specified")
    assert words(next(stream(path, "auto"))) == ["a", "O"]


def test_two_files_cannot_be_a_stream(tmp_path):
    with pytest.raises(InputError, match="a stream cannot be two files"):
        stream(opened(tmp_path, "a O\n"), "text_labels")


def test_overlapping_spans_in_a_stream_are_an_error_at_once(tmp_path):
    rows = '{"text": "a b", "entities": [[0, 3, "X"], [2, 3, "Y"]]}\n' * 2
    with pytest.raises(InputError, match=r"rows:1: .* overlap; .* --overlaps=longest keeps the"):
        next(stream(opened(tmp_path, rows), "jsonl"))
