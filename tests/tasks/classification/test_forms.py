"""Detecting the form of a file of texts and labels."""

import pytest

from finetune.data.columns import WantedColumns
from finetune.tasks.classification.forms import TextFormat, find_form
from finetune.tasks.classification.readers import resolve_format
from finetune.util.errors import InputError
from tests.support.files import write


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.tsv", "", "tsv"),
        ("a.csv.gz", "", "csv"),
        ("A.JSONL.GZ", "", "jsonl"),
        ("a.txt", "text\tlabel\na;b\tc\n", "tsv"),
        ("a.txt", '{"a": "b;c"}\n{\n', "jsonl"),
        ("a.txt", '{"a": 1}\nb;c\n', None),
        ("a.txt", '[{"a": "b;c"}, {}]', "jsonl"),
        ("a.txt", '[\n  {\n    "a": 1\n  }\n]\n', "jsonl"),
        ("a.txt", '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "jsonl"),
        ("a.txt", '["a text", {"entities": []}]\n', "jsonl"),
        ("a.txt", "[laughs] a text\n", None),
        ("a.txt", '["a"] said he;x\n', "semicolon"),
        ("a.txt", "[1] a text;x\n", "semicolon"),
        ("a.txt", "one; two; three;joy\n\nno label here\nb;sad\n", "semicolon"),
        ("a.txt", "a tab\there;joy\nnone;sad\nnone;sad\n", "semicolon"),
        ("a.txt", "just a text\nand one more\n", None),
        ("a.txt", "a,b\nc,d\n", None),
        ("a.txt", "__label__1 good\n__label__2 bad; really\n", "label_first"),
        (
            "a.label",
            "DESC:manner How?\nENTY:cremat What\nDESC:manner Why\nENTY:cremat So\n",
            "label_first",
        ),
        ("a.txt", "How: one\nHow: two\nHow: three\n", None),
        ("a.txt", "\n\n", None),
    ],
)
def test_form_of_training_data_is_detected(tmp_path, name, content, form):
    path = str(write(tmp_path / name, content))
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
        ("__label__joy one\n__label__sad two\n", (), "label_first"),
        ("joy one\nsad two\nthree\n", ("joy", "sad"), "label_first"),
    ],
)
def test_form_of_data_to_predict_depends_on_the_models_labels(tmp_path, content, known, form):
    path = str(write(tmp_path / "test.txt", content))
    assert find_form(path, TextFormat(known_labels=known), need_label=False)[0] == form


@pytest.mark.parametrize(
    ("content", "form"),
    [("one\ttwo\nthree\tfour\n", "text"), ("id\ttext\ttext_b\n1\tone\ttwo\n", "tsv")],
)
def test_two_texts_separated_by_a_tab_are_a_bare_pair(tmp_path, content, form):
    path = str(write(tmp_path / "test.txt", content))
    assert find_form(path, TextFormat(pairs=True), need_label=False)[0] == form
    assert find_form(path, TextFormat(pairs=False), need_label=False)[0] == "tsv"


@pytest.mark.parametrize(
    ("name", "content", "text_format", "form", "rule"),
    [
        ("a.tsv", "", TextFormat("csv"), "csv", "--data_form"),
        ("a.tsv", "x;y\n", TextFormat(), "tsv", "the file's extension"),
        ("a", '{"text": "x"}\n', TextFormat(), "jsonl", "its content is JSON"),
        ("a", "x\ty\n", TextFormat(), "tsv", "most lines contain tabs"),
        ("a", "text;label\nx;y\n", TextFormat(), "csv", "a header with semicolons"),
        ("a", "u;v\nx;y\n", TextFormat(), "semicolon", "most lines contain semicolons"),
        (
            "a",
            "u;v\nx;y\n",
            TextFormat(columns=WantedColumns(text="v")),
            "csv",
            "a header with semicolons",
        ),
    ],
)
def test_name_of_the_deciding_rule_is_returned(tmp_path, name, content, text_format, form, rule):
    path = str(write(tmp_path / name, content))
    assert find_form(path, text_format, need_label=True) == (form, rule)


def test_folder_and_standard_input_are_recognised(tmp_path):
    assert find_form(str(tmp_path), TextFormat("tsv"), need_label=True) == ("folders", "a folder")
    assert find_form("-", TextFormat(), need_label=False) == ("text", "standard input")
    assert find_form("-", TextFormat("csv"), need_label=False) == ("csv", "--data_form")


def test_data_form_folders_requires_a_folder(tmp_path):
    path = str(write(tmp_path / "a.txt", "x\n"))
    with pytest.raises(
        InputError, match=r"a\.txt: --data_form=folders, but the path is not a folder\.$"
    ):
        find_form(path, TextFormat("folders"), need_label=True)


def test_error_shows_the_first_line_and_the_forms(tmp_path):
    path = str(write(tmp_path / "a.txt", "only a text\nanother text\n"))
    message = (
        r"a\.txt: cannot recognise the form: the file is not a table, JSON lines or text;label "
        r"lines\. First line: only a text\. Specify the form with --data_form \(tsv, csv, jsonl, "
        r"semicolon, label_first, folders, text\), for example label_first if each line starts "
        r"with its label; for a table, also specify the character between columns "
        r"with --delimiter\.$"
    )
    with pytest.raises(InputError, match=message):
        find_form(path, TextFormat(), need_label=True)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", "<!DOCTYPE html>\n<html><head><title>Sign in</title>\n", "an HTML page"),
        ("a.tsv", "<html lang='en'>\n<head>\n", "an HTML page"),
        ("a.txt", '<?xml version="1.0"?>\n<rows><row/></rows>\n', "an XML file"),
        ("a.csv", '  <?XML version="1.0"?>\n', "an XML file"),
    ],
)
def test_web_pages_and_xml_are_named(tmp_path, name, content, found):
    path = str(write(tmp_path / name, content))
    with pytest.raises(InputError) as error:
        resolve_format(path, TextFormat())
    assert str(error.value).startswith(f"{path}: the file is {found}; expected text. ")


def test_html_in_the_cells_of_a_table_is_text(tmp_path):
    path = str(write(tmp_path / "a.csv", "<html>good</html>,pos\n<html>bad</html>,neg\n"))
    columns = resolve_format(path, TextFormat()).columns
    assert (columns.text, columns.label) == ("1", "2")
