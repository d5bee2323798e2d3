"""Hand a training command to Ray Train, which starts, places and restarts its processes.

Ray's `TensorflowTrainer` sets TF_CONFIG in each process, so a process runs the command as it would
by hand. If one dies, the others end by themselves, all of them are started again, and training
resumes from its last checkpoint. A mistake in the command is only reported.
"""

import argparse
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import Any, Callable, Dict, List, Optional, Tuple

from finetune.training.peers import LOST_STATUS
from finetune.util import signals
from finetune.util.arguments import ArgumentParser
from finetune.util.errors import InputError, UsageError
from finetune.util.log import set_up_logging
from finetune.util.plurals import count
from finetune.util.printable import printable

_PROGRAM = "distribute.py"
_INSTALL = "pip install -c constraints.txt -r requirements-ray.txt"
_SCRIPTS = ("run_classifier.py", "run_ner.py", "run_squad.py")
_EXAMPLE = f"{_PROGRAM} --num_workers=2 -- run_classifier.py --do_train=true …"
_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
# Prevent messages that Ray and TensorFlow would write in each run.
_QUIET = {
    # Without the dashboard of ray[default], it comes every second.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "Failed to query Ray Train Controller actor state",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(argv: List[str]) -> int:
    """Trains in several processes; returns the exit status.

    Args:
      argv: The command line, starting with the program's name.
    """
    set_up_logging()
    try:
        own, command = _split(argv[1:])
        options = _parser().parse_args(own)
        _check(options, command)
        with signals.interruptible():
            _train(options, command)
        return 0
    except InputError as error:
        logging.error("%s: %s", _PROGRAM, " ".join(str(error).split("\n")))
        return error.status
    except KeyboardInterrupt as error:
        logging.error("%s: interrupted. The same command resumes training.", _PROGRAM)
        return getattr(error, "status", 128 + signal.SIGINT)


def _split(arguments: List[str]) -> Tuple[List[str], List[str]]:
    """Returns the flags of this script, and the command after "--"."""
    if "--" not in arguments:
        found = [name for name in arguments if os.path.basename(name) in _SCRIPTS]
        if found:
            raise UsageError(f"put -- before {found[0]}: {_EXAMPLE}")
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"python {_PROGRAM}",
        usage="%(prog)s --num_workers=N [flags] -- SCRIPT [flags of the script]",
        description="Trains in several processes, on this machine or on a Ray cluster.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--num_workers", type=int, required=True, help="number of processes")
    add("--gpus_per_worker", type=int, default=0, help="number of GPUs of each process")
    add("--cpus_per_worker", type=float, default=1, help="number of CPU cores of each process")
    add("--max_failures", type=int, default=3, help="how often to restart all processes")
    add(
        "--address",
        help="address of a Ray cluster; auto: the one that this machine is part of; without it, "
        "Ray runs on this machine",
    )
    return parser


def _check(options: argparse.Namespace, command: List[str]) -> None:
    for name, least in (("num_workers", 1), ("gpus_per_worker", 0), ("max_failures", 0)):
        if getattr(options, name) < least:
            raise UsageError(f"--{name}={getattr(options, name)}: expected at least {least}.")
    if not options.cpus_per_worker > 0:
        raise UsageError(f"--cpus_per_worker={options.cpus_per_worker}: expected more than 0.")
    if not command or os.path.basename(command[0]) not in _SCRIPTS:
        given = command[0] if command else "nothing"
        raise UsageError(
            f"found {given!r} after --; expected one of {', '.join(_SCRIPTS)} with its flags, for "
            f"example: {_EXAMPLE}"
        )


class CommandFailed(Exception):
    """The command failed in a process.

    Attributes:
      status: Its exit status.
      message: What is known about the failure, in one line.
      is_mistake: Whether the command reported a mistake, with which it would fail again.
    """

    def __init__(self, status: int, message: str, is_mistake: bool = False):
        """Creates the exception. Ray sends it to this process, so all arguments are kept."""
        super().__init__(status, message, is_mistake)
        self.status = status
        self.message = message
        self.is_mistake = is_mistake

    def __str__(self) -> str:
        return self.message


