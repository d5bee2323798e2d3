"""The plots of report.html, each as SVG to embed in the page."""

import io
import warnings
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from finetune.output.train_log import LogRow

_WIDTH, _HEIGHT = 4.6, 3.0  # Inches
_MAX_LABELS = 40  # Per plot
_MAX_MARKED = 50  # A line with more points has no markers. A single point needs one.
_MAX_POINTS = 2000  # More points are drawn as a bitmap, to keep the page small.
_BINS = np.linspace(0.0, 1.0, 11)


def curves(rows: Sequence[LogRow], evaluations: Sequence[LogRow]) -> List[str]:
    """Returns plots of loss, learning rate, gradient norm and speed over the training.

    Args:
      rows: The rows of the log that describe training steps.
      evaluations: The rows that describe evaluations.
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
        figure, axes = _figure(title)
        marker = "." if len(points) <= _MAX_MARKED else ""
        axes.plot(*zip(*points), label="training", linewidth=1.2, marker=marker)
        dev = [(row["step"], row["loss"]) for row in evaluations if row.get("loss") is not None]
        if name == "loss" and dev:
            axes.plot(*zip(*dev), "o-", markersize=3, label="dev")
            axes.legend()
        axes.set_xlabel("step")
        plots.append(_svg(figure, name))
    return plots


def scores_over_time(evaluations: Sequence[LogRow], metrics: Sequence[str]) -> Optional[str]:
    """Returns a plot of metrics on the dev file, or None if there was no evaluation."""
    shown = [name for name in metrics if name not in ("loss", "mse", "mae")]
    if not evaluations or not shown:
        return None
    figure, axes = _figure("Metrics on the dev file")
    for name in shown:
        points = [(row["step"], row[name]) for row in evaluations if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points), "o-", markersize=3, label=name)
    axes.set_xlabel("step")
    axes.legend(fontsize="small")
    return _svg(figure, "scores")


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Optional[str]:
    """Returns a plot of the confusion matrix, or None if there are too many labels.

    Args:
      matrix: int [L, L], number of rows by gold and predicted label.
      labels: The label list.
    """
    if len(labels) > _MAX_LABELS:
        return None
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(_HEIGHT, 0.45 * len(labels) + 1.2)
    figure, axes = _figure("", (side + 1.2, side))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        dark = shares[i, j] > 0.5
        axes.text(j, i, count, ha="center", va="center", color="white" if dark else "black")
    names = [_plain(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true label")
    axes.grid(False)
    return _svg(figure, "confusion")


def per_label(scores: Mapping[str, Mapping[str, float]]) -> Optional[str]:
    """Returns bars of precision, recall and F1 per label, or None if there are too many labels."""
    if not scores or len(scores) > _MAX_LABELS:
        return None
    figure, axes = _figure("", (_WIDTH + 1.5, 0.5 * len(scores) + 1.3))
    places = np.arange(len(scores))
    for shift, name in zip((-0.27, 0.0, 0.27), ("precision", "recall", "f1")):
        axes.barh(places + shift, [row[name] for row in scores.values()], 0.25, label=name)
    axes.set_yticks(places, [_plain(label) for label in scores])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _svg(figure, "labels")


def confidence(confidences: np.ndarray, is_correct: np.ndarray, unit: str) -> List[str]:
    """Returns a histogram of confidences and a calibration plot.

    Args:
      confidences: float [answers], probabilities.
      is_correct: bool [answers].
      unit: What an answer is about, such as "texts".
    """
    figure, axes = _figure("Confidence")
    parts = [confidences[is_correct], confidences[~is_correct]]
    axes.hist(parts, _BINS, stacked=True, label=["correct", "wrong"], color=["C0", "C3"])
    axes.set_xlabel("probability")
    axes.set_ylabel(unit)
    axes.legend()
    histogram = _svg(figure, "histogram")
    figure, axes = _figure("Calibration")
    axes.plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
    axes.plot(*reliability(confidences, is_correct), "o-", markersize=4, label="the model")
    axes.set_xlabel("mean probability")
    axes.set_ylabel("fraction correct")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize="small")
    return [histogram, _svg(figure, "reliability")]


def reliability(confidences: np.ndarray, is_correct: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the mean confidence and the fraction of correct answers in each nonempty tenth.

    See Niculescu-Mizil and Caruana 2005, https://doi.org/10.1145/1102351.1102430, section 4.
    """
    bins = np.minimum((confidences * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    is_used = counts > 0
    mean = np.bincount(bins, confidences, 10)[is_used] / counts[is_used]
    correct = np.bincount(bins, is_correct, 10)[is_used] / counts[is_used]
    return mean, correct


def numbers(gold: np.ndarray, predicted: np.ndarray) -> str:
    """Returns a plot of predicted against gold numbers, both float [rows]."""
    figure, axes = _figure("Predicted and true values")
    axes.plot(gold, predicted, ".", markersize=3, alpha=0.6, rasterized=len(gold) > _MAX_POINTS)
    ends = [min(gold.min(), predicted.min()), max(gold.max(), predicted.max())]
    axes.plot(ends, ends, ":", color="gray")
    axes.set_xlabel("true value")
    axes.set_ylabel("predicted")
    return _svg(figure, "numbers")


def _figure(title: str, size: Tuple[float, float] = (_WIDTH, _HEIGHT)) -> Tuple[Any, Any]:
    from matplotlib.figure import Figure  # Only a report needs it.

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium")
    axes.grid(True, alpha=0.3)
    return figure, axes


def _plain(label: str) -> str:
    # matplotlib reads text between dollar signs as a formula.
    label = label if len(label) <= 24 else label[:23] + "…"
    return label.replace("$", r"\$")


def _svg(figure: Any, name: str) -> str:
    import matplotlib

    buffer = io.StringIO()
    # Text stays text, so that it can be searched and copied. The salt makes ids unique to the plot.
    settings = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The browser draws the text; a font that lacks a glyph only affects the measured width.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
