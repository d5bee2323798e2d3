"""What the scripts' `main` share: flags, messages, exit status, TensorFlow's own noise."""

import logging
import sys
from typing import Callable, List

import tensorflow.compat.v1 as tf
from absl import flags

from finetune import config as config_lib


def run_main(
    run: Callable[[config_lib.Config], None], *, argv: List[str], program: str, summary: str
) -> int:
    """Runs a script from its command line.

    Args:
      run: What to do with the configuration.
      argv: The command line, the program's name first.
      program: Name of the script.
      summary: First line of --help.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong flags, 130 interrupted.
    """
    set_up_logging()
    tf.disable_v2_behavior()
    tf.enable_resource_variables()  # Unlike TF1's own, they cannot be read half-updated.
    config_lib.declare_flags()
    if any(arg in ("--help", "-help", "-h") for arg in argv[1:]):
        sys.stdout.write(config_lib.usage(program, summary) + "\n")
        return 0
    try:
        config = config_lib.parse_flags(argv)
    except (flags.Error, ValueError) as error:
        logging.error("%s: %s (--help lists all flags)", program, error)
        return 2
    try:
        run(config)
    except KeyboardInterrupt:
        logging.error(
            "%s: interrupted. The same command goes on from the last checkpoint.", program
        )
        return 130
    except (ValueError, OSError, tf.errors.OpError) as error:
        # TensorFlow's errors go on with the graph's whole history.
        logging.error("%s: %s", program, getattr(error, "message", str(error)).split("\n")[0])
        if config.debug:
            raise
        return 1
    return 0


def set_up_logging() -> None:
    """Sends messages of the toolkit to standard error, as they are."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger().setLevel(logging.INFO)
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.setLevel(logging.WARNING)
    tensorflow.addFilter(_worth_reading)


def _worth_reading(record: logging.LogRecord) -> bool:
    # The toolkit is written for TF1's interface, which is deprecated as a whole.
    message = record.getMessage()
    return "deprecated" not in message and "Instructions for updating" not in message
