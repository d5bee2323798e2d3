"""The command line of serve.py."""

import argparse
import logging
import os
import re
import signal
from typing import Dict, List, Mapping, Type, TypeVar

from finetune.data.processor import DataProcessor
from finetune.util import signals
from finetune.util.arguments import ArgumentParser
from finetune.util.errors import BUG, InputError
from finetune.util.log import set_up_logging
from finetune.util.paths import local_path

_PROGRAM = "serve.py"
_NAME = re.compile(r"[^/:=]+")
INSTALL = "pip install -c constraints.txt -r requirements-serve.txt"

_MAX = 2**31 - 1
_Number = TypeVar("_Number", int, float)
Processors = Mapping[str, Type[DataProcessor]]


def _positive(text: str) -> int:
    return _in_range(int(text), 1, _MAX)


def _seconds(text: str) -> float:
    return _in_range(float(text), 0.001, _MAX)


def _port(text: str) -> int:
    return _in_range(int(text), 0, 65535)


def _in_range(number: _Number, low: float, high: float) -> _Number:
    if not low <= number <= high:
        raise ValueError
    return number


# For argparse's message
_positive.__name__, _seconds.__name__, _port.__name__ = "positive number", "seconds", "port number"


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=_PROGRAM,
        description="Serves trained models over HTTP, with TensorFlow Serving's REST API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        metavar="[NAME=]DIR",
        help="output directory of a training run, or a folder of its versions (1/, 2/, ...); the "
        "default name is that of the folder",
    )
    add("--port", type=_port, default=8501, help="port; 0: any free one")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: all of this machine")
    add(
        "--max_batch_tokens",
        type=_positive,
        default=4096,
        help="maximum number of tokens (estimated) of waiting requests that are computed together",
    )
    add(
        "--max_queue",
        type=_positive,
        default=1000,
        help="maximum number of requests that wait for a model; others get status 429",
    )
    add(
        "--max_body_bytes",
        type=_positive,
        default=8 << 20,
        help="maximum size of a request's body; larger ones get status 413",
    )
    add(
        "--timeout",
        type=_seconds,
        default=60.0,
        help="seconds after which an unanswered request gets status 504",
    )
    add(
        "--poll_seconds",
        type=_seconds,
        default=1.0,
        help="seconds between two checks for a new version",
    )
    return parser


def folders_of(given: List[str]) -> Dict[str, str]:
    """Returns the folder of each model by name.

    Raises:
      InputError: Two models have the same name, or a name cannot be part of a URL.
    """
    folders: Dict[str, str] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or "/" in name:
            folder = text
            name = os.path.basename(os.path.abspath(folder))
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{text}: the name {name!r} is empty or contains a slash, colon or equals sign; "
                "expected another name: NAME=DIR."
            )
        if name in folders:
            raise InputError(
                f"{folders[name]} and {folder} have the same name, {name}; expected different "
                "names: NAME=DIR."
            )
        folders[name] = local_path(folder)
    return folders


def main(argv: List[str], processors: Processors) -> int:
    """Serves models until a signal arrives; returns the exit status.

    Args:
      argv: The command line, starting with the program's name.
      processors: `PROCESSORS` from processors.py.
    """
    args = _parser().parse_args(argv[1:])
    set_up_logging()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with signals.interruptible() as interrupter:
        try:
            _serve(args, processors)
            return 0
        except (KeyboardInterrupt, Exception) as error:
            if isinstance(error, KeyboardInterrupt) or interrupter.number is not None:
                logging.error("%s: interrupted.", _PROGRAM)
                return getattr(error, "status", 128 + signal.SIGINT)
            if isinstance(error, InputError):
                logging.error("%s: %s", _PROGRAM, " ".join(str(error).split("\n")))
                return 1
            logging.critical("%s: %s", _PROGRAM, BUG)
            raise


def _serve(args: argparse.Namespace, processors: Processors) -> None:
    folders = folders_of(args.models)
    try:
        from finetune.serving.serve import serve
    except ModuleNotFoundError as error:
        if error.name in (None, "finetune"):
            raise
        raise InputError(f"the package {error.name} is missing. Install it: {INSTALL}") from None
    serve(folders, processors, args)
