"""CoNLL columns: sentences, comments, and distinguishing columns from bare text."""

import re

import pytest

from finetune.tasks.tagging.column_table import ConllColumns
from finetune.tasks.tagging.conll import is_in_columns, read_sentences
from finetune.tasks.tagging.readers import (
    FORMS,
    read_texts,
)
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.util.errors import InputError
from processors import NERProcessor
from tests.support.files import write
from tests.tasks.tagging.reading import GERMEVAL, lines_of, read, tagged, words

WORD_AND_TAG = ConllColumns()


def sentences(tmp_path, content, columns=WORD_AND_TAG, need_tags=True):
    return list(
        read_sentences(str(write(tmp_path / "f.conll", content)), "dev", columns, need_tags)
    )


def test_sentences_have_words_tags_guids_and_places(tmp_path):
    first, second = sentences(tmp_path, "Anna B-PER\nsings O\n\n\nYork B-LOC\n")
    assert (first.guid, first.text, first.words) == ("dev-1", "Anna sings", [(0, 4), (5, 10)])
    assert (first.tags, second.tags) == (["B-PER", "O"], ["B-LOC"])
    assert (second.guid, second.where) == ("dev-5", str(tmp_path / "f.conll") + ":5")
    assert second.place_of_word(0) == str(tmp_path / "f.conll") + ":5"


def test_document_lines_separate_sentences(tmp_path):
    texts = sentences(tmp_path, "-DOCSTART- O\na O\n-DOCSTART- O\nb O\n")
    assert [text.text for text in texts] == ["a", "b"]


def test_comments_before_a_sentence_are_skipped(tmp_path):
    (text,) = sentences(tmp_path, "#\tsource\t[2026-01-01]\n1\ta\tO\n2\tb\tO\n", ConllColumns(2, 3))
    assert (text.text, text.guid) == ("a b", "dev-2")


def test_columns_are_counted_from_either_end(tmp_path):
    content = "1 Anna x B-PER\n2 sings x O\n"
    for columns in (ConllColumns(2, 4), ConllColumns(-3, -1)):
        (text,) = sentences(tmp_path, content, columns)
        assert (text.text, text.tags) == ("Anna sings", ["B-PER", "O"])
    (text,) = sentences(tmp_path, content, ConllColumns(2, 0), need_tags=False)
    assert (text.text, text.tags) == ("Anna sings", None)


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("\n \n", ConllColumns(), r"f\.conll: only blank lines; expected one word per line\.$"),
        ("a O\n", ConllColumns(2, 2), r"most lines have 2 columns; expected the word in column 2"),
        ("a O\nb\n", ConllColumns(), r"f\.conll:2: 1 column \('b'\); expected 2, as in most lines"),
        ("a O\nb C-X\n", ConllColumns(), r"f\.conll:2: found 'C-X' as the tag \(column 2\)"),
        ("a\tO\n\tO\n", ConllColumns(), r"f\.conll:2: 2 columns .*, but no word in column 1"),
        ("a O\rb O\n", ConllColumns(), r"f\.conll:1: a CR inside the line"),
    ],
)
def test_errors_name_the_line(tmp_path, content, columns, message):
    with pytest.raises(InputError, match=message):
        sentences(tmp_path, content, columns)


@pytest.mark.parametrize(
    ("content", "maybe_untagged", "expected"),
    [
        ("a O\nb B-X\n", False, True),
        ("a O\n", False, True),
        ("a b O\n", False, False),
        ("a O\nb c\nd e\n", False, False),
        ("a b c d\ne f O\ng O\n", False, False),
        ("a\nb\n\nc\n", True, True),
        ("a\nb\n\nc\n", False, False),
        ("a\nb\nc\n", True, False),
        ("a b\n\nc\n", True, False),
    ],
)
def test_columns_are_distinguished_from_bare_text(tmp_path, content, maybe_untagged, expected):
    path = str(write(tmp_path / "f.conll", content))
    assert is_in_columns(path, ConllColumns(), maybe_untagged) is expected


# Reading through `read_texts`, which supports every form.


