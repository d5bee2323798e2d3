# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Writes docs/flags.md from the flags' declarations."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from finetune.config.help import flags_page  # noqa: E402
from finetune.tasks.classification.config import ClassifierConfig  # noqa: E402
from finetune.tasks.question_answering.config import QaConfig  # noqa: E402
from finetune.tasks.tagging.config import NerConfig  # noqa: E402

PAGE = ROOT / "docs" / "flags.md"


def make_page() -> str:
    """Returns the text of the page."""
    return flags_page(
        {
            "run_classifier.py": ClassifierConfig,
            "run_ner.py": NerConfig,
            "run_squad.py": QaConfig,
        }
    )


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
