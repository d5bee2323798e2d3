"""Reading files: nothing is lost, and what is wrong is said with file and line."""

import csv
import gzip
import io
import tracemalloc

import pytest

from finetune.data.lines import DataPath, read_lines
from finetune.data.tables import read_cells, read_quoted_cells, read_tsv
from finetune.util.errors import InputError


def write(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "rows.tsv"
    path.write_bytes(content)
    return DataPath.of(str(path), encoding)


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
            r"rows\.tsv:3 has 1 column; the first line has 2: '?label",
        ),
        (b"label\ttext\na\tone\ttwo\n", r"rows\.tsv:2 has 3 columns; the first line has 2"),
        (b"text\ttext\na\tb\n", r"rows\.tsv:1: the header names a column twice"),
        ("label\ttext\n".encode("utf-16"), r"rows\.tsv:1: the file is UTF-16"),
        (b"label\ttext\ra\tone\r", r"rows\.tsv:1: lines end in CR only"),
        (b"label\ttext\na\tcaf\xe9\n", r"rows\.tsv:2: byte 0xe9 at position 6 is not UTF-8"),
    ],
)
def test_bad_files_are_refused_with_their_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        list(read_tsv(write(tmp_path, content)))


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read: No such file"):
        list(read_tsv(str(tmp_path / "none.tsv")))
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        list(read_tsv(str(tmp_path)))


def test_missing_column_names_those_there_are(tmp_path):
    # A file without a header: its first row would otherwise be eaten in silence.
    rows = read_tsv(write(tmp_path, b"ham\thello\nspam\tbuy\n"))
    with pytest.raises(InputError, match=r":1: no column 'text' in the header.*'ham', 'hello'"):
        next(rows)["text"]


@pytest.mark.parametrize(
    ("blank", "expected"),
    [
        ("skip", [(2, "a"), (5, "b")]),
        ("inner", [(1, ""), (2, "a"), (3, ""), (4, ""), (5, "b")]),
        ("all", [(1, ""), (2, "a"), (3, ""), (4, ""), (5, "b"), (6, ""), (7, "")]),
    ],
)
def test_blank_lines_are_counted_and_given_as_asked_for(tmp_path, blank, expected):
    path = write(tmp_path, b"\na\r\n\r\n\nb\n\n\r\n")
    assert list(read_lines(path, blank)) == expected


def test_a_line_of_spaces_is_not_blank(tmp_path):
    assert list(read_lines(write(tmp_path, b" \n\t\n"))) == [(1, " "), (2, "\t")]


# Encodings. The bytes are those of the Unicode Consortium's mapping tables.


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("latin-1", b"caf\xe9 \xa4 \x85\nb\n", "caf\u00e9 \u00a4 \x85"),
        ("cp1252", b"caf\xe9 \x80\x93\r\nb\r\n", "caf\u00e9 \u20ac\u201c"),
        ("shift_jis", b"\x83\x5c\x93\xfa\nb", "\u30bd\u65e5"),  # The second byte is a backslash's.
        ("utf-16", b"\xff\xfe\xe9\x00\x0a\x4e\n\x00b\x00", "\u00e9\u4e0a"),
        ("utf-16", b"\xfe\xff\x00\xe9\x4e\x0a\x00\r\x00\n\x00b", "\u00e9\u4e0a"),
        ("utf-16-le", b"\xff\xfe\xe9\x00\n\x00b\x00", "\u00e9"),
        ("utf-32", b"\xff\xfe\x00\x00\xe9\x00\x00\x00\n\x00\x00\x00b\x00\x00\x00", "\u00e9"),
        ("utf-8-sig", b"\xef\xbb\xbf\xc3\xa9\nb\n", "\u00e9"),
        ("utf-8", b"\xef\xbb\xbf\xef\xbb\xbfa\nb\n", "\ufeffa"),  # One mark is dropped.
    ],
)
def test_files_are_read_in_the_encoding_of_their_path(tmp_path, encoding, content, text):
    path = write(tmp_path, content, encoding)
    assert list(read_lines(path)) == [(1, text), (2, "b")]
    zipped = DataPath.of(f"{path}.gz", encoding)
    with gzip.open(zipped, "wb") as writer:
        writer.write(content)
    assert list(read_lines(zipped)) == [(1, text), (2, "b")]


