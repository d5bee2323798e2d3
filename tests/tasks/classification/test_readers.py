"""Reading texts with labels in each form: nothing is lost, and errors name the file and line."""

import codecs
import gzip
import json
import os
import re

import pytest

from finetune.data.lines import DataPath
from finetune.tasks.classification.readers import (
    FORMS,
    TextFormat,
    TextRow,
    find_form,
    read_rows,
)
from finetune.util.errors import InputError
from tests.support.files import write_data
from tests.tasks.classification.reading import GOOD_BAD, labelled, lines_of, options, read

# Every form.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.tsv", "text\tlabel\ngood\tpos\nbad\tneg\n"),
        ("train.tsv", "label\ttext\r\npos\tgood\r\nneg\tbad"),
        ("train.tab", "good\tpos\nbad\tneg\n"),
        ("train.TSV", "\n\nText\tid\tLabel \ngood\t1\tpos\n\nbad\t2\tneg\n\n"),
        ("train.txt", "text\tlabel\ngood\tpos\nbad\tneg\n"),
        ("train", "pos\tgood\nneg\tbad\n"),
        ("train.csv", "text,label\ngood,pos\nbad,neg\n"),
        ("train.csv", '\ufeff"text","label"\r\n"good","pos"\r\n"bad","neg"\r\n'),
        ("train.csv", "\ufeffText;Label\r\ngood;pos\r\nbad;neg\r\n"),
        ("train.csv", "text\tlabel\ngood\tpos\nbad\tneg\n"),
        ("train.csv", "text|label\ngood|pos\nbad|neg\n"),
        ("train.csv", "good,pos\nbad,neg\n"),
        ("train.csv", "text,label,\ngood,pos,\nbad,neg,\n"),
        ("train.jsonl", '{"text": "good", "label": "pos"}\n{"label": "neg", "text": "bad"}\n'),
        ("train.ndjson", '{"text": "good", "label": "pos"}\r\n\r\n{"text": "bad", "label": "neg"}'),
        ("train.json", '\ufeff{"Text": "good", "LABEL": "pos"}\n \n{"text":"bad","label":"neg"}\n'),
        ("train.txt", '{"text": "good", "label": "pos"}\n{"text": "bad", "label": "neg"}\n'),
        ("train.txt", "good;pos\nbad;neg\n"),
        ("train", "\ufeffgood;pos\r\n\r\nbad;neg\r\n"),
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_form_yields_the_same_rows(tmp_path, name, content, packed):
    raw = gzip.compress(content.encode()) if packed else content
    rows = read(tmp_path, raw, name + packed)
    assert labelled(rows) == GOOD_BAD
    assert all(isinstance(row, TextRow) and row.text_b is None for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        # "CSV" and "Unicode text" as written by Excel on German Windows.
        ("train.csv", b"Text;Label\r\ncaf\xe9 \x80;sch\xf6n\r\n", "cp1252"),
        ("train.tsv", codecs.BOM_UTF16_LE + "text\tlabel\r\ncafé €\tschön\r\n".encode("utf-16-le"),
         "utf-16"),
        ("train.jsonl", '{"text": "café €", "label": "schön"}\n'.encode("utf-16"), "utf-16"),
        ("train.txt", b"caf\xe9 \xa4;sch\xf6n\n", "iso-8859-15"),
        ("train.txt", "café €\tschön\n".encode("utf-16-be"), "utf-16-be"),
    ],
)  # fmt: skip
def test_files_are_read_in_the_encoding_of_their_path(tmp_path, name, content, encoding):
    rows = read(tmp_path, content, name, encoding=encoding)
    assert labelled(rows) == [("café €", "schön")]


def test_each_row_has_its_file_and_line(tmp_path):
    path = tmp_path / "train.csv"
    rows = read(tmp_path, 'text,text_b,label\n"a\n\nb",c,x\n\nd,"",y\n', "train.csv")
    assert rows == [
        TextRow("2", f"{path}:2", "a\n\nb", "c", "x"),
        TextRow("6", f"{path}:6", "d", "", "y"),
    ]
    path = tmp_path / "train.jsonl"
    content = '\n{"premise": "a", "hypothesis": "b", "label": "x"}\n'
    assert read(tmp_path, content, "train.jsonl") == [TextRow("2", f"{path}:2", "a", "b", "x")]


