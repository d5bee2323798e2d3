"""report.html: a training run and its evaluation on one self-contained page."""

import dataclasses
import os
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type

from finetune.config.config import Config
from finetune.config.recorded import split_by_default
from finetune.output import best_model, names, run_record, train_log
from finetune.output.best_model import Scores
from finetune.output.score_files import ScoreFiles
from finetune.output.several_runs import RunTable
from finetune.reports import data_report, plots
from finetune.reports.data_report_text import format_report
from finetune.tasks.mistakes import Answers, EvaluationDetails, NumberAnswers
from finetune.util.files import atomic_text
from finetune.util.paths import shown

if TYPE_CHECKING:
    import jinja2

_TEMPLATE = "report.html.jinja"

Summary = Sequence[Tuple[str, str]]  # The head of the page: titles and texts


@dataclasses.dataclass(frozen=True)
class ScoredFile:
    """An evaluation, as the page shows it.

    Attributes:
      files: The files of the evaluation.
      scores: The scores.
      text: The scores as human-readable text.
      warning: A warning about the scores.
      details: The model's predictions.
    """

    files: ScoreFiles
    scores: Scores
    text: str
    warning: Optional[str]
    details: EvaluationDetails

    @property
    def is_regression(self) -> bool:
        """Whether the predictions are numbers."""
        return isinstance(self.details.answers, NumberAnswers)


def write(
    output_dir: str,
    *,
    metrics: Sequence[str],
    config_class: Type[Config] = Config,
    summary: Summary = (),
    scored: Optional[ScoredFile] = None,
    runs: Optional[RunTable] = None,
    training_dir: Optional[str] = None,
) -> str:
    """Writes report.html for an output directory.

    Args:
      output_dir: The directory.
      metrics: Names of the metrics to plot over the training steps.
      config_class: The flags of the script, whose defaults tell which settings were changed.
      summary: The closing summary of the run.
      scored: The evaluation, if there was one.
      runs: The training runs of the command, if there were several.
      training_dir: The folder of the training run that the page shows, if it is another one.

    Returns:
      The path of the page.
    """
    folder = training_dir or output_dir
    content = {
        "runs": runs,
        **_training(folder, metrics),
        **_evaluation(scored),
        **_settings_and_data(folder, config_class),
    }
    page = _template().render(
        title=os.path.basename(os.path.abspath(output_dir)),
        summary=summary,
        sections=_sections(content, f" of {os.path.basename(folder)}" if training_dir else ""),
        **content,
    )
    path = os.path.join(output_dir, scored.files.report if scored else names.REPORT)
    with atomic_text(path) as writer:
        # The JSON files may contain lone surrogates, which cannot be encoded as UTF-8.
        writer.write(shown(page).encode("utf-8", "replace").decode("utf-8"))
    return path


def _training(folder: str, metrics: Sequence[str]) -> Dict[str, Any]:
    """Returns the template's values about a training run and its evaluations."""
    rows = train_log.read(folder)
    evaluations = train_log.evaluations_of(rows)
    best = _best_step(folder) if evaluations else None
    return {
        "best": best,
        "evaluations": evaluations,
        "metrics": [name for name in metrics if any(name in row for row in evaluations)],
        "curves": plots.curves([row for row in rows if "loss" in row], evaluations, best),
        "course": plots.scores_over_time(evaluations, metrics[:4], best),
    }


def _evaluation(scored: Optional[ScoredFile]) -> Dict[str, Any]:
    """Returns the template's values about the evaluation."""
    return {
        "scored": scored,
        "answers": _answer_plots(scored) if scored else [],
        "most_confused": scored.scores.get("most_confused") or [] if scored else [],
        "mistakes": scored.details.mistakes if scored else [],
        "intervals": scored.details.intervals if scored else {},
        "is_regression": scored is not None and scored.is_regression,
    }


def _settings_and_data(folder: str, config_class: Type[Config]) -> Dict[str, Any]:
    """Returns the template's values about the settings and data of a training run."""
    record = run_record.load(folder)
    report = data_report.load(folder)
    changed, others = split_by_default(record.settings if record else {}, config_class)
    return {
        "settings": changed,
        "other_settings": others,
        "versions": record.versions if record else {},
        "data": format_report(report) if report else "",
    }


def _sections(content: Mapping[str, Any], of_run: str) -> Dict[str, str]:
    """Returns the title of each section of the page that has content."""
    runs, scored = content["runs"], content["scored"]
    titles = {
        "runs": runs.title if runs else "",
        "scored": f"Scores on {scored.files.scored}" if scored else "",
        "most_confused": "Most frequent confusions",
        "mistakes": "Largest errors" if content["is_regression"] else "Most confident mistakes",
        "curves": f"Training{of_run}",
        "settings": f"Settings{of_run}",
        "data": f"Data{of_run}",
    }
    return {name: title for name, title in titles.items() if content[name]}


def _template() -> "jinja2.Template":
    import jinja2  # Not before the first training step, which should not wait for it

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


def _answer_plots(scored: ScoredFile) -> List[str]:
    scores, details = scored.scores, scored.details
    labels = scores.get("labels") or scores.get("types") or {}
    found = [plots.per_label(labels)]
    if scores.get("confusion_matrix"):
        found.append(plots.confusion(scores["confusion_matrix"], list(labels)))
    answers = details.answers
    if isinstance(answers, Answers) and len(answers.confidences):
        found += plots.confidence(answers)
    if details.ranking is not None:
        found += plots.ranking(details.ranking)
    if isinstance(answers, NumberAnswers):
        found.append(plots.numbers(answers))
    return [plot for plot in found if plot]
