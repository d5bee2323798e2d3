"""Reading texts with labels in each usual form: nothing lost, faults said with file and line."""

import codecs
import gzip
import json
import logging
import os
import re

import pytest

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath
from finetune.tasks.classification.readers import (
    FORMS,
    TextFormat,
    TextRow,
    find_form,
    read_rows,
    resolve_format,
)
from finetune.util.errors import InputError


def write(tmp_path, name, content, encoding="utf-8"):
    """Writes a file; text as UTF-8, whatever the path says of it."""
    raw = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(raw)
    return DataPath.of(str(tmp_path / name), encoding)


def options(form="auto", delimiter=None, quoting=None, known_labels=(), pairs=False, **wanted):
    return TextFormat(form, delimiter, quoting, WantedColumns(**wanted), known_labels, pairs)


def read(tmp_path, content, name="train.tsv", *, need_label=True, encoding="utf-8", **given):
    """The rows of a file of the given content."""
    path = write(tmp_path, name, content, encoding)
    return list(read_rows(path, options(**given), need_label))


def labelled(rows):
    return [(row.text, row.label) for row in rows]


def lines_of(rows):
    return [int(row.where.rpartition(":")[2]) for row in rows]


GOOD_BAD = [("good", "pos"), ("bad", "neg")]


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
def test_files_of_each_form_say_the_same(tmp_path, name, content, packed):
    raw = gzip.compress(content.encode()) if packed else content
    rows = read(tmp_path, raw, name + packed)
    assert labelled(rows) == GOOD_BAD
    assert all(isinstance(row, TextRow) and row.text_b is None for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        # As Excel writes "CSV" in a German Windows, and "Unicode text".
        ("train.csv", b"Text;Label\r\ncaf\xe9 \x80;sch\xf6n\r\n", "cp1252"),
        ("train.tsv", codecs.BOM_UTF16_LE + "text\tlabel\r\ncafé €\tschön\r\n".encode("utf-16-le"),
         "utf-16"),
        ("train.jsonl", '{"text": "café €", "label": "schön"}\n'.encode("utf-16"), "utf-16"),
        ("train.txt", b"caf\xe9 \xa4;sch\xf6n\n", "iso-8859-15"),
        ("train.txt", "café €\tschön\n".encode("utf-16-be"), "utf-16-be"),
    ],
)  # fmt: skip
def test_forms_are_read_in_the_encoding_of_their_path(tmp_path, name, content, encoding):
    rows = read(tmp_path, content, name, encoding=encoding)
    assert labelled(rows) == [("café €", "schön")]


def test_rows_say_where_they_stand(tmp_path):
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
def test_odd_texts_come_as_they_are_in_every_form(tmp_path, text):
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


# Which form.


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.tsv", "", "tsv"),
        ("a.csv.gz", "", "csv"),
        ("A.JSONL.GZ", "", "jsonl"),
        ("a.txt", "text\tlabel\na;b\tc\n", "tsv"),
        ("a.txt", '{"a": "b;c"}\n{\n', "jsonl"),
        ("a.txt", '{"a": 1}\nb;c\n', None),
        ("a.txt", "one; two; three;joy\n\nno label here\nb;sad\n", "semicolon"),
        ("a.txt", "a tab\there;joy\nnone;sad\nnone;sad\n", "semicolon"),
        ("a.txt", "just a text\nand one more\n", None),
        ("a.txt", "a,b\nc,d\n", None),
        ("a.txt", "\n\n", None),
    ],
)
def test_the_form_of_training_data_is_told_by_name_and_lines(tmp_path, name, content, form):
    path = write(tmp_path, name, content)
    if form is not None:
        assert find_form(path, TextFormat(), need_label=True)[0] == form
        return
    with pytest.raises(InputError, match=r"a\.txt: cannot recognise the form.*--d"):
        find_form(path, TextFormat(), need_label=True)


@pytest.mark.parametrize(
    ("content", "known", "form"),
    [
        ("one;joy\ntwo;sad\n", ("joy", "sad"), "semicolon"),
        ("one;joy\ntwo; three\nfour;sad\n", ("joy", "sad"), "semicolon"),
        ("one;joy\ntwo; three\n", ("joy", "sad"), "text"),
        ("one;joy\ntwo;sad\n", (), "text"),
        ("joy\nsad\n", ("joy", "sad"), "text"),
        ("one\ntwo\n", ("joy",), "text"),
        ("one\ttwo\nthree\tfour\n", (), "tsv"),
        ("\n\n", (), "text"),
    ],
)
def test_the_form_of_data_to_predict_follows_the_labels_of_the_model(
    tmp_path, content, known, form
):
    path = write(tmp_path, "test.txt", content)
    assert find_form(path, TextFormat(known_labels=known), need_label=False)[0] == form


