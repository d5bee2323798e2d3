"""Unpack a model from a zip or tar archive."""

import contextlib
import os
import struct
import tarfile
import zipfile
from typing import IO, Callable, ContextManager, Iterator, List, NamedTuple, Optional

from finetune.models import names, released_models
from finetune.util import compressed
from finetune.util.errors import InputError
from finetune.util.files import check_free_space

_DAMAGES = (
    *compressed.DAMAGES,
    struct.error,
    ValueError,
    OverflowError,
    RuntimeError,  # The archive is encrypted, or compressed in a way that Python cannot read.
)


class _Member(NamedTuple):
    """A file in an archive: its path there, its size in bytes, and how to read it."""

    path: str
    size: int
    open: Callable[[], ContextManager[IO[bytes]]]


def is_archive(path: str) -> bool:
    """Returns whether a file is a zip or tar archive, perhaps a damaged one, or is compressed."""
    return os.path.isfile(path) and (_mark_of(path) is not None or zipfile.is_zipfile(path))


def _is_zip(path: str) -> bool:
    # A zip archive can follow something else, for example a program that extracts it.
    return _mark_of(path) == "zip" or zipfile.is_zipfile(path)


def _mark_of(path: str) -> Optional[str]:
    with open(path, "rb") as reader:
        return compressed.kind_of(reader.read(compressed.HEAD))


def unpack(archive: str, folder: str) -> None:
    """Unpacks an archive's model files, whichever folder they are in.

    Args:
      archive: Path of the archive.
      folder: The folder to create for the files.

    Raises:
      InputError: The archive is damaged, or the disk has too little space for its files.
    """
    os.makedirs(folder)
    try:
        with _open(archive) as members:
            wanted = [member for member in members if _is_wanted(os.path.basename(member.path))]
            check_free_space(folder, sum(m.size for m in wanted), f"unpacking {archive}")
            # The outermost files come last, so that they win: subfolders can have a config.json of
            # their own.
            for member in sorted(wanted, key=lambda m: -m.path.count("/")):
                _extract(member, os.path.join(folder, os.path.basename(member.path)))
    except (OSError, *_DAMAGES) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # Not an error in the data, which gzip and bz2 raise as an OSError, too
        kind = "zip" if _is_zip(archive) else "tar"
        reason = str(error).split("\n")[0]
        raise InputError(
            f"{archive}: the {kind} archive cannot be unpacked ({reason}). If it is incomplete or "
            "damaged, copy or download it again."
        ) from error


def _is_wanted(name: str) -> bool:
    return name in released_models.FILES or name.startswith(
        (f"{names.CHECKPOINT}.", *released_models.SHARDS)
    )


@contextlib.contextmanager
def _open(archive: str) -> Iterator[List[_Member]]:
    if _is_zip(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield [_zip_member(zipped, info) for info in zipped.infolist() if not info.is_dir()]
    else:
        with tarfile.open(archive) as tar:
            yield [_tar_member(tar, info) for info in tar.getmembers() if info.isfile()]


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    return _Member(info.filename, info.file_size, lambda: zipped.open(info))


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    def open_member() -> ContextManager[IO[bytes]]:
        reader = tar.extractfile(info)
        assert reader is not None, info.name  # It is a regular file.
        return reader

    return _Member(info.name, info.size, open_member)


def _extract(member: _Member, target: str) -> None:
    with member.open() as reader, open(target, "wb") as writer:
        for block in iter(lambda: reader.read(1 << 20), b""):
            writer.write(block)
