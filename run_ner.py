# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to tag the words of texts; evaluates; predicts. See README.md."""

import sys

from finetune.runs import cli
from finetune.tasks.tagging.config import NerConfig
from processors import PROCESSORS


def _load_task():
    from finetune.tasks.tagging.task import Tagging

    return Tagging


def main(argv):
    """Runs the script and returns its exit status."""
    return cli.run_main(
        _load_task,
        argv=argv,
        program="run_ner.py",
        summary="Fine-tunes BERT to tag the words of texts, for example names with their types.",
        config_class=NerConfig,
        processors=PROCESSORS,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
