"""Recognise files that contain no text by their first bytes, with how to convert each."""

import contextlib
import os
import re
import shlex
import zlib
from typing import Callable, Collection, NamedTuple, Sequence

from finetune.util.errors import InputError

HDF5 = b"\x89HDF\r\n\x1a\n"
_SAVE_AS_CSV = "Save it as CSV in UTF-8 in a spreadsheet program, and use that file."
_SAVE_AS_TEXT = "Save its text as a text file or CSV in UTF-8, and use that file."


class _Kind(NamedTuple):
    """A kind of file that is not text.

    Attributes:
      name: Its name in messages.
      first_bytes: A pattern that its first bytes match.
      hint: What to do; `{file}` stands for the quoted path, `{stem}` for the path without its
        extension.
    """

    name: str
    first_bytes: bytes
    hint: str


def _by_pandas(reader: str) -> str:
    code = f"import pandas, sys; pandas.{reader}(sys.argv[1]).to_csv(sys.argv[2], index=False)"
    return f'Convert it, for example with `python -c "{code}" {{file}} {{stem}}.csv`.'


_SPACY_CODE = (
    "import json, spacy, sys; from spacy.tokens import DocBin; docs = "
    "DocBin().from_disk(sys.argv[1]).get_docs(spacy.blank('xx').vocab); "
    "[print(json.dumps(doc.to_json())) for doc in docs]"
)