@pytest.mark.parametrize(
    ("content", "form"),
    [("one\ttwo\nthree\tfour\n", "text"), ("id\ttext\ttext_b\n1\tone\ttwo\n", "tsv")],
)
def test_two_texts_with_a_tab_between_are_a_bare_pair(tmp_path, content, form):
    path = write(tmp_path, "test.txt", content)
    assert find_form(path, TextFormat(pairs=True), need_label=False)[0] == form
    assert find_form(path, TextFormat(pairs=False), need_label=False)[0] == "tsv"


def test_a_form_that_is_given_is_taken(tmp_path):
    path = write(tmp_path, "train.json", "a;joy\n")
    assert find_form(path, TextFormat("semicolon"), need_label=True)[0] == "semicolon"
    content = 'label,text\nx,"a;b\nc"\n'
    assert labelled(read(tmp_path, content, "train.txt", form="csv")) == [("a;b\nc", "x")]
    with pytest.raises(
        InputError, match=r"train\.json: --data_form=folders, but it is not a folder"
    ):
        find_form(path, TextFormat("folders"), need_label=True)
    with pytest.raises(InputError, match=r"train\.json: bare text has no labels; expected one of"):
        read_rows(path, TextFormat("text"), need_label=True)
    assert find_form(str(tmp_path), TextFormat("tsv"), need_label=True)[0] == "folders"


@pytest.mark.parametrize("form", FORMS)
def test_missing_and_empty_files_are_named_in_every_form(tmp_path, form):
    path = str(tmp_path / "none.txt")
    with pytest.raises(
        InputError, match=r"none\.txt: (cannot be read: No such|.*it is not a folder)"
    ):
        list(read_rows(path, TextFormat(form), need_label=False))
    path = write(tmp_path, "empty.txt", "")
    with pytest.raises(InputError, match=r"empty\.txt: (the file is empty|.*it is not a folder)"):
        list(read_rows(path, TextFormat(form), need_label=False))
    with pytest.raises(
        InputError, match=r"empty\.txt: the file is empty; expected one row per line"
    ):
        list(read_rows(path, TextFormat(), need_label=True))


# Tables.


def test_the_column_of_a_table_can_be_said_by_name_or_number(tmp_path):
    content = "id\tUrteil\tSatz\n7\tpos\tgood\n9\tneg\tbad\n"
    assert labelled(read(tmp_path, content, text="Satz", label="Urteil")) == GOOD_BAD
    assert labelled(read(tmp_path, content, header=True, text="3", label="2")) == GOOD_BAD
    assert labelled(read(tmp_path, content, header=True, text="-1", label="-2")) == GOOD_BAD
    rows = labelled(read(tmp_path, content, text="3", label="2"))
    assert rows == [("Satz", "Urteil"), *GOOD_BAD]  # Numbers alone say nothing of a header.


def test_quotes_are_read_as_the_options_say(tmp_path):
    content = 'text\tlabel\n"a\tx\nb"\ty\n'
    assert labelled(read(tmp_path, content)) == [('"a', "x"), ('b"', "y")]
    assert labelled(read(tmp_path, content, quoting=True)) == [("a\tx\nb", "y")]
    content = 'text,label\n5" disk,x\n"a","y"\n'
    assert labelled(read(tmp_path, content, "train.csv")) == [('5" disk', "x"), ("a", "y")]
    rows = read(tmp_path, content, "train.csv", quoting=False)
    assert labelled(rows) == [('5" disk', "x"), ('"a"', '"y"')]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "~", "é", "😀"])
@pytest.mark.parametrize("quoting", [True, False])
def test_any_delimiter_can_be_given(tmp_path, delimiter, quoting):
    content = f"text{delimiter}label\ngood{delimiter}pos\nbad{delimiter}neg\n"
    for name in ("train.tsv", "train.csv"):
        rows = read(tmp_path, content, name, delimiter=delimiter, quoting=quoting)
        assert labelled(rows) == GOOD_BAD


