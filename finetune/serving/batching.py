"""Requests that wait for a model are computed together, by number of tokens."""

import collections
import concurrent.futures
import dataclasses
import logging
import threading
import time
from typing import Any, Callable, Deque, Iterator, List, Sequence, Tuple

Predict = Callable[[List[Any]], List[Any]]
# Is told the number of texts and the estimated number of tokens of each batch.
Observe = Callable[[int, int], None]
Answers = concurrent.futures.Future  # Of a list: one prediction per text

_log = logging.getLogger(__name__)

_BYTES_PER_TOKEN = 4  # Of English text; CJK characters have three bytes and are one token each.
_SPECIAL_TOKENS = 2


class Full(Exception):
    """Too many requests wait."""


class Closed(Exception):
    """The model is no longer used."""


def estimated_tokens(text: Any) -> int:
    """Returns about how many tokens a text, or a tuple of texts, has."""
    if isinstance(text, str):
        return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + _SPECIAL_TOKENS
    return sum(map(estimated_tokens, text))


@dataclasses.dataclass(eq=False)
class _Request:
    texts: Sequence[Any]
    tokens: Sequence[int]
    answers: Answers
    found: List[Any] = dataclasses.field(default_factory=list)
    taken: int = 0  # How many of the texts are in this or an earlier batch

    @property
    def is_open(self) -> bool:
        """Whether somebody waits for its answers, and not all texts are taken."""
        return self.taken < len(self.texts) and not self.answers.done()

    def take(self, room: int, at_least: int) -> Tuple[Sequence[Any], int]:
        """Takes the next texts that have at most `room` tokens; returns them and their tokens."""
        start, spent = self.taken, 0
        while self.is_open:
            tokens = self.tokens[self.taken]
            if spent + tokens > room and self.taken - start >= at_least:
                break
            spent += tokens
            self.taken += 1
        return self.texts[start : self.taken], spent


_Part = Tuple[_Request, Sequence[Any]]


class Batcher:
    """Collects the requests that arrive while the model is busy, and runs them together.

    A request that arrives when the model is idle is computed immediately. A request with more
    tokens than a batch takes turns with the others.

    Clients often ask again as soon as they are answered. If other requests wait, the next batch
    therefore waits a little for those who got the last one: otherwise, two halves of the clients
    would take turns, and a half batch takes more than half the time.
    """

    def __init__(
        self,
        predict: Predict,
        *,
        max_tokens: int,
        max_waiting: int,
        observe: Observe,
        patience: float = 0.1,
    ):
        """Starts the thread that calls the model.

        Args:
          predict: Returns the prediction for each text of a list.
          max_tokens: Estimated tokens of a batch; it has at least one text.
          max_waiting: Maximum number of requests that wait.
          observe: Is called for each batch.
          patience: Maximum time to wait for the clients of a batch, as a share of its time.
        """
        self._predict = predict
        self._max_tokens = max_tokens
        self._max_waiting = max_waiting
        self._observe = observe
        self._patience = patience
        self._expected = 0  # The number of requests that the next batch waits for; 0: it does not
        self._seconds = 0.0  # What the last batch took
        self._waiting: Deque[_Request] = collections.deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="finetune-batches", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """The number of requests that wait."""
        return len(self._waiting)

    def submit(self, texts: Sequence[Any]) -> Answers:
        """Queues a request. Cancel the returned future to drop what is not yet computed.

        Raises:
          Full: `max_waiting` requests wait already.
          Closed: `close` was called.
        """
        request = _Request(texts, [estimated_tokens(text) for text in texts], Answers())
        with self._changed:
            if self._is_closed:
                raise Closed
            if len(self._waiting) >= self._max_waiting:
                raise Full
            self._waiting.append(request)
            self._changed.notify()
        return request.answers

    def close(self) -> None:
        """Answers the requests that wait, then ends the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                self._wait_for_expected()
                parts = list(self._next_batch())
                if not parts and not self._waiting and self._is_closed:
                    return
            if parts:
                start = time.monotonic()
                self._answer(parts)
                self._seconds = time.monotonic() - start

    def _wait_for_expected(self) -> None:
        expected, self._expected = self._expected, 0
        tokens = sum(sum(request.tokens[request.taken :]) for request in self._waiting)
        if expected and tokens < self._max_tokens:
            self._changed.wait_for(
                lambda: len(self._waiting) >= expected or self._is_closed,
                timeout=self._patience * self._seconds,
            )

    def _next_batch(self) -> Iterator[_Part]:
        """Takes texts of the requests in turn until the batch has `max_tokens`."""
        room = self._max_tokens
        while self._waiting:
            request = self._waiting.popleft()
            part, tokens = request.take(room, at_least=int(room == self._max_tokens))
            room -= tokens
            if part:
                yield request, part
            if request.is_open:
                # What remains of a large request must not keep the others waiting.
                (self._waiting.append if part else self._waiting.appendleft)(request)
                return

    def _answer(self, parts: Sequence[_Part]) -> None:
        """Predicts the parts of requests together; if that fails, separately."""
        texts = [text for _, part in parts for text in part]
        self._observe(len(texts), sum(map(estimated_tokens, texts)))
        try:
            predictions = iter(self._predict(texts))
            # Counted before any client can ask again
            self._expected = len(self._waiting) and len(self._waiting) + len(parts)
        except Exception as error:
            if len(parts) > 1:
                for each in parts:
                    self._answer([each])
            else:
                _fail(parts[0][0], error)
            return
        for request, part in parts:
            request.found += [next(predictions) for _ in part]
            if len(request.found) == len(request.texts):
                _resolve(request)


def _resolve(request: _Request) -> None:
    if request.answers.set_running_or_notify_cancel():  # Not if nobody waits for it any more
        request.answers.set_result(request.found)


def _fail(request: _Request, error: Exception) -> None:
    if not request.answers.done() and request.answers.set_running_or_notify_cancel():
        request.answers.set_exception(error)
