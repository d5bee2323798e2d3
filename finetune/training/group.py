"""The processes of a training run: their TensorFlow servers, and what they tell each other.

The chief holds a mailbox for each message: a queue in its TensorFlow server, which the others reach
through theirs. So no further port is needed.
"""

import json
import socket
import time
from typing import Any, Dict, Optional, Tuple

import tensorflow.compat.v1 as tf

from finetune.training.cluster import Cluster, Member
from finetune.training.peers import CannotJoin, PeerLost, Peers, leave
from finetune.util.errors import InputError

_PAUSE = 0.1  # Seconds between two looks into a mailbox
_FAREWELL = 20.0  # Seconds for the others to take the last message
# TensorFlow raises these if another process is gone.
_CONNECTION_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


class Group:
    """This process's part in a training run of several processes.

    Attributes:
      cluster: The processes.
      strategy: The strategy of `tf.distribute`.
      session_config: The settings of sessions.
      target: The address of this process's server, for sessions.
    """

    def __init__(
        self, cluster: Cluster, *, num_gpus: int, session_config: tf.ConfigProto, patience: float
    ):
        """Starts the server and waits until all other processes have started theirs.

        Args:
          cluster: The processes.
          num_gpus: Number of GPUs of each process.
          session_config: The settings of sessions.
          patience: How long to wait for the others, in seconds.

        Raises:
          CannotJoin: The server cannot start, or another process does not answer.
        """
        self.cluster = cluster
        self.strategy = _make_strategy(cluster, num_gpus)
        self.session_config = self.strategy.update_config_proto(session_config)
        self.target = _start_server(cluster, self.session_config).target
        self._peers = Peers(cluster.others, on_lost=leave)
        self._peers.wait(patience)
        self._peers.start()
        self._has_started = False

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        """Tells the others if the chief ends before training starts."""
        if self.cluster.is_chief and not self._has_started and not isinstance(error, PeerLost):
            problem = f"{self.cluster.chief} ended: {error}" if error else None
            self._send_start({"problem": problem} if problem else {"finished": True})
            self._await_empty("start")
        self._peers.close()

    def admit(self, identity: Dict[str, Any]) -> None:
        """Checks that all processes train the same. For the chief.

        Args:
          identity: What must be the same in all processes, by name.

        Raises:
          InputError: They do not.
        """
        problem = None
        for _ in self.cluster.others:
            hello = self._receive("hello")
            member = self.cluster.members[hello["number"]]
            problem = problem or difference(identity, hello["identity"], member)
        if problem:
            raise InputError(problem)

    def ask(self, identity: Dict[str, Any]) -> None:
        """Tells the chief what this process trains; see `admit`."""
        self._send("hello", {"number": self.cluster.number, "identity": identity})

    def start(self, checkpoint: Optional[str]) -> None:
        """Starts training in all processes. For the chief.

        Args:
          checkpoint: The name of the checkpoint to resume from; None to start at step 0.
        """
        self._has_started = True
        self._send_start({"checkpoint": checkpoint})

    def _send_start(self, message: Dict[str, Any]) -> None:
        for member in self.cluster.others:
            self._send(_box_of("start", member), message)

    def await_start(self) -> Tuple[bool, Optional[str]]:
        """Waits until the chief starts training.

        Returns:
          Whether there is anything to train, and the name of the checkpoint to resume from.

        Raises:
          InputError: The processes do not train the same, or the chief has failed.
        """
        message = self._receive(_box_of("start", self.cluster.own))
        if "problem" in message:
            raise InputError(message["problem"])
        return "finished" not in message, message.get("checkpoint")

    def finish(self) -> None:
        """Ends the training of this process, once no other one needs it any more."""
        if not self.cluster.is_chief:
            self._receive(_box_of("farewell", self.cluster.own))
            self._peers.close()
            return
        self._peers.close()  # The others may end now.
        for member in self.cluster.others:
            self._send(_box_of("farewell", member), {})
        self._await_empty("farewell")

    def _await_empty(self, kind: str) -> None:
        """Waits until the others have taken a message."""
        give_up_at = time.monotonic() + _FAREWELL
        boxes = [_box_of(kind, member) for member in self.cluster.others]
        while any(self._size(box) for box in boxes) and time.monotonic() < give_up_at:
            time.sleep(_PAUSE)

    def explained(self, error: tf.errors.OpError) -> Exception:
        """Returns what to raise for an error of TensorFlow in training: `PeerLost` or the error."""
        if not isinstance(error, _CONNECTION_ERRORS):
            return error
        message = self._peers.find_lost()
        return error if message is None else PeerLost(message)

    def _send(self, box: str, message: Dict[str, Any]) -> None:
        with self._mailbox(box) as (session, queue):
            text = tf.placeholder(tf.string, [])
            session.run(queue.enqueue(text), {text: json.dumps(message).encode()})

    def _receive(self, box: str) -> Dict[str, Any]:
        with self._mailbox(box) as (session, queue):
            size, message = queue.size(), queue.dequeue()
            # Waiting in Python, unlike in TensorFlow, ends if a signal arrives.
            while not session.run(size):
                time.sleep(_PAUSE)
            return json.loads(session.run(message))

    def _size(self, box: str) -> int:
        with self._mailbox(box) as (session, queue):
            return int(session.run(queue.size()))

    def _mailbox(self, box: str) -> "_Mailbox":
        return _Mailbox(self, box)


