"""Tables: rows by column name, separated cells and quoted cells."""

import csv
import gzip
import io
import tracemalloc

import pytest

from finetune.data.lines import read_lines
from finetune.data.tables import check_header, check_width, read_cells, read_quoted_cells, read_tsv
from finetune.util.errors import InputError
from tests.support.files import write_data

# Rows by column name


def test_read_tsv_yields_rows_by_column_name_with_their_line(tmp_path):
    path = write_data(tmp_path / "rows.tsv", b"label\ttext\nham\tfirst\n\nspam\tsecond\n")
    rows = list(read_tsv(path))
    assert rows == [{"label": "ham", "text": "first"}, {"label": "spam", "text": "second"}]
    assert [row.line for row in rows] == [2, 4]
    assert rows[1].where == f"{path}:4"


def test_a_blank_line_is_a_row_if_there_is_one_column(tmp_path):
    # A row to predict can be empty. Blank lines at the end of the file are not rows.
    rows = list(read_tsv(write_data(tmp_path / "rows.tsv", b"\ntext\none\n\nthree\n\n\n")))
    assert [(row.line, row["text"]) for row in rows] == [(3, "one"), (4, ""), (5, "three")]


def test_quotes_in_a_tsv_are_ordinary_characters(tmp_path):
    path = write_data(tmp_path / "rows.tsv", b'label\ttext\na\t"open\nb\tsaid "no"\nc\t5" disk\n')
    assert [row["text"] for row in read_tsv(path)] == ['"open', 'said "no"', '5" disk']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"rows\.tsv: the file is empty"),
        (
            b"label\ttext\na\tone\nb\n",
            r"rows\.tsv:3 has 1 column; the first line has 2: '?label",
        ),
        (b"label\ttext\na\tone\ttwo\n", r"rows\.tsv:2 has 3 columns; the first line has 2"),
        (b"text\ttext\na\tb\n", r"rows\.tsv:1: the header names a column twice"),
        ("label\ttext\n".encode("utf-16"), r"rows\.tsv:1: the file is UTF-16"),
        (b"label\ttext\ra\tone\r", r"rows\.tsv:1: a CR inside the line"),
        (b"label\ttext\na\tcaf\xe9\n", r"rows\.tsv:2: byte 0xe9 at position 6 is not UTF-8"),
    ],
)
def test_a_bad_file_raises_an_error_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        list(read_tsv(write_data(tmp_path / "rows.tsv", content)))


def test_a_missing_column_error_lists_the_columns(tmp_path):
    # The file has no header, so its first row is read as one.
    rows = read_tsv(write_data(tmp_path / "rows.tsv", b"ham\thello\nspam\tbuy\n"))
    with pytest.raises(InputError, match=r":1: no column 'text' in the header.*'ham', 'hello'"):
        next(rows)["text"]


# Quoted cells


def quoted(tmp_path, content, delimiter=","):
    return list(read_quoted_cells(write_data(tmp_path / "rows.tsv", content), delimiter))


def test_quoted_cells_contain_delimiters_line_ends_and_quotes(tmp_path):
    # The examples in section 2 of RFC 4180, with the line at which each row starts.
    assert quoted(tmp_path, b'"aaa","b\r\nbb","ccc"\r\nzzz,yyy,xxx') == [
        (1, ["aaa", "b\nbb", "ccc"]),
        (3, ["zzz", "yyy", "xxx"]),
    ]
    assert quoted(tmp_path, b'"aaa","b""bb","ccc"\n') == [(1, ["aaa", 'b"bb', "ccc"])]
    assert quoted(tmp_path, b'"a;""b""\n\n\n";x\n;"""";\n', ";") == [
        (1, ['a;"b"\n\n\n', "x"]),
        (5, ["", '"', ""]),
    ]


def test_quotes_in_an_unquoted_cell_are_ordinary_characters(tmp_path):
    assert quoted(tmp_path, b'5" disk,a "b" c\n') == [(1, ['5" disk', 'a "b" c'])]


