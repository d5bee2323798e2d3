"""Reading a folder of text files for each label."""

import gzip
import os

import pytest

from finetune.data.lines import DataPath
from finetune.data.processor import SkippedRow
from finetune.tasks.classification.readers import (
    TextFormat,
    read_rows,
)
from finetune.util.errors import InputError
from tests.tasks.classification.reading import labelled


def folder(tmp_path, files):
    """Creates files in a folder from a dictionary of relative paths and contents."""
    for name, content in files.items():
        path = tmp_path / "reviews" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return DataPath(str(tmp_path / "reviews"))


def test_folders_are_labels_and_files_are_texts(tmp_path):
    # The layout of the IMDb reviews.
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
    skipped, *rows = read_rows(path, TextFormat(), need_label=True)
    assert skipped == SkippedRow(f"{path}/.git", "the name of the folder starts with a dot")
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


def test_files_in_a_folder_have_the_encoding_of_its_path(tmp_path):
    path = DataPath.of(folder(tmp_path, {"oui/1.txt": b"caf\xe9"}), "latin-1")
    assert labelled(read_rows(path, TextFormat(), need_label=True)) == [("café", "oui")]


def test_folder_to_predict_can_contain_files_without_labels(tmp_path):
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
        ({"pos/1.png": b"\x89PNG\r\n\x1a\n\0"}, r"pos/1\.png: the file is an image; expected text"),
        ({"pos/1.txt": gzip.compress(b"a")[:12]}, r"pos/1\.txt:1: the gzip file is damaged"),
    ],
)
def test_invalid_folders_raise_an_error(tmp_path, files, message):
    with pytest.raises(InputError, match=message):
        list(read_rows(folder(tmp_path, files), TextFormat(), need_label=True))


def test_file_name_that_is_not_utf_8_is_escaped(tmp_path):
    path = folder(tmp_path, {"pos/1.txt": b"a"})
    os.rename(f"{path}/pos/1.txt", os.fsencode(f"{path}/pos/") + b"caf\xe9.txt")
    (row,) = read_rows(path, TextFormat(), need_label=True)
    assert (row.name, row.text) == ("pos/caf\\xe9.txt", "a")
    assert row.where.encode().endswith(b"pos/caf\\xe9.txt")