def test_conll_yields_words_and_tags_with_lines(tmp_path):
    first, second = read(tmp_path, "Anna B-PER\nlives O\n\nParis B-LOC\n")
    assert (words(first), first.tags) == (["Anna", "lives"], ["B-PER", "O"])
    assert (first.text, first.words) == ("Anna lives", [(0, 4), (5, 10)])
    assert (first.guid, second.guid) == ("train-1", "train-4")
    path = tmp_path / "train.txt"
    assert (first.where, first.place_of_word(1)) == (f"{path}:1", f"{path}:2")
    assert (second.where, second.place_of_word(0)) == (f"{path}:4", f"{path}:4")


@pytest.mark.parametrize(
    "content",
    [
        "New B-LOC\nYork I-LOC\n\nHi O\n",
        "New\tB-LOC\nYork\tI-LOC\n\nHi\tO\n\n",
        "New NNP B-LOC\nYork NNP I-LOC\n\nHi UH O",
        "New  NNP B-NP   B-LOC\nYork NNP I-NP I-LOC\n\nHi UH O O",
        "New _ _ _ B-LOC\nYork _ _ _ I-LOC\n\nHi _ _ _ O\n\n\n\n",
        "New\tNNP\t_\t_\tB-LOC\nYork\tNNP\t_\t_\tI-LOC\n\nHi\tUH\t_\t_\tO\n",
        "New B-LOC\r\nYork I-LOC\r\n\r\nHi O\r\n",
        "New\tB-LOC\r\nYork\tI-LOC\r\n\r\n\r\nHi\tO",
        "New B-LOC \nYork I-LOC \n \t \nHi O \n  ",
        "\n\n \nNew B-LOC\nYork I-LOC\n\u00a0\nHi O\n",
        "-DOCSTART- -X- -X- O\n\nNew B-LOC\nYork I-LOC\n\n-DOCSTART- O\n\nHi O\n",
        "New B-LOC\nYork I-LOC\n-DOCSTART-\tO\nHi O\n-DOCSTART-\n",
        "\ufeffNew B-LOC\nYork I-LOC\n\nHi O\n",
        "\ufeff-DOCSTART- O\n\nNew B-LOC\nYork I-LOC\n\nHi O\n",
        "# first\nNew B-LOC\nYork I-LOC\n\n# id 7\tdomain=en\n# text = Hi\nHi O\n",
    ],
)
def test_conll_variants_yield_the_same_texts(tmp_path, content):
    assert tagged(read(tmp_path, content)) == ["New/B-LOC York/I-LOC", "Hi/O"]


def test_line_numbers_include_separators_comments_and_documents(tmp_path):
    content = "-DOCSTART- O\n\n \nAnna B-PER\nlives O\n\n\n# about\nParis B-LOC\nis O\n"
    first, second = read(tmp_path, content)
    assert (lines_of(first), lines_of(second)) == ([4, 5], [9, 10])


def test_word_and_tag_columns_can_be_specified(tmp_path):
    outer = read(tmp_path, GERMEVAL, word_column=2, tag_column=3)
    expected = ["Schartau/B-PER sagte/O dem/O Tagesspiegel/B-ORG", "#/O Bonn/B-LOC"]
    assert tagged(outer) == expected
    assert [lines_of(text) for text in outer] == [[2, 3, 4, 5], [8, 9]]
    inner = read(tmp_path, GERMEVAL, word_column=2)
    assert [text.tags for text in inner] == [["O", "O", "O", "B-LOCpart"], ["O", "O"]]
    assert tagged(read(tmp_path, GERMEVAL, word_column=-3, tag_column=-2)) == expected


def test_processor_reads_the_columns_of_its_class(tmp_path):
    class GermEvalProcessor(NERProcessor):
        word_column, tag_column = 2, 3

    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text(GERMEVAL, encoding="utf-8")
    processor = GermEvalProcessor()
    train, test = (
        processor.get_train_examples(str(tmp_path)),
        processor.get_test_examples(str(tmp_path)),
    )
    assert tagged(train) == tagged(test) == tagged(processor.get_dev_examples(str(tmp_path)))
    assert tagged(train)[1] == "#/O Bonn/B-LOC"
    assert (train[1].guid, test[1].guid) == ("train-8", "test-8")