class _Mailbox:
    """A session in which a mailbox of the chief is a queue."""

    def __init__(self, group: Group, box: str):
        self._group = group
        self._box = box

    def __enter__(self) -> Tuple[tf.Session, tf.FIFOQueue]:
        chief, own = (_device(m) for m in (self._group.cluster.chief, self._group.cluster.own))
        settings = tf.ConfigProto(device_filters=sorted({chief, own}))
        self._graph = tf.Graph().as_default()
        self._graph.__enter__()
        self._session = tf.Session(self._group.target, config=settings)
        with tf.device(chief + "/cpu:0"):
            capacity = len(self._group.cluster.members)
            queue = tf.FIFOQueue(capacity, [tf.string], shapes=[[]], shared_name=self._box)
        return self._session, queue

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        self._session.close()
        self._graph.__exit__(None, None, None)
        if isinstance(error, tf.errors.OpError):
            raise self._group.explained(error) from error


def _device(member: Member) -> str:
    return f"/job:{member.kind}/task:{member.index}"


def _box_of(kind: str, member: Member) -> str:
    return f"{kind} {member.kind} {member.index}"


def _make_strategy(cluster: Cluster, num_gpus: int) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster.addresses),
        task_type=cluster.own.kind,
        task_id=cluster.own.index,
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )
    return tf.distribute.experimental.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _start_server(cluster: Cluster, session_config: tf.ConfigProto) -> tf.distribute.Server:
    _check_port(cluster.own)
    try:
        return tf.distribute.Server(
            tf.train.ClusterSpec(cluster.addresses),
            job_name=cluster.own.kind,
            task_index=cluster.own.index,
            protocol="grpc",
            config=session_config,
        )
    except tf.errors.OpError as error:
        raise CannotJoin(
            f"TF_CONFIG: no server can be started at {cluster.own.address}, the address of this "
            f"process ({error.message.splitlines()[0]})."
        ) from error


def _check_port(own: Member) -> None:
    """Raises `CannotJoin` if the port is in use. TensorFlow's message would not say so."""
    port = int(own.address.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As gRPC does
        try:
            probe.bind(("", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotJoin(
                f"TF_CONFIG: port {port}, at which this process should answer as {own}, cannot be "
                f"opened: {reason}. End the program that uses it, or set another port in the "
                "TF_CONFIG of all processes."
            ) from error


def difference(chief: Dict[str, Any], other: Dict[str, Any], member: Member) -> Optional[str]:
    """Returns an error message if a process does not train what the chief trains, else None.

    Args:
      chief: The chief's identity; see `Group.admit`.
      other: The identity of the process.
      member: The process.
    """
    for name in {**chief, **other}:
        here, there = chief.get(name), other.get(name)
        if here != there:
            is_hash = isinstance(here, str) and len(here) == 64
            values = "" if is_hash else f" ({there!r} instead of {here!r})"
            return (
                f"{member} was refused: its {name} is not that of the chief{values}. Start all "
                "processes with the same flags, data, model, code and packages."
            )
    return None
