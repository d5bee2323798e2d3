"""report.html: what came out of a training and its evaluation, on one page that needs no other."""

import json
import os
from typing import Any, Dict, List, Optional

import jinja2

from finetune import best_model, data_report, report_plots, run_record, train_log
from finetune.evidence import Evidence
from finetune.files import atomic_text

REPORT_FILE = "report.html"


def write(
    output_dir: str,
    *,
    metrics: List[str],
    scores: Optional[Dict[str, Any]] = None,
    figures: str = "",
    evidence: Optional[Evidence] = None,
) -> str:
    """Writes the report on an output directory, of what is in it and of an evaluation.

    Args:
      output_dir: The directory.
      metrics: Names of the scores whose course is shown.
      scores: Those of an evaluation.
      figures: The same as text for people.
      evidence: What is known of its answers.

    Returns:
      Path of the page.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    record = run_record.load(output_dir)
    rows = train_log.read(output_dir)
    evaluations = train_log.evaluations_of(rows)
    steps = [row for row in rows if "loss" in row]
    page = environment.get_template("report.html.jinja").render(
        title=os.path.basename(os.path.abspath(output_dir)),
        best=_best(output_dir, evaluations),
        evaluations=evaluations,
        metrics=[name for name in metrics if any(name in row for row in evaluations)],
        curves=report_plots.curves(steps, evaluations),
        course=report_plots.scores_over_time(evaluations, metrics[:4]),
        figures=figures,
        answers=_plots_of(scores or {}, evidence),
        most_confused=(scores or {}).get("most_confused") or [],
        mistakes=evidence.mistakes if evidence else [],
        is_regression=evidence is not None and evidence.numbers is not None,
        settings=_settings(record),
        versions=record.versions if record else {},
        data=_data(output_dir),
    )
    path = os.path.join(output_dir, REPORT_FILE)
    with atomic_text(path) as writer:
        # JSON can hold halves of characters, which no page can.
        writer.write(page.encode("utf-8", "replace").decode("utf-8"))
    return path


def _best(output_dir: str, evaluations: List[Dict[str, Any]]) -> Optional[int]:
    """Returns the step of the best model."""
    if not evaluations or not best_model.is_there(output_dir):
        return None
    return best_model.step_of(output_dir)


def _plots_of(scores: Dict[str, Any], evidence: Optional[Evidence]) -> List[str]:
    labels = scores.get("labels") or scores.get("types") or {}
    plots = [report_plots.per_label(labels)]
    if scores.get("confusion_matrix"):
        plots.append(report_plots.confusion(scores["confusion_matrix"], list(labels)))
    if evidence is not None and evidence.confidences is not None and len(evidence.confidences):
        plots += report_plots.confidence(evidence.confidences, evidence.is_right, evidence.unit)
    if evidence is not None and evidence.numbers is not None:
        plots.append(report_plots.numbers(*evidence.numbers))
    return [plot for plot in plots if plot]


def _settings(record: Optional[run_record.RunRecord]) -> Dict[str, Any]:
    settings = record.settings if record else {}
    return {name: value for name, value in settings.items() if value is not None}


def _data(output_dir: str) -> str:
    """Returns the report on the data as text; "" if there is none."""
    path = os.path.join(output_dir, data_report.REPORT_FILE)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as reader:
        return data_report.format_report(json.load(reader))