def test_tag_column_0_reads_only_words(tmp_path):
    (text,) = read(tmp_path, "Anna NNP\nlives VBZ\n", "test.txt", "conll", "test", tag_column=0)
    assert (words(text), text.tags) == (["Anna", "lives"], None)


def test_number_sign_with_a_tag_is_a_word(tmp_path):
    texts = read(tmp_path, "# O\n1 O\n\n#\tB-X\nfree\tI-X\n\n#jobs O\nx O\n# O\n")
    assert tagged(texts) == ["#/O 1/O", "#/B-X free/I-X", "#jobs/O x/O #/O"]


def test_number_sign_on_its_own_line_is_a_word_to_predict(tmp_path):
    texts = read(tmp_path, "#\nfree\n\n#jobs\nnow\n", split="test", form="conll")
    assert [words(text) for text in texts] == [["#", "free"], ["#jobs", "now"]]


@pytest.mark.parametrize("word", ["\u200e", "\u00ad", "\u0301", "\ufffd", "\u200b", "\x07"])
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_invisible_words_are_kept(tmp_path, word, separator):
    content = f"{word}{separator}B-X\na{separator}O\n\n{word}{separator}O\n"
    assert tagged(read(tmp_path, content)) == [f"{word}/B-X a/O", f"{word}/O"]


def test_tab_separated_words_can_contain_spaces(tmp_path):
    texts = read(tmp_path, "10\u00a0000\tB-X\nNew York\tB-LOC\n\u3000\tO\na\u2028b\tO\n")
    assert words(texts[0]) == ["10\u00a0000", "New York", "\u3000", "a\u2028b"]
    assert texts[0].tags == ["B-X", "B-LOC", "O", "O"]
    assert lines_of(texts[0]) == [1, 2, 3, 4]


@pytest.mark.parametrize("word", ["10\u00a0000", "\u3000", "a\u2028b", "a\x85b"])
def test_only_spaces_and_tabs_separate_columns(tmp_path, word):
    # conlleval.pl does the same. Otherwise, part of the word would be lost, or its row rejected.
    assert tagged(read(tmp_path, f"{word} B-X\na O\n")) == [f"{word}/B-X a/O"]


def test_tags_can_be_in_any_scheme_and_untyped(tmp_path):
    content = "a S-X\nb U-Y\nc M-X\nd L-X\ne E-X\nf B\ng I\nh O\n"
    assert read(tmp_path, content)[0].tags == "S-X U-Y M-X L-X E-X B I O".split()


def test_tags_are_optional_in_data_to_predict(tmp_path):
    assert tagged(read(tmp_path, "Anna B-PER\nis O\n", split="test")) == ["Anna/B-PER is/O"]
    texts = read(tmp_path, "Anna\nis\n\nhere\n", split="test")
    assert [(words(text), text.tags) for text in texts] == [
        (["Anna", "is"], None),
        (["here"], None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Anna B-PER\nlives\n", r"train\.txt:2: 1 column \('lives'\); expected 2, as in most"),
        ("a O\n\nAnna PER\n", r"train\.txt:3: found 'PER' as the tag \(column 2\); expected O"),
        ("a O\nAnna B_PER\n", r"train\.txt:2: found 'B_PER' as the tag.*expected O.*B-PER"),
        ("Anna X-PER\n", r"train\.txt:1: found 'X-PER' as the tag"),
        ("Anna B-\n", r"train\.txt:1: found 'B-' as the tag"),
        ("Anna b-per\n", r"train\.txt:1: found 'b-per' as the tag"),
        ("a O\n# not about a sentence\n", r"train\.txt:2: 5 columns.*expected 2, as in"),
        ("a O\n\tO\n", r"train\.txt:2: 2 columns.*no word in column 1"),
        ("\n \n\t\n\r\n", r"train\.txt: only blank lines; expected one word per line"),
        ("-DOCSTART- O\n\n", r"train\.txt: only blank lines"),
        ("Anna\n\nlives\n", r"train\.txt: most lines have 1 column; expected the word in"),
        ("Anna O\rlives O\r", r"train\.txt:1: a CR inside the line"),
        ("a NN O\nb B-X\nc NN O\n", r"train\.txt:2: 2 columns \('b B-X'\); expected 3"),
        ("", r"train\.txt: the file is empty"),
        (b"a O\ncaf\xe9 O\n", r"train\.txt:2: byte 0xe9 at position 4 is not UTF-8"),
        (b"a O\nx\0y O\n", r"train\.txt:2: a NUL byte at position 2"),
        ("a O\n".encode("utf-16"), r"train\.txt:1: the file is UTF-16"),
    ],
)
def test_invalid_columns_raise_an_error_with_the_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_invalid_tag_of_a_word_starting_with_a_number_sign_raises_an_error(tmp_path):
    # If the line were read as a comment, the word would be lost without a warning.
    with pytest.raises(InputError, match=r"train\.txt:3: found 'B_X' as the tag"):
        read(tmp_path, "a\tO\n\n#jobs\tB_X\nnow\tO\n")


