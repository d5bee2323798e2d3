"""Reading files: nothing is lost, and what is wrong is said with file and line."""

import pytest

from finetune.readers import read_lines, read_tsv


def write(tmp_path, content):
    path = tmp_path / "rows.tsv"
    path.write_bytes(content)
    return str(path)


def test_read_tsv_names_cells_and_says_where_they_stand(tmp_path):
    path = write(tmp_path, b"label\ttext\nham\tfirst\n\nspam\tsecond\n")
    rows = list(read_tsv(path))
    assert rows == [{"label": "ham", "text": "first"}, {"label": "spam", "text": "second"}]
    assert [row.line for row in rows] == [2, 4]
    assert rows[1].where == f"{path}:4"


def test_a_blank_line_is_a_row_where_there_is_one_column_alone(tmp_path):
    # Otherwise a row to predict would go missing; blank lines at the end are none.
    rows = list(read_tsv(write(tmp_path, b"\ntext\none\n\nthree\n\n\n")))
    assert [(row.line, row["text"]) for row in rows] == [(3, "one"), (4, ""), (5, "three")]


def test_byte_order_mark_crlf_and_missing_final_line_end(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbflabel\ttext\r\na\tone\r\nb\ttwo")
    assert list(read_tsv(path)) == [{"label": "a", "text": "one"}, {"label": "b", "text": "two"}]


def test_quotes_are_characters_and_swallow_no_row(tmp_path):
    path = write(tmp_path, b'label\ttext\na\t"open\nb\tsaid "no"\nc\t5" disk\n')
    assert [row["text"] for row in read_tsv(path)] == ['"open', 'said "no"', '5" disk']


def test_unicode_line_separators_and_lone_cr_do_not_end_a_line(tmp_path):
    text = "a\u2028b\x0bc\x85d\re"
    path = write(tmp_path, f"{text}\nnext\n".encode())
    assert list(read_lines(path)) == [(1, text), (2, "next")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"rows\.tsv: the file is empty"),
        (
            b"label\ttext\na\tone\nb\n",
            r"rows\.tsv:3: 1 column\(s\) found, 2 expected \(label",
        ),
        (b"label\ttext\na\tone\ttwo\n", r"rows\.tsv:2: 3 column\(s\) found, 2 expected"),
        (b"text\ttext\na\tb\n", r"rows\.tsv:1: the header names a column twice"),
        ("label\ttext\n".encode("utf-16"), r"rows\.tsv:1: the file is UTF-16"),
        (b"label\ttext\ra\tone\r", r"rows\.tsv:1: lines end in CR alone"),
        (b"label\ttext\na\tcaf\xe9\n", r"rows\.tsv:2: byte 0xe9 at position 6 is not UTF-8"),
    ],
)
def test_bad_files_are_refused_with_their_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        list(read_tsv(write(tmp_path, content)))


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.tsv: cannot be read: No such file"):
        list(read_tsv(str(tmp_path / "none.tsv")))
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        list(read_tsv(str(tmp_path)))


def test_missing_column_names_those_there_are(tmp_path):
    # A file without a header: its first row would otherwise be eaten in silence.
    rows = read_tsv(write(tmp_path, b"ham\thello\nspam\tbuy\n"))
    with pytest.raises(ValueError, match=r":1: no column 'text' in the header.*'ham', 'hello'"):
        next(rows)["text"]
