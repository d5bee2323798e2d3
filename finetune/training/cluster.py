"""The processes that train together, as TF_CONFIG or Slurm describes them."""

import dataclasses
import json
import os
import re
from typing import Any, Dict, List, Optional

from finetune.config.config import Config
from finetune.util.errors import InputError, UsageError

_VARIABLE = "TF_CONFIG"
_KINDS = ("chief", "worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


@dataclasses.dataclass(frozen=True)
class Member:
    """One process.

    Attributes:
      kind: "chief" or "worker".
      index: Its index among those of its kind.
      address: Its host and port.
    """

    kind: str
    index: int
    address: str

    def __str__(self) -> str:
        name = self.kind if self.kind == "chief" else f"{self.kind} {self.index}"
        return f"{name} ({self.address})"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Several processes that train one model.

    Attributes:
      members: All of them, in the order of TensorFlow; the first one is the chief.
      number: The index of this process in `members`.
    """

    members: List[Member]
    number: int

    @property
    def own(self) -> Member:
        """This process."""
        return self.members[self.number]

    @property
    def chief(self) -> Member:
        """The process that writes checkpoints, logs and results."""
        return self.members[0]

    @property
    def is_chief(self) -> bool:
        """Whether this process is the chief."""
        return self.number == 0

    @property
    def others(self) -> List[Member]:
        """All other processes."""
        return [member for member in self.members if member != self.own]

    @property
    def addresses(self) -> Dict[str, List[str]]:
        """The addresses by kind, as `tf.train.ClusterSpec` takes them."""
        found: Dict[str, List[str]] = {}
        for member in self.members:
            found.setdefault(member.kind, []).append(member.address)
        return found


def find_cluster(config: Config) -> Optional[Cluster]:
    """Returns the processes that train together; None if there is only this one.

    Removes TF_CONFIG from the environment: an Estimator would read it, too.

    Raises:
      InputError: TF_CONFIG is wrong.
      UsageError: --distribution=multi_worker, but nothing describes several processes.
    """
    text = os.environ.pop(_VARIABLE, "")
    if config.distribution not in ("auto", "multi_worker"):
        return None
    cluster = None
    if text.strip() not in ("", "{}"):  # Some job systems set {} for a single process.
        cluster = parse(text)
    elif config.distribution == "multi_worker" and os.environ.get("SLURM_NTASKS", "1") != "1":
        cluster = _of_slurm()
    if cluster is not None and len(cluster.members) > 1:
        return cluster
    if config.distribution == "multi_worker":
        raise UsageError(
            "--distribution=multi_worker: neither TF_CONFIG nor Slurm describes several workers. "
            f"Set TF_CONFIG, for example to {_EXAMPLE}."
        )
    return None


def parse(text: str) -> Cluster:
    """Returns the cluster that the text of TF_CONFIG describes.

    Raises:
      InputError: It describes none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _wrong(f"not JSON ({error})") from error
    addresses = value.get("cluster") if isinstance(value, dict) else None
    if not isinstance(addresses, dict) or not addresses:
        raise _wrong('it has no "cluster"')
    members = _members(addresses)
    task = value.get("task")
    if not isinstance(task, dict):
        raise _wrong('it has no "task", which says which of the processes this is')
    return Cluster(members, members.index(_own(task, members)))


def _members(addresses: Dict[str, Any]) -> List[Member]:
    for kind in addresses:
        if kind not in _KINDS:
            raise _wrong(
                f"tasks of type {kind!r} are not supported; expected only chief and worker"
            )
    members = []
    for kind in (kind for kind in _KINDS if kind in addresses):
        hosts = addresses[kind]
        if not isinstance(hosts, list) or not hosts:
            raise _wrong(f"cluster.{kind} is {hosts!r}; expected a list of addresses")
        for index, host in enumerate(hosts):
            if not isinstance(host, str) or not _ADDRESS.fullmatch(host):
                raise _wrong(f"cluster.{kind}[{index}] is {host!r}; expected host:port")
            members.append(Member(kind, index, host))
    if len(addresses.get("chief", [])) > 1:
        raise _wrong("it has several chiefs; expected one")
    hosts = [member.address for member in members]
    for host in hosts:
        if hosts.count(host) > 1:
            raise _wrong(f"{host} occurs twice; each process needs its own address")
    return members


def _own(task: Dict[str, Any], members: List[Member]) -> Member:
    for member in members:
        # Ray and some job systems write the index as text.
        if task.get("type") == member.kind and str(task.get("index")) == str(member.index):
            return member
    kind, index = task.get("type"), task.get("index")
    known = ", ".join(f"{member.kind} {member.index}" for member in members)
    raise _wrong(f"this process is {kind!r} {index!r}, but the cluster has only {known}")


def _wrong(what: str) -> InputError:
    return InputError(f"{_VARIABLE}: {what}. Example: {_EXAMPLE}.")


def _of_slurm() -> Cluster:
    """Returns the cluster of the processes that `srun` has started."""
    import tensorflow.compat.v1 as tf

    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver()
        hosts = resolver.cluster_spec().as_dict()["worker"]
        task = {"type": resolver.task_type, "index": resolver.task_id}
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"--distribution=multi_worker: Slurm's variables cannot be used ({error}). Start the "
            f"script with srun, or set {_VARIABLE}."
        ) from error
    members = _members({"worker": hosts})
    return Cluster(members, members.index(_own(task, members)))
