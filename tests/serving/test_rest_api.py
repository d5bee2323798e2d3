"""The REST API: replies, limits and signals."""

import json
import socket
import threading

import numpy as np
import pytest
import requests
from google.protobuf import json_format
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from finetune.serving import server as server_module
from finetune.serving.app import Limits
from tests.serving.fakes import FakeModel, eventually, make_models, serving
from tests.serving.request_table import ANSWERED, BAD, GOOD, ONE, REJECTED


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("model"), make_models()) as (url, _, _):
        yield url


def send(url, path, body):
    """Sends a request; returns the response."""
    if body is None:
        return requests.get(f"{url}v1{path}", timeout=60)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{url}v1{path}", data=data, timeout=60)


@pytest.mark.parametrize(("path", "body", "reply"), ANSWERED)
def test_request_is_answered(url, path, body, reply):
    response = send(url, path, body)
    assert (response.status_code, response.json()) == (200, reply)
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("path", "body", "status", "message"), REJECTED)
def test_request_is_rejected(url, path, body, status, message):
    response = send(url, path, body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    (found,) = response.json().values()
    start, dots, end = message.partition("…")
    assert response.json() == {"error": found}
    assert found == message if not dots else found.startswith(start) and found.endswith(end)
    # The server survives.
    assert send(url, "/models/mood:predict", ONE).json() == {"predictions": [BAD]}


def test_large_value_is_cut_in_messages(url):
    response = send(url, "/models/mood:predict", {"instances": "x" * 100_000})
    assert response.status_code == 400 and len(response.json()["error"]) < 400


def test_preflight_and_unknown_pages(url):
    path = f"{url}v1/models/mood:predict"
    assert requests.options(path, headers={"Origin": "http://a.b"}, timeout=60).status_code == 200
    missing = requests.options(path, timeout=60)
    assert (missing.status_code, missing.json()) == (
        400,
        {"error": "Origin header is missing in CORS preflight"},
    )
    assert requests.get(f"{url}favicon.ico", timeout=60).json() == {
        "error": "Not found: GET /favicon.ico"
    }
    assert requests.post(f"{url}metrics", timeout=60).status_code == 405


@pytest.mark.parametrize("name", make_models())
def test_official_messages_describe_each_model(url, name):
    status = send(url, f"/models/{name}", None).text
    found = json_format.Parse(status, get_model_status_pb2.GetModelStatusResponse())
    assert [each.version for each in found.model_version_status] == [1]
    metadata = send(url, f"/models/{name}/metadata", None).json()["metadata"]
    signatures = json_format.ParseDict(
        metadata["signature_def"], get_model_metadata_pb2.SignatureDefMap()
    ).signature_def
    described = signatures["serving_default"]
    columns = {key: ["good", "AB"] for key in described.inputs}
    outputs = send(url, f"/models/{name}:predict", {"inputs": columns}).json()["outputs"]
    outputs = outputs if len(described.outputs) > 1 else {"prediction": outputs}
    for key, info in described.outputs.items():
        array = np.array(outputs.pop(key))
        kind = {types_pb2.DT_STRING: "U", types_pb2.DT_INT32: "i", types_pb2.DT_FLOAT: "f"}
        assert (array.ndim, array.dtype.kind) == (len(info.tensor_shape.dim), kind[info.dtype])
        assert len(array) == 2
    assert outputs == {}


def test_metrics_count_requests_and_batches(url):
    send(url, "/models/qa", None)
    send(url, "/models/none", None)
    send(url, "/models/topics:predict", ONE)
    page = requests.get(f"{url}metrics", timeout=60)
    assert page.headers["content-type"].startswith("text/plain; version=")
    lines = page.text.splitlines()
    assert 'finetune_requests_total{method="status",model="",status="404"}' in page.text
    assert 'finetune_waiting_requests{model="mood"} 0.0' in lines
    assert any(line.startswith('finetune_batch_texts_count{model="topics"}') for line in lines)
    assert "none" not in page.text


def hold(model):
    """Makes a model busy with what it gets next, until its gate is opened."""
    model.gate.clear()


def in_thread(function, *arguments):
    """Calls a function in a thread; returns the thread and the list that gets its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)))
    thread.start()
    return thread, results


def test_queue_is_limited_and_what_waits_is_computed_together(tmp_path):
    model = FakeModel()
    with serving(tmp_path, {"mood": model}) as (url, _, served):
        hold(model)
        threads = [in_thread(send, url, "/models/mood:predict", {"instances": ["first"]})]
        eventually(lambda: model.batches[-1:] == [["first"]])
        for text in ("good", "x"):
            body = {"instances": [text]}
            threads.append(in_thread(send, url, "/models/mood:predict", body))
            eventually(lambda: served["mood"].current.num_waiting == len(threads) - 1)
        full = send(url, "/models/mood:predict", ONE)
        assert (full.status_code, full.headers["retry-after"]) == (429, "1")
        assert full.json() == {
            "error": "Too many requests wait for the model mood. Try again later."
        }
        model.gate.set()
        for (thread, results), expected in zip(threads, (BAD, GOOD, BAD)):
            thread.join(60)
            assert results[0].json() == {"predictions": [expected]}
    assert model.batches[-1] == ["good", "x"]
    assert model.is_closed


def test_late_answer_is_a_timeout_and_what_waits_is_dropped(tmp_path):
    model = FakeModel()
    with serving(tmp_path, {"mood": model}, Limits(1000, timeout=0.5)) as (url, _, _):
        hold(model)
        first, second = (send(url, "/models/mood:predict", {"instances": [t]}) for t in "ab")
        assert (first.status_code, second.status_code) == (504, 504)
        assert first.json() == {"error": "The request was not answered within 0.5 seconds."}
        model.gate.set()
        # On a busy machine, this can take longer than the limit, too.
        eventually(lambda: send(url, "/models/mood:predict", ONE).status_code == 200)
    assert model.batches[2:4] == [["a"], ["x"]]
    assert ["b"] not in model.batches


def test_body_that_does_not_arrive_is_a_timeout(tmp_path):
    with serving(tmp_path, {"mood": FakeModel()}, Limits(1000, timeout=0.2)) as (url, _, _):
        port = int(url.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            head = "POST /v1/models/mood:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
            client.sendall(head.encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_client_that_hangs_up_is_not_computed(tmp_path):
    model = FakeModel()
    with serving(tmp_path, {"mood": model}) as (url, _, served):
        hold(model)
        thread, _ = in_thread(send, url, "/models/mood:predict", {"instances": ["first"]})
        eventually(lambda: model.batches[-1:] == [["first"]])
        port = int(url.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            body = '{"instances": ["gone"]}'
            head = (
                f"POST /v1/models/mood:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
            )
            client.sendall(f"{head}\r\n\r\n{body}".encode())
            eventually(lambda: served["mood"].current.num_waiting == 1)
        metrics = 'finetune_requests_total{method="predict",model="mood",status="499"} 1.0'
        eventually(lambda: metrics in requests.get(f"{url}metrics", timeout=60).text)
        model.gate.set()
        thread.join(60)
    assert ["gone"] not in model.batches


def test_requests_that_run_are_answered_after_a_signal(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "_GRACE_SECONDS", 60.0)  # However busy the machine is
    model = FakeModel()
    with serving(tmp_path, {"mood": model}) as (url, server, _):
        session = requests.Session()
        assert session.get(f"{url}v1/models/mood", timeout=60).status_code == 200
        hold(model)
        thread, results = in_thread(send, url, "/models/mood:predict", ONE)
        eventually(lambda: model.batches[-1:] == [["x"]])
        server.handle_exit(15, None)
        eventually(lambda: server.is_draining)
        # A connection that was open is answered once more, then closed.
        last = session.get(f"{url}v1/models/mood", timeout=60)
        assert (last.status_code, last.headers["connection"]) == (200, "close")
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=60)
        model.gate.set()
        thread.join(60)
        assert results[0].json() == {"predictions": [BAD]}
