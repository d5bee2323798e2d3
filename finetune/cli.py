"""What the scripts' `main` share: flags, messages, exit status, TensorFlow's own noise."""

import logging
import re
import signal
import sys
from typing import Callable, List, Type

import tensorflow.compat.v1 as tf
from absl import flags

from finetune import config as config_lib
from finetune import interrupts
from finetune.progress import Handler
from finetune.tf_errors import is_full_disk, reason_of

# What a user can do something about; anything else is a fault of the toolkit, with a traceback.
_ERRORS = (ValueError, OSError, MemoryError, tf.errors.OpError)


def run_main(
    run: Callable[[config_lib.Config], None],
    *,
    argv: List[str],
    program: str,
    summary: str,
    config_class: Type[config_lib.Config] = config_lib.Config,
) -> int:
    """Runs a script from its command line.

    Args:
      run: What to do with the configuration.
      argv: The command line, the program's name first.
      program: Name of the script.
      summary: First line of --help.
      config_class: What the flags become.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong flags, 130 interrupted.
    """
    set_up_logging()
    interrupts.raise_on_signals()
    tf.disable_v2_behavior()
    tf.enable_resource_variables()  # Unlike TF1's own, they cannot be read half-updated.
    config_lib.declare_flags(config_class)
    if any(arg in ("--help", "-help", "-h") for arg in argv[1:]):
        sys.stdout.write(config_lib.usage(program, summary, config_class) + "\n")
        return 0
    try:
        config = config_lib.parse_flags(argv, config_class)
    except (flags.Error, ValueError) as error:
        logging.error("%s: %s (--help lists all flags)", program, _in_words(error))
        return 2
    set_verbosity(config.verbosity)
    try:
        run(config)
    except config_lib.UsageError as error:
        logging.error("%s: %s (--help lists all flags)", program, error)
        return 2
    except KeyboardInterrupt as error:
        goes_on = "The same command goes on with what is there." if config.do_train else ""
        logging.error("%s: interrupted. %s", program, str(error) or goes_on)
        return getattr(error, "status", 128 + signal.SIGINT)
    except _ERRORS as error:
        logging.error("%s: %s", program, _one_line(error))
        if config.debug:
            raise
        return 1
    return 0


def _in_words(error: Exception) -> str:
    # Of what is neither true nor false, absl says a tuple.
    return re.sub(r"\('Non-boolean argument.*", "expected true or false.", str(error))


def _one_line(error: Exception) -> str:
    if is_full_disk(error):
        path = getattr(error, "filename", None)
        return (
            f"No space is left on the disk{f' of {path}' if path else ''}. Make room, and give the "
            "same command again."
        )
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return (
            "Memory ran out. Give a smaller --eval_batch_size or --predict_batch_size, or a "
            "smaller --max_seq_length."
        )
    if not isinstance(error, tf.errors.OpError):
        return " ".join(str(error).splitlines())
    return f"{type(error).__name__}: {reason_of(error)}"


def set_up_logging() -> None:
    """Sends messages of the toolkit to standard error, as they are."""
    root = logging.getLogger()
    if not root.handlers:
        handler = Handler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        root.addHandler(handler)
    set_verbosity("info")
    logging.getLogger("tensorflow").addFilter(_worth_reading)


def set_verbosity(verbosity: str) -> None:
    """Says what is worth a message; libraries' own are only where they warn, or for debug."""
    logging.getLogger().setLevel(verbosity.upper())
    for name in ("tensorflow", "matplotlib"):
        logging.getLogger(name).setLevel(logging.INFO if verbosity == "debug" else logging.WARNING)


def _worth_reading(record: logging.LogRecord) -> bool:
    # The toolkit is written for TF1's interface, which is deprecated as a whole.
    message = record.getMessage()
    return "deprecated" not in message and "Instructions for updating" not in message
