"""Write files completely or not at all."""

import contextlib
import hashlib
import os
import tempfile
from typing import IO, Iterator


@contextlib.contextmanager
def atomic_text(path: str) -> Iterator[IO[str]]:
    """Opens a UTF-8 file that replaces `path` once it is written and closed."""
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(dir=folder or ".", prefix=name + ".", suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as writer:
            yield writer
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    # mkstemp makes files for their owner alone; results are for whom the user's umask lets.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_of(path: str) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as reader:
        for block in iter(lambda: reader.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
