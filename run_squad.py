# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to answer questions from texts, evaluates, and predicts. See README.md."""

import sys
from typing import List

from finetune.runs import cli
from finetune.tasks.question_answering.config import QaConfig
from processors import PROCESSORS


def _load_task() -> type:
    from finetune.tasks.question_answering.task import QuestionAnswering

    return QuestionAnswering


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    return cli.run_main(
        _load_task,
        argv=argv,
        program="run_squad.py",
        summary="Fine-tunes BERT to find the answers to questions in texts.",
        config_class=QaConfig,
        processors=PROCESSORS,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