@pytest.mark.parametrize(
    "text",
    [
        "😀🎉👩\u200d👩\u200d👧",
        "a" * 100_000,
        "\u200b",
        "",
        " ",
        "\u2028\x85\x0b\x0c",
        "5\" 'disk' \\n \\",
        "#1",
        "-1",
        "NULL",
        "=1+1",
    ],
)
def test_odd_texts_are_unchanged_in_every_form(tmp_path, text):
    quoted = '"' + text.replace('"', '""') + '"'
    for name, content in (
        ("train.tsv", f"label\ttext\nx\t{text}\n"),
        ("train.csv", f"label,text\nx,{quoted}\n"),
        ("train.jsonl", json.dumps({"label": "x", "text": text}) + "\n"),
        ("train.jsonl", json.dumps({"label": "x", "text": text}, ensure_ascii=False) + "\n"),
        ("train.txt", f"{text};x\n"),
    ):
        assert labelled(read(tmp_path, content, name)) == [(text, "x")]
    (tmp_path / "folder" / "x").mkdir(parents=True)
    (tmp_path / "folder" / "x" / "1.txt").write_text(text + "\n", encoding="utf-8")
    rows = read_rows(str(tmp_path / "folder"), TextFormat(), need_label=True)
    assert labelled(rows) == [(text, "x")]


# Detection of the form.


def test_data_form_overrides_detection(tmp_path):
    path = write_data(tmp_path / "train.json", "a;joy\n")
    assert find_form(path, TextFormat("semicolon"), need_label=True)[0] == "semicolon"
    content = 'label,text\nx,"a;b\nc"\n'
    assert labelled(read(tmp_path, content, "train.txt", form="csv")) == [("a;b\nc", "x")]
    with pytest.raises(
        InputError, match=r"train\.json: --data_form=folders, but the path is not a folder"
    ):
        find_form(path, TextFormat("folders"), need_label=True)
    with pytest.raises(InputError, match=r"train\.json: bare text has no labels; expected one of"):
        read_rows(path, TextFormat("text"), need_label=True)
    assert find_form(str(tmp_path), TextFormat("tsv"), need_label=True)[0] == "folders"


@pytest.mark.parametrize("form", FORMS)
def test_missing_and_empty_files_raise_an_error_in_every_form(tmp_path, form):
    path = str(tmp_path / "none.txt")
    with pytest.raises(
        InputError, match=r"none\.txt: (cannot be read: No such|.*the path is not a folder)"
    ):
        list(read_rows(path, TextFormat(form), need_label=False))
    path = write_data(tmp_path / "empty.txt", "")
    with pytest.raises(
        InputError, match=r"empty\.txt: (the file is empty|.*the path is not a folder)"
    ):
        list(read_rows(path, TextFormat(form), need_label=False))
    with pytest.raises(
        InputError, match=r"empty\.txt: the file is empty; expected one row per line"
    ):
        list(read_rows(path, TextFormat(), need_label=True))


# Tables.


def test_columns_can_be_specified_by_name_or_number(tmp_path):
    content = "id\tUrteil\tSatz\n7\tpos\tgood\n9\tneg\tbad\n"
    assert labelled(read(tmp_path, content, text="Satz", label="Urteil")) == GOOD_BAD
    assert labelled(read(tmp_path, content, header=True, text="3", label="2")) == GOOD_BAD
    assert labelled(read(tmp_path, content, header=True, text="-1", label="-2")) == GOOD_BAD
    rows = labelled(read(tmp_path, content, text="3", label="2"))
    # Column numbers do not reveal whether the first line is a header; this one looks like a row.
    assert rows == [("Satz", "Urteil"), *GOOD_BAD]


def test_quoting_option_determines_how_quotes_are_read(tmp_path):
    content = 'text\tlabel\n"a\tx\nb"\ty\n'
    assert labelled(read(tmp_path, content)) == [('"a', "x"), ('b"', "y")]
    assert labelled(read(tmp_path, content, quoting=True)) == [("a\tx\nb", "y")]
    content = 'text,label\n5" disk,x\n"a","y"\n'
    assert labelled(read(tmp_path, content, "train.csv")) == [('5" disk', "x"), ("a", "y")]
    rows = read(tmp_path, content, "train.csv", quoting=False)
    assert labelled(rows) == [('5" disk', "x"), ('"a"', '"y"')]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "~", "é", "😀"])
