"""Downloads from a local server that fails in the same ways as real servers."""

import contextlib
import hashlib
import http.server
import os
import random
import re
import socket
import threading
import time
import types

import pytest

from finetune.models.download import download
from finetune.util.errors import InputError

KIB64 = 65536
BODY = random.Random(7).randbytes(200_003)  # 3 * 64 KiB + 3395 bytes
SHA256 = hashlib.sha256(BODY).hexdigest()


def send(handler, status, headers, body):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def good(handler):
    """Serves the requested range, as section 14 of RFC 9110 requires."""
    start, headers = handler.server.range_of(handler)
    if start >= len(BODY):
        send(handler, 416, {"Content-Range": f"bytes */{len(BODY)}", "Content-Length": 0}, b"")
    else:
        send(handler, 206 if start else 200, headers, BODY[start:])


def cut_after(count):
    """Announces the full length, but closes the connection after `count` bytes."""

    def reply(handler):
        start, headers = handler.server.range_of(handler)
        send(handler, 206 if start else 200, headers, BODY[start : start + count])

    return reply


def stall_after(count):
    """Announces the full length, but sends nothing more after `count` bytes."""

    def reply(handler):
        cut_after(count)(handler)
        handler.wfile.flush()
        handler.server.released.wait(60)

    return reply


def ignore_range(handler):
    send(handler, 200, {"Content-Length": len(BODY)}, BODY)


def announce(length, body=BODY):
    return lambda handler: send(handler, 200, {"Content-Length": length}, body)


def fail(status):
    return lambda handler: send(handler, status, {"Content-Length": 0}, b"")


