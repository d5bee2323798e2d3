"""prepare_model.py with a zip or tar archive."""

import os
import shutil
import tarfile
import types
import zipfile

import pytest

from tests.support.installs import (
    GOOGLE_FILES,
    INSTALLED,
    assert_rejected,
    assert_same_weights,
    change_byte,
    contents,
    names_in,
    prepare,
    released_layout,
    weights_in,
    write_zip,
)


def test_zip_in_google_layout_is_installed(source, arrays, model_dir, tmp_path):
    archive = write_zip(tmp_path / "uncased.zip", released_layout(source))
    prepare(archive, model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    assert archive.exists()  # The archive is the user's file.


def test_zip_without_a_folder_is_installed(source, arrays, model_dir, tmp_path):
    files = {name: source / name for name in GOOGLE_FILES}
    prepare(write_zip(tmp_path / "model.zip", files, zipfile.ZIP_STORED), model_dir)
    assert_same_weights(weights_in(model_dir), arrays)


def test_zip_cannot_write_outside_its_target(source, arrays, tmp_path):
    evil = {
        "../../evil": b"!",
        "../../vocab.txt": b"!",
        "../../../model_dir/evil": b"!",
        str(tmp_path / "absolute" / "vocab.txt"): b"!",
    }
    root = tmp_path / "below" / "further"
    root.mkdir(parents=True)
    archive = write_zip(root / "model.zip", {**released_layout(source), **evil})
    shutil.rmtree(source)
    prepare(archive, root / "model_dir")
    expected = ["model.zip", *(f"model_dir/{name}" for name in INSTALLED)]
    assert sorted(contents(tmp_path)) == sorted(f"below/further/{name}" for name in expected)
    assert_same_weights(weights_in(root / "model_dir"), arrays)


def test_truncated_zip_is_rejected(source, model_dir, tmp_path):
    archive = write_zip(tmp_path / "model.zip", released_layout(source))
    os.truncate(archive, archive.stat().st_size // 2)
    assert_rejected(
        archive, model_dir, r"model\.zip: the zip archive cannot be unpacked \(File is not a"
    )


def set_in_headers(path, offset_local, offset_central, value):
    """Sets one byte of each member's headers (.ZIP format, APPNOTE.TXT, 4.3.7 and 4.3.12)."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", offset_local), (b"PK\x01\x02", offset_central)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] = value
            at = data.find(signature, at + 4)
    path.write_bytes(data)


def scramble_weights(path):
    """Overwrites the middle of the largest member, which makes its deflated stream malformed."""
    with zipfile.ZipFile(path) as zipped:
        member = max(zipped.infolist(), key=lambda m: m.compress_size)
    data = bytearray(path.read_bytes())
    middle = member.header_offset + member.compress_size // 2
    data[middle : middle + 1009] = b"\xff" * 1009
    path.write_bytes(data)


def change_stored_weights(path):
    with zipfile.ZipFile(path) as zipped:
        member = max(zipped.infolist(), key=lambda m: m.file_size)
    change_byte(path, member.header_offset + member.file_size // 2)


@pytest.mark.parametrize(
    ("compression", "damage"),
    [
        (zipfile.ZIP_STORED, change_stored_weights),
        (zipfile.ZIP_LZMA, scramble_weights),
        (zipfile.ZIP_BZIP2, scramble_weights),
        (zipfile.ZIP_DEFLATED, scramble_weights),
        # Method 9 is Deflate64, which Windows uses for large files; Python cannot read it.
        (zipfile.ZIP_DEFLATED, lambda path: set_in_headers(path, 8, 10, 9)),
        # Bit 0 of the flags: encrypted.
        (zipfile.ZIP_DEFLATED, lambda path: set_in_headers(path, 6, 8, 1)),
    ],
    ids=[
        "wrong checksum",
        "malformed LZMA",
        "malformed bzip2",
        "malformed stream",
        "unknown compression",
        "encrypted",
    ],
)
def test_zip_that_cannot_be_unpacked_is_rejected(source, model_dir, tmp_path, compression, damage):
    archive = write_zip(tmp_path / "model.zip", released_layout(source), compression)
    damage(archive)
    assert_rejected(archive, model_dir, r"model\.zip: ")


def test_zip_without_a_model_is_rejected(model_dir, tmp_path):
    archive = write_zip(tmp_path / "model.zip", {"notes.txt": b"Nothing."})
    assert_rejected(archive, model_dir, r"model\.zip: contains neither .*; found nothing")


def write_tar(path, folder, mode):
    with tarfile.open(path, mode) as tar:
        for name in GOOGLE_FILES:
            tar.add(folder / name, f"uncased/{name}")
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_archive_is_installed(source, arrays, model_dir, tmp_path, mode):
    prepare(write_tar(tmp_path / "model.tar", source, mode), model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("end", [3, 700, "half", "garbage"])
def test_damaged_tar_archive_is_rejected_in_one_line(source, model_dir, tmp_path, mode, end):
    archive = write_tar(tmp_path / "model.tar", source, mode)
    half = archive.stat().st_size // 2
    if end == "garbage":
        data = archive.read_bytes()
        archive.write_bytes(data[:half] + b"\xff" * 1009 + data[half + 1009 :])
    else:
        os.truncate(archive, half if end == "half" else end)
    message = assert_rejected(archive, model_dir, r"model\.tar: |source|bert_model\.ckpt: ")
    assert len(message.splitlines()) == 1


def test_links_in_a_tar_archive_are_not_followed(source, model_dir, tmp_path):
    archive = write_tar(tmp_path / "model.tar", source, "w")
    with tarfile.open(archive, "a") as tar:
        link = tarfile.TarInfo("vocab.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    prepare(archive, model_dir)
    assert (model_dir / "vocab.txt").read_bytes() == (source / "vocab.txt").read_bytes()


def test_nothing_is_unpacked_or_copied_without_enough_free_space(
    source, model_dir, tmp_path, monkeypatch
):
    archive = write_zip(tmp_path / "model.zip", released_layout(source))
    usage = types.SimpleNamespace(total=10**9, used=0, free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    assert_rejected(archive, model_dir, r"unpacking \S+model\.zip needs 0\.\d MB, but only 0\.0 MB")
    assert_rejected(source, model_dir, r"copying the model of \S+source needs 0\.\d MB, but only")
