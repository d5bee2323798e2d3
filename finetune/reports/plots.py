"""The plots of report.html, each as SVG to embed in the page.

All have the same width, except for a large confusion matrix, which has the class "wide". Their text
and axes have the colour of the page's text.
"""

import io
import warnings
from typing import TYPE_CHECKING, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from finetune.output.train_log import LogRow
from finetune.tasks.mistakes import Answers, NumberAnswers, Ranking
from finetune.tasks.scores import PrecisionRecallF1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 4.6, 3.0  # Inches
_MARGINS = {"left": 0.16, "right": 0.97, "bottom": 0.16, "top": 0.91}
_INK = "#010203"  # Stands for the colour of the page's text, which can be dark or light
_MAX_LABELS_PER_PLOT = 40
_MAX_LABELS_IN_WIDTH = 8
# Lines with more points have no markers. (A line of one point is invisible without one.)
_MAX_MARKED = 50
_MAX_POINTS = 2000  # More points are drawn as a bitmap, to keep the page small.
_BINS = np.linspace(0.0, 1.0, 11).tolist()


def curves(
    rows: Sequence[LogRow], evaluations: Sequence[LogRow], best: Optional[int] = None
) -> List[str]:
    """Returns plots of loss, learning rate, gradient norm and speed over the training steps.

    Args:
      rows: The rows of the log that describe training steps.
      evaluations: The rows that describe evaluations.
      best: The step of the best model, which the plot of the loss marks.
    """
    titles = {
        "loss": "Loss",
        "learning_rate": "Learning rate",
        "gradient_norm": "Gradient norm (before clipping)",
        "tokens_per_second": "Non-padding tokens per second",
    }
    plots = []
    for name, title in titles.items():
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        if not points:
            continue
        figure, axes = _figure_over_steps(title)
        marker = "." if len(points) <= _MAX_MARKED else ""
        axes.plot(*zip(*points), label="training", linewidth=1.2, marker=marker)
        dev = [(row["step"], row["loss"]) for row in evaluations if row.get("loss") is not None]
        if name == "loss" and dev:
            axes.plot(*zip(*dev), "o-", markersize=3, label="dev")
            _mark(axes, best)
            _add_legend(axes)
        plots.append(_svg(figure, name))
    return plots


def scores_over_time(
    evaluations: Sequence[LogRow], metrics: Sequence[str], best: Optional[int] = None
) -> Optional[str]:
    """Returns a plot of metrics on the dev file, or None if there is nothing to plot."""
    shown = [name for name in metrics if name not in ("loss", "mse", "mae")]
    known = [name for name in shown if any(row.get(name) is not None for row in evaluations)]
    if not known:
        return None
    figure, axes = _figure_over_steps("Metrics on the dev file")
    for name in known:
        points = [(row["step"], row[name]) for row in evaluations if row.get(name) is not None]
        axes.plot(*zip(*points), "o-", markersize=3, label=name)
    _mark(axes, best)
    _add_legend(axes)
    return _svg(figure, "scores")


def _figure_over_steps(title: str) -> Tuple["Figure", "Axes"]:
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(title)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    return figure, axes


