"""Download a file: with progress, going on where an earlier attempt broke off, and checked."""

import logging
import os
import time
from typing import Optional

import requests
from tqdm import tqdm

from finetune.util.errors import InputError
from finetune.util.files import sha256_of

_log = logging.getLogger(__name__)

_BLOCK = 1 << 16  # bytes
_RETRIED = (408, 429)  # Request timeout, too many requests: another attempt may do


class _Broken(Exception):
    """An attempt failed in a way that another one may mend."""


def download(
    url: str,
    target: str,
    *,
    sha256: Optional[str] = None,
    timeout_secs: float = 30.0,
    attempts: int = 5,
    pause_secs: float = 2.0,
) -> None:
    """Downloads `url` to `target`.

    What has come stands in `target` + ".part" until it is complete, and a later attempt, also of a
    later run, asks for the rest alone.

    Args:
      url: What to download.
      target: The file to make.
      sha256: What its SHA-256 must be, in hexadecimal; None if what it holds is checked later.
      timeout_secs: How long the server may be silent.
      attempts: Tries in all.
      pause_secs: Pause between two tries.

    Raises:
      InputError: The server has no such file, all attempts broke off, or the hash is another.
    """
    part = target + ".part"
    for attempt in range(1, attempts + 1):
        try:
            _attempt(url, part, timeout_secs)
            break
        except (_Broken, requests.RequestException) as error:
            reason = str(error).split("\n")[0]
        if attempt == attempts:
            kept = f" What has come is kept in {part}: the same command goes on from there."
            raise InputError(
                f"{url}: the download broke off {attempts} times, the last time: {reason}."
                + (kept if os.path.exists(part) else " Check the network, and try again.")
            )
        _log.info("%s; trying again (%d of %d)", reason, attempt + 1, attempts)
        time.sleep(pause_secs)
    if sha256 is not None:
        _check_hash(url, part, sha256)
    os.replace(part, target)


def _attempt(url: str, part: str, timeout_secs: float) -> None:
    have = os.path.getsize(part) if os.path.exists(part) else 0
    # Not compressed on the way, so that lengths and ranges are those of the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=timeout_secs) as response:
        if response.status_code == 416:  # Nothing after what is there: it is no part of this file.
            os.remove(part)
            raise _Broken("the server has no such range; starting over")
        if response.status_code == 206 and not _starts_at(response, have):
            os.remove(part)
            raise _Broken("the server sent another range than asked for; starting over")
        if 400 <= response.status_code < 500 and response.status_code not in _RETRIED:
            raise InputError(f"{url}: the server says {response.status_code} {response.reason}.")
        response.raise_for_status()
        start = have if response.status_code == 206 else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        _receive(response, part, start, total)
    size = os.path.getsize(part)
    if total is not None and size != total:
        raise _Broken(f"{size} of {total} bytes came")


def _starts_at(response: requests.Response, have: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _receive(response: requests.Response, part: str, start: int, total: Optional[int]) -> None:
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, disable=None, leave=False)
    with open(part, "ab" if start else "wb") as writer, bar:
        for block in response.iter_content(_BLOCK):
            writer.write(block)
            bar.update(len(block))


def _check_hash(url: str, part: str, sha256: str) -> None:
    found = sha256_of(part)
    if found != sha256:
        os.remove(part)
        raise InputError(
            f"{url}: wrong bytes came (SHA-256 {found}, expected {sha256}); they are removed. Try "
            "again, and if it comes again, do not use this source."
        )
