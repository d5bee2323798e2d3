"""Score the trained model on the dev file, and write what came out."""

import json
import logging
import os

from finetune.output import names
from finetune.output.best_model import Scores
from finetune.reports import html_report
from finetune.runs.estimators import model_outputs, trained_checkpoint
from finetune.runs.prepare import PreparedData
from finetune.runs.resolve import Run
from finetune.util.files import atomic_text

_log = logging.getLogger(__name__)


def evaluate(run: Run, data: PreparedData) -> Scores:
    """Scores the model; writes eval_results.txt, eval_results.json and report.html."""
    task, examples, features = data.task, data.examples["dev"], data.features["dev"]
    outputs = list(
        model_outputs(
            run,
            task,
            features,
            batch_size=run.config.eval_batch_size,
            checkpoint=trained_checkpoint(run),
            what="Evaluating",
        )
    )
    scores, text = task.score(examples, features, outputs)
    _write_scores(run.output_dir, scores, text)
    report = html_report.write(
        run.output_dir,
        metrics=task.metrics,
        scores=scores,
        figures=text,
        details=task.details(examples, features, outputs),
    )
    _log.info("Report: %s", report)
    return scores


def _write_scores(output_dir: str, scores: Scores, text: str) -> None:
    with atomic_text(os.path.join(output_dir, names.EVAL_TEXT)) as writer:
        writer.write(text)
    with atomic_text(os.path.join(output_dir, names.EVAL_JSON)) as writer:
        json.dump(scores, writer, indent=2, ensure_ascii=False)
    _log.info("***** Eval results *****\n%s", text)


def saved_scores(output_dir: str) -> Scores:
    """Returns the scores that an evaluation wrote into an output directory."""
    with open(os.path.join(output_dir, names.EVAL_JSON), encoding="utf-8") as reader:
        return json.load(reader)
