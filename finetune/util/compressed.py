"""Recognise compressed files and archives by their first bytes, and errors in them."""

import lzma
import re
import tarfile
import zipfile
import zlib
from typing import Optional

HEAD = 512  # How many of the first bytes are needed: tar's mark starts at byte 257.

_MARKS = {
    "gzip": rb"\x1f\x8b",
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",  # With or without data
    "xz": rb"\xfd7zXZ\0|\]\0\0[\0-\x80]",  # The second is of the older format, .lzma
    "zip": rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
    "tar": rb"[\s\S]{257}ustar",
}

# The errors of reading a damaged file. gzip and bz2 also raise OSError, without an error number.
DAMAGES = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)


def kind_of(first_bytes: bytes) -> Optional[str]:
    """Returns how a file is compressed or archived: "gzip", "bzip2", "xz", "zip", "tar" or None."""
    return next((kind for kind, mark in _MARKS.items() if re.match(mark, first_bytes)), None)
