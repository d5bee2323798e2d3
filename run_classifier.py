# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to classify texts or pairs of texts, evaluates, and predicts. See README.md."""

import sys
from typing import List

from finetune.util import script


def _load_task() -> type:
    from finetune.tasks.classification.task import Classification

    return Classification


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    from finetune.runs import cli
    from finetune.tasks.classification.config import ClassifierConfig
    from processors import PROCESSORS

    return cli.run_main(
        _load_task,
        argv=argv,
        program="run_classifier.py",
        summary="Fine-tunes BERT to classify texts or pairs of texts.",
        config_class=ClassifierConfig,
        processors=PROCESSORS,
    )


if __name__ == "__main__":
    sys.exit(script.run("run_classifier.py", main))
