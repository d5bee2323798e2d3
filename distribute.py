# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Starts a training command in several processes with Ray Train. See docs/distributed.md."""

import sys
from typing import List

from finetune.util import script


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    from finetune.runs import distribute

    return distribute.main(argv)


if __name__ == "__main__":
    sys.exit(script.run("distribute.py", main))