def test_missing_columns_raise_an_error(tmp_path):
    with pytest.raises(
        InputError, match=r"most lines have 3.*word in column 3 and.*a different one, -1"
    ):
        read(tmp_path, "a b O\nc O\n", word_column=3)
    with pytest.raises(InputError, match=r"most lines have 2 .*the tag in a different one, 3\."):
        read(tmp_path, "b O\nc O\n", tag_column=3)
    with pytest.raises(InputError, match=r"found '1' as the tag \(column 1\)"):
        read(tmp_path, "1\tAnna\tB-PER\n", tag_column=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\nb O\n\nc\nd O\n", r"test\.txt:4: 1 column \('c'\); expected 2, as in most lines"),
        ("a\n\nb\nc O\n", r"test\.txt:4: 2 columns \('c O'\); expected 1, as in most lines"),
        ("a O\nb PER\n", r"test\.txt:2: found 'PER' as the tag.*--tag_column \(0 if there is none"),
    ],
)
def test_partly_tagged_file_to_predict_raises_an_error(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, "test.txt", "conll", "test")


@pytest.mark.parametrize("form", FORMS)
def test_missing_files_and_folders_raise_an_error(tmp_path, form):
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file"):
        read_texts(str(tmp_path / "none.txt"), form, "train", TagFormat())
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_texts(str(tmp_path), form, "train", TagFormat())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "train.txt: the file is empty"),
        (b"ok\n\xff\n", "train.txt:2: byte 0xff at position 1"),
        (b"ok\n\0\n", "train.txt:2: a NUL byte at position 1"),
    ],
)
def test_damaged_files_raise_an_error_in_every_form(tmp_path, form, content, message):
    if b"ok" in content:
        content = content.replace(b"ok", b'{"text": "ok"}' if form == "jsonl" else b"ok")
    with pytest.raises(InputError, match=re.escape(message)):
        read(tmp_path, content, form=form, split="test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Rome B-LOC|B-GPE\n", "train.txt:1: found 'B-LOC|B-GPE' as the tag"),
        ("Rome B-LOC,B-GPE\nis O\n", "train.txt:1: found 'B-LOC,B-GPE' as the tag"),
        ("Rome B-LOC;O\nis O\n", "train.txt:1: found 'B-LOC;O' as the tag"),
        ("<!DOCTYPE html>\n<html> <head>\n", "train.txt: the file is an HTML page; expected text."),
        ('<?xml version="1.0"?>\n<a> <b>\n', "train.txt: the file is an XML file; expected text."),
    ],
)
def test_several_tags_of_a_word_and_other_formats_are_errors(tmp_path, content, message):
    with pytest.raises(InputError) as error:
        list(read(tmp_path, content))
    assert str(error.value).startswith(f"{tmp_path}/{message}")


def test_a_type_can_contain_separators(tmp_path):
    (text,) = read(tmp_path, "Rome B-LOC|GPE\nR&B B-R&B-Music\nis O\n")
    assert text.tags == ["B-LOC|GPE", "B-R&B-Music", "O"]
