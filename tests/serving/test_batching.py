"""Requests that wait are computed together, by number of tokens."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from finetune.serving.batching import Batcher, Closed, Full, estimated_tokens
from tests.serving.fakes import eventually


class Recorder:
    """Records the batches; answers with the texts in capitals."""

    def __init__(self):
        self.batches, self.sizes, self.gate = [], [], threading.Event()

    def predict(self, texts):
        self.batches.append(texts)
        assert self.gate.wait(60)
        if "bad" in texts:
            raise ValueError("a bad text")
        return [text.upper() for text in texts]

    def observe(self, texts, tokens):
        self.sizes.append((texts, tokens))


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def batcher(recorder):
    """A batcher with room for 12 tokens in a batch and for 4 requests."""
    made = Batcher(recorder.predict, max_tokens=12, max_waiting=4, observe=recorder.observe)
    yield made
    recorder.gate.set()
    made.close()


@pytest.fixture
def busy(recorder, batcher):
    """The answers to a request that the model computes."""
    answers = batcher.submit(["first"])
    eventually(lambda: recorder.batches == [["first"]])
    return answers


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 2), ("word", 3), ("word" * 5, 7), ("日本語日", 5), (("word", ""), 5)]
)
def test_tokens_are_estimated_from_bytes(text, tokens):
    assert estimated_tokens(text) == tokens


def test_requests_that_wait_are_computed_together(recorder, batcher, busy):
    second, third = batcher.submit(["a", "b"]), batcher.submit(["c"])
    assert batcher.num_waiting == 2
    recorder.gate.set()
    assert (busy.result(60), second.result(60), third.result(60)) == (["FIRST"], ["A", "B"], ["C"])
    assert recorder.batches[1:] == [["a", "b", "c"]]
    assert recorder.sizes == [(1, 3), (3, 6)]


def test_large_request_takes_turns_with_small_ones(recorder, batcher, busy):
    large = batcher.submit(["a" * 12, "b" * 12, "c" * 12, "d" * 60, "e"])  # 5, 5, 5, 17, 2 tokens
    small = batcher.submit(["small"])
    recorder.gate.set()
    assert small.result(60) == ["SMALL"]
    assert large.result(60) == ["A" * 12, "B" * 12, "C" * 12, "D" * 60, "E"]
    sizes = [[len(text) for text in batch] for batch in recorder.batches[1:]]
    assert sizes == [[12, 12], [5, 12], [60], [1]]


def test_queue_is_limited(recorder, batcher, busy):
    waiting = [batcher.submit([str(number)]) for number in range(4)]
    with pytest.raises(Full):
        batcher.submit(["fifth"])
    recorder.gate.set()
    assert [answers.result(60) for answers in waiting] == [["0"], ["1"], ["2"], ["3"]]


def test_request_that_fails_does_not_fail_the_others(recorder, batcher, busy):
    good, bad, other = (batcher.submit([text]) for text in ("good", "bad", "other"))
    recorder.gate.set()
    assert (good.result(60), other.result(60)) == (["GOOD"], ["OTHER"])
    with pytest.raises(ValueError, match="a bad text"):
        bad.result(60)


def test_cancelled_request_is_not_computed(recorder, batcher, busy):
    dropped, kept = batcher.submit(["dropped"]), batcher.submit(["kept"])
    busy.cancel()  # Its batch is being computed.
    dropped.cancel()
    recorder.gate.set()
    assert kept.result(60) == ["KEPT"]
    assert recorder.batches == [["first"], ["kept"]]


def test_batch_waits_for_clients_that_ask_again(recorder):
    made = Batcher(recorder.predict, max_tokens=100, max_waiting=9, observe=recorder.observe,
                   patience=1e6)  # fmt: skip

    def ask_twice(text):
        made.submit([text]).result(60)
        return made.submit([text + text]).result(60)

    with contextlib.closing(made), ThreadPoolExecutor(2) as clients:
        first = clients.submit(ask_twice, "a")
        eventually(lambda: recorder.batches == [["a"]])
        second = clients.submit(ask_twice, "b")
        eventually(lambda: made.num_waiting == 1)
        recorder.gate.set()
        assert (first.result(60), second.result(60)) == (["AA"], ["BB"])
    # The second batch waits for "aa". The third does not wait, because no other request waits.
    assert recorder.batches == [["a"], ["b", "aa"], ["bb"]]


def test_closing_answers_what_waits(recorder, batcher, busy):
    waiting = batcher.submit(["waiting"])
    closing = threading.Thread(target=batcher.close)
    closing.start()
    recorder.gate.set()
    closing.join(60)
    assert waiting.done() and waiting.result() == ["WAITING"]
    with pytest.raises(Closed):
        batcher.submit(["late"])