_KINDS: Sequence[_Kind] = (
    _Kind(
        "an old Excel workbook (.xls), a password-protected one, or a Word document",
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        _SAVE_AS_CSV,
    ),
    _Kind("a Parquet file", rb"PAR1\x15|PARE", _by_pandas("read_parquet")),
    _Kind("a Feather or Arrow file", rb"ARROW1\0", _by_pandas("read_feather")),
    _Kind(
        "an Arrow stream, as Hugging Face datasets saves it",
        rb"\xff\xff\xff\xff",
        'Convert it, for example with `python -c "import datasets, sys; '
        'datasets.Dataset.from_file(sys.argv[1]).to_csv(sys.argv[2])" {file} {stem}.csv`.',
    ),
    _Kind(
        "an SQLite database",
        rb"SQLite format 3\0",
        "Export a table, for example with `sqlite3 -header -csv {file} 'select * from TABLE' > "
        "{stem}.csv`.",
    ),
    _Kind("an HDF5 file", re.escape(HDF5), _by_pandas("read_hdf")),
    _Kind("a Python pickle", rb"\x80[\x02-\x05]", _by_pandas("read_pickle")),
    _Kind(
        "spaCy's binary training data (.spacy)",
        rb"[\x80-\x8f][\xa5\xa7](?:version|attrs)",
        f'Convert it where spaCy is installed: `python -c "{_SPACY_CODE}" {{file}} > '
        "{stem}.jsonl`.",
    ),
    _Kind(
        "a pointer of Git LFS",
        rb"version https://git-lfs\.github\.com/",
        "Fetch the file itself with `git lfs pull --include {file}`.",
    ),
    _Kind("a Stata file", rb"<stata_dta>", _by_pandas("read_stata")),
    _Kind("an SPSS file", rb"\$FL[23]", _by_pandas("read_spss")),
    _Kind("an ORC file", rb"ORC[\x00-\x08\x0b\x0c\x0e-\x1f]", _by_pandas("read_orc")),
    _Kind("an Avro file", rb"Obj\x01", "Write the texts and labels as CSV."),
    _Kind(
        "a TFRecord file", rb"[\s\S]{4}\0{4}[\s\S]{4}\n", "Use the text file that it was made from."
    ),
    _Kind("a NumPy array (.npy)", rb"\x93NUMPY", "Write the texts and labels as CSV."),
    _Kind(
        "R data",
        rb"RD[AX][23]\n|X\n\0\0\0[\x02\x03]",
        "Write it as CSV in R, with write.csv.",
    ),
    _Kind("an image", rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a", "Use a file of texts."),
    _Kind("a PDF document", rb"%PDF-", _SAVE_AS_TEXT),
    _Kind("an RTF document", rb"\{\\rtf", _SAVE_AS_TEXT),
    _Kind("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", "Extract it with `7z x {file}`."),
    _Kind("a RAR archive", rb"Rar!\x1a\x07", "Extract it with `unrar x {file}`."),
    _Kind("compressed with zstd", rb"\x28\xb5\x2f\xfd", "Decompress it with `zstd -d {file}`."),
    _Kind("compressed with LZ4", rb"\x04\x22\x4d\x18", "Decompress it with `lz4 -d {file}`."),
    _Kind("compressed with compress", rb"\x1f[\x9d\xa0]", "Decompress it with `gunzip {file}`."),
)


_MARKUP = re.compile(r"\s*<(?:(!doctype html|html\b)|\?xml\b)", re.IGNORECASE)


def check_no_markup(first_line: str, path: str) -> None:
    """Raises `InputError` if a file that must be a table or lines of texts is HTML or XML."""
    found = _MARKUP.match(first_line)
    if found is None:
        return
    if found[1]:
        hint = "Was a web page saved instead of the file? Download the file itself."
        raise not_text(path, "an HTML page", hint)
    raise not_text(path, "an XML file", "Write the texts and labels as CSV or JSON lines.")


class _Document(NamedTuple):
    """A kind of document that is a zip archive.

    Attributes:
      name: Its name in messages.
      contains: Whether an archive with the given names of files is such a document.
      hint: See `_Kind`.
    """

    name: str
    contains: Callable[[Collection[str]], bool]
    hint: str


def _has_folder(folder: str) -> Callable[[Collection[str]], bool]:
    return lambda names: any(name.startswith(folder) for name in names)


_DOCUMENTS: Sequence[_Document] = (
    _Document("an Excel workbook (.xlsx)", _has_folder("xl/"), _SAVE_AS_CSV),
    _Document("a Word document (.docx)", _has_folder("word/"), _SAVE_AS_TEXT),
    _Document(
        "an OpenDocument file (.ods or .odt)",
        lambda names: {"mimetype", "content.xml"}.issubset(names),
        _SAVE_AS_CSV,
    ),
    _Document("an Apple Numbers or Pages file", _has_folder("Index/"), _SAVE_AS_CSV),
    _Document(
        "NumPy arrays (.npz)",
        lambda names: bool(names) and all(name.endswith(".npy") for name in names),
        "Write the texts and labels as CSV.",
    ),
)


def check_text(first_bytes: bytes, path: str) -> None:
    """Raises `InputError` if the first bytes of a file belong to a known format without text."""
    first_bytes = _inflated(first_bytes)
    kind = next((kind for kind in _KINDS if re.match(kind.first_bytes, first_bytes)), None)
    if kind is not None:
        raise not_text(path, kind.name, kind.hint)


def _inflated(first_bytes: bytes) -> bytes:
    """Returns the first bytes decompressed if zlib compressed them, as in spaCy's files."""
    if first_bytes.startswith(b"x\x9c"):
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj().decompress(first_bytes, 16)
    return first_bytes


def check_no_document(names: Collection[str], path: str) -> None:
    """Raises `InputError` if a zip archive with the given names is a spreadsheet or document."""
    kind = next((kind for kind in _DOCUMENTS if kind.contains(names)), None)
    if kind is not None:
        raise not_text(path, kind.name, kind.hint)


def not_text(path: str, found: str, hint: str) -> InputError:
    """Returns the error for a file that is not text; see `_Kind` for the hint."""
    stem, extension = os.path.splitext(path)
    if extension in (".csv", ".jsonl"):
        stem += "-converted"  # The command must not overwrite the file.
    command = hint.replace("{file}", shlex.quote(path)).replace("{stem}", shlex.quote(stem))
    return InputError(f"{path}: the file is {found}; expected text. {command}")
