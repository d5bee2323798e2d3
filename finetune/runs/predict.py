"""Predict the test file with the trained model, and write the predictions."""

import contextlib
import logging
import shutil
import sys

from finetune.runs.estimators import model_outputs, trained_checkpoint
from finetune.runs.prepare import PreparedData
from finetune.runs.resolve import Run
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


def predict(run: Run, data: PreparedData) -> None:
    """Writes the predictions; if the input is standard input, also to standard output."""
    features = data.features["test"]
    outputs = model_outputs(
        run,
        data.task,
        features,
        batch_size=run.config.predict_batch_size,
        checkpoint=trained_checkpoint(run),
        what="Predicting",
    )
    written = data.task.write_predictions(run.output_dir, data.examples["test"], features, outputs)
    _log.info("Wrote %s to %s", count(len(features), "prediction"), " and ".join(written))
    if run.config.predict_file == "-":
        _copy_to_standard_output(written[-1])


def _copy_to_standard_output(path: str) -> None:
    with open(path, encoding="utf-8", newline="") as reader:
        # The reader, for example `head`, may stop before the end.
        with contextlib.suppress(BrokenPipeError):
            shutil.copyfileobj(reader, sys.stdout)
            sys.stdout.flush()
