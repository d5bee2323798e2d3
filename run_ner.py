# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes BERT to tag the words of texts; evaluates; predicts. See README.md."""

import os
import sys

# Before TensorFlow is imported: its start-up messages about CUDA libraries say nothing here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if "--verbosity=debug" in sys.argv else "3")

from finetune import cli, runner
from finetune.ner_config import NerConfig
from finetune.sequence_tagging import SequenceTagging


def main(argv):
    """Runs the script and returns its exit status."""
    return cli.run_main(
        lambda config: runner.run(config, SequenceTagging),
        argv=argv,
        program="run_ner.py",
        summary="Fine-tunes BERT to tag the words of texts, such as names with their types.",
        config_class=NerConfig,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
