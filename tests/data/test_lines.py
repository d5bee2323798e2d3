"""Lines of text files: encodings, compression, blank lines, and errors with file and line."""

import gzip

import pytest

from finetune.data.lines import DataPath, read_lines
from finetune.data.tables import read_tsv
from finetune.util.errors import InputError
from tests.support.files import write_data


def test_byte_order_mark_crlf_and_missing_final_line_end_are_accepted(tmp_path):
    path = write_data(tmp_path / "rows.tsv", b"\xef\xbb\xbflabel\ttext\r\na\tone\r\nb\ttwo")
    assert list(read_tsv(path)) == [{"label": "a", "text": "one"}, {"label": "b", "text": "two"}]


def test_unicode_line_separators_and_lone_cr_do_not_end_a_line(tmp_path):
    text = "a\u2028b\x0bc\x85d\re"
    path = write_data(tmp_path / "rows.tsv", f"{text}\nnext\n".encode())
    assert list(read_lines(path)) == [(1, text), (2, "next")]


def test_error_names_a_missing_file_or_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read: No such file"):
        list(read_tsv(str(tmp_path / "none.tsv")))
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        list(read_tsv(str(tmp_path)))


@pytest.mark.parametrize(
    ("blank", "expected"),
    [
        ("skip", [(2, "a"), (5, "b")]),
        ("inner", [(1, ""), (2, "a"), (3, ""), (4, ""), (5, "b")]),
        ("all", [(1, ""), (2, "a"), (3, ""), (4, ""), (5, "b"), (6, ""), (7, "")]),
    ],
)
def test_blank_lines_are_counted_and_yielded_on_request(tmp_path, blank, expected):
    path = write_data(tmp_path / "rows.tsv", b"\na\r\n\r\n\nb\n\n\r\n")
    assert list(read_lines(path, blank)) == expected


def test_a_line_of_spaces_is_not_blank(tmp_path):
    assert list(read_lines(write_data(tmp_path / "rows.tsv", b" \n\t\n"))) == [(1, " "), (2, "\t")]


# Encodings: the bytes come from the Unicode Consortium's mapping tables.


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("latin-1", b"caf\xe9 \xa4 \x85\nb\n", "caf\u00e9 \u00a4 \x85"),
        ("cp1252", b"caf\xe9 \x80\x93\r\nb\r\n", "caf\u00e9 \u20ac\u201c"),
        ("shift_jis", b"\x83\x5c\x93\xfa\nb", "\u30bd\u65e5"),  # 0x5c is ASCII's backslash.
        ("utf-16", b"\xff\xfe\xe9\x00\x0a\x4e\n\x00b\x00", "\u00e9\u4e0a"),
        ("utf-16", b"\xfe\xff\x00\xe9\x4e\x0a\x00\r\x00\n\x00b", "\u00e9\u4e0a"),
        ("utf-16-le", b"\xff\xfe\xe9\x00\n\x00b\x00", "\u00e9"),
        ("utf-32", b"\xff\xfe\x00\x00\xe9\x00\x00\x00\n\x00\x00\x00b\x00\x00\x00", "\u00e9"),
        ("utf-8-sig", b"\xef\xbb\xbf\xc3\xa9\nb\n", "\u00e9"),
        ("utf-8", b"\xef\xbb\xbf\xef\xbb\xbfa\nb\n", "\ufeffa"),  # Only one mark is dropped.
    ],
)
def test_files_are_read_in_the_encoding_of_their_data_path(tmp_path, encoding, content, text):
    path = write_data(tmp_path / "rows.tsv", content, encoding)
    assert list(read_lines(path)) == [(1, text), (2, "b")]
    zipped = DataPath.of(f"{path}.gz", encoding)
    with gzip.open(zipped, "wb") as writer:
        writer.write(content)
    assert list(read_lines(zipped)) == [(1, text), (2, "b")]


def test_a_data_path_is_a_string_and_other_paths_are_utf_8(tmp_path):
    path = write_data(tmp_path / "rows.tsv", b"text\ncaf\xe9\n", "latin-1")
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
        # Windows' "Unicode" without a byte order mark; the start of a zip archive
        ("utf-8", "text\n".encode("utf-16-le"), r":1: a NUL byte at position 2.*utf-16"),
        ("utf-8", b"PK\x03\x04\x14\x00\x06\x00", r":1: the zip file is damaged"),
    ],
)
def test_undecodable_bytes_raise_an_error_with_their_place(tmp_path, encoding, content, message):
    with pytest.raises(InputError, match=r"rows\.tsv" + message):
        list(read_lines(write_data(tmp_path / "rows.tsv", content, encoding)))


def test_a_lone_surrogate_in_utf_16_raises_an_error_with_its_line(tmp_path):
    rows = "".join(f"row {i}\n" for i in range(1, 54)).encode("utf-16")
    path = write_data(tmp_path / "rows.tsv", rows + b"\x00\xd8a\x00\n\x00", "utf-16")
    with pytest.raises(InputError, match=r"rows\.tsv:54: "):
        list(read_lines(path))


# Compressed files


@pytest.mark.parametrize("name", ["rows.tsv.gz", "rows.tsv", "rows"])
def test_compressed_files_are_recognised_by_their_bytes(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"text\none\n") + gzip.compress(b"two\n"))
    assert [row["text"] for row in read_tsv(str(path))] == ["one", "two"]


def test_a_damaged_compressed_file_raises_an_error_with_its_line(tmp_path):
    content = b"".join(b"row %d\n" % i for i in range(7))
    packed = gzip.compress(content)
    for damaged in (packed[:-1], packed[:-8] + b"\0" * 8, packed + b"junk"):
        rows = read_lines(write_data(tmp_path / "rows.tsv", damaged))
        with pytest.raises(InputError, match=r"rows\.tsv:8: the gzip file is damaged or truncated"):
            list(rows)
    for damaged in (packed[:2], packed[:12], packed[:10] + b"\xff" * 20):
        with pytest.raises(InputError, match=r"rows\.tsv:1: the gzip file is damaged or truncated"):
            list(read_lines(write_data(tmp_path / "rows.tsv", damaged)))
    with pytest.raises(InputError, match=r"rows\.tsv: the file is empty"):
        list(read_lines(write_data(tmp_path / "rows.tsv", gzip.compress(b""))))
