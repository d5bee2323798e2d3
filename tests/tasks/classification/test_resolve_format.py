"""The training file determines the format of other files."""

import dataclasses
import logging
import re

import pytest

from finetune.data.columns import WantedColumns
from finetune.tasks.classification.readers import (
    read_rows,
    resolve_format,
)
from finetune.util.errors import InputError
from tests.support.files import write_data
from tests.tasks.classification.reading import labelled, options


def resolved(tmp_path, content, name="train.tsv", **given):
    found = resolve_format(write_data(tmp_path / name, content), options(**given))
    return found, found.warning


def test_columns_of_the_training_file_apply_to_other_files(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    found, warning = resolved(tmp_path, "Urteil\tSatz\tid\npos\tgood\t1\nneg\tbad\t2\n",
                           text="Satz", label="1", header=True)  # fmt: skip
    assert found.columns == WantedColumns(True, "Satz", None, "Urteil")
    assert warning is None
    (message,) = caplog.messages
    assert message == (
        f"{tmp_path / 'train.tsv'}: read as tsv (rule: the file's extension); columns by the "
        "header (rules: header: --header, text: --text_column, label: --label_column); text: "
        "'Satz', label: 'Urteil'; unused: 'id'"
    )
    # In another order, with or without labels.
    test = write_data(tmp_path / "test.tsv", "id\tSatz\tUrteil\n3\tnice\tpos\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", "pos")]
    test = write_data(tmp_path / "test.csv", "id,Satz\n3,nice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write_data(tmp_path / "test.tsv", "Satz\nnice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write_data(tmp_path / "test.jsonl", '{"Satz": "nice", "text": "other"}\n')
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]
    test = write_data(tmp_path / "test.tsv", "text\tlabel\nnice\tpos\n")
    with pytest.raises(InputError, match=r"test\.tsv:1: no column 'Satz' in the header; its col"):
        list(read_rows(test, found, need_label=False))
    dev = write_data(tmp_path / "dev.tsv", "Satz\nnice\n")
    with pytest.raises(InputError, match=r"dev\.tsv:1: no column 'Urteil' in the header"):
        list(read_rows(dev, found, need_label=True))


@pytest.mark.parametrize(
    ("name", "content", "given", "log"),
    [
        (
            "train.csv",
            "text;label\na, b;x\nc;y\n",
            {},
            "the file's extension); delimiter ';' (rule: the same number of cells in most lines); "
            "columns by the header",
        ),
        (
            "train.csv",
            "text;label\na, b;x\nc;y\n",
            {"delimiter": ";"},
            "the file's extension); columns by the header",
        ),
        (
            "train.tsv",
            '"text"\t"label"\n"a"\t"x"\n',
            {},
            "the file's extension); cells can be quoted (rule: a usual column name in quotes); "
            "columns by the header",
        ),
        (
            "train.tsv",
            '"text"\t"label"\n"a"\t"x"\n',
            {"quoting": True},
            "the file's extension); columns by the header",
        ),
    ],
)
def test_log_names_the_rules_that_detected_delimiter_and_quoting(
    tmp_path, caplog, name, content, given, log
):
    caplog.set_level(logging.INFO)
    found, _ = resolved(tmp_path, content, name, **given)
    assert (found.columns.text, found.columns.label) == ("text", "label")
    (message,) = caplog.messages
    assert f"(rule: {log} (rules: header: a usual column name" in message


