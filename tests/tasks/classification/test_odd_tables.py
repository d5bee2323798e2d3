"""Odd files that could be read wrongly, and without a word."""

import pytest

from finetune.tasks.classification import readers
from finetune.util.errors import InputError


def test_the_header_again_in_joined_files_is_refused_with_its_line(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("text\tlabel\na\tx\nb\ty\ntext\tlabel\nc\tx\n")
    with pytest.raises(InputError, match=r"train\.tsv:4: the header again\. Were two files joined"):
        list(readers.read_rows(str(path), readers.TextFormat(), need_label=True))


def test_commas_in_texts_do_not_hide_the_semicolon_between_columns(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("Hello, world;pos\nfine, day;neg\nah, yes;pos\nno, no;neg\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows][:2] == [
        ("Hello, world", "pos"), ("fine, day", "neg"),
    ]  # fmt: skip


def test_a_single_column_with_commas_stays_one(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("text\nHello, you\nno\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=False)
    assert [row.text for row in rows] == ["Hello, you", "no"]


def test_tabs_between_cells_that_are_all_in_quotes_are_read_as_r_writes_them(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text('"text"\t"label"\n"a ""b"""\t"x"\n"c"\t"y"\n')
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows] == [('a "b"', "x"), ("c", "y")]


@pytest.mark.parametrize("form", ["text", "semicolon"])
def test_lines_that_end_in_cr_alone_are_refused(tmp_path, form):
    path = tmp_path / "test.txt"
    path.write_bytes(b"good;pos\rbad;neg\r")
    with pytest.raises(InputError, match=r"test\.txt:1: lines end in CR only"):
        list(readers.read_rows(str(path), readers.TextFormat(form), need_label=False))


def test_a_header_in_bare_text_is_pointed_out(tmp_path, caplog):
    path = tmp_path / "test.txt"
    path.write_text("Text\njust a text\n")
    rows = list(readers.read_rows(str(path), readers.TextFormat("text"), need_label=False))
    assert [row.text for row in rows] == ["Text", "just a text"]
    assert "test.txt:1: read as a row, not as a header" in caplog.text


def test_nameless_columns_behind_the_last_are_passed_over(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("text,label,,\ngood,pos,,\nbad,neg,,\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows] == [("good", "pos"), ("bad", "neg")]


@pytest.mark.parametrize("header", ["text;label", "Comment;Mood"])
def test_semicolons_below_a_header_make_a_table_whatever_the_ending(tmp_path, header):
    path = tmp_path / "train.txt"
    path.write_text(f"{header}\ngood; really;pos\n".replace("good; really", '"good; really"'))
    columns = readers.TextFormat().columns
    if header != "text;label":
        columns = type(columns)(text="Comment", label="Mood")
    rows = readers.read_rows(str(path), readers.TextFormat(columns=columns), need_label=True)
    assert [(row.text, row.label) for row in rows] == [("good; really", "pos")]
