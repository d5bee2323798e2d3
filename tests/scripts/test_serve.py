"""Run serve.py: command lines that are wrong, and a server in a process of its own."""

import contextlib
import json
import re
import signal
import subprocess
import sys

import pytest
import requests
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

import serve
from finetune.serving import command_line
from tests.support import ROOT
from tests.support.commands import only_line
from tests.support.files import read_jsonl, read_results

GOLDEN = ROOT / "tests" / "golden" / "output_0.x"


@contextlib.contextmanager
def serving(*arguments):
    """Runs serve.py; yields its URL and its process."""
    command = [sys.executable, "serve.py", *map(str, arguments), "--port=0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            found = re.match("Serving at (http://127.0.0.1:[0-9]+/)", line)
            if found:
                break
        else:
            pytest.fail("".join(lines))
        yield found[1], process, "".join(lines)
    finally:
        process.kill()
        process.communicate()


def post(url, path, body):
    response = requests.post(f"{url}v1/models/{path}", json=body, timeout=120)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.slow
def test_server_answers_like_a_results_file_and_ends_after_sigterm():
    with serving(f"mood={GOLDEN / 'classifier'}", GOLDEN / "tagger") as (url, process, log):
        assert re.findall("^(Model|mood|tagger): ", log, re.MULTILINE) == [
            "Model", "mood", "Model", "tagger",
        ]  # fmt: skip
        rows = read_results(GOLDEN / "classifier")
        texts = [row["text"] for row in rows]
        found = post(url, "mood:predict", {"instances": texts})["predictions"]
        assert [row["prediction"] for row in found] == [row["prediction"] for row in rows]
        for row, expected in zip(found, rows):
            probabilities = dict(zip(row["labels"], row["probabilities"]))
            expected = {label: float(expected[label]) for label in probabilities}
            assert probabilities == pytest.approx(expected, abs=2e-6)
        lines = read_jsonl(GOLDEN / "tagger" / "test_results.jsonl")
        texts = [line["text"] for line in lines]
        found = post(url, "tagger:predict", {"instances": texts})["predictions"]
        for row, line in zip(found, lines):
            entities = list(zip(row["entity_types"], row["entity_starts"], row["entity_ends"]))
            expected = [(e["type"], e["start"], e["end"]) for e in line["entities"]]
            assert [entity for entity in entities if entity[0]] == expected
        _check_official_messages(url, "mood", {"prediction", "score", "labels", "probabilities"})

        # A large request is still running when the signal arrives.
        body = json.dumps({"instances": ["not bad"] * 500}).encode()
        parts = _with_signal(process, body)
        response = requests.post(f"{url}v1/models/mood:predict", data=parts, timeout=120)
        assert len(response.json()["predictions"]) == 500
        assert process.wait(120) == 0
        rest = process.stderr.read()
        assert "Signal 15: answering the requests that were sent." in rest
        assert "Traceback" not in rest


def _with_signal(process, body):
    """Yields a request's body, and sends SIGTERM before its last byte."""
    yield body[:-1]
    process.send_signal(signal.SIGTERM)
    yield body[-1:]


def _check_official_messages(url, name, outputs):
    """Asserts that TensorFlow Serving's messages parse the status and metadata of a model."""
    status = requests.get(f"{url}v1/models/{name}", timeout=120).text
    (found,) = json_format.Parse(
        status, get_model_status_pb2.GetModelStatusResponse()
    ).model_version_status
    assert (found.version, found.state, found.status.error_code) == (1, found.AVAILABLE, 0)
    reply = requests.get(f"{url}v1/models/{name}/metadata", timeout=120).json()
    assert reply["model_spec"] == {"name": name, "signature_name": "", "version": "1"}
    signatures = json_format.ParseDict(
        reply["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap()
    ).signature_def
    assert signatures["serving_default"].inputs.keys() == {"text"}
    assert signatures["serving_default"].outputs.keys() == outputs
    assert signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert signatures["classify"].outputs.keys() == {"classes", "scores"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}"], r"serve.py: .*/empty contains no trained model; expected .*"),
        (["a=x", "a=y"], r"serve.py: x and y have the same name, a; expected different names: .*"),
        (["=x"], r"serve.py: =x: the name '' is empty or contains .*"),
        (["/"], r"serve.py: /: the name '' is empty or contains .*"),
        (
            ["{folder}", "--host=no.such.host.invalid"],
            r"serve.py: --host=no\.such\.host\.invalid .*",
        ),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, tmp_path, caplog, capsys):
    folder = tmp_path / "empty"
    folder.mkdir()
    given = [argument.format(folder=folder) for argument in arguments]
    assert serve.main(["serve.py", *given]) == 1
    assert re.fullmatch(message, only_line(caplog, capsys))


@pytest.mark.parametrize("flag", ["--max_queue=0", "--timeout=nan", "--port=70000"])
def test_wrong_flags_are_named(flag, capsys):
    with pytest.raises(SystemExit) as end:
        serve.main(["serve.py", "folder", flag])
    assert end.value.code == 2
    value = flag.partition("=")[2]
    assert re.search(
        f"invalid (positive number|port number|seconds) value: '{value}'", capsys.readouterr().err
    )


def test_port_in_use_is_named(caplog, capsys):
    from finetune.serving.server import bound_socket

    with bound_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.main(["serve.py", str(GOLDEN / "tagger"), f"--port={port}"]) == 1
    assert only_line(caplog, capsys).startswith(
        f"serve.py: --host=127.0.0.1 --port={port}: Address already in use. Choose another port"
    )


def test_missing_package_is_named(monkeypatch, caplog, capsys):
    for name in [name for name in sys.modules if name.startswith("finetune.serving.")]:
        if name != command_line.__name__:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert serve.main(["serve.py", "folder"]) == 1
    assert only_line(caplog, capsys) == (
        "serve.py: the package uvicorn is missing. Install it: "
        "pip install -c constraints.txt -r requirements-serve.txt"
    )


def test_name_of_a_model_is_that_of_its_folder_unless_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = command_line.folders_of(["out/", "mood=b=c", "."])
    assert folders == {"out": "out/", "mood": "b=c", tmp_path.name: "."}


def test_help_does_not_import_tensorflow():
    code = (
        "import sys, serve\n"
        "try:\n    serve.main(['serve.py', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0 and 'tensorflow' not in sys.modules"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    assert b"usage: serve.py" in process.stdout
