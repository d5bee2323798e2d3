"""Run the web application until a signal ends it, without losing a request."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from typing import Any, Callable, Iterator, List, Optional, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

# How long open connections without a request are kept after a signal: a client can have sent one
# that is still on its way.
_GRACE_SECONDS = 1.0
_TICK_SECONDS = 0.02


def bound_socket(host: str, port: int) -> socket.socket:
    """Returns a socket that has the address but does not listen yet.

    Raises:
      InputError: The address is in use, or is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise InputError(
            f"--host={host} --port={port}: {error.strerror or error}. Choose another port, or end "
            "the program that uses this one."
        ) from None
    return found


def url_of(bound: socket.socket) -> str:
    """Returns the URL of a socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Server(uvicorn.Server):
    """A server that answers what was sent before it ends.

    After the first signal, it accepts no new connections, and closes each open one after its next
    answer. A second signal ends it at once.
    """

    is_draining = False

    def __init__(self, app: Starlette, timeout: float, on_started: Callable[[], None]):
        """Creates a server.

        Args:
          app: The application.
          timeout: The time that requests have to be answered, in seconds.
          on_started: Is called once the server accepts connections.
        """
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                self._closing(app),
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                http="h11",
                proxy_headers=False,  # Nothing here asks for the address of a client.
                loop="asyncio",
                timeout_graceful_shutdown=int(timeout) + 1,
            )
        )

    def _closing(self, app: ASGIApp) -> ASGIApp:
        """Makes an application close each connection after its answer if the server ends."""

        async def closing(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_closing(message: Message) -> None:
                if self.is_draining and message["type"] == "http.response.start":
                    headers = [*message.get("headers", []), (b"connection", b"close")]
                    message = {**message, "headers": headers}
                await send(message)

            await app(scope, receive, send_closing)

        return closing

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """Starts to accept connections."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """Answers the requests that were sent, and ends all connections."""
        self.is_draining = True
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + _GRACE_SECONDS
        while self.server_state.connections and loop.time() < end and not self.force_exit:
            await asyncio.sleep(_TICK_SECONDS)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the server after a signal; unlike uvicorn's, does not raise it again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        ours = [n for n in numbers if signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in ours}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Handles a signal; the second one ends the server at once."""
        del frame
        if self.should_exit:
            self.force_exit = True
        else:
            _log.info("Signal %d: answering the requests that were sent.", sig)
        self.should_exit = True


class Watcher:
    """Calls functions at intervals in a thread of its own."""

    def __init__(self, functions: Sequence[Callable[[], None]], seconds: float):
        """Starts the thread.

        Args:
          functions: The functions.
          seconds: The interval.
        """
        self._functions = functions
        self._seconds = seconds
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finetune-versions", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_ended.wait(self._seconds):
            for function in self._functions:
                try:
                    function()
                except Exception:
                    _log.exception("A new version could not be loaded.")

    def close(self) -> None:
        """Ends the thread after the function that is running."""
        self._is_ended.set()
        self._thread.join()
