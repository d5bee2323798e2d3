"""Download a file with progress, resume an interrupted download, and check the result."""

import contextlib
import logging
import os
import queue
import threading
import time
from typing import Any, Mapping, Optional

import requests
from tqdm import tqdm

from finetune.models import names
from finetune.util.errors import InputError
from finetune.util.files import check_free_space, sha256_of

_log = logging.getLogger(__name__)

_BLOCK_SIZE = 1 << 16  # bytes
_MAX_QUEUED_BLOCKS = 64
_POLL_SECONDS = 0.2
_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 408, 429
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


class _AttemptFailed(Exception):
    """An attempt failed, but a later one may succeed."""


def download(
    url: str,
    target: str,
    *,
    sha256: Optional[str] = None,
    timeout_secs: float = 30.0,
    attempts: int = 5,
    pause_secs: float = 2.0,
    least_rate: float = 10_000,
    room: float = 1.0,
) -> None:
    """Downloads `url` to `target`.

    Until the download is complete, the file is named `target` + ".part". A later attempt, even in a
    later run, requests only the missing bytes.

    Args:
      url: Address of the file.
      target: Path of the downloaded file.
      sha256: Expected SHA-256 in hexadecimal; None if the caller checks the content.
      timeout_secs: Maximum number of seconds without any data from the server.
      attempts: Maximum number of attempts.
      pause_secs: Seconds between attempts.
      least_rate: Bytes per second. An attempt fails if fewer arrive on average over an interval of
        twice `timeout_secs`.
      room: The free space to require before the download, as a multiple of the file's size.

    Raises:
      InputError: The server does not have the file, all attempts failed, the disk has too little
        space, or the hash differs.
    """
    part = target + names.PART
    for attempt in range(1, attempts + 1):
        try:
            _attempt(url, part, _Pace(least_rate, 2 * timeout_secs), timeout_secs, room)
            break
        except (_AttemptFailed, requests.RequestException) as error:
            reason = str(error).split("\n")[0]
        if attempt == attempts:
            raise _download_error(url, part, attempts, reason)
        _log.info("%s; trying again (%d of %d)", reason, attempt + 1, attempts)
        time.sleep(pause_secs)
    if sha256 is not None:
        _check_hash(url, part, sha256)
    os.replace(part, target)


def _download_error(url: str, part: str, attempts: int, reason: str) -> InputError:
    advice = "Check the network, and try again."
    if os.path.exists(part):
        advice = f"The part received so far is in {part}; the same command resumes the download."
    return InputError(
        f"{url}: the download failed {attempts} times; the last error was: {reason}. {advice}"
    )


def _attempt(url: str, part: str, pace: "_Pace", timeout_secs: float, room: float) -> None:
    """Downloads the bytes that `part` lacks, and appends them."""
    received = os.path.getsize(part) if os.path.exists(part) else 0
    # Without compression, so that lengths and ranges refer to the file itself.
    headers = {"Accept-Encoding": "identity"}
    if received:
        headers["Range"] = f"bytes={received}-"
    with contextlib.closing(_Transfer(url, headers, timeout_secs)) as transfer:
        response = transfer.next(pace)
        _check_response(url, response, part, received)
        start = received if response.status_code == _PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is not None:
            needed = total - start + (room - 1) * total
            check_free_space(os.path.dirname(part) or ".", needed, f"downloading {url}")
        _receive(transfer, pace, part, start, total)
    size = os.path.getsize(part)
    if total is not None and size != total:
        raise _AttemptFailed(f"received {size} of {total} bytes")


class _Pace:
    """The speed of a download, measured over intervals that follow one another."""

    def __init__(self, least_rate: float, interval_secs: float):
        self._least_rate = least_rate  # Bytes per second
        self._interval_secs = interval_secs
        self._started_at = time.monotonic()
        self._received = 0

    def add(self, num_bytes: int) -> None:
        """Counts received bytes; raises `_AttemptFailed` if there were too few in an interval."""
        self._received += num_bytes
        seconds = time.monotonic() - self._started_at
        if seconds < self._interval_secs:
            return
        if self._received < self._least_rate * seconds:
            raise _AttemptFailed(f"only {self._received} bytes arrived in {seconds:.0f} seconds")
        self._started_at, self._received = time.monotonic(), 0


class _Transfer(threading.Thread):
    """Receives a response in its own thread, so that the caller can give up at any time.

    The timeout of `requests` ends only a read without any data. A server that sends a byte a second
    can block such a read forever.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_secs: float):
        super().__init__(daemon=True)
        self._url, self._headers, self._timeout_secs = url, headers, timeout_secs
        self._items: "queue.Queue[Any]" = queue.Queue(_MAX_QUEUED_BLOCKS)
        self._closed = False
        self.start()

    def run(self) -> None:
        """Puts the response into the queue, then blocks of its body, then None or an error."""
        try:
            with requests.get(
                self._url, headers=self._headers, stream=True, timeout=self._timeout_secs
            ) as response:
                self._put(response)
                for block in response.iter_content(_BLOCK_SIZE):
                    self._put(block)
            self._put(None)
        except _Closed:
            pass
        except Exception as error:
            with contextlib.suppress(_Closed):
                self._put(error)

    def _put(self, item: Any) -> None:
        while not self._closed:
            with contextlib.suppress(queue.Full):
                return self._items.put(item, timeout=_POLL_SECONDS)
        raise _Closed

    def next(self, pace: _Pace) -> Any:
        """Returns the next item; raises its error, or `_AttemptFailed` if it takes too long."""
        while True:
            with contextlib.suppress(queue.Empty):
                item = self._items.get(timeout=_POLL_SECONDS)
                if isinstance(item, Exception):
                    raise item
                return item
            pace.add(0)

    def close(self) -> None:
        """Lets the thread end at its next block."""
        self._closed = True


class _Closed(Exception):
    """The caller has given up on the response."""


def _check_response(url: str, response: requests.Response, part: str, received: int) -> None:
    """Raises an error unless the response continues `part`; deletes a part of a different file."""
    status = response.status_code
    if status == _RANGE_NOT_SATISFIABLE:  # The part is longer than the file.
        os.remove(part)
        raise _AttemptFailed("the server has no such range; starting over")
    if status == _PARTIAL_CONTENT and not _starts_at(response, received):
        os.remove(part)
        raise _AttemptFailed("the server sent a range other than the requested one; starting over")
    is_final = status not in (_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS)
    if 400 <= status < 500 and is_final:
        raise InputError(f"{url}: the server says {status} {response.reason}.")
    response.raise_for_status()


def _starts_at(response: requests.Response, position: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {position}-")


def _receive(transfer: _Transfer, pace: _Pace, part: str, start: int, total: Optional[int]) -> None:
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, disable=None, leave=False)
    with open(part, "ab" if start else "wb") as writer, bar:
        for block in iter(lambda: transfer.next(pace), None):
            writer.write(block)
            pace.add(len(block))
            bar.update(len(block))


def _check_hash(url: str, part: str, sha256: str) -> None:
    found = sha256_of(part)
    if found != sha256:
        os.remove(part)
        raise InputError(
            f"{url}: the downloaded file is not the expected one (SHA-256 {found}, expected "
            f"{sha256}), so it was deleted. Try again; if the error persists, do not use this "
            "source."
        )
