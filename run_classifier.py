# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to classify single texts or pairs; evaluates; predicts. See README.md."""

import os
import sys

# Before TensorFlow is imported: its start-up messages about CUDA libraries say nothing here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if "--verbosity=debug" in sys.argv else "3")

from finetune import cli, runner
from finetune.classification import Classification
from finetune.classifier_config import ClassifierConfig


def main(argv):
    """Runs the script and returns its exit status."""
    return cli.run_main(
        lambda config: runner.run(config, Classification),
        argv=argv,
        program="run_classifier.py",
        summary="Fine-tunes BERT to classify texts or pairs of texts.",
        config_class=ClassifierConfig,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