def test_the_delimiter_of_a_csv_file_is_that_of_its_first_line(tmp_path):
    content = '"text, or so, that is";label\n"good; or, so";pos\n'
    assert labelled(read(tmp_path, content, "train.csv")) == [("good; or, so", "pos")]


def test_labels_are_text_as_it_is_written(tmp_path):
    rows = read(tmp_path, "text\tlabel\na\t1\nb\t01\nc\t1.0\nd\tx \ne\t \nf\t\ng\tlabels\n")
    assert [row.label for row in rows] == ["1", "01", "1.0", "x ", " ", "", "labels"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.tsv", "text\tlabel\n" + "a\tx\n" * 5 + "b\n", r":7 has 1 column; the first line has 2"),  # noqa: E501
        ("train.tsv", "text\tlabel\na\tb\tx\n", r":2 has 3 columns; the first line has 2: 'text"),
        ("train.tsv", "a\tx\nb\ty\nc\n", r":3 has 1 column; the first line has 2: 'a' \| 'x'"),
        ("train.csv", "text,label\na,x\n\nb, c,y\n", r":4 has 3 columns; the first line has 2.*quotes"),  # noqa: E501
        ("train.csv", "text,label\na,x,\n", r":2 has 3 columns; the first line has 2"),
        ("train.csv", 'text,label\n"a,x\nb,y\n', r":2: a quote is not closed .*\(line 3\)"),
        ("train.csv", "text,label\n" * 3 + 'a,x\0\n', r":4: a NUL byte at position 4"),
        ("train.tsv", "text,label\na,x\n", r":1: 1 column, 'text,label', none of which is named"),
        ("train.tsv", "1\tgood\tpos\n2\tbad\tneg\n", r":1: 3 columns, '1', 'good', 'pos'"),
        ("train.tsv", "text\tlable\tid\na\tx\t1\n", r":1: no column 'label'.*Did you mean 'lable'"),
        ("train.csv", "text,text,label\na,b,x\n", ":1: the header names a column twice, 'text'"),
        ("train.tsv", "text\tlabel\ra\tx\rb\ty\r", ":1: lines end in CR only; convert"),
        ("train.tsv", "\n \n\n", r":2: 1 column, ' ', none of which is named"),
        ("train.tsv", "\n\n", ": only blank lines; expected one row per line"),
        ("train.tsv", b"text\tlabel\ncaf\xe9\tx\n", ":2: byte 0xe9 .*--encoding=latin-1"),
        ("train.tsv", "text\tlabel\n".encode("utf-16"), ":1: the file is UTF-16; give --encoding"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_with_their_line(tmp_path, name, content, message):
    with pytest.raises(InputError, match=f"{re.escape(name)}{message}"):
        read(tmp_path, content, name)


def test_a_csv_file_of_blank_lines_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"train\.csv: only blank lines; expected one row per line"
    ):
        read(tmp_path, "\n\n", "train.csv")


def test_a_single_column_to_predict_keeps_its_empty_rows(tmp_path):
    for name in ("test.tsv", "test.csv"):
        rows = read(tmp_path, "text\none\n\nthree\n\n\n", name, need_label=False)
        assert [(row.name, row.text, row.label) for row in rows] == [
            ("2", "one", None), ("3", "", None), ("4", "three", None),
        ]  # fmt: skip


def test_rows_of_a_table_come_before_a_fault_behind_those_that_tell_its_columns(tmp_path):
    for line, message in ((b"bad\n", " has 1 column"), (b"bad\xff\tneg\n", ": byte 0xff")):
        content = b"text\tlabel\n" + b"good\tpos\n" * 4998 + line
        path = write(tmp_path, "train.tsv", content)
        rows = read_rows(path, TextFormat(), need_label=True)
        assert next(rows) == TextRow("2", f"{path}:2", "good", None, "pos")
        with pytest.raises(InputError, match=rf"train\.tsv:5000{message}"):
            for row in rows:
                last = row
        assert last.name == "4999"


# What a training file tells of the others.


def settled(tmp_path, content, name="train.tsv", **given):
    found = resolve_format(write(tmp_path, name, content), options(**given))
    return found, found.warning


def test_columns_of_a_training_file_hold_for_the_others(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    found, doubt = settled(tmp_path, "Urteil\tSatz\tid\npos\tgood\t1\nneg\tbad\t2\n",
                           text="Satz", label="1", header=True)  # fmt: skip
    assert found.columns == WantedColumns(True, "Satz", None, "Urteil")
    assert doubt is None
    (message,) = caplog.messages
    assert message == (
        f"{tmp_path / 'train.tsv'}: read as tsv (rule: the file's ending); columns by the header "
        "(rules: header: --header, text: --text_column, label: --label_column); text: 'Satz', "
        "label: 'Urteil'; unused: 'id'"
    )
    # In another order, with the labels or without.
    test = write(tmp_path, "test.tsv", "id\tSatz\tUrteil\n3\tnice\tpos\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", "pos")]
    test = write(tmp_path, "test.csv", "id,Satz\n3,nice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write(tmp_path, "test.tsv", "Satz\nnice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write(tmp_path, "test.jsonl", '{"Satz": "nice", "text": "other"}\n')
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write(tmp_path, "test.tsv", "text\tlabel\nnice\tpos\n")
    with pytest.raises(InputError, match=r"test\.tsv:1: no column 'Satz' in the header; its col"):
        list(read_rows(test, found, need_label=False))
    dev = write(tmp_path, "dev.tsv", "Satz\nnice\n")
    with pytest.raises(InputError, match=r"dev\.tsv:1: no column 'Urteil' in the header"):
        list(read_rows(dev, found, need_label=True))


def test_a_training_file_without_a_header_makes_the_others_be_without(tmp_path):
    found, doubt = settled(tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n")
    assert found.columns == WantedColumns(False, "2", None, "1")
    assert doubt is None
    # Here the usual names are a row like any other.
    dev = write(tmp_path, "dev.tsv", "label\ttext\npos\tgood\n")
    assert labelled(read_rows(dev, found, need_label=True)) == [("text", "label"), ("good", "pos")]
    test = write(tmp_path, "test.tsv", "nice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]


def test_a_header_before_rows_to_predict_is_warned_of(tmp_path, caplog):
    found, _ = settled(tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n")
    test = write(tmp_path, "test.tsv", "label\ttext\npos\tgood\n")
    assert labelled(read_rows(test, found, need_label=False)) == [
        ("text", "label"),
        ("good", "pos"),
    ]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert re.search(r"test\.tsv:1: read as a row, .*--header=true", warning)


def test_numbers_of_columns_are_not_asked_of_json(tmp_path):
    found, _ = settled(tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n")
    dev = write(tmp_path, "dev.jsonl", '{"text": "good", "label": "pos"}\n')
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos")]
    dev = write(tmp_path, "dev.jsonl", '{"1": "pos", "2": "good"}\n')
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos")]


def test_pairs_of_a_training_file_are_asked_of_the_others(tmp_path):
    found, _ = settled(tmp_path, "sentence1,sentence2,label\na,b,x\nc,d,y\n", "train.csv")
    assert found.columns == WantedColumns(True, "sentence1", "sentence2", "label")
    test = write(tmp_path, "test.csv", "sentence1\na\n")
    with pytest.raises(InputError, match=r"test\.csv:1: no column 'sentence2'.*--text_b_column"):
        list(read_rows(test, found, need_label=False))


def test_a_header_that_is_none_and_a_row_that_is_none_are_suspected(tmp_path):
    rows = "a good film\tpos\na bad film\tneg\n" * 5
    _, doubt = settled(tmp_path, "Texto\tEtiqueta\n" + rows)
    assert re.match(r".*train\.tsv:1: read as a row, but its label 'Etiqueta' occurs in no", doubt)
    _, doubt = settled(tmp_path, "a fine film\tpos\n" + rows, header=True, text="1", label="2")
    assert re.match(
        r".*train\.tsv:1: read as a header, but 'pos' is also the label of other", doubt
    )
    assert settled(tmp_path, "text\tlabel\n" + rows)[1] is None
    assert settled(tmp_path, "a fine film\tpos\n" + rows)[1] is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("train.txt", "a;b\n")],
)
def test_forms_without_columns_leave_the_options_as_they_are(tmp_path, name, content):
    assert settled(tmp_path, content, name)[0] == options()


def test_a_training_file_that_cannot_be_read_is_refused_before_its_rows(tmp_path):
    for content, message in (
        ("", "the file is empty"),
        ("\n\n", "only blank lines"),
        ("a\tb\tc\n", r":1: 3 columns, 'a', 'b', 'c'"),
        ("text\tlabel\n\xff\0\ta\n", ":2: a NUL byte"),
    ):
        with pytest.raises(InputError, match=rf"train\.tsv.*{message}"):
            settled(tmp_path, content)


# JSON lines.


def test_json_labels_are_strings_lists_of_them_or_none(tmp_path):
    values = ["x", "", 1, -2.5, True, None, ["x", 3, False], [], "1"]
    rows = read(
        tmp_path,
        "".join(json.dumps({"text": "a", "label": value}) + "\n" for value in values),
        "train.jsonl",
    )
    assert [row.label for row in rows] == [
        "x", "", "1", "-2.5", "true", None, ["x", "3", "false"], [], "1",
    ]  # fmt: skip


def test_json_keys_can_be_named_or_are_the_usual_ones(tmp_path):
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
    assert labelled(rows) == [("a", None), ("b", None), ("", None)]


ROW = '{"text": "a", "label": "x"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROW * 2 + '{"text": "b", "label"\n' + ROW, r":3: not JSON \(.*expected one object per"),
        (ROW + "{'text': 'b', 'label': 'x'}\n", r":2: not JSON"),
        (ROW + ROW.strip() + ROW, ":2: not JSON"),
        ('[\n{"text": "a"}\n]\n', r":1: not JSON .*not a list of them \(`jq -c '\.\[\]'` converts a list into lines"),  # noqa: E501
        ('[{"text": "a", "label": "x"}]\n', r":1: found '\[\{.*expected an object"),
        ('"text"\n', ":1: found '\"text\"'; expected an object"),
        ("[" * 100_000 + "\n", ":1: not JSON"),
        ("1" * 5000 + "\n", ":1: not JSON"),
        ('{"text": "a"}\n', r":1: no 'label'; its keys are 'text'\. Name the key by --label_column"),  # noqa: E501
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
def test_bad_json_is_refused_with_its_line(tmp_path, content, message):
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
def test_a_key_that_is_named_and_not_there_is_refused_by_its_name(tmp_path, wanted, message):
    content = '{"Satz": "a", "text": "b", "second": "c", "label": "x", "lable": "y"}\n'
    with pytest.raises(InputError, match=r"train\.jsonl:2: " + message):
        read(tmp_path, content + ROW, "train.jsonl", **wanted)


# text;label.


def test_the_label_is_behind_the_last_semicolon(tmp_path):
    rows = read(tmp_path, "i feel fine; really;joy\n;sad\na;\n\n ; \n", "train.txt")
    assert labelled(rows) == [("i feel fine; really", "joy"), ("", "sad"), ("a", ""), (" ", " ")]
    assert lines_of(rows) == [1, 2, 3, 5]
    with pytest.raises(InputError, match=r"train\.txt:4: found 'no label', expected text;label"):
        read(tmp_path, "a;joy\n\nb;sad\nno label\n", "train.txt")


def test_to_predict_what_is_no_label_of_the_model_is_text(tmp_path):
    content = "one;joy\ntwo; three\nfour;sad\n;joy\nsix;joy\nsad;sad\nfive;Joy\n"
    rows = read(tmp_path, content, "test.txt", need_label=False, known_labels=("joy", "sad"))
    assert labelled(rows) == [
        ("one", "joy"), ("two; three", None), ("four", "sad"), ("", "joy"), ("six", "joy"),
        ("sad", "sad"), ("five;Joy", None),
    ]  # fmt: skip


# Bare text, and standard input.


@pytest.fixture
def standard_input(tmp_path):
    """Gives bytes to standard input."""
    kept = os.dup(0)

    def give(content):
        (tmp_path / "stdin").write_bytes(content)
        with open(tmp_path / "stdin", "rb") as reader:
            os.dup2(reader.fileno(), 0)

    yield give
    os.dup2(kept, 0)
    os.close(kept)


def test_bare_texts_are_rows_whatever_stands_in_them(tmp_path):
    content = '"one";joy\n\n{"text": 1}\n \ttwo \n\n'
    rows = read(tmp_path, content, "test.txt", need_label=False)
    assert [row.text for row in rows] == ['"one";joy', "", '{"text": 1}', " \ttwo ", ""]
    assert lines_of(rows) == [1, 2, 3, 4, 5]
    assert all(row.text_b is None and row.label is None for row in rows)


def test_bare_pairs_have_a_tab_between(tmp_path):
    given = {"form": "text", "pairs": True, "need_label": False}
    rows = read(tmp_path, "one\ttwo\n\tthree\tfour\n", "test.txt", **given)
    assert [(row.text, row.text_b) for row in rows] == [("one", "two"), ("", "three\tfour")]
    with pytest.raises(
        InputError, match=r"test\.txt:2: found 'no tab'; expected two texts separated by a"
    ):
        read(tmp_path, "one\ttwo\nno tab\n", "test.txt", **given)


def test_standard_input_holds_bare_texts_unless_a_form_is_given(standard_input):
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


# A folder for each label.


def folder(tmp_path, files):
    """Makes files, by their path in the folder."""
    for name, content in files.items():
        path = tmp_path / "reviews" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return DataPath(str(tmp_path / "reviews"))


def test_folders_are_labels_and_files_their_texts(tmp_path):
    # As the reviews of IMDb are given out.
    path = folder(
        tmp_path,
        {
            "pos/0_9.txt": b"good",
            "neg/1_1.txt": b"bad\r\n\nreally\n",
            "pos/10_8.txt": b"\xef\xbb\xbfnice\n\n\n",
            "pos/2": gzip.compress(b"fine"),
            "pos/3.txt": b"",
            "pos/.DS_Store": b"\0\xff",
            ".DS_Store": b"\0\xff",
            ".git/config": b"x",
        },
    )
    rows = list(read_rows(path, TextFormat(), need_label=True))
    assert [row.name for row in rows] == [
        "neg/1_1.txt", "pos/0_9.txt", "pos/10_8.txt", "pos/2", "pos/3.txt",
    ]  # fmt: skip
    assert labelled(rows) == [
        ("bad\n\nreally", "neg"),
        ("good", "pos"),
        ("nice\n\n", "pos"),
        ("fine", "pos"),
        ("", "pos"),
    ]
    assert rows[1].where == f"{path}/pos/0_9.txt"


def test_the_files_of_a_folder_are_in_its_encoding(tmp_path):
    path = DataPath.of(folder(tmp_path, {"oui/1.txt": b"caf\xe9"}), "latin-1")
    assert labelled(read_rows(path, TextFormat(), need_label=True)) == [("café", "oui")]


def test_a_folder_to_predict_may_hold_texts_alone(tmp_path):
    path = folder(tmp_path, {"b.txt": b"bad", "a.txt": b"good", "x/c.txt": b"nice"})
    rows = list(read_rows(path, TextFormat(), need_label=False))
    assert [(row.name, row.text, row.label) for row in rows] == [
        ("a.txt", "good", None), ("b.txt", "bad", None), ("x/c.txt", "nice", "x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"pos/1.txt": b"a", "README": b"b"},
            "reviews: found .*README; expected a folder for each",
        ),
        ({"1.txt": b"a"}, r"reviews: found .*1\.txt; expected a folder for each label"),
        ({".hidden": b"a"}, "reviews: found nothing; expected a folder for each label"),
        ({"pos/1.txt": b"a", "pos/sub/2.txt": b"b"}, "pos/sub: a folder; expected text files in"),
        ({"pos/1.txt": b"a\nb\xff\n"}, r"pos/1\.txt:2: byte 0xff at position 2 is not UTF-8"),
        ({"pos/1.png": b"\x89PNG\r\n\x1a\n\0"}, r"pos/1\.png:1: byte 0x89 .* is not UTF-8"),
        ({"pos/1.txt": gzip.compress(b"a")[:12]}, r"pos/1\.txt:1: the gzip file is damaged"),
    ],
)
def test_bad_folders_are_refused_with_what_is_wrong(tmp_path, files, message):
    with pytest.raises(InputError, match=message):
        list(read_rows(folder(tmp_path, files), TextFormat(), need_label=True))


def test_a_text_file_whose_name_is_no_utf_8_has_a_name_that_can_be_written(tmp_path):
    path = folder(tmp_path, {"pos/1.txt": b"a"})
    os.rename(f"{path}/pos/1.txt", os.fsencode(f"{path}/pos/") + b"caf\xe9.txt")
    (row,) = read_rows(path, TextFormat(), need_label=True)
    assert (row.name, row.text) == ("pos/caf\\xe9.txt", "a")
    assert row.where.encode().endswith(b"pos/caf\\xe9.txt")