def start_elsewhere(first):
    """Responds to any range with the one that starts at `first`."""

    def reply(handler):
        if "Range" not in handler.headers:
            return good(handler)
        headers = {"Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}
        headers["Content-Length"] = len(BODY) - first
        return send(handler, 206, headers, BODY[first:])

    return reply


def drip(handler):
    """Sends a byte every few milliseconds, without an end."""
    send(handler, 200, {"Content-Length": len(BODY)}, b"")
    while not handler.server.released.wait(0.05):
        handler.wfile.write(b"x")


def drip_headers(handler):
    """Sends a status line and then headers, in the same way."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.server.released.wait(0.05):
        handler.wfile.write(b"x")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        reply = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        with contextlib.suppress(ConnectionError):
            reply(self)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Responds to each request with the next reply of `script`; the last one is repeated."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = [good]
        self.ranges = []  # The Range header of each request; None if it has none
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/model.zip"

    def range_of(self, handler):
        """Returns the start of the requested range, and the headers of the response."""
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "bytes=0-"))
        start = int(match.group(1))
        headers = {"Content-Length": len(BODY) - start}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        return start, headers


@pytest.fixture
def server(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(server, folder, **changes):
    """Downloads to folder/model.zip, and returns the content of that file."""
    arguments = {"timeout_secs": 20.0, "attempts": 3, "pause_secs": 0.0, **changes}
    download(server.url, str(folder / "model.zip"), **arguments)
    return (folder / "model.zip").read_bytes()


def test_successful_download_takes_one_request_and_leaves_only_the_file(server, tmp_path):
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges == [None]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_example_hash_of_the_sha256_standard_is_accepted(server, tmp_path):
    server.script = [announce(3, b"abc")]
    # FIPS 180-2, appendix B.1: the SHA-256 of "abc".
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fetch(server, tmp_path, sha256=expected) == b"abc"


def test_empty_file_is_downloaded(server, tmp_path):
    server.script = [announce(0, b"")]
    assert fetch(server, tmp_path) == b""


def test_older_file_is_replaced(server, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"older")
    assert fetch(server, tmp_path) == BODY


def test_stalled_download_times_out_and_requests_only_the_rest(server, tmp_path, caplog):
    server.script = [stall_after(2 * KIB64), good]
    begin = time.monotonic()
    with caplog.at_level("INFO"):
        assert fetch(server, tmp_path, timeout_secs=1.0, sha256=SHA256) == BODY
    assert time.monotonic() - begin < 20.0
    assert server.ranges == [None, "bytes=131072-"]
    assert "trying again (2 of 3)" in caplog.text
    assert os.listdir(tmp_path) == ["model.zip"]


def test_later_call_resumes_a_failed_download(server, tmp_path):
    server.script = [cut_after(KIB64)]
    with pytest.raises(InputError, match=r"model\.zip: the download failed 2 times") as caught:
        fetch(server, tmp_path, attempts=2)
    assert str(tmp_path / "model.zip.part") in str(caught.value)
    assert server.ranges == [None, "bytes=65536-"]
    assert os.listdir(tmp_path) == ["model.zip.part"]
    assert (tmp_path / "model.zip.part").read_bytes() == BODY[: 2 * KIB64]

    server.script = [good]
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges[2:] == ["bytes=131072-"]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_body_shorter_than_announced_is_retried(server, tmp_path):
    server.script = [announce(len(BODY) + 7), good]
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert len(server.ranges) == 2


def test_body_always_shorter_than_announced_raises_an_error(server, tmp_path):
    server.script = [announce(len(BODY) + 7)]
    with pytest.raises(InputError, match="failed 3 times"):
        fetch(server, tmp_path)
    assert not (tmp_path / "model.zip").exists()
    assert len(server.ranges) == 3


def test_body_longer_than_announced_fails_the_hash_check(server, tmp_path):
    server.script = [announce(100_003)]
    with pytest.raises(InputError, match=f"is not the expected one .*expected {SHA256}"):
        fetch(server, tmp_path, sha256=SHA256)
    assert os.listdir(tmp_path) == []


def test_wrong_hash_deletes_the_file_and_the_error_names_both_hashes(server, tmp_path):
    server.script = [announce(3, b"abc")]
    # The SHA-256 of "abc", as above
    found = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputError, match=rf"SHA-256 {found}, expected {SHA256}"):
        fetch(server, tmp_path, sha256=SHA256)
    assert os.listdir(tmp_path) == []
    assert server.ranges == [None]  # A wrong hash is not retried.


def test_wrong_hash_keeps_an_older_file(server, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"older")
    server.script = [announce(3, b"abc")]
    with pytest.raises(InputError, match="is not the expected one"):
        fetch(server, tmp_path, sha256=SHA256)
    assert (tmp_path / "model.zip").read_bytes() == b"older"


def test_download_starts_over_if_the_server_ignores_ranges(server, tmp_path):
    server.script = [cut_after(KIB64), ignore_range]
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == [None, "bytes=65536-"]


@pytest.mark.parametrize("first", [1009, 100_003])
def test_response_with_a_different_range_is_not_written(server, tmp_path, first):
    server.script = [cut_after(KIB64), start_elsewhere(first)]
    assert fetch(server, tmp_path, attempts=5) == BODY
    assert server.ranges[:2] == [None, "bytes=65536-"]


def test_missing_file_raises_an_error_without_retries(server, tmp_path):
    server.script = [fail(404)]
    with pytest.raises(InputError, match=r"model\.zip: the server says 404 Not Found"):
        fetch(server, tmp_path)
    assert server.ranges == [None]
    assert os.listdir(tmp_path) == []


def test_server_error_is_retried(server, tmp_path):
    server.script = [fail(500), good]
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == [None, None]


def test_persistent_server_error_raises_an_error(server, tmp_path):
    server.script = [fail(503)]
    with pytest.raises(InputError, match="failed 3 times; the last error was: 503"):
        fetch(server, tmp_path)
    assert server.ranges == [None, None, None]


def test_download_starts_over_if_the_part_is_longer_than_the_file(server, tmp_path):
    (tmp_path / "model.zip.part").write_bytes(b"x" * (len(BODY) + 1))
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == ["bytes=200004-", None]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_part_of_a_different_file_fails_the_hash_check_and_is_deleted(server, tmp_path):
    (tmp_path / "model.zip.part").write_bytes(b"x" * 1009)
    with pytest.raises(InputError, match="is not the expected one"):
        fetch(server, tmp_path, sha256=SHA256)
    assert server.ranges == ["bytes=1009-"]
    assert os.listdir(tmp_path) == []
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges == ["bytes=1009-", None]


def test_refused_connection_raises_an_error(tmp_path, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with socket.socket() as unused:  # It does not listen, so connections are refused.
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/model.zip"
        with pytest.raises(InputError, match="failed 2 times; the last error was: .*refused"):
            download(url, str(tmp_path / "model.zip"), attempts=2, pause_secs=0.0)
    assert os.listdir(tmp_path) == []


def test_pauses_separate_attempts_but_do_not_follow_the_last(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("finetune.models.download.time.sleep", pauses.append)
    server.script = [fail(500)]
    with pytest.raises(InputError, match="failed 3 times"):
        fetch(server, tmp_path, pause_secs=7.0)
    assert pauses == [7.0, 7.0]


@pytest.mark.parametrize("reply", [drip, drip_headers])
def test_server_that_sends_a_byte_at_a_time_is_given_up_on(server, tmp_path, reply):
    server.script = [reply]
    started_at = time.monotonic()
    with pytest.raises(InputError, match=r"failed 2 times; .*: only \d+ bytes arrived in 1 sec"):
        # Each attempt is given up after a second. No read waits for half a second.
        fetch(server, tmp_path, timeout_secs=0.5, attempts=2)
    assert time.monotonic() - started_at < 30
    assert len(server.ranges) == 2


def test_slow_download_at_the_least_rate_succeeds(server, tmp_path):
    def slow(handler):
        _, headers = handler.server.range_of(handler)
        send(handler, 200, headers, b"")
        for start in range(0, len(BODY), KIB64):
            time.sleep(0.3)
            handler.wfile.write(BODY[start : start + KIB64])

    server.script = [slow]
    # 200,003 bytes in 1.2 seconds, measured over intervals of 0.8 seconds.
    assert fetch(server, tmp_path, timeout_secs=0.4, least_rate=50_000) == BODY


def test_nothing_is_downloaded_without_enough_free_space(server, tmp_path, monkeypatch):
    usage = types.SimpleNamespace(total=10**9, used=0, free=400_000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    message = (
        rf"^{tmp_path}: downloading {server.url} needs 0\.4 MB, but only 0\.4 MB are free on this"
    )
    with pytest.raises(InputError, match=message):
        fetch(server, tmp_path, room=2.1)
    assert list(tmp_path.iterdir()) == []
    assert fetch(server, tmp_path, room=1.9) == BODY