def test_a_path_with_an_encoding_is_a_path_and_any_other_is_utf_8(tmp_path):
    path = write(tmp_path, b"text\ncaf\xe9\n", "latin-1")
    assert path == str(tmp_path / "rows.tsv")
    assert DataPath("elsewhere").encoding == "utf-8"
    (row,) = read_tsv(path)
    assert (row["text"], row.where) == ("caf\u00e9", f"{tmp_path / 'rows.tsv'}:2")
    with pytest.raises(InputError, match=r"rows\.tsv:2: byte 0xe9 .* is not UTF-8"):
        list(read_tsv(str(path)))


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-8", b"a\ncaf\xe9\n", r":2: byte 0xe9 at position 4 is not UTF-8.*--encoding=latin-1"),
        ("cp1252", b"a\nb\n\x81\n", r":3: byte 0x81 at position 1 is not CP1252.*--encoding="),
        ("ascii", b"a\xc3\xa9\n", r":1: byte 0xc3 at position 2 is not ASCII"),
        ("utf-16", b"text\tlabel\n", r":1: .* is not UTF-16.*--encoding="),
        ("utf-16", "a\nb\n".encode("utf-16") + b"c", r":3: byte 0x63 .* is not UTF-16"),
        ("utf-8", b"a\nb\0c\n", r":2: a NUL byte at position 2; expected text.*utf-16"),
        ("latin-1", b"a\nb\0", r":2: a NUL byte at position 2; expected text"),
        # As Windows writes "Unicode" without a mark, and an Excel workbook under another name.
        ("utf-8", "text\n".encode("utf-16-le"), r":1: a NUL byte at position 2.*utf-16"),
        ("utf-8", b"PK\x03\x04\x14\x00\x06\x00", r":1: a zip archive or a spreadsheet"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path, encoding, content, message):
    with pytest.raises(InputError, match=r"rows\.tsv" + message):
        list(read_lines(write(tmp_path, content, encoding)))


def test_half_a_surrogate_pair_in_utf_16_is_refused_with_its_line(tmp_path):
    rows = "".join(f"row {i}\n" for i in range(1, 54)).encode("utf-16")
    path = write(tmp_path, rows + b"\x00\xd8a\x00\n\x00", "utf-16")
    with pytest.raises(InputError, match=r"rows\.tsv:54: "):
        list(read_lines(path))


# Compressed files.


@pytest.mark.parametrize("name", ["rows.tsv.gz", "rows.tsv", "rows"])
def test_compressed_files_are_known_by_their_bytes(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"text\none\n") + gzip.compress(b"two\n"))
    assert [row["text"] for row in read_tsv(str(path))] == ["one", "two"]


def test_damaged_compressed_files_are_refused_where_they_break(tmp_path):
    content = b"".join(b"row %d\n" % i for i in range(7))
    packed = gzip.compress(content)
    for damaged in (packed[:-1], packed[:-8] + b"\0" * 8, packed + b"junk"):
        rows = read_lines(write(tmp_path, damaged))
        with pytest.raises(InputError, match=r"rows\.tsv:8: the gzip file is damaged or truncated"):
            list(rows)
    for damaged in (packed[:2], packed[:12], packed[:10] + b"\xff" * 20):
        with pytest.raises(InputError, match=r"rows\.tsv:1: the gzip file is damaged or truncated"):
            list(read_lines(write(tmp_path, damaged)))
    with pytest.raises(InputError, match=r"rows\.tsv: the file is empty"):
        list(read_lines(write(tmp_path, gzip.compress(b""))))


# Quoted cells.


def quoted(tmp_path, content, delimiter=","):
    return list(read_quoted_cells(write(tmp_path, content), delimiter))