def _mark(axes: "Axes", best: Optional[int]) -> None:
    if best is not None:
        axes.axvline(best, linestyle=":", color="C2", label=f"best: step {best}")


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Optional[str]:
    """Returns a plot of the confusion matrix, or None if there are too many labels.

    Args:
      matrix: int [L, L], number of rows by gold and predicted label.
      labels: The label list.
    """
    if len(labels) > _MAX_LABELS_PER_PLOT:
        return None
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    width = _WIDTH if len(labels) <= _MAX_LABELS_IN_WIDTH else 2 * _WIDTH
    figure, axes = _figure(
        "Confusion matrix", width, max(_HEIGHT, 0.25 * len(labels) + 1.5), is_fitted=True
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    # In points; about 1.7 inches of the width are for names.
    cell_width = 72 * (width - 1.7) / len(labels)
    size = min(10.0, cell_width / (0.6 * len(str(counts.max())) + 0.4))
    for (i, j), count in np.ndenumerate(counts):
        color = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, count, ha="center", va="center", color=color, fontsize=size)
    names = [_plain(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold label")
    axes.grid(False)
    return _svg(figure, "confusion")


def per_label(scores: Mapping[str, PrecisionRecallF1]) -> Optional[str]:
    """Returns a bar chart of precision, recall and F1 per label.

    Returns:
      The chart; None for no or too many labels, or if no bar would be visible.
    """
    is_empty = not any(row["f1"] for row in scores.values())
    if is_empty or len(scores) > _MAX_LABELS_PER_PLOT:
        return None
    figure, axes = _figure(
        "Scores per label", height=max(_HEIGHT, 0.35 * len(scores) + 1.3), is_fitted=True
    )
    places = np.arange(len(scores))
    rows = scores.values()
    axes.barh(places - 0.27, [row["precision"] for row in rows], 0.25, label="precision")
    axes.barh(places, [row["recall"] for row in rows], 0.25, label="recall")
    axes.barh(places + 0.27, [row["f1"] for row in rows], 0.25, label="f1")
    axes.set_yticks(places, [_plain(label) for label in scores])
    axes.set_ylim(len(places) - 0.5, -0.5)  # The first label is at the top.
    axes.set_xlim(0, 1)
    figure.legend(
        loc="outside lower center", ncols=3, fontsize="small", labelcolor=_INK, frameon=False
    )
    return _svg(figure, "labels")


def confidence(answers: Answers) -> List[str]:
    """Returns a histogram of confidences and a calibration plot."""
    unit, confidences, is_correct = answers
    figure, axes = _figure("Confidence")
    parts = [confidences[is_correct], confidences[~is_correct]]
    axes.hist(parts, _BINS, stacked=True, label=["correct", "wrong"], color=["C0", "C3"])
    axes.set_xlabel("probability")
    axes.set_ylabel(unit)
    _add_legend(axes)
    return [_svg(figure, "histogram"), _calibration(answers)]


def _calibration(answers: Answers) -> str:
    unit, confidences, is_correct = answers
    mean, correct, counts = reliability(confidences, is_correct)
    figure, axes = _unit_square("Calibration", "mean probability", "fraction correct")
    axes.plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
    axes.plot(mean, correct, "o-", markersize=4, label=f"the model (number of {unit})")
    for x, y, number in zip(mean, correct, counts):
        axes.annotate(
            str(number),
            (x, y),
            (0, 6 if y < 0.9 else -12),  # Points above or below
            textcoords="offset points",
            ha="center",
            fontsize="x-small",
            color=_INK,
        )
    _add_legend(axes)
    return _svg(figure, "reliability")


def reliability(
    confidences: np.ndarray, is_correct: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns mean confidence, fraction of correct predictions, and size of each nonempty bin.

    See Niculescu-Mizil and Caruana 2005, https://doi.org/10.1145/1102351.1102430, section 4.
    """
    bins = np.minimum((confidences * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    is_used = counts > 0
    mean = np.bincount(bins, confidences, 10)[is_used] / counts[is_used]
    correct = np.bincount(bins, is_correct, 10)[is_used] / counts[is_used]
    return mean, correct, counts[is_used]


def ranking(found: Ranking) -> List[str]:
    """Returns the ROC curve and the precision-recall curve; [] if all rows have the same label."""
    from sklearn import metrics as sk  # Only a report needs it.

    label, has_label, probabilities = found
    if len(np.unique(has_label)) < 2:
        return []
    area = sk.roc_auc_score(has_label, probabilities)
    figure, axes = _unit_square(
        f"ROC curve of {_plain(label)} (area {area:.3f})",
        "false positive rate",
        "true positive rate",
    )
    axes.plot([0, 1], [0, 1], ":", color="gray")
    false_positive, true_positive, _ = sk.roc_curve(has_label, probabilities)
    axes.plot(false_positive, true_positive)
    roc = _svg(figure, "roc")
    mean = sk.average_precision_score(has_label, probabilities)
    figure, axes = _unit_square(
        f"Precision and recall of {_plain(label)} (average precision {mean:.3f})",
        "recall",
        "precision",
    )
    precision, recall, _ = sk.precision_recall_curve(has_label, probabilities)
    axes.step(recall, precision, where="post")
    return [roc, _svg(figure, "precision_recall")]


def numbers(answers: NumberAnswers) -> str:
    """Returns a plot of predicted values against gold values."""
    gold, predicted = answers
    figure, axes = _figure("Predicted and true values", is_fitted=True)
    axes.plot(gold, predicted, ".", markersize=3, alpha=0.6, rasterized=len(gold) > _MAX_POINTS)
    ends = [min(gold.min(), predicted.min()), max(gold.max(), predicted.max())]
    axes.plot(ends, ends, ":", color="gray")
    axes.set_xlabel("true value")
    axes.set_ylabel("predicted")
    return _svg(figure, "numbers")


def _figure(
    title: str, width: float = _WIDTH, height: float = _HEIGHT, is_fitted: bool = False
) -> Tuple["Figure", "Axes"]:
    """Returns an empty plot.

    Args:
      title: Its title.
      width, height: Its size in inches.
      is_fitted: Whether the margins are fitted to the text around the plot, such as labels. This
        takes as long as drawing.
    """
    from matplotlib.figure import Figure  # Only a report needs it.

    figure = Figure(figsize=(width, height), facecolor="none")
    if is_fitted:
        figure.set_layout_engine("constrained")
    axes = figure.subplots(gridspec_kw=None if is_fitted else _MARGINS)
    axes.set_facecolor("none")
    axes.set_title(title, fontsize="medium", color=_INK)
    axes.grid(True, alpha=0.3)
    axes.tick_params(colors=_INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(_INK)
    for side in axes.spines.values():
        side.set_edgecolor(_INK)
    return figure, axes


def _unit_square(title: str, x: str, y: str) -> Tuple["Figure", "Axes"]:
    figure, axes = _figure(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    return figure, axes


def _add_legend(axes: "Axes") -> None:
    axes.legend(fontsize="small", labelcolor=_INK, facecolor="none", edgecolor="none")


def _plain(label: str) -> str:
    # matplotlib reads text between dollar signs as a formula.
    label = label if len(label) <= 24 else label[:23] + "…"
    return label.replace("$", r"\$")


def _svg(figure: "Figure", name: str) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    # Text stays text, so that it can be searched and copied. The salt makes ids unique to the plot.
    settings = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The browser draws the text, so a missing glyph only affects the measured width.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # figure.savefig draws everything twice.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue().replace(_INK, "currentColor")
    tag = '<svg class="wide"' if figure.get_figwidth() > _WIDTH else "<svg"
    return tag + svg[svg.index("<svg") + len("<svg") :]
