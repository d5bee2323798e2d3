"""Downloads from a server on this machine that behaves as badly as servers do."""

import contextlib
import hashlib
import http.server
import os
import random
import re
import socket
import threading
import time

import pytest

from finetune.models.download import download
from finetune.util.errors import InputError

KIB64 = 65536
BODY = random.Random(7).randbytes(200_003)  # Three times 64 KiB and 3395 bytes more
SHA256 = hashlib.sha256(BODY).hexdigest()


def send(handler, status, headers, body):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def good(handler):
    """Serves the range that is asked for, as RFC 9110, section 14, says."""
    start, headers = handler.server.range_of(handler)
    if start >= len(BODY):
        send(handler, 416, {"Content-Range": f"bytes */{len(BODY)}", "Content-Length": 0}, b"")
    else:
        send(handler, 206 if start else 200, headers, BODY[start:])


def cut_after(count):
    """Announces all that is asked for, and closes after `count` bytes."""

    def reply(handler):
        start, headers = handler.server.range_of(handler)
        send(handler, 206 if start else 200, headers, BODY[start : start + count])

    return reply


def stall_after(count):
    """As `cut_after`, but stays silent instead of closing."""

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
    """Answers any range with the one from `first` on."""

    def reply(handler):
        if "Range" not in handler.headers:
            return good(handler)
        headers = {"Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}
        headers["Content-Length"] = len(BODY) - first
        return send(handler, 206, headers, BODY[first:])

    return reply


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
    """Answers each request by the next reply of `script`, and by the last one from there on."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = [good]
        self.ranges = []  # The Range header of each request, None where it had none
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/model.zip"

    def range_of(self, handler):
        """Returns where the range of a request starts, and the headers to answer with."""
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
    """Downloads to folder/model.zip; returns what came."""
    arguments = {"timeout_secs": 20.0, "attempts": 3, "pause_secs": 0.0, **changes}
    download(server.url, str(folder / "model.zip"), **arguments)
    return (folder / "model.zip").read_bytes()


def test_right_server_is_asked_once_and_nothing_but_the_file_stays(server, tmp_path):
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges == [None]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_hash_of_the_standard_is_accepted(server, tmp_path):
    server.script = [announce(3, b"abc")]
    # FIPS 180-2, appendix B.1: the SHA-256 of "abc".
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fetch(server, tmp_path, sha256=expected) == b"abc"


def test_file_of_no_bytes(server, tmp_path):
    server.script = [announce(0, b"")]
    assert fetch(server, tmp_path) == b""


def test_older_file_is_replaced(server, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"older")
    assert fetch(server, tmp_path) == BODY


def test_silent_server_is_left_and_asked_for_the_rest(server, tmp_path, caplog):
    server.script = [stall_after(2 * KIB64), good]
    begin = time.monotonic()
    with caplog.at_level("INFO"):
        assert fetch(server, tmp_path, timeout_secs=1.0, sha256=SHA256) == BODY
    assert time.monotonic() - begin < 20.0
    assert server.ranges == [None, "bytes=131072-"]
    assert "trying again (2 of 3)" in caplog.text
    assert os.listdir(tmp_path) == ["model.zip"]


def test_server_that_always_closes_early_is_one_error_and_a_later_call_goes_on(server, tmp_path):
    server.script = [cut_after(KIB64)]
    with pytest.raises(InputError, match=r"model\.zip: the download broke off 2 times") as caught:
        fetch(server, tmp_path, attempts=2)
    assert str(tmp_path / "model.zip.part") in str(caught.value)
    assert server.ranges == [None, "bytes=65536-"]
    assert os.listdir(tmp_path) == ["model.zip.part"]
    assert (tmp_path / "model.zip.part").read_bytes() == BODY[: 2 * KIB64]

    server.script = [good]
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges[2:] == ["bytes=131072-"]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_announced_length_longer_than_the_body_is_tried_again(server, tmp_path):
    server.script = [announce(len(BODY) + 7), good]
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert len(server.ranges) == 2


def test_announced_length_always_longer_than_the_body_is_an_error(server, tmp_path):
    server.script = [announce(len(BODY) + 7)]
    with pytest.raises(InputError, match="broke off 3 times"):
        fetch(server, tmp_path)
    assert not (tmp_path / "model.zip").exists()
    assert len(server.ranges) == 3


def test_announced_length_shorter_than_the_body_fails_the_hash(server, tmp_path):
    server.script = [announce(100_003)]
    with pytest.raises(InputError, match=f"wrong bytes came .*expected {SHA256}"):
        fetch(server, tmp_path, sha256=SHA256)
    assert os.listdir(tmp_path) == []


def test_wrong_bytes_name_both_hashes_and_leave_nothing(server, tmp_path):
    server.script = [announce(3, b"abc")]
    found = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # As above
    with pytest.raises(InputError, match=rf"SHA-256 {found}, expected {SHA256}"):
        fetch(server, tmp_path, sha256=SHA256)
    assert os.listdir(tmp_path) == []
    assert server.ranges == [None]  # Wrong is not broken off: asking again would not help.


def test_wrong_bytes_leave_an_older_file_alone(server, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"older")
    server.script = [announce(3, b"abc")]
    with pytest.raises(InputError, match="wrong bytes came"):
        fetch(server, tmp_path, sha256=SHA256)
    assert (tmp_path / "model.zip").read_bytes() == b"older"


def test_server_that_knows_no_ranges_is_started_over(server, tmp_path):
    server.script = [cut_after(KIB64), ignore_range]
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == [None, "bytes=65536-"]


@pytest.mark.parametrize("first", [1009, 100_003])
def test_answer_with_another_range_does_not_end_up_in_the_file(server, tmp_path, first):
    server.script = [cut_after(KIB64), start_elsewhere(first)]
    assert fetch(server, tmp_path, attempts=5) == BODY
    assert server.ranges[:2] == [None, "bytes=65536-"]


def test_missing_file_is_an_error_at_once(server, tmp_path):
    server.script = [fail(404)]
    with pytest.raises(InputError, match=r"model\.zip: the server says 404 Not Found"):
        fetch(server, tmp_path)
    assert server.ranges == [None]
    assert os.listdir(tmp_path) == []


def test_failing_server_is_tried_again(server, tmp_path):
    server.script = [fail(500), good]
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == [None, None]


def test_failing_server_is_given_up(server, tmp_path):
    server.script = [fail(503)]
    with pytest.raises(InputError, match="broke off 3 times, the last time: 503"):
        fetch(server, tmp_path)
    assert server.ranges == [None, None, None]


def test_part_longer_than_the_file_is_started_over(server, tmp_path):
    (tmp_path / "model.zip.part").write_bytes(b"x" * (len(BODY) + 1))
    assert fetch(server, tmp_path) == BODY
    assert server.ranges == ["bytes=200004-", None]
    assert os.listdir(tmp_path) == ["model.zip"]


def test_part_of_another_file_fails_the_hash_and_then_a_clean_try_works(server, tmp_path):
    (tmp_path / "model.zip.part").write_bytes(b"x" * 1009)
    with pytest.raises(InputError, match="wrong bytes came"):
        fetch(server, tmp_path, sha256=SHA256)
    assert server.ranges == ["bytes=1009-"]
    assert os.listdir(tmp_path) == []
    assert fetch(server, tmp_path, sha256=SHA256) == BODY
    assert server.ranges == ["bytes=1009-", None]


def test_refused_connection_is_one_error(tmp_path, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with socket.socket() as taken:  # Bound but not listening: connections are refused.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/model.zip"
        with pytest.raises(InputError, match="broke off 2 times, the last time: .*refused"):
            download(url, str(tmp_path / "model.zip"), attempts=2, pause_secs=0.0)
    assert os.listdir(tmp_path) == []


def test_pauses_between_tries_but_not_after_the_last(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("finetune.models.download.time.sleep", pauses.append)
    server.script = [fail(500)]
    with pytest.raises(InputError, match="broke off 3 times"):
        fetch(server, tmp_path, pause_secs=7.0)
    assert pauses == [7.0, 7.0]