def test_quotes_hold_delimiters_line_ends_and_quotes(tmp_path):
    # The examples of RFC 4180, section 2, and the line at which each row begins.
    assert quoted(tmp_path, b'"aaa","b\r\nbb","ccc"\r\nzzz,yyy,xxx') == [
        (1, ["aaa", "b\nbb", "ccc"]),
        (3, ["zzz", "yyy", "xxx"]),
    ]
    assert quoted(tmp_path, b'"aaa","b""bb","ccc"\n') == [(1, ["aaa", 'b"bb', "ccc"])]
    assert quoted(tmp_path, b'"a;""b""\n\n\n";x\n;"""";\n', ";") == [
        (1, ['a;"b"\n\n\n', "x"]),
        (5, ["", '"', ""]),
    ]


def test_quotes_within_a_bare_cell_are_characters(tmp_path):
    assert quoted(tmp_path, b'5" disk,a "b" c\n') == [(1, ['5" disk', 'a "b" c'])]


def test_blank_lines_between_quoted_rows_are_cells_of_nothing(tmp_path):
    assert quoted(tmp_path, b'a\n\n"b"\n""\n\n') == [(1, ["a"]), (2, []), (3, ["b"]), (4, [""])]


def test_a_byte_order_mark_before_a_quote_is_dropped(tmp_path):
    assert quoted(tmp_path, b'\xef\xbb\xbf"te""xt",b\r\n') == [(1, ['te"xt', "b"])]


def test_a_quoted_text_of_a_million_characters_is_one_cell(tmp_path):
    # Python's own limit is 131,072.
    text = "a,\n" * 333_333
    assert quoted(tmp_path, f'"{text}",x\n'.encode()) == [(1, [text, "x"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\nc,"d\ne,f\n', r":2: a quote is not closed before the end of the file \(line 3\)"),
        (
            b'a,b\n"c"d,e\nf,g\n',
            r":2: unexpected text after a closing quote \(line 2\).*write a quote",
        ),
        (
            b'a\n"b\nc" d,e\n',
            r":2: unexpected text after a closing quote \(line 3\).*--quoting=false",
        ),
        (b"text,label\ra,x\rb,y\r", ":1: "),
    ],
)
def test_bad_quotes_are_refused_with_the_line_of_their_row(tmp_path, content, message):
    with pytest.raises(InputError, match=r"rows\.tsv" + message):
        quoted(tmp_path, content)


def test_quoted_cells_are_those_that_pythons_writer_wrote(tmp_path):
    rows = [["a", ""], ["", ""], ['"', "\t"], ["\n\n", "x\ty"], [" a ", "'b'"], ["\u2028", "\r"]]
    for delimiter in ",;\t|":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
            writer = io.StringIO(newline="")
            csv.writer(writer, delimiter=delimiter, quoting=quoting).writerows(rows)
            content = writer.getvalue().encode()
            assert [cells for _, cells in quoted(tmp_path, content, delimiter)] == rows


def test_cells_without_quotes_are_cut_at_each_delimiter(tmp_path):
    path = write(tmp_path, b'"a;b";\n;;c\n')
    assert list(read_cells(path, delimiter=";")) == [(1, ['"a', 'b"', ""]), (2, ["", "", "c"])]


# One row after another.


READERS = {
    "lines": read_lines,
    "cells": lambda path: read_cells(path, delimiter=","),
    "quoted cells": lambda path: read_quoted_cells(path, ","),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("reader", READERS)
def test_rows_come_before_what_is_wrong_further_down(tmp_path, reader, encoding, packed):
    content = "".join(f"{i},a row\n" for i in range(1, 5003)).encode(encoding) + b"\0\0\0\0"
    path = write(tmp_path, gzip.compress(content) if packed else content, encoding)
    rows = READERS[reader](path)
    assert [next(rows)[0] for _ in range(3)] == [1, 2, 3]
    last = None
    with pytest.raises(InputError, match=r"rows\.tsv:5003: a NUL byte"):
        for number, _ in rows:
            last = number
    assert last == 5002


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_holds_a_large_file_in_memory(tmp_path, reader, encoding):
    content = (("a" * 49_999 + "\n") * 211).encode(encoding)  # 10 MB, or 20
    path = write(tmp_path, gzip.compress(content, 1), encoding)
    tracemalloc.start()
    try:
        assert sum(1 for _ in READERS[reader](path)) == 211
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
