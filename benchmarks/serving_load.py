# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Loads serve.py with real texts, then sends it SIGTERM, and says what was lost.

    python benchmarks/serving_load.py --data_dir DIR --output_dir OUTPUT_DIR

DIR contains emotion/ (test.txt, with `text;label` lines); OUTPUT_DIR is that of a classifier
trained on emotion. While the clients ask, the memory of the server is printed. Every answer is
compared with that to the same text in a list.
"""

import http.client
import json
import signal
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from speed_emotion import make_parser
from speed_serving import serving
from speed_worker import read_rows

TOLERANCE = 1e-5  # Between the probabilities of a text in different batches


class Clients:
    """Clients that ask until the server no longer accepts connections.

    Attributes:
      answered: The number of answers.
      problems: Requests that were lost, failed or answered wrongly.
    """

    def __init__(self, url, texts):
        """Asks for the prediction of each text in one request."""
        self._address = urllib.parse.urlsplit(url)
        self._texts = texts
        self.answered = 0
        self.problems = []
        self._expected = self._ask(self._connection(), texts)

    def _connection(self):
        address = self._address
        return http.client.HTTPConnection(address.hostname, address.port, timeout=120)

    def _ask(self, connection, texts):
        connection.request("POST", self._address.path, json.dumps({"instances": texts}).encode())
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise ValueError(f"{response.status}: {content[:200]!r}")
        return json.loads(content)["predictions"]

    def run(self, first, step):
        """Asks for one text after another."""
        connection = self._connection()
        number = first
        while True:
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                return  # The server ends; nothing was sent.
            try:
                row = number % len(self._texts)
                (found,) = self._ask(connection, [self._texts[row]])
                self._check(found, self._expected[row])
                self.answered += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.problems.append(repr(error))
                connection.close()
            number += step

    def _check(self, found, expected):
        pairs = zip(found["probabilities"], expected["probabilities"])
        if max(abs(p - q) for p, q in pairs) > TOLERANCE:
            raise ValueError(f"found {found}; expected {expected}")


def resident_bytes(pid):
    """Returns the memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def parse_options():
    """Returns the command-line options."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--clients", type=int, default=32, help="default: %(default)s")
    add("--seconds", type=float, default=120, help="until SIGTERM (default: %(default)s)")
    return parser.parse_args()


def main():
    """Runs the load; exits with status 1 if a request was lost or answered wrongly."""
    options = parse_options()
    texts = [text for text, _ in read_rows(options.data_dir / "emotion" / "test.txt")]
    with tempfile.TemporaryDirectory() as folder:
        with serving(options.output_dir, Path(folder) / "log.txt") as (url, process):
            clients = Clients(url, texts)
            threads = [
                threading.Thread(target=clients.run, args=(first, options.clients))
                for first in range(options.clients)
            ]
            start = time.monotonic()
            for thread in threads:
                thread.start()
            while time.monotonic() - start < options.seconds:
                time.sleep(min(10.0, options.seconds))
                mebibytes = resident_bytes(process.pid) / 2**20
                print(f"{time.monotonic() - start:.0f} s: {clients.answered} answers, "
                      f"{mebibytes:.0f} MiB", flush=True)  # fmt: skip
            process.send_signal(signal.SIGTERM)
            for thread in threads:
                thread.join()
            status = process.wait()
    print(f"{clients.answered} answers, {len(clients.problems)} problems, exit status {status}")
    for problem in clients.problems[:10]:
        print(problem)
    return 1 if clients.problems or status else 0


if __name__ == "__main__":
    sys.exit(main())