def _train(options: argparse.Namespace, command: List[str]) -> None:
    """Trains; after a failure that is no mistake of the user, starts all processes again."""
    ray = _start_ray(options.address)
    try:
        for restart in range(1, options.max_failures + 2):
            failure = _attempt(options, command)
            if failure is None:
                return
            if failure.is_mistake:
                kind = UsageError if failure.status == UsageError.status else InputError
                raise kind(failure.message)
            if restart > options.max_failures:
                raise InputError(
                    f"training failed, after {count(options.max_failures, 'restart')}: "
                    f"{failure.message} The messages of the processes are above."
                )
            logging.warning(
                "%s: %s Starting all processes again (%d of at most %s).",
                _PROGRAM,
                failure.message,
                restart,
                count(options.max_failures, "restart"),
            )
    finally:
        ray.shutdown()


def _start_ray(address: Optional[str]) -> Any:
    """Connects to a Ray cluster, or starts one on this machine; returns Ray."""
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if address == "local":
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # As by default, but without a warning
    try:
        import ray
        import ray.train.tensorflow
    except ModuleNotFoundError as error:
        raise InputError(f"the package {error.name} is missing. Install it: {_INSTALL}") from None
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": {"PYTHONPATH": _ROOT}},
            logging_level=logging.WARNING,
        )
    except ConnectionError as error:
        raise InputError(
            f"--address={address}: no Ray cluster answers there. Start one with `ray start "
            "--head`, or omit the flag to use this machine alone."
        ) from error
    signal.signal(signal.SIGTERM, handler)  # Ray has replaced it.
    return ray


def _attempt(options: argparse.Namespace, command: List[str]) -> Optional[CommandFailed]:
    """Trains once; returns the failure that explains best why training failed, if it did."""
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.tensorflow import TensorflowTrainer

    resources = {"CPU": options.cpus_per_worker}
    if options.gpus_per_worker:
        resources["GPU"] = options.gpus_per_worker
    trainer = TensorflowTrainer(
        run_command,
        train_loop_config={
            "command": command,
            "folder": os.getcwd(),
            "uses_gpus": options.gpus_per_worker > 0,
        },
        scaling_config=ScalingConfig(
            num_workers=options.num_workers,
            use_gpu=options.gpus_per_worker > 0,
            resources_per_worker=resources,
            placement_strategy="SPREAD",  # A process uses all cores of its machine.
        ),
        run_config=RunConfig(),
    )
    try:
        _in_thread(trainer.fit)
        return None
    except (TrainingFailedError, RuntimeError) as error:
        errors = [*getattr(error, "worker_failures", {}).values(), error]
        failures = [found for found in errors if isinstance(found, CommandFailed)]
        if failures:
            # A process that ended because another one is gone explains less than that one.
            return min(failures, key=lambda one: (not one.is_mistake, one.status == LOST_STATUS))
        return CommandFailed(1, str(errors[0]).strip().split("\n")[-1])


def _in_thread(function: Callable[[], Any]) -> Any:
    """Calls a function in another thread, where Ray does not replace the signal handlers."""
    outcome: "Future[Any]" = Future()

    def call() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return outcome.result()


def run_command(config: Dict[str, Any]) -> None:
    """Runs the command in a process of Ray's, which has set TF_CONFIG.

    Args:
      config: The `command`, a list, the `folder` in which it was given, and whether it
        `uses_gpus`: those that Ray has given to this process.

    Raises:
      CommandFailed: The command has failed.
    """
    script, *arguments = config["command"]
    program = os.path.basename(script)
    # Ray makes TensorFlow look for the package tf_keras, which TensorFlow 2.15 does not need. The
    # script chooses what TensorFlow logs.
    ours = ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    if not config["uses_gpus"]:  # All processes of a machine would use its GPUs.
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    # In a process of its own, because Ray's has already imported TensorFlow.
    with subprocess.Popen(
        [sys.executable, os.path.join(_ROOT, program), *arguments],
        env=environment,
        cwd=config["folder"] if os.path.isdir(config["folder"]) else None,
        preexec_fn=_end_with_parent,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="backslashreplace",
    ) as process:
        assert process.stderr is not None
        last = ""
        for line in process.stderr:
            sys.stderr.write(printable(line))
            last = line.strip() or last
    status = process.returncode
    if status:
        is_explained = last.startswith(f"{program}: ")  # Unlike by a traceback
        message = last if is_explained else f"{program} ended with status {status}."
        is_mistake = is_explained and status in (InputError.status, UsageError.status)
        raise CommandFailed(status, message, is_mistake)


def _end_with_parent() -> None:
    """Makes the system kill this process when its parent ends: Ray kills only the parent."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
