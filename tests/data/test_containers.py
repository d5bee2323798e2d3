"""Compressed files, archives, and files that are not text, recognised by their first bytes."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile

import pytest

from finetune.data.containers import name_of_data
from finetune.data.lines import DataPath, read_lines
from finetune.data.split_files import find_file
from finetune.tasks.classification.readers import TextFormat, resolve_format
from finetune.util.errors import InputError
from tests.support.files import write, write_data
from tests.tasks.classification import reading as texts
from tests.tasks.tagging import reading as tags

TABLE = b"text,label\ngood,pos\nbad,neg\n"
TAGGED = b'{"text": "Anna", "entities": [[0, 4, "PER"]]}\n'


def zipped(**files):
    """Returns a zip archive that contains the given files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


PACKED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zip": lambda data: zipped(a=data),
    "zip with a folder": lambda data: zipped(**{"data/": b"", "data/a": data}),
    "zip made by macOS": lambda data: zipped(
        **{"__MACOSX/._a": b"\0", ".DS_Store": b"\0", "a": data}
    ),
    "tar": lambda data: tarred(a=data),
    "tar.gz": lambda data: gzip.compress(tarred(**{"./a": data})),
    "tar.xz": lambda data: lzma.compress(tarred(**{"._a": b"\0", "a": data})),
    "gzip in zip": lambda data: zipped(**{"a.gz": gzip.compress(data)}),
    "zip in gzip": lambda data: gzip.compress(zipped(a=data)),
    "two parts": lambda data: bz2.compress(data[:7]) + bz2.compress(data[7:]),
}


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a"])
@pytest.mark.parametrize("container", PACKED)
def test_containers_are_recognised_by_their_bytes_whatever_the_name(tmp_path, container, name):
    path = write_data(tmp_path / name, PACKED[container](TABLE))
    assert list(read_lines(path)) == [(1, "text,label"), (2, "good,pos"), (3, "bad,neg")]


@pytest.mark.parametrize("container", PACKED)
def test_both_tasks_read_every_container(tmp_path, container):
    pack = PACKED[container]
    assert texts.labelled(texts.read(tmp_path, pack(TABLE), "a.csv")) == texts.GOOD_BAD
    assert tags.tagged(tags.read(tmp_path, pack(TAGGED), "a.txt")) == ["Anna/B-PER"]


def name_of_case(value):
    """Names a parameter in a test's name; archives contain the time, which must not be in it."""
    return value if isinstance(value, str) else "content"


