"""Models without TensorFlow, and a server that runs in a thread of the tests."""

import argparse
import contextlib
import threading
import time

from finetune.serving.app import Limits, make_app
from finetune.serving.metrics import Metrics
from finetune.serving.rest_api import RestApi
from finetune.serving.serve import make_model
from finetune.serving.server import Server, bound_socket, url_of
from finetune.util.errors import InputError

OPTIONS = argparse.Namespace(max_batch_tokens=64, max_queue=2)
LIMITS = Limits(max_body_bytes=1 << 20, timeout=60.0)


class FakeModel:
    """A model whose predictions follow from the texts.

    Attributes:
      batches: The texts of each call.
      gate: Calls wait until it is set.
    """

    def __init__(self, kind="single_label", text_names=("text",)):
        self.labels = [] if kind in ("regression", "answers") else ["bad", "good"]
        self.kind, self.text_names = kind, text_names
        self.batches, self.gate, self.is_closed = [], threading.Event(), False
        self.gate.set()

    def predict(self, texts):
        self.batches.append(list(texts))
        assert self.gate.wait(60)
        assert not self.is_closed
        if "rejected" in texts:
            raise InputError("text 1: rejected.")
        if "crash" in texts:
            raise RuntimeError("a bug")
        return [getattr(self, f"_{self.kind}")(text) for text in texts]

    def close(self):
        self.is_closed = True

    def _single_label(self, text):
        good = 0.75 if "good" in text else 0.25
        label = "good" if good > 0.5 else "bad"
        probabilities = {"bad": 1 - good, "good": good}
        return {"prediction": label, "score": 0.75, "probabilities": probabilities}

    def _multi_label(self, text):
        probabilities = {label: 0.875 if label in text else 0.125 for label in self.labels}
        given = [label for label, p in probabilities.items() if p > 0.5]
        return {"prediction": given, "probabilities": probabilities}

    def _regression(self, text):
        return {"prediction": len(text) + 0.5}

    def _entities(self, text):
        """Each word in capitals is an entity."""
        found, start = [], 0
        for word in text.split(" "):
            if word.isupper():
                end = start + len(word)
                entity = {"type": "PER", "start": start, "end": end, "surface": word, "score": 0.5}
                found.append(entity)
            start += len(word) + 1
        return {"text": text, "entities": found}

    def _answers(self, pair):
        """The answer is the question, if the context contains it."""
        question, context = pair
        start = context.find(question)
        span = {"answer": question, "start": start, "end": start + len(question), "score": 0.5}
        if start < 0:
            span = {"answer": "", "start": 0, "end": 0, "score": 0.5}
        return {"question": question, **span, "no_answer_probability": 0.25, "next_best": []}


def make_models():
    """Returns a model of each kind by name."""
    return {
        "mood": FakeModel(),
        "topics": FakeModel("multi_label"),
        "pairs": FakeModel("single_label", ("text_a", "text_b")),
        "stars": FakeModel("regression"),
        "ner": FakeModel("entities"),
        "qa": FakeModel("answers", ("question", "context")),
    }


@contextlib.contextmanager
def serving(folder, models, limits=LIMITS, options=OPTIONS):
    """Serves models; yields the URL, the server and the served models."""
    (folder / "run.json").touch()
    metrics = Metrics()
    served = {
        name: make_model(name, str(folder), lambda _, model=model: model, metrics, options)
        for name, model in models.items()
    }
    started = threading.Event()
    server = Server(make_app(RestApi(served), metrics, limits), limits.timeout, started.set)
    bound = bound_socket("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    assert started.wait(60)
    try:
        yield url_of(bound), server, served
    finally:
        server.should_exit = True
        for model in models.values():
            model.gate.set()
        thread.join(60)
        assert not thread.is_alive()
        for each in served.values():
            each.close()
        bound.close()


def eventually(condition, seconds=60.0):
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
