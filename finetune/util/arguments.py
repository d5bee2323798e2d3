"""Read the flags of the scripts that `argparse` parses, which do not train themselves."""

import argparse
from typing import Any, NoReturn

from finetune.util.printable import one_line, printable


class ArgumentParser(argparse.ArgumentParser):
    """A parser that takes only whole names, and whose messages cannot control the terminal."""

    def __init__(self, **settings: Any):
        # Otherwise, --model=DIR would be --model_dir=DIR, which means something else.
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Writes the usage and the message, and exits with status 2."""
        super().error(printable(one_line(message)))
