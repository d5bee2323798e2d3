"""The web application: paths, limits and metrics around the REST API."""

import asyncio
import logging
import time
from typing import Any, List, Mapping, NamedTuple, Optional

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from finetune.serving import page, rest_api, rest_paths
from finetune.serving.batching import Answers
from finetune.serving.errors import RestError, bad_request
from finetune.serving.metrics import CONTENT_TYPE, Metrics
from finetune.serving.rest_api import RestApi

_log = logging.getLogger(__name__)

_JSON = "application/json"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
_DRAINED_BYTES = 64 << 20  # Of a body that is too large: most clients read only after they wrote.


class Limits(NamedTuple):
    """What a request may cost.

    Attributes:
      max_body_bytes: The size of a body.
      timeout: Seconds from the first byte of a body to the answer.
    """

    max_body_bytes: int
    timeout: float


class Handlers:
    """The functions that answer requests."""

    def __init__(self, api: RestApi, metrics: Metrics, limits: Limits):
        """Creates the functions."""
        self._api = api
        self._metrics = metrics
        self._limits = limits

    async def page(self, request: Request) -> Response:
        """Answers with the page on which a person tries the models."""
        del request
        body, headers = page.render(self._api.models)
        return Response(body, media_type="text/html", headers=headers)

    async def metrics(self, request: Request) -> Response:
        """Answers with the metrics."""
        del request
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def rest(self, request: Request) -> Response:
        """Answers a request of the REST API."""
        start = time.monotonic()
        target: Optional[rest_paths.Target] = None
        try:
            if request.method == "OPTIONS":
                _check_preflight(request)
                response = Response(b"", 200, media_type=_JSON)
            else:
                target = rest_paths.parse(request.method, _raw_path(request))
                body = await self._body(request)
                response = await self._reply(target, body, request)
        except RestError as error:
            response = _error(error.status, str(error))
        except ClientDisconnect:
            response = _error(499, "The client has closed the connection.")
        except Exception:
            _log.exception("Internal error: please report this bug with the traceback below.")
            response = _error(500, "Internal error; the server's log has the details.")
        name = target.model if target and target.model in self._api.models else ""
        verb = target.verb if target else ""
        self._metrics.add_request(name, verb, response.status_code, time.monotonic() - start)
        return response

    async def _reply(self, target: rest_paths.Target, body: bytes, request: Request) -> Response:
        gone = asyncio.ensure_future(_disconnected(request))

        async def wait(answers: Answers) -> List[Mapping[str, Any]]:
            return await rest_api.wait_for(answers, self._limits.timeout, gone)

        try:
            return Response(await self._api.reply(target, body, wait), media_type=_JSON)
        finally:
            gone.cancel()

    async def _body(self, request: Request) -> bytes:
        try:
            return await asyncio.wait_for(self._whole_body(request), self._limits.timeout)
        except asyncio.TimeoutError:
            seconds = self._limits.timeout
            message = f"The request's body did not arrive within {seconds:g} seconds."
            raise RestError(408, message) from None

    async def _whole_body(self, request: Request) -> bytes:
        limit = self._limits.max_body_bytes
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size <= limit:
                parts.append(part)
            else:
                parts.clear()
            if size > limit + _DRAINED_BYTES:
                break
        if size > limit:
            raise RestError(413, f"The request's body is larger than {limit} bytes.")
        return b"".join(parts)


def make_app(api: RestApi, metrics: Metrics, limits: Limits) -> Starlette:
    """Returns the application."""
    handlers = Handlers(api, metrics, limits)
    return Starlette(
        routes=[
            Route("/", handlers.page),
            Route("/metrics", handlers.metrics),
            Route("/v1/{rest:path}", handlers.rest, methods=_METHODS),
        ],
        exception_handlers={404: _not_found, 405: _not_allowed},
    )


def _check_preflight(request: Request) -> None:
    origin = request.headers.get("origin", "")
    if not origin.startswith(("http://", "https://")):
        raise bad_request("Origin header is missing in CORS preflight")


def _raw_path(request: Request) -> str:
    """Returns the path with its percent escapes, which `request.url.path` lacks."""
    return request.scope["raw_path"].partition(b"?")[0].decode("latin-1")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _not_found(request: Request, error: Exception) -> Response:
    del error
    return _error(404, f"Not found: {request.method} {_raw_path(request)}")


async def _not_allowed(request: Request, error: Exception) -> Response:
    del error
    return _error(405, f"Method not allowed: {request.method} {_raw_path(request)}")


def _error(status: int, message: str) -> Response:
    headers = {"Retry-After": "1"} if status == 429 else None
    return Response(rest_api.encode({"error": message}), status, headers, _JSON)
