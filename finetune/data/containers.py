"""Open data files that can be compressed or archived, as their first bytes say."""

import bz2
import contextlib
import gzip
import lzma
import os
import tarfile
import zipfile
from typing import IO, Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from finetune.data import file_kinds
from finetune.data.data_path import StreamPath, is_stream
from finetune.util import compressed
from finetune.util.errors import InputError
from finetune.util.files import check_not_special

# Extensions of compressed files, and of archives that contain one file.
COMPRESSED = (".gz", ".bz2", ".xz", ".lzma")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz")

_MAX_LAYERS = 4  # For example, a gzip file in a tar archive in a gzip file: three

# A binary file with `peek`, which typing.IO lacks.
Reader = Any


class DamagedFile(Exception):
    """A compressed file or an archive cannot be read; the message says why, without the path."""


class Contents(NamedTuple):
    """The data in a file.

    Attributes:
      reader: Reads the data, decompressed.
      name: The name of the file that contains the data: that of the file itself, or of the file in
        the archive.
      kind: The outermost container: "gzip", …; "" if there is none.
    """

    reader: Reader
    name: str
    kind: str = ""


@contextlib.contextmanager
def open_data(path: str) -> Iterator[Contents]:
    """Opens a data file, decompressed; "-" is standard input.

    Raises:
      InputError: The file is not text, or an archive that does not contain exactly one file.
      DamagedFile: A compressed file or archive is damaged. It can be raised while data is read.
      OSError: The file cannot be opened.
    """
    kind = ""
    with contextlib.ExitStack() as stack:
        contents = Contents(stack.enter_context(_open(path)), os.path.basename(path))
        try:
            for _ in range(_MAX_LAYERS):
                found = compressed.kind_of(contents.reader.peek(compressed.HEAD))
                if found is None:
                    break
                kind = kind or found
                contents = _OPEN[found](contents, path)
                stack.enter_context(contents.reader)
            file_kinds.check_text(contents.reader.peek(compressed.HEAD)[: compressed.HEAD], path)
            yield contents._replace(kind=kind)
        except (OSError, *compressed.DAMAGES) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # Not an error in the data, which gzip and bz2 raise as an OSError, too
            raise DamagedFile(
                f"the {kind} file is damaged or truncated ({error}). Copy or download it again."
            ) from error


def _open(path: str) -> Reader:
    if is_stream(path):
        opened = path if isinstance(path, StreamPath) else StreamPath.opened(path)
        return opened.reader
    check_not_special(path)
    return open(path, "rb")


def name_of_data(path: str) -> str:
    """Returns the name of the file that contains the data, without an extension of compression.

    For a plain file, this is its own name. If the file cannot be read, reading it later raises the
    error.
    """
    name = os.path.basename(path)
    try:
        if not is_stream(path) and os.path.isfile(path):
            with open_data(path) as contents:
                name = contents.name
    except (OSError, DamagedFile):
        pass
    return _without(name, COMPRESSED)


def _without(name: str, extensions: Sequence[str]) -> str:
    found = next((end for end in extensions if name.lower().endswith(end)), "")
    return name[: len(name) - len(found)]


def _stream(open_stream: Callable[[IO[bytes]], Reader]) -> Callable[[Contents, str], Contents]:
    return lambda outer, path: Contents(open_stream(outer.reader), _without(outer.name, COMPRESSED))


def _open_zip(outer: Contents, path: str) -> Contents:
    _check_file(path, "a zip archive")
    archive = zipfile.ZipFile(outer.reader)
    names = archive.namelist()
    file_kinds.check_no_document(names, path)
    name = _only_file([info.filename for info in archive.infolist() if not info.is_dir()], path)
    if archive.getinfo(name).flag_bits & 1:
        raise file_kinds.not_text(
            path, "an encrypted zip archive", "Extract it with `unzip {file}`."
        )
    try:
        reader = archive.open(name)
    except NotImplementedError as error:
        raise file_kinds.not_text(
            path,
            "a zip archive with a compression method that Python lacks",
            "Extract it with `unzip {file}`.",
        ) from error
    return Contents(reader, _name_inside(name, outer.name))


def _open_tar(outer: Contents, path: str) -> Contents:
    _check_file(path, "a tar archive")
    archive = tarfile.open(fileobj=outer.reader, mode="r:")  # noqa: SIM115  # Its reader is closed.
    members = {member.name: member for member in archive if member.isfile()}
    name = _only_file(list(members), path)
    return Contents(archive.extractfile(members[name]), _name_inside(name, outer.name))


def _check_file(path: str, what: str) -> None:
    if is_stream(path):
        raise InputError(
            f"{path}: found {what}, which cannot be read from a pipe; save it as a file."
        )


def _only_file(names: Sequence[str], path: str) -> str:
    """Returns the only file of an archive; macOS adds files with attributes, which do not count."""
    files = [name for name in names if not _is_hidden(name)]
    if len(files) == 1:
        return files[0]
    if not files:
        raise InputError(f"{path}: an archive without a file; expected one file of data in it.")
    listing = ", ".join(sorted(files)[:5]) + (", …" if len(files) > 5 else "")
    raise InputError(
        f"{path}: an archive with {len(files)} files ({listing}); expected one. Extract the "
        "archive and specify the files, for example with --train_file, or their folder with "
        "--data_dir."
    )


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or os.path.basename(name).startswith(".")


def _name_inside(name: str, outer: str) -> str:
    name = _without(os.path.basename(name), COMPRESSED)
    return name if os.path.splitext(name)[1] else _without(outer, ARCHIVES)


_OPEN: Mapping[str, Callable[[Contents, str], Contents]] = {
    "gzip": _stream(lambda raw: gzip.GzipFile(fileobj=raw, mode="rb")),
    "bzip2": _stream(bz2.BZ2File),
    "xz": _stream(lzma.LZMAFile),
    "zip": _open_zip,
    "tar": _open_tar,
}