def test_a_blank_line_between_quoted_rows_has_no_cells(tmp_path):
    assert quoted(tmp_path, b'a\n\n"b"\n""\n\n') == [(1, ["a"]), (2, []), (3, ["b"]), (4, [""])]


def test_a_byte_order_mark_before_a_quote_is_dropped(tmp_path):
    assert quoted(tmp_path, b'\xef\xbb\xbf"te""xt",b\r\n') == [(1, ['te"xt', "b"])]


def test_a_quoted_text_of_a_million_characters_is_one_cell(tmp_path):
    # The default limit of Python's csv module is 131,072.
    text = "a,\n" * 333_333
    assert quoted(tmp_path, f'"{text}",x\n'.encode()) == [(1, [text, "x"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\nc,"d\ne,f\n', r":2: a quote is not closed before the end of the file \(line 3\)"),
        (
            b'a,b\n"c"d,e\nf,g\n',
            r":2: unexpected text after a closing quote \(line 2\).*double each quote",
        ),
        (
            b'a\n"b\nc" d,e\n',
            r":2: unexpected text after a closing quote \(line 3\).*--quoting=false",
        ),
        (b"text,label\ra,x\rb,y\r", ":1: "),
    ],
)
def test_bad_quotes_raise_an_error_with_the_line_of_their_row(tmp_path, content, message):
    with pytest.raises(InputError, match=r"rows\.tsv" + message):
        quoted(tmp_path, content)


def test_quoted_cells_equal_those_written_by_pythons_csv_module(tmp_path):
    rows = [["a", ""], ["", ""], ['"', "\t"], ["\n\n", "x\ty"], [" a ", "'b'"], ["\u2028", "\r"]]
    for delimiter in ",;\t|":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
            writer = io.StringIO(newline="")
            csv.writer(writer, delimiter=delimiter, quoting=quoting).writerows(rows)
            content = writer.getvalue().encode()
            assert [cells for _, cells in quoted(tmp_path, content, delimiter)] == rows


def test_read_cells_splits_at_every_delimiter(tmp_path):
    path = write_data(tmp_path / "rows.tsv", b'"a;b";\n;;c\n')
    assert list(read_cells(path, delimiter=";")) == [(1, ['"a', 'b"', ""]), (2, ["", "", "c"])]


# Checks


def test_columns_without_a_name_may_repeat():
    check_header(["text", "label", "", ""], "train.csv:1")
    with pytest.raises(InputError) as caught:
        check_header(["text", "", "label", "text"], "train.csv:1")
    assert str(caught.value) == (
        "train.csv:1: the header names a column twice, 'text': text, , label, text."
    )


def test_check_width_shows_the_first_line():
    check_width(["a", "b"], ["text", "label"], "train.csv:7")
    with pytest.raises(InputError) as caught:
        check_width(["a"], ["text", "label"], "train.csv:7")
    assert str(caught.value).startswith(
        "train.csv:7 has 1 column; the first line has 2: 'text' | 'label'. "
    )


# Streaming


READERS = {
    "lines": read_lines,
    "cells": lambda path: read_cells(path, delimiter=","),
    "quoted cells": lambda path: read_quoted_cells(path, ","),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("reader", READERS)
def test_rows_are_yielded_before_a_later_error(tmp_path, reader, encoding, packed):
    content = "".join(f"{i},a row\n" for i in range(1, 5003)).encode(encoding) + b"\0\0\0\0"
    path = write_data(
        tmp_path / "rows.tsv", gzip.compress(content) if packed else content, encoding
    )
    rows = READERS[reader](path)
    assert [next(rows)[0] for _ in range(3)] == [1, 2, 3]
    last = None
    with pytest.raises(InputError, match=r"rows\.tsv:5003: a NUL byte"):
        for number, _ in rows:
            last = number
    assert last == 5002


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_loads_a_large_file_into_memory(tmp_path, reader, encoding):
    content = (("a" * 49_999 + "\n") * 211).encode(encoding)  # 10 MB, or 20 MB in UTF-16
    path = write_data(tmp_path / "rows.tsv", gzip.compress(content, 1), encoding)
    tracemalloc.start()
    try:
        assert sum(1 for _ in READERS[reader](path)) == 211
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
