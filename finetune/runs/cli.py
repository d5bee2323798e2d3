"""What the scripts' `main` share: flags, messages, exit status.

TensorFlow is imported only to run.
"""

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
from finetune.util import signals
from finetune.util.errors import InputError, UsageError
from finetune.util.log import set_up_logging, set_verbosity

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
      load_task: Imports and returns the script's task class; called once the flags are known to be
        right, since it imports TensorFlow.
      argv: The command line, starting with the program's name.
      program: Name of the script.
      summary: First line of --help.
      config_class: What the flags become.
      processors: PROCESSORS of processors.py.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong flags, 128 + n ended by signal n.
    """
    set_up_logging()
    signals.raise_on_signals()
    declare_flags(config_class)
    text = _help(argv, program, summary, config_class)
    if text is not None:
        sys.stdout.write(text + "\n")
        return DONE
    try:
        config = parse_flags(argv, config_class)
    except (flags.Error, InputError) as error:
        logging.error("%s: %s (--helpfull lists all flags)", program, _flag_error(error))
        return WRONG_FLAGS
    set_verbosity(config.verbosity)

    def run(config: Config) -> None:
        from finetune.runs import run as runs

        runs.run(config, load_task(), processors)

    return _guarded(run, config, program)


def _help(argv: List[str], program: str, summary: str, config_class: Type[Config]) -> Optional[str]:
    if any(arg in ("--help", "-help", "-h") for arg in argv[1:]):
        return short_help(program, summary, config_class)
    if any(arg in ("--helpfull", "-helpfull") for arg in argv[1:]):
        return full_help(program, summary, config_class)
    return None


def _guarded(run: RunConfig, config: Config, program: str) -> int:
    """Runs; turns what the user can fix into one line, and everything else into a bug report."""
    _prepare_tensorflow(config)
    try:
        run(config)
        return DONE
    except UsageError as error:
        logging.error("%s: %s (--helpfull lists all flags)", program, error)
        return WRONG_FLAGS
    except InputError as error:
        logging.error("%s: %s", program, " ".join(str(error).splitlines()))
        if config.debug:
            raise
        return FAILED
    except KeyboardInterrupt as error:
        resume = "The same command resumes what is there." if config.do_train else ""
        logging.error("%s: interrupted. %s", program, str(error) or resume)
        return getattr(error, "status", 128 + signal.SIGINT)
    except Exception as error:
        message = _environment_error(error)
        if message is None or config.debug:
            if message is None:
                logging.critical(
                    "%s: internal error. This is a bug in the toolkit, not in your data or flags: "
                    "please report it with the traceback below.",
                    program,
                )
            raise
        logging.error("%s: %s", program, message)
        return FAILED


def _prepare_tensorflow(config: Config) -> None:
    # Before the import: start-up messages about CUDA libraries say nothing useful.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if config.verbosity == "debug" else "3")
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    tf.enable_resource_variables()  # TensorFlow 1's own can be read while half updated.


def _flag_error(error: Exception) -> str:
    # absl reports a value that is neither true nor false as a tuple.
    return re.sub(r"\('Non-boolean argument.*", "expected true or false.", str(error))


def _environment_error(error: Exception) -> Optional[str]:
    """Returns one line for an error of the machine, not of the toolkit: disk, memory, files."""
    import tensorflow.compat.v1 as tf

    from finetune.util.tensorflow_errors import is_full_disk

    if is_full_disk(error):
        path = getattr(error, "filename", None)
        return (
            f"No space is left on the disk{f' of {path}' if path else ''}. Free some space, and "
            "run the same command again."
        )
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return (
            "Out of memory. Give a smaller --eval_batch_size or --predict_batch_size, or a smaller "
            "--max_seq_length."
        )
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}."
    return None
