"""report.html: a training and its evaluation on one self-contained page."""

import os
from typing import Any, Dict, List, Optional, Sequence

import jinja2

from finetune.output import best_model, names, run_record, train_log
from finetune.output.best_model import Scores
from finetune.output.run_record import RunRecord
from finetune.reports import data_report, plots
from finetune.reports.data_report_text import format_report
from finetune.tasks.mistakes import EvaluationDetails
from finetune.util.files import atomic_text

_TEMPLATE = "report.html.jinja"


def write(
    output_dir: str,
    *,
    metrics: Sequence[str],
    scores: Optional[Scores] = None,
    figures: str = "",
    details: Optional[EvaluationDetails] = None,
) -> str:
    """Writes report.html for an output directory.

    Args:
      output_dir: The directory.
      metrics: Names of the metrics to show over the course of the training.
      scores: The scores of an evaluation, if there was one.
      figures: The same as human-readable text.
      details: The model's answers in the evaluation.

    Returns:
      The path of the page.
    """
    record = run_record.load(output_dir)
    rows = train_log.read(output_dir)
    evaluations = train_log.evaluations_of(rows)
    report = data_report.load(output_dir)
    page = _template().render(
        title=os.path.basename(os.path.abspath(output_dir)),
        best=_best_step(output_dir) if evaluations else None,
        evaluations=evaluations,
        metrics=[name for name in metrics if any(name in row for row in evaluations)],
        curves=plots.curves([row for row in rows if "loss" in row], evaluations),
        course=plots.scores_over_time(evaluations, metrics[:4]),
        figures=figures,
        answers=_answer_plots(scores or {}, details),
        most_confused=(scores or {}).get("most_confused") or [],
        mistakes=details.mistakes if details else [],
        is_regression=details is not None and details.numbers is not None,
        settings=_settings(record),
        versions=record.versions if record else {},
        data=format_report(report) if report else "",
    )
    path = os.path.join(output_dir, names.REPORT)
    with atomic_text(path) as writer:
        # The JSON files may contain lone surrogates, which cannot be encoded as UTF-8.
        writer.write(page.encode("utf-8", "replace").decode("utf-8"))
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE)


def _best_step(output_dir: str) -> Optional[int]:
    return best_model.step_of(output_dir) if best_model.exists(output_dir) else None


def _answer_plots(scores: Scores, details: Optional[EvaluationDetails]) -> List[str]:
    labels = scores.get("labels") or scores.get("types") or {}
    found = [plots.per_label(labels)]
    if scores.get("confusion_matrix"):
        found.append(plots.confusion(scores["confusion_matrix"], list(labels)))
    if details is not None and details.confidences is not None and len(details.confidences):
        found += plots.confidence(details.confidences, details.is_correct, details.unit)
    if details is not None and details.numbers is not None:
        found.append(plots.numbers(*details.numbers))
    return [plot for plot in found if plot]


def _settings(record: Optional[RunRecord]) -> Dict[str, Any]:
    settings = record.settings if record else {}
    return {name: value for name, value in settings.items() if value is not None}
