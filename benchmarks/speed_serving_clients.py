# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The clients of speed_serving.py: they send one text after another to a server.

This is a worker (see speed_worker.py), because threads of the benchmark itself would take time from
one another. It needs only the standard library. All clients share one thread, send bytes that are
prepared, and read no more of an answer than they need, because they share the server's cores.
"""

import json
import re
import selectors
import socket
import time
import urllib.parse

import speed_worker

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_TIMEOUT = 120.0


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
        address = urllib.parse.urlsplit(url)
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: "
        requests = [b"%s%d\r\n\r\n%s" % (head.encode(), len(b), b) for b in self._bodies]
        start = time.perf_counter()
        with selectors.DefaultSelector() as selector:
            everyone = [
                _Client(address, requests, first, clients, start + seconds)
                for first in range(clients)
            ]
            for client in everyone:
                selector.register(client.socket, selectors.EVENT_READ, client)
                client.send()
            while selector.get_map():
                ready = selector.select(_TIMEOUT)
                if not ready:
                    raise SystemExit(f"no answer within {_TIMEOUT:g} seconds")
                for key, _ in ready:
                    if not key.data.receive():
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
        took = time.perf_counter() - start
        latencies = [each for client in everyone for each in client.latencies]
        failures = [each for client in everyone for each in client.failures]
        return {"requests": len(latencies), "seconds": took, "failures": failures,
                "latencies": latencies}  # fmt: skip


class _Client:
    """A client with a connection of its own."""

    def __init__(self, address, requests, first, step, end):
        self.socket = socket.create_connection((address.hostname, address.port), _TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latencies, self.failures = [], []
        self._requests = requests
        self._number, self._step, self._end = first, step, end

    def send(self):
        """Sends the next request."""
        self._received = b""
        self._start = time.perf_counter()
        self.socket.sendall(self._requests[self._number % len(self._requests)])
        self._number += self._step

    def receive(self):
        """Receives a part of the answer, and sends again after the last part.

        Returns:
          False once the time is over, or the server has closed the connection.
        """
        part = self.socket.recv(1 << 16)
        self._received += part
        head, end_of_head, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if part and not (end_of_head and length and len(body) >= int(length[1])):
            return True
        self.latencies.append(time.perf_counter() - self._start)
        if not head.startswith(b"HTTP/1.1 200 ") or b'"predictions"' not in body:
            self.failures.append(repr(self._received[:200]))
        if not part or time.perf_counter() >= self._end:
            return False
        self.send()
        return True


if __name__ == "__main__":
    speed_worker.serve(Clients)
