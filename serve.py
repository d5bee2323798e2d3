# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Serves trained models over HTTP. See docs/serving.md."""

import sys
from typing import List

from finetune.util import script


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    from finetune.serving import command_line
    from processors import PROCESSORS

    return command_line.main(argv, PROCESSORS)


if __name__ == "__main__":
    sys.exit(script.run("serve.py", main))
