"""What the server counts, in the text format of Prometheus."""

from typing import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_SIZES = tuple(2**i for i in range(15))


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        """Creates the metrics, with a registry of their own."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "finetune_requests",
            "Requests, by model, method and HTTP status",
            ["model", "method", "status"],
            registry=self._registry,
        )
        self._seconds = self._histogram("request_seconds", "Seconds per request", _SECONDS)
        self._texts = self._histogram("batch_texts", "Texts computed together", _SIZES)
        self._tokens = self._histogram(
            "batch_tokens", "Tokens computed together, estimated", _SIZES
        )
        self._waiting = Gauge(
            "finetune_waiting_requests", "Requests that wait", ["model"], registry=self._registry
        )

    def _histogram(self, name: str, about: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            f"finetune_{name}", about, ["model"], registry=self._registry, buckets=buckets
        )

    def add_request(self, model: str, method: str, status: int, seconds: float) -> None:
        """Counts a request; `model` is "" if there is no such model."""
        self._requests.labels(model, method, str(status)).inc()
        self._seconds.labels(model).observe(seconds)

    def add_batch(self, model: str, texts: int, tokens: int) -> None:
        """Counts a batch."""
        self._texts.labels(model).observe(texts)
        self._tokens.labels(model).observe(tokens)

    def watch_queue(self, model: str, num_waiting: Callable[[], int]) -> None:
        """Shows the number of requests that wait for a model."""
        self._waiting.labels(model).set_function(num_waiting)

    def text(self) -> bytes:
        """Returns the page /metrics."""
        return generate_latest(self._registry)
