"""A headless Chromium that tests type into, over its DevTools protocol."""

import contextlib
import json
import os
import shutil
import subprocess
import time

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
_KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "ArrowDown": ("", 40)}
_CONTROL = 2  # The protocol's bit for the key Ctrl


def find_browser():
    """Returns the path of a browser; skips the test if there is none, except in CI."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"No browser: none of {', '.join(_NAMES)} is installed.")
    return found


class Page:
    """An open page.

    Attributes:
      complaints: The errors that the browser has reported.
    """

    def __init__(self, reader, writer):
        self._reader, self._writer, self._number, self._session = reader, writer, 0, None
        self.complaints = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def _call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        self._writer.flush()
        while True:
            answer = self._read()
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(answer["params"])
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        data = bytearray()
        while not data.endswith(b"\0"):
            byte = self._reader.read(1)
            assert byte, "The browser has ended."
            data += byte
        return json.loads(data[:-1])

    def open(self, url, width=1000):
        """Opens a URL in a window of a certain width."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=800, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self._call("Page.navigate", url=url)
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'")

    def evaluate(self, code):
        """Returns the value of a JavaScript expression."""
        answer = self._call("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, code, seconds=60):
        """Waits until a JavaScript expression is true, and returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(code)):
            assert time.monotonic() < end, f"{code}: {self.evaluate('document.body.innerText')}"
            time.sleep(0.02)
        return value

    def type(self, text):
        """Enters a text where the focus is."""
        self._call("Input.insertText", text=text)

    def press(self, key, control=False):
        """Presses a key."""
        text, code = _KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        event["modifiers"] = _CONTROL if control else 0
        with_text = {"text": text} if text and not control else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **event, **with_text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **event)


@contextlib.contextmanager
def browsing(folder):
    """Starts the browser with a profile in a folder; yields a page."""
    (browser_reads, we_write), (we_read, browser_writes) = os.pipe(), os.pipe()
    command = [find_browser(), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    # The browser reads from descriptor 3 and writes to 4.
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{browser_reads} 4>&{browser_writes}', "bash", *command],
        pass_fds=(browser_reads, browser_writes),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_reads)
    os.close(browser_writes)
    with open(we_read, "rb") as reader, open(we_write, "wb") as writer:
        try:
            yield Page(reader, writer)
        finally:
            process.kill()
            process.wait()
