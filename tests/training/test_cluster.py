"""TF_CONFIG and Slurm's variables, and the mistakes in them."""

import json

import pytest

from finetune.config.config import Config
from finetune.training import cluster
from finetune.training.group import difference
from finetune.util.errors import InputError, UsageError

TWO = {"worker": ["a:1", "b:2"]}


def tf_config(addresses, kind="worker", index=0):
    return json.dumps({"cluster": addresses, "task": {"type": kind, "index": index}})


def config(distribution="auto"):
    return Config(do_train=True, output_dir="out", distribution=distribution)


def names(found):
    return [f"{m.kind} {m.index} {m.address}" for m in found.members]


def test_first_worker_is_the_chief_if_there_is_no_other():
    found = cluster.parse(tf_config(TWO, index=1))
    assert names(found) == ["worker 0 a:1", "worker 1 b:2"]
    assert (found.number, found.is_chief) == (1, False)
    assert str(found.chief) == "worker 0 (a:1)"
    assert [str(member) for member in found.others] == ["worker 0 (a:1)"]
    assert cluster.parse(tf_config(TWO)).is_chief


def test_chief_comes_first():
    addresses = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    found = cluster.parse(tf_config(addresses, index="1"))
    assert names(found) == ["chief 0 a:1", "worker 0 b:2", "worker 1 c:3"]
    assert (found.number, found.is_chief) == (2, False)
    assert found.addresses == addresses
    assert cluster.parse(tf_config(addresses, "chief")).is_chief


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG: not JSON (Expecting property name"),
        ("[]", 'TF_CONFIG: it has no "cluster".'),
        ('{"cluster": {}}', 'TF_CONFIG: it has no "cluster".'),
        (json.dumps({"cluster": TWO}), 'TF_CONFIG: it has no "task"'),
        (tf_config(TWO, index=2), "this process is 'worker' 2, but the cluster has only worker 0,"),
        (tf_config(TWO, "chief"), "this process is 'chief' 0, but the cluster has only worker 0,"),
        (tf_config({**TWO, "chief": []}), "cluster.chief is []; expected a list of addresses"),
        (tf_config({**TWO, "chief": ["c:1", "d:1"]}), "it has several chiefs; expected one"),
        (tf_config({**TWO, "ps": ["c:3"]}), "tasks of type 'ps' are not supported"),
        (tf_config({"worker": ["a:1", "b"]}), "cluster.worker[1] is 'b'; expected host:port"),
        (tf_config({"worker": "a:1"}), "cluster.worker is 'a:1'; expected a list of addresses"),
        (tf_config({"worker": ["a:1", "a:1"]}), "a:1 occurs twice; each process needs"),
    ],
)
def test_mistakes_are_reported_with_an_example(text, message):
    with pytest.raises(InputError) as error:
        cluster.parse(text)
    assert message in str(error.value)
    assert '"task": {"type": "worker", "index": 0}' in str(error.value)


def test_tf_config_is_removed_from_the_environment(monkeypatch):
    for distribution, is_used in (("auto", True), ("none", False), ("mirrored", False)):
        monkeypatch.setenv("TF_CONFIG", tf_config(TWO))
        assert (cluster.find_cluster(config(distribution)) is not None) == is_used
        assert "TF_CONFIG" not in cluster.os.environ


def test_a_single_process_is_no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.find_cluster(config()) is None
    for text in (tf_config({"chief": ["a:1"]}, "chief"), "{}"):
        monkeypatch.setenv("TF_CONFIG", text)
        assert cluster.find_cluster(config()) is None
    with pytest.raises(UsageError, match="neither TF_CONFIG nor Slurm describes several workers"):
        cluster.find_cluster(config("multi_worker"))


def test_slurm_variables_describe_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    # As srun sets them for the second of two tasks on two nodes.
    variables = {
        "SLURM_NTASKS": "2",
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "n[7-8]",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_PROCID": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = cluster.find_cluster(config("multi_worker"))
    assert names(found) == ["worker 0 n7:8888", "worker 1 n8:8888"]
    assert found.number == 1
    assert cluster.find_cluster(config()) is None  # Many programs run under Slurm alone.
    monkeypatch.setenv("SLURM_NTASKS", "two")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "two")
    with pytest.raises(InputError, match="Slurm's variables cannot be used"):
        cluster.find_cluster(config("multi_worker"))


def test_first_difference_between_processes_is_named():
    member = cluster.Member("worker", 1, "b:2")
    chief = {"--seed": 42, "training data": "a" * 64}
    assert difference(chief, dict(chief), member) is None
    message = difference(chief, {**chief, "--seed": 43}, member)
    assert message.startswith(
        "worker 1 (b:2) was refused: its --seed is not that of the chief (43 instead of 42)."
    )
    message = difference(chief, {**chief, "training data": "b" * 64}, member)
    assert message.startswith(
        "worker 1 (b:2) was refused: its training data is not that of the chief."
    )
