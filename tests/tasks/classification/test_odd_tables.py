"""Odd files that could be misread without a warning."""

import pytest

from finetune.tasks.classification import readers
from finetune.util.errors import InputError
from tests.tasks.classification import reading


def test_repeated_header_raises_an_error(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("text\tlabel\na\tx\nb\ty\ntext\tlabel\nc\tx\n")
    with pytest.raises(
        InputError, match=r"train\.tsv:4: a repeated header\. Were two files joined"
    ):
        list(readers.read_rows(str(path), readers.TextFormat(), need_label=True))


LABELLED = "a\tx\nb\ty\n" * 10


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("text\tlabel\n" + LABELLED + "Text\t Label \n", 22),
        ("text\tlabel\n" + LABELLED + "label\ttext\n", 22),
        (LABELLED + "text\tlabel\n", 21),  # Only the second file has a header.
    ],
)
@pytest.mark.parametrize("need_label", [True, False])
def test_second_header_with_other_case_or_order_raises_an_error(
    tmp_path, content, line, need_label
):
    with pytest.raises(InputError, match=rf"train\.tsv:{line}: a repeated header"):
        reading.read(tmp_path, content, need_label=need_label, text="1", label="2")


def test_second_header_of_a_single_column_causes_a_warning(tmp_path, caplog):
    rows = reading.read(tmp_path, "text\ngood\ntext\nbad\n", "test.csv", need_label=False)
    assert [row.text for row in rows] == ["good", "text", "bad"]
    assert "test.csv:3: the header occurs again; it is read as a row" in caplog.text


def test_second_header_with_a_semicolon_raises_an_error(tmp_path):
    with pytest.raises(InputError, match=r"train\.txt:21: a repeated header"):
        reading.read(tmp_path, LABELLED.replace("\t", ";") + "text;label\n", "train.txt")


def test_row_with_one_usual_column_name_is_a_row(tmp_path):
    rows = reading.read(tmp_path, "text\tlabel\n" + LABELLED + "a label\tlabel\ntext\tx\n")
    assert reading.labelled(rows)[-2:] == [("a label", "label"), ("text", "x")]


def test_semicolon_is_detected_despite_commas_in_texts(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("Hello, world;pos\nfine, day;neg\nah, yes;pos\nno, no;neg\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows][:2] == [
        ("Hello, world", "pos"), ("fine, day", "neg"),
    ]  # fmt: skip


def test_single_column_with_commas_is_not_split(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("text\nHello, you\nno\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=False)
    assert [row.text for row in rows] == ["Hello, you", "no"]


def test_quoted_tsv_written_by_r_is_read(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text('"text"\t"label"\n"a ""b"""\t"x"\n"c"\t"y"\n')
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows] == [('a "b"', "x"), ("c", "y")]


@pytest.mark.parametrize("form", ["text", "semicolon"])
def test_lone_cr_line_ends_raise_an_error(tmp_path, form):
    path = tmp_path / "test.txt"
    path.write_bytes(b"good;pos\rbad;neg\r")
    with pytest.raises(InputError, match=r"test\.txt:1: a CR inside the line"):
        list(readers.read_rows(str(path), readers.TextFormat(form), need_label=False))


def test_header_in_bare_text_causes_a_warning(tmp_path, caplog):
    path = tmp_path / "test.txt"
    path.write_text("Text\njust a text\n")
    rows = list(readers.read_rows(str(path), readers.TextFormat("text"), need_label=False))
    assert [row.text for row in rows] == ["Text", "just a text"]
    assert "test.txt:1: 'Text' is read as a text, not as a header" in caplog.text


def test_trailing_unnamed_columns_are_ignored(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("text,label,,\ngood,pos,,\nbad,neg,,\n")
    rows = readers.read_rows(str(path), readers.TextFormat(), need_label=True)
    assert [(row.text, row.label) for row in rows] == [("good", "pos"), ("bad", "neg")]


@pytest.mark.parametrize("header", ["text;label", "Comment;Mood"])
def test_file_with_a_semicolon_header_is_a_table(tmp_path, header):
    path = tmp_path / "train.txt"
    path.write_text(f"{header}\ngood; really;pos\n".replace("good; really", '"good; really"'))
    columns = readers.TextFormat().columns
    if header != "text;label":
        columns = type(columns)(text="Comment", label="Mood")
    rows = readers.read_rows(str(path), readers.TextFormat(columns=columns), need_label=True)
    assert [(row.text, row.label) for row in rows] == [("good; really", "pos")]
