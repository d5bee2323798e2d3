"""Predict the labels of the test file with the trained model, and write the predictions."""

import logging
import os
from typing import Dict, Iterable, Optional

import numpy as np

from finetune.output.results import StandardOutput, opened_results
from finetune.output.score_files import files_for
from finetune.reports.html_report import ScoredFile
from finetune.runs.estimators import model_outputs, trained_checkpoint
from finetune.runs.evaluate import score
from finetune.runs.predict_stream import predict_stream
from finetune.runs.prepare import PreparedData
from finetune.runs.resolve import Run
from finetune.util.plurals import count

_log = logging.getLogger(__name__)


def predict(run: Run, data: PreparedData) -> Optional[ScoredFile]:
    """Writes the predictions; those of a stream go to standard output too, as they are made.

    If all rows of a file have a label, it is added to the predictions, and they are scored.

    Returns:
      The scores, if there are any.
    """
    if run.data.is_stream("test"):
        predict_stream(run, data.task)
        return None
    examples, features = data.examples["test"], data.features["test"]
    gold = data.task.with_gold(examples, features)
    features = features if gold is None else gold
    outputs: Iterable[Dict[str, np.ndarray]] = model_outputs(
        run,
        data.task,
        features,
        batch_size=run.config.predict_batch_size,
        checkpoint=trained_checkpoint(run),
        what="Predicting",
    )
    outputs = outputs if gold is None else list(outputs)
    paths = [os.path.join(run.output_dir, name) for name in data.task.prediction_files]
    output = StandardOutput() if run.config.prints_predictions else None
    with opened_results(paths, copy=output) as writers:
        number = data.task.prediction_writer(writers)(examples, features, outputs)
    if output is not None:
        output.flush()
    paths += data.task.write_derived(run.output_dir)
    _log.info("Wrote %s to %s", count(number, "prediction"), " and ".join(paths))
    is_scored = run.config.do_eval and run.data.has_test_part()  # See `evaluate`
    if gold is None or is_scored:
        return None
    files = files_for(run.output_dir, run.data.file_of("test"))
    return score(run, data.task, examples, features, list(outputs), files)