@pytest.mark.parametrize("quoting", [True, False])
def test_any_delimiter_can_be_specified(tmp_path, delimiter, quoting):
    content = f"text{delimiter}label\ngood{delimiter}pos\nbad{delimiter}neg\n"
    for name in ("train.tsv", "train.csv"):
        rows = read(tmp_path, content, name, delimiter=delimiter, quoting=quoting)
        assert labelled(rows) == GOOD_BAD


def test_delimiter_of_a_csv_file_is_detected(tmp_path):
    content = '"text, or so, that is";label\n"good; or, so";pos\n'
    assert labelled(read(tmp_path, content, "train.csv")) == [("good; or, so", "pos")]


def test_labels_are_kept_as_written(tmp_path):
    rows = read(tmp_path, "text\tlabel\na\t1\nb\t01\nc\t1.0\nd\tx \ne\t \nf\t\ng\tlabels\n")
    assert [row.label for row in rows] == ["1", "01", "1.0", "x ", " ", "", "labels"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.tsv", "text\tlabel\n" + "a\tx\n" * 5 + "b\n", r":7 has 1 column; the first line has 2"),  # noqa: E501
        ("train.tsv", "text\tlabel\na\tb\tx\n", r":2 has 3 columns; the first line has 2: 'text"),
        ("train.tsv", "a\tx\nb\ty\nc\n", r":3 has 1 column; the first line has 2: 'a' \| 'x'"),
        ("train.csv", "text,label\na,x\n\nb, c,y\n", r":4 has 3 columns; the first line has 2.*quote the text"),  # noqa: E501
        ("train.csv", "text,label\na,x,\n", r":2 has 3 columns; the first line has 2"),
        ("train.csv", 'text,label\n"a,x\nb,y\n', r":2: a quote is not closed .*\(line 3\)"),
        ("train.csv", "text,label\n" * 3 + 'a,x\0\n', r":4: a NUL byte at position 4"),
        ("train.tsv", "text,label\na,x\n", r":1: cannot tell .* 1 column: 'text,label'\."),
        ("train.tsv", "1\tgood\tpos\n2\tbad\tneg\n", r":1: .* found 3 columns: '1', 'good', 'pos'"),
        ("train.tsv", "text\tlable\tid\na\tx\t1\n", r":1: no column 'label'.*Did you mean 'lable'"),
        ("train.csv", "text,text,label\na,b,x\n", ":1: the header names a column twice, 'text'"),
        ("train.tsv", "text\tlabel\ra\tx\rb\ty\r", ":1: a CR inside the line"),
        ("train.tsv", "\n \n\n", r":2: cannot tell .* 1 column: ' '\."),
        ("train.tsv", "\n\n", ": only blank lines; expected one row per line"),
        ("train.tsv", b"text\tlabel\ncaf\xe9\tx\n", ":2: byte 0xe9 .*--encoding=latin-1"),
        ("train.tsv", "text\tlabel\n".encode("utf-16"), ":1: the file is UTF-16; use --encoding"),
        ("train.tsv", "text\tlabel\n".encode("utf-32"), ":1: .* use --encoding=utf-32"),
    ],
)  # fmt: skip
def test_invalid_tables_raise_an_error_with_the_line(tmp_path, name, content, message):
    with pytest.raises(InputError, match=f"{re.escape(name)}{message}"):
        read(tmp_path, content, name)


def test_csv_file_of_blank_lines_raises_an_error(tmp_path):
    with pytest.raises(
        InputError, match=r"train\.csv: only blank lines; expected one row per line"
    ):
        read(tmp_path, "\n\n", "train.csv")


def test_single_column_to_predict_keeps_empty_rows(tmp_path):
    for name in ("test.tsv", "test.csv"):
        rows = read(tmp_path, "text\none\n\nthree\n\n\n", name, need_label=False)
        assert [(row.name, row.text, row.label) for row in rows] == [
            ("2", "one", None), ("3", "", None), ("4", "three", None),
        ]  # fmt: skip