def test_encoding_is_that_of_the_text_in_a_container(tmp_path):
    path = write_data(tmp_path / "a.zip", zipped(a="caf\u00e9\nb".encode("utf-16")), "utf-16")
    assert list(read_lines(path)) == [(1, "caf\u00e9"), (2, "b")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train.csv", b"a", "train.csv"),
        ("train.csv.bz2", bz2.compress(b"a"), "train.csv"),
        ("Train.CSV.XZ", lzma.compress(b"a"), "Train.CSV"),
        ("train.csv.gz", b"not compressed", "train.csv"),
        ("train.zip", zipped(**{"x/reviews.tsv": b"a"}), "reviews.tsv"),
        ("train.tsv.zip", zipped(data=b"a"), "train.tsv"),
        ("train.zip", zipped(**{"a.jsonl.gz": gzip.compress(b"a")}), "a.jsonl"),
        ("train.tgz", gzip.compress(tarred(**{"a.json": b"a"})), "a.json"),
        ("train.csv.tar.gz", gzip.compress(tarred(data=b"a")), "train.csv"),
        ("train.csv.gz", gzip.compress(b"a")[:5], "train.csv"),
    ],
    ids=name_of_case,
)
def test_name_of_the_data_decides_about_its_form(tmp_path, name, content, expected):
    assert name_of_data(str(write(tmp_path / name, content))) == expected
    assert name_of_data(str(tmp_path / "missing.csv.gz")) == "missing.csv"
    assert name_of_data("-") == "-"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(), r"a\.csv: an archive without a file; expected one file of data"),
        (zipped(**{"__MACOSX/._a": b"", "b/": b""}), r"a\.csv: an archive without a file"),
        (tarred(), r"a\.csv: the file is empty|NUL byte"),
        (
            zipped(**{"dev.csv": b"", "train.csv": TABLE}),
            r"a\.csv: an archive with 2 files \(dev\.csv, train\.csv\); expected one\. Extract",
        ),
        (tarred(a=b"", b=b""), r"a\.csv: an archive with 2 files \(a, b\); expected one"),
        (
            zipped(**dict.fromkeys("abcdefg", b"")),
            r"an archive with 7 files \(a, b, c, d, e, …\)",
        ),
        (zipped(**{"xl/workbook.xml": b""}), r"the file is an Excel workbook \(\.xlsx\); expected"),
        (zipped(**{"xl/workbook.bin": b""}), r"the file is an Excel workbook"),
        (zipped(**{"word/document.xml": b""}), r"the file is a Word document"),
        (zipped(mimetype=b"", **{"content.xml": b""}), r"the file is an OpenDocument file"),
        (zipped(**{"a.xlsx": zipped(**{"xl/workbook.xml": b""})}), r"is an Excel workbook"),
        (zipped(**{"x.npy": b"", "y.npy": b""}), r"the file is NumPy arrays"),
    ],
    ids=name_of_case,
)
def test_archive_that_is_not_one_text_is_an_error(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        list(read_lines(write_data(tmp_path / "a.csv", content)))


def test_encrypted_zip_is_an_error(tmp_path):
    # Bit 0 of the flags marks an encrypted file: APPNOTE.TXT 4.4.4, at offset 6 of the local header
    # and at offset 8 of the entry in the central directory.
    content = bytearray(zipped(**{"a.csv": TABLE}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match=r"is an encrypted zip archive; .* `unzip /.*/a\.zip`"):
        list(read_lines(write_data(tmp_path / "a.zip", bytes(content))))


def test_zip_with_an_unknown_compression_is_an_error(tmp_path):
    # The method is at offset 8 of the local header and 10 of the entry in the directory; 9 is
    # Deflate64, which Windows uses for files above 2 GB.
    content = bytearray(zipped(**{"a.csv": TABLE}))
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 9
    with pytest.raises(InputError, match=r"a compression method that Python lacks; .* `unzip "):
        list(read_lines(write_data(tmp_path / "a.zip", bytes(content))))


LINES = b"".join(b"row %d\n" % i for i in range(7))


@pytest.mark.parametrize("kind", ["bzip2", "xz", "zip", "gzip"])
@pytest.mark.parametrize("kept", [-1, 20, 14])
def test_truncated_container_is_an_error(tmp_path, kind, kept):
    path = write_data(tmp_path / "a.csv", PACKED[kind](LINES)[:kept])
    with pytest.raises(InputError, match=rf"a\.csv:\d: the {kind} file is damaged or truncated"):
        list(read_lines(path))


@pytest.mark.parametrize("kind", ["bzip2", "xz", "zip"])
def test_damaged_container_is_an_error(tmp_path, kind):
    content = bytearray(PACKED[kind](LINES))
    for i in range(34, 40):
        content[i] ^= 0xFF
    with pytest.raises(InputError, match=rf"a\.csv:\d: the {kind} file is damaged or truncated"):
        list(read_lines(write_data(tmp_path / "a.csv", bytes(content))))


def test_truncated_tar_is_an_error(tmp_path):
    path = write_data(tmp_path / "a.csv", tarred(a=b"x" * 2000)[:700])
    with pytest.raises(InputError, match=r"a\.csv:1: the tar file is damaged or truncated"):
        list(read_lines(path))


# The first bytes are those that the specifications of the formats give.
@pytest.mark.parametrize(
    ("first_bytes", "found", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook", "Save it as CSV in UTF-8"),
        (b"PAR1\x15\x04\x15", "a Parquet file", "pandas.read_parquet"),
        (b"ARROW1\0\0\xff\xff", "a Feather or Arrow file", "pandas.read_feather"),
        (b"\xff\xff\xff\xff\x10\x02", "an Arrow stream", "datasets.Dataset.from_file"),
        (b"SQLite format 3\0\x10", "an SQLite database", "sqlite3 -header -csv"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file", "pandas.read_hdf"),
        (b"\x80\x04\x95\x1c", "a Python pickle", "pandas.read_pickle"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a",
            "a pointer of Git LFS",
            "git",
        ),
        (b"%PDF-1.7\n", "a PDF document", "Save its text"),
        (b"<stata_dta><header>", "a Stata file", "pandas.read_stata"),
        (b"$FL2@(#) SPSS DATA FILE", "an SPSS file", "pandas.read_spss"),
        (b"ORC\x08\x03", "an ORC file", "pandas.read_orc"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file", "as CSV"),
        (b"\x85\0\0\0\0\0\0\0\xab\xcd\xef\x01\n\x82\x01", "a TFRecord file", "made from"),
        (b"\x93NUMPY\x01\0v\0", "a NumPy array (.npy)", "as CSV"),
        (b"X\n\0\0\0\x03", "R data", "write.csv"),
        (b"RDX3\nX\n", "R data", "write.csv"),
        (b"\x89PNG\r\n\x1a\n", "an image", "file of texts"),
        (b"{\\rtf1\\ansi", "an RTF document", "Save its text"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive", "7z x"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unrar x"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd", "zstd -d"),
        (b"\x04\x22\x4d\x18", "compressed with LZ4", "lz4 -d"),
        (b"\x1f\x9d\x90", "compressed with compress", "gunzip"),
        # The start of a file that spaCy 3.8's DocBin.to_disk wrote
        (
            bytes.fromhex("789ceb5c5e965a549c999fb7d840cf706962494951f15c47"),
            "spaCy's binary training data",
            "DocBin().from_disk",
        ),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_other_formats_are_named_with_a_way_to_convert_them(
    tmp_path, first_bytes, found, hint, pack
):
    for encoding in ("utf-8", "latin-1", "utf-16"):
        path = write_data(tmp_path / "my data.csv", pack(first_bytes + b"\0" * 600), encoding)
        with pytest.raises(InputError) as caught:
            list(read_lines(path))
        message = str(caught.value)
        assert message.startswith(f"{path}: the file is {found}")
        assert hint in message
        assert "\n" not in message
        assert "{" not in message.replace("{\\rtf", "")
        assert "`" not in message or f"'{path}'" in message


@pytest.mark.parametrize(
    "text",
    ["PAR1 is a text", "BZh is no compression", "Rar! he said", "x\u0153", "7z", "PK", "ORC"],
)
def test_texts_that_resemble_the_marks_are_texts(tmp_path, text):
    assert list(read_lines(write_data(tmp_path / "a.txt", text))) == [(1, text)]
    path = write_data(tmp_path / "b.txt", text.encode("cp1252"), "cp1252")
    assert list(read_lines(path)) == [(1, text)]


@pytest.mark.parametrize("container", ["bzip2", "xz"])
def test_standard_input_can_be_compressed_but_not_an_archive(tmp_path, container):
    code = "from finetune.data.lines import read_lines; print(list(read_lines('-')))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=PACKED[container](b"a\nb\n"), capture_output=True)
    assert done.stdout.strip() == b"[(1, 'a'), (2, 'b')]"
    done = subprocess.run(command, input=PACKED["zip"](b"a\nb\n"), capture_output=True)
    assert b"-: found a zip archive, which cannot be read from a pipe" in done.stderr


def test_file_that_is_compressed_twice(tmp_path):
    content = gzip.compress(gzip.compress(b"text,label\na,pos\n"))
    path = write_data(tmp_path / "a.csv.gz", content)
    assert [text for _, text in read_lines(path)] == ["text,label", "a,pos"]


def test_archives_in_a_data_folder_are_found_unless_there_is_a_file(tmp_path):
    data_dir = str(tmp_path)
    for name in ("train.zip", "train.csv.bz2", "train.csv"):
        (tmp_path / name).write_bytes(b"")
    assert find_file(data_dir, "train", [".csv"]) == os.path.join(data_dir, "train.csv")
    (tmp_path / "train.csv").unlink()
    with pytest.raises(InputError, match=r"train\.zip and .*train\.csv\.bz2: both contain train"):
        find_file(data_dir, "train", [".csv"])
    (tmp_path / "train.zip").unlink()
    assert find_file(data_dir, "train", [".csv"]) == os.path.join(data_dir, "train.csv.bz2")


@pytest.mark.parametrize(
    "name", ["train.zip", "train.csv.zip", "train.tar.gz", "train.csv.tar.xz", "train.TGZ"]
)
def test_usual_names_of_archives_are_found(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_file(str(tmp_path), "train", [".csv"]) == str(tmp_path / name)


def test_form_is_that_of_the_file_in_an_archive(tmp_path):
    path = DataPath(str(write(tmp_path / "train.zip", zipped(**{"a.csv": TABLE}))))
    assert resolve_format(path, TextFormat()).columns.label == "label"


def test_command_that_converts_a_file_writes_to_a_different_one(tmp_path):
    for name, target in (("a.parquet", "a.csv"), ("a.csv", "a-converted.csv"), ("a", "a.csv")):
        path = write_data(tmp_path / name, b"PAR1\x15\x04")
        with pytest.raises(InputError, match=rf" {path} {tmp_path}/{target}`\.$"):
            list(read_lines(path))
