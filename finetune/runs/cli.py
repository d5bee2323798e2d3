"""The `main` function of the scripts: flags, messages and exit status.

TensorFlow is imported only if there is something to run.
"""

import gc
import io
import logging
import os
import re
import signal
import sys
from typing import Callable, List, Mapping, Optional, Type

from absl import flags

from finetune.config.command_line import declare_flags, parse_flags
from finetune.config.config import Config
from finetune.config.help import full_help, short_help
from finetune.data.processor import DataProcessor
from finetune.output import names
from finetune.util import signals
from finetune.util.errors import BUG, HelperError, InputError, UsageError
from finetune.util.log import set_up_logging, set_verbosity
from finetune.util.paths import is_remote
from finetune.util.printable import printable
from finetune.util.quick_imports import import_estimator, import_tensorflow

DONE, FAILED, WRONG_FLAGS = 0, 1, 2

RunConfig = Callable[[Config], None]


def run_main(
    load_task: Callable[[], type],
    *,
    argv: List[str],
    program: str,
    summary: str,
    config_class: Type[Config],
    processors: Mapping[str, Type[DataProcessor]],
) -> int:
    """Runs a script from its command line.

    Args:
      load_task: Imports and returns the script's task class. It imports TensorFlow, so it is called
        only after the flags are checked.
      argv: The command line, starting with the program's name.
      program: Name of the script.
      summary: First line of --help.
      config_class: The configuration that the flags become.
      processors: `PROCESSORS` from processors.py.

    Returns:
      The exit status: 0 for success, 1 for failure, 2 for wrong flags, 128 + n after signal n.
    """
    set_up_logging()
    _write_what_the_terminal_lacks_as_escapes()
    declare_flags(config_class)
    text = _help(argv, program, summary, config_class)
    if text is not None:
        sys.stdout.write(printable(text) + "\n")
        return DONE
    try:
        config = parse_flags(argv, config_class)
        _check_required(config)
    except (flags.Error, InputError) as error:
        logging.error("%s: %s (--helpfull lists all flags)", program, _flag_error(error))
        return WRONG_FLAGS
    set_verbosity(config.verbosity)

    def run(config: Config) -> None:
        from finetune.runs import run as runs

        runs.run(config, load_task(), processors)

    with signals.interruptible() as interrupter:
        return _guarded(run, config, program, interrupter)


def _write_what_the_terminal_lacks_as_escapes() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Not if a test replaced it
            stream.reconfigure(errors="backslashreplace")


def _check_required(config: Config) -> None:
    """Raises `UsageError` if a flag is missing that no earlier run can have remembered.

    Otherwise, the message would have to wait for the import of TensorFlow.
    """
    starts = config.learns_labels and not config.num_folds and not config.compares_trainings
    is_local = not is_remote(config.output_dir)
    if starts and is_local and not os.path.exists(os.path.join(config.output_dir, names.RECORD)):
        config.check_required()


def _help(argv: List[str], program: str, summary: str, config_class: Type[Config]) -> Optional[str]:
    if any(arg in ("--help", "-help", "-h") for arg in argv[1:]):
        return short_help(program, summary, config_class)
    if any(arg in ("--helpfull", "-helpfull") for arg in argv[1:]):
        return full_help(program, summary, config_class)
    return None


def _guarded(run: RunConfig, config: Config, program: str, interrupter: signals.Interrupter) -> int:
    """Runs; reports errors that the user can fix in one line, and all others as bugs."""
    try:
        _prepare_tensorflow(config)
        run(config)
        return DONE
    except KeyboardInterrupt as error:
        rest = str(error) or ("The same command resumes training." if config.do_train else "")
        logging.error("%s: interrupted.%s", program, f" {rest}" if rest else "")
        return getattr(error, "status", 128 + signal.SIGINT)
    except Exception as error:
        if interrupter.number is not None:  # A library turned the interruption into its own error.
            logging.error("%s: interrupted.", program)
            return interrupter.status
        status = _report(error, config, program)
        if status is None:
            raise
        return status


def _report(error: Exception, config: Config, program: str) -> Optional[int]:
    """Reports an error; returns the exit status, or None to show the traceback."""
    if isinstance(error, UsageError):
        logging.error("%s: %s (--helpfull lists all flags)", program, error)
        return WRONG_FLAGS
    if isinstance(error, InputError):
        logging.error("%s: %s", program, " ".join(str(error).split("\n")))
        return None if config.debug else error.status
    message = _environment_error(error)
    if message is None:
        logging.critical("%s: %s", program, _introduction(error))
        return None
    if config.debug:
        return None
    logging.error("%s: %s", program, message)
    return FAILED


def _introduction(error: Exception) -> str:
    """Returns the line before a traceback."""
    return str(error) if isinstance(error, HelperError) else BUG


def _prepare_tensorflow(config: Config) -> None:
    # Set before the import, to suppress start-up messages about CUDA libraries.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if config.verbosity == "debug" else "3")
    import_tensorflow()
    if config.do_train:
        import_estimator()
    # The collector need not look at TensorFlow's modules again: they stay until the end.
    gc.freeze()
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    tf.enable_resource_variables()  # TensorFlow 1's variables can be read partly updated.


def _flag_error(error: Exception) -> str:
    # absl reports a value that is neither true nor false as a tuple.
    return re.sub(r"\('Non-boolean argument.*", "expected true or false.", str(error))


def _environment_error(error: Exception) -> Optional[str]:
    """Returns a one-line message for a full disk or memory, or None for a bug."""
    import tensorflow.compat.v1 as tf

    from finetune.util.files import is_full_disk

    if is_full_disk(error):
        path = getattr(error, "filename", None)
        return (
            f"No space is left on the disk{f' of {path}' if path else ''}. Free some space, and "
            "run the same command again."
        )
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return (
            "Out of memory. Set a smaller --eval_batch_size or --predict_batch_size, or a smaller "
            "--max_seq_length."
        )
    return None
