# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The clients of speed_serving.py: they send one text after another to a server.

This is a worker (see speed_worker.py), because threads of the benchmark itself would take time from
one another. It needs only the standard library.
"""

import http.client
import json
import threading
import time
import urllib.parse

import speed_worker


class Clients:
    """Executes the commands of speed_serving.py."""

    def __init__(self, settings):
        """Reads the texts."""
        rows = speed_worker.read_rows(settings["test_file"])
        self._bodies = [json.dumps({"instances": [text]}).encode() for text, _ in rows]

    def load(self, url, clients, seconds):
        """Sends requests for some seconds; returns their number, failures, and each one's seconds.

        Args:
          url: The URL of a model's predictions.
          clients: The number of clients, each of which waits for its answer before it sends again.
          seconds: The time after which no request is sent.
        """
        latencies, failures = [], []
        threads = [
            threading.Thread(
                target=self._client, args=(url, first, clients, seconds, latencies, failures)
            )
            for first in range(clients)
        ]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - start
        return {"requests": len(latencies), "seconds": took, "failures": failures,
                "latencies": latencies}  # fmt: skip

    def _client(self, url, first, step, seconds, latencies, failures):
        address = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        number, end = first, time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                connection.request("POST", address.path, self._bodies[number % len(self._bodies)])
                response = connection.getresponse()
                content = response.read()
                if response.status != 200 or b'"predictions"' not in content:
                    failures.append(f"{response.status}: {content[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                connection.close()
            latencies.append(time.perf_counter() - start)
            number += step
        connection.close()


if __name__ == "__main__":
    speed_worker.serve(Clients)