def test_missing_header_of_the_training_file_applies_to_other_files(tmp_path):
    found, warning = resolved(tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n")
    assert found.columns.exact() == WantedColumns(False, "2", None, "1")
    assert warning is None
    dev = write_data(tmp_path / "dev.tsv", "pos\tgood\nneg\tbad\n")
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos"), ("bad", "neg")]
    # The header of each file is recognised separately.
    dev = write_data(tmp_path / "dev.tsv", "text\tlabel\ngood\tpos\n")
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos")]
    test = write_data(tmp_path / "test.tsv", "nice\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("nice", None)]


def test_columns_remembered_from_the_training_file_are_named_in_errors(tmp_path):
    found, _ = resolved(tmp_path, "7\tx\tpos\tgood\n8\ty\tneg\tbad\n", text="4", label="3")
    columns = dataclasses.replace(found.columns, remembered=frozenset({"header", "text", "label"}))
    found = dataclasses.replace(found, columns=columns)
    test = write_data(tmp_path / "test.tsv", "1\tgood\n")
    message = (
        r"test\.tsv:1: the text was column 4 of the training file, but here there are 2 columns; "
        r"specify the column of this file with --text_column\."
    )
    with pytest.raises(InputError, match=message):
        list(read_rows(test, found, need_label=False))
    test = write_data(tmp_path / "test.tsv", "id\ttext\n1\tgood\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("good", None)]


def test_names_remembered_from_the_training_file_are_named_in_errors(tmp_path):
    found, _ = resolved(tmp_path, "Satz\tlabel\ngut\tpos\nnein\tneg\n")
    assert found.columns == WantedColumns(
        True, "Satz", None, "label", frozenset({"header", "text", "label"})
    )
    test = write_data(tmp_path / "test.tsv", "id\tInhalt\n1\tgood\n")
    message = (
        r"no column 'Satz' \(the text column of the training file\) in the header; its columns"
    )
    with pytest.raises(InputError, match=message):
        list(read_rows(test, found, need_label=False))
    test = write_data(tmp_path / "test.tsv", "id\ttext\n1\tgood\n")
    assert labelled(read_rows(test, found, need_label=False)) == [("good", None)]


def test_texts_of_several_columns_are_joined(tmp_path):
    table = 'title,text,label\nA,"b, c",pos\nD,e,neg\n'
    found, _ = resolved(tmp_path, table, "train.csv", text="title,text")
    assert found.columns.text == "title,text"
    path = write_data(tmp_path / "train.csv", table)
    assert labelled(read_rows(path, found, need_label=True)) == [("A b, c", "pos"), ("D e", "neg")]
    test = write_data(tmp_path / "test.jsonl", '{"text": "e", "title": "D"}\n')
    assert labelled(read_rows(test, found, need_label=False)) == [("D e", None)]
    test = write_data(tmp_path / "test.csv", "title,id\nA,1\n")
    with pytest.raises(InputError, match=r"test\.csv:1: no column 'text' in the header"):
        list(read_rows(test, found, need_label=False))
    rows = "3|a|b\n1|c|d\n"
    found, _ = resolved(tmp_path, rows, "train.csv", text="2,3", label="1", delimiter="|")
    path = write_data(tmp_path / "train.csv", rows)
    assert labelled(read_rows(path, found, need_label=True)) == [("a b", "3"), ("c d", "1")]
    with pytest.raises(InputError, match="--text_column=2 and --text_column=2 are the same"):
        resolved(tmp_path, rows, "train.csv", text="2,2", label="1", delimiter="|")


def test_a_name_with_a_comma_is_one_column(tmp_path):
    found, _ = resolved(tmp_path, '"title,text",label\na,x\nb,y\n', "train.csv", text="title,text")
    path = str(tmp_path / "train.csv")
    assert labelled(read_rows(path, found, need_label=True)) == [("a", "x"), ("b", "y")]


def test_cells_can_be_quoted_by_another_character(tmp_path):
    table = "text,label\n'a, \"b\" it''s',x\nc,y\n"
    path = write_data(tmp_path / "train.csv", table)
    found = dataclasses.replace(options(text="text"), quotechar="'")
    found = resolve_format(path, found)
    assert labelled(read_rows(path, found, need_label=True)) == [('a, "b" it\'s', "x"), ("c", "y")]
    path = write_data(tmp_path / "bad.csv", "text,label\n'a'b,x\n")
    with pytest.raises(InputError, match=r"bad\.csv:2: unexpected text after a closing quote"):
        list(read_rows(path, found, need_label=True))


def test_header_before_rows_to_predict_causes_a_warning(tmp_path, caplog):
    found, _ = resolved(
        tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n", header=False, text="2", label="1"
    )
    test = write_data(tmp_path / "test.tsv", "label\ttext\npos\tgood\n")
    assert labelled(read_rows(test, found, need_label=False)) == [
        ("text", "label"),
        ("good", "pos"),
    ]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert re.search(r"test\.tsv:1: read as a row, .*--header=true", warning)


def test_column_numbers_are_ignored_in_json(tmp_path):
    found, _ = resolved(tmp_path, "pos\tgood\nneg\tbad\nneg\tnot nice\n")
    dev = write_data(tmp_path / "dev.jsonl", '{"text": "good", "label": "pos"}\n')
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos")]
    dev = write_data(tmp_path / "dev.jsonl", '{"1": "pos", "2": "good"}\n')
    assert labelled(read_rows(dev, found, need_label=True)) == [("good", "pos")]


def test_other_files_must_contain_pairs_if_the_training_file_does(tmp_path):
    found, _ = resolved(tmp_path, "sentence1,sentence2,label\na,b,x\nc,d,y\n", "train.csv")
    assert found.columns.exact() == WantedColumns(True, "sentence1", "sentence2", "label")
    test = write_data(tmp_path / "test.csv", "sentence1\na\n")
    with pytest.raises(InputError, match=r"test\.csv:1: no column 'sentence2'.*--text_b_column"):
        list(read_rows(test, found, need_label=False))


def test_suspicious_headers_and_rows_cause_a_warning(tmp_path):
    rows = "a good film\tpos\na bad film\tneg\n" * 5
    _, warning = resolved(tmp_path, "Texto\tEtiqueta\n" + rows)
    assert re.match(
        r".*train\.tsv:1: read as a row, but its label 'Etiqueta' occurs in no", warning
    )
    _, warning = resolved(tmp_path, "a fine film\tpos\n" + rows, header=True, text="1", label="2")
    assert re.match(
        r".*train\.tsv:1: read as a header, but 'pos' is also the label of other", warning
    )
    assert resolved(tmp_path, "text\tlabel\n" + rows)[1] is None
    assert resolved(tmp_path, "a fine film\tpos\n" + rows)[1] is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("train.txt", "a;b\n")],
)
def test_forms_without_columns_do_not_change_the_format(tmp_path, name, content):
    assert resolved(tmp_path, content, name)[0] == options()


def test_unreadable_training_file_raises_an_error_when_its_format_is_resolved(tmp_path):
    for content, message in (
        ("", "the file is empty"),
        ("\n\n", "only blank lines"),
        ("a\tb\tc\n", r":1: .* found 3 columns: 'a', 'b', 'c'"),
        ("text\tlabel\n\xff\0\ta\n", ":2: a NUL byte"),
    ):
        with pytest.raises(InputError, match=rf"train\.tsv.*{message}"):
            resolved(tmp_path, content)
