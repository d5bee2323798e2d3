# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to tag the words of texts, evaluates, and predicts. See README.md."""

import sys
from typing import List

from finetune.util import script


def _load_task() -> type:
    from finetune.tasks.tagging.task import Tagging

    return Tagging


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    from finetune.runs import cli
    from finetune.tasks.tagging.config import NerConfig
    from processors import PROCESSORS

    return cli.run_main(
        _load_task,
        argv=argv,
        program="run_ner.py",
        summary="Fine-tunes BERT to tag the words of texts, for example names with their types.",
        config_class=NerConfig,
        processors=PROCESSORS,
    )


if __name__ == "__main__":
    sys.exit(script.run("run_ner.py", main))
