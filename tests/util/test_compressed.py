"""Recognising compressed files and archives by their first bytes."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from finetune.util import compressed


def tar(mode="w"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return stream.getvalue()


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"text"), "gzip"),
        (gzip.compress(b""), "gzip"),
        (tar("w:gz"), "gzip"),
        (bz2.compress(b"text", 1), "bzip2"),
        (bz2.compress(b""), "bzip2"),
        (lzma.compress(b"text"), "xz"),
        (lzma.compress(b"text", format=lzma.FORMAT_ALONE), "xz"),
        (zipped("a.txt"), "zip"),
        (zipped(), "zip"),
        (tar(), "tar"),
        (b"", None),
        (b"text", None),
        (b"BZh9 is a word", None),
        (b"PK is one, too", None),
        (b" " * 256 + b"ustar", None),
    ],
    # Compressed bytes contain the time, but each process must know the same tests.
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,
)
def test_kind_is_recognised(content, kind):
    assert compressed.kind_of(content[: compressed.HEAD]) == kind
