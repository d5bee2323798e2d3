"""Hand a training command to Ray Train, which starts, places and restarts its processes.

Ray's `TensorflowTrainer` sets TF_CONFIG in each process, so a process runs the command as it would
by hand. If one dies, the others end by themselves, Ray starts all of them again, and training
resumes from its last checkpoint.
"""

import argparse
import ctypes
import logging
import os
import signal
import subprocess
import sys
from typing import Any, Dict, List, Tuple

from finetune.util import signals
from finetune.util.errors import InputError, UsageError
from finetune.util.log import set_up_logging
from finetune.util.plurals import count

_PROGRAM = "distribute.py"
_INSTALL = "pip install -c constraints.txt -r requirements-ray.txt"
_SCRIPTS = ("run_classifier.py", "run_ner.py", "run_squad.py")
_EXAMPLE = f"{_PROGRAM} --num_workers=2 -- run_classifier.py --do_train=true …"
_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python {_PROGRAM}",
        allow_abbrev=False,
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


def _train(options: argparse.Namespace, command: List[str]) -> None:
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.tensorflow import TensorflowTrainer
    except ModuleNotFoundError as error:
        raise InputError(f"the package {error.name} is missing. Install it: {_INSTALL}") from None
    try:
        ray.init(address=options.address, runtime_env={"env_vars": {"PYTHONPATH": _ROOT}})
    except ConnectionError as error:
        raise InputError(
            f"--address={options.address}: no Ray cluster answers there. Start one with `ray start "
            "--head`, or omit the flag to use this machine alone."
        ) from error
    resources = {"CPU": options.cpus_per_worker}
    if options.gpus_per_worker:
        resources["GPU"] = options.gpus_per_worker
    trainer = TensorflowTrainer(
        run_command,
        train_loop_config={"command": command, "folder": os.getcwd()},
        scaling_config=ScalingConfig(
            num_workers=options.num_workers,
            use_gpu=options.gpus_per_worker > 0,
            resources_per_worker=resources,
        ),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=options.max_failures)),
    )
    try:
        trainer.fit()
    except (TrainingFailedError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[-1]
        raise InputError(
            f"training failed, after at most {count(options.max_failures, 'restart')}: {reason} "
            "The messages of the processes are above."
        ) from error
    finally:
        ray.shutdown()


def run_command(config: Dict[str, Any]) -> None:
    """Runs the command in a process of Ray's, which has set TF_CONFIG.

    Args:
      config: The `command`, a list, and the `folder` in which it was given.

    Raises:
      RuntimeError: The command has failed.
    """
    script, *arguments = config["command"]
    name = os.path.basename(script)
    # Ray makes TensorFlow look for the package tf_keras, which TensorFlow 2.15 does not need.
    environment = {n: v for n, v in os.environ.items() if n != "TF_USE_LEGACY_KERAS"}
    # In a process of its own, because Ray's has already imported TensorFlow.
    status = subprocess.call(
        [sys.executable, os.path.join(_ROOT, name), *arguments],
        env=environment,
        cwd=config["folder"] if os.path.isdir(config["folder"]) else None,
        preexec_fn=_end_with_parent,
    )
    if status:
        raise RuntimeError(f"{name} ended with status {status}.")


def _end_with_parent() -> None:
    """Makes the system kill this process when its parent ends: Ray kills only the parent."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