def test_late_error_in_a_table_is_raised_after_the_rows_before_it(tmp_path):
    for line, message in ((b"bad\n", " has 1 column"), (b"bad\xff\tneg\n", ": byte 0xff")):
        content = b"text\tlabel\n" + b"good\tpos\n" * 4998 + line
        path = write_data(tmp_path / "train.tsv", content)
        rows = read_rows(path, TextFormat(), need_label=True)
        assert next(rows) == TextRow("2", f"{path}:2", "good", None, "pos")
        with pytest.raises(InputError, match=rf"train\.tsv:5000{message}"):
            for row in rows:
                last = row
        assert last.name == "4999"


# text;label.


def test_label_follows_the_last_semicolon(tmp_path):
    rows = read(tmp_path, "i feel fine; really;joy\n;sad\na;\n\n ; \n", "train.txt")
    assert labelled(rows) == [("i feel fine; really", "joy"), ("", "sad"), ("a", ""), (" ", " ")]
    assert lines_of(rows) == [1, 2, 3, 5]
    with pytest.raises(InputError, match=r"train\.txt:4: found 'no label'; expected text;label"):
        read(tmp_path, "a;joy\n\nb;sad\nno label\n", "train.txt")


def test_unknown_label_after_a_semicolon_is_text_when_predicting(tmp_path):
    content = "one;joy\ntwo; three\nfour;sad\n;joy\nsix;joy\nsad;sad\nfive;Joy\n"
    rows = read(tmp_path, content, "test.txt", need_label=False, known_labels=("joy", "sad"))
    assert labelled(rows) == [
        ("one", "joy"), ("two; three", None), ("four", "sad"), ("", "joy"), ("six", "joy"),
        ("sad", "sad"), ("five;Joy", None),
    ]  # fmt: skip


# Bare text, and standard input.


@pytest.fixture
def standard_input(tmp_path):
    """Returns a function that sends bytes to standard input."""
    kept = os.dup(0)

    def give(content):
        (tmp_path / "stdin").write_bytes(content)
        with open(tmp_path / "stdin", "rb") as reader:
            os.dup2(reader.fileno(), 0)

    yield give
    os.dup2(kept, 0)
    os.close(kept)


def test_every_line_of_bare_text_is_a_row(tmp_path):
    content = '"one";joy\n\n{"text": 1}\n \ttwo \n\n'
    rows = read(tmp_path, content, "test.txt", need_label=False)
    assert [row.text for row in rows] == ['"one";joy', "", '{"text": 1}', " \ttwo ", ""]
    assert lines_of(rows) == [1, 2, 3, 4, 5]
    assert all(row.text_b is None and row.label is None for row in rows)


def test_bare_pairs_are_separated_by_a_tab(tmp_path):
    given = {"form": "text", "pairs": True, "need_label": False}
    rows = read(tmp_path, "one\ttwo\n\tthree\tfour\n", "test.txt", **given)
    assert [(row.text, row.text_b) for row in rows] == [("one", "two"), ("", "three\tfour")]
    with pytest.raises(
        InputError, match=r"test\.txt:2: found 'no tab'; expected two texts separated by a"
    ):
        read(tmp_path, "one\ttwo\nno tab\n", "test.txt", **given)


def test_standard_input_is_bare_text_by_default(standard_input):
    standard_input(b"one;joy\n\ncaf\xc3\xa9\ttwo")
    rows = list(read_rows("-", TextFormat(known_labels=("joy",)), need_label=False))
    assert [(row.name, row.where, row.text) for row in rows] == [
        ("1", "-:1", "one;joy"), ("2", "-:2", ""), ("3", "-:3", "café\ttwo"),
    ]  # fmt: skip
    standard_input(b"one\ttwo\n")
    (row,) = read_rows("-", options(pairs=True), need_label=False)
    assert (row.text, row.text_b) == ("one", "two")
    standard_input(b'{"text": "one"}\n')
    assert labelled(read_rows("-", TextFormat("jsonl"), need_label=False)) == [("one", None)]
    standard_input(b'text,label\n"one, two",joy\n')
    rows = read_rows("-", TextFormat("csv"), need_label=False)
    assert labelled(rows) == [("one, two", "joy")]
    standard_input(gzip.compress("caf\xe9\n".encode("latin-1")))
    (row,) = read_rows(DataPath.of("-", "latin-1"), TextFormat(), need_label=False)
    assert row.text == "café"
    standard_input(b"")
    with pytest.raises(InputError, match="^standard input is empty"):
        list(read_rows("-", TextFormat(), need_label=False))
