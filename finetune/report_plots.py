"""The plots of a report, each as SVG that stands in a page."""

import io
import warnings
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

_WIDTH, _HEIGHT = 4.6, 3.0  # Inches
_MOST_LABELS = 40  # That a plot has room for
_MOST_MARKED = 50  # Points of a line that are marked; one alone would be no line
_MOST_POINTS = 2000  # That are drawn one by one; more are a picture
_BINS = np.linspace(0.0, 1.0, 11)


def curves(rows: Sequence[Dict[str, Any]], evaluations: Sequence[Dict[str, Any]]) -> List[str]:
    """Returns plots of a training's log: loss, learning rate, gradient norm, speed."""
    names = {
        "loss": "loss",
        "learning_rate": "learning rate",
        "gradient_norm": "gradient norm (before clipping)",
        "tokens_per_second": "real tokens a second",
    }
    plots = []
    for name, title in names.items():
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        if not points:
            continue
        figure, axes = _figure(title)
        marker = "." if len(points) <= _MOST_MARKED else ""
        axes.plot(*zip(*points), label="training", linewidth=1.2, marker=marker)
        dev = [(row["step"], row["loss"]) for row in evaluations if row.get("loss") is not None]
        if name == "loss" and dev:
            axes.plot(*zip(*dev), "o-", markersize=3, label="dev")
            axes.legend()
        axes.set_xlabel("step")
        plots.append(_svg(figure, name))
    return plots


def scores_over_time(evaluations: Sequence[Dict[str, Any]], names: Sequence[str]) -> Optional[str]:
    """Returns a plot of some scores of the dev file, or None where there was no evaluation."""
    shown = [name for name in names if name not in ("loss", "mse", "mae")]
    if not evaluations or not shown:
        return None
    figure, axes = _figure("scores of the dev file")
    for name in shown:
        points = [(row["step"], row[name]) for row in evaluations if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points), "o-", markersize=3, label=name)
    axes.set_xlabel("step")
    axes.legend(fontsize="small")
    return _svg(figure, "scores")


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Optional[str]:
    """Returns the confusion matrix as a plot; None if there are too many labels for one."""
    if len(labels) > _MOST_LABELS:
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
    axes.set_ylabel("right")
    axes.grid(False)
    return _svg(figure, "confusion")


def per_label(scores: Dict[str, Dict[str, Any]]) -> Optional[str]:
    """Returns bars of precision, recall and F1 of each label; None if there are too many."""
    if not scores or len(scores) > _MOST_LABELS:
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


def confidence(confidences: np.ndarray, is_right: np.ndarray, unit: str) -> List[str]:
    """Returns a histogram of probabilities, and how often answers of a probability are right."""
    figure, axes = _figure("how sure the model is")
    parts = [confidences[is_right], confidences[~is_right]]
    axes.hist(parts, _BINS, stacked=True, label=["right", "wrong"], color=["C0", "C3"])
    axes.set_xlabel("probability")
    axes.set_ylabel(unit)
    axes.legend()
    histogram = _svg(figure, "histogram")
    figure, axes = _figure("how often it is right then (calibration)")
    axes.plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
    axes.plot(*reliability(confidences, is_right), "o-", markersize=4, label="the model")
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize="small")
    return [histogram, _svg(figure, "reliability")]


def reliability(confidences: np.ndarray, is_right: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns mean probability and share of right answers, of each tenth that has answers.

    Niculescu-Mizil and Caruana 2005, https://doi.org/10.1145/1102351.1102430, section 4.
    """
    bins = np.minimum((confidences * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    there = counts > 0
    mean = np.bincount(bins, confidences, 10)[there] / counts[there]
    right = np.bincount(bins, is_right, 10)[there] / counts[there]
    return mean, right


def numbers(right: np.ndarray, predicted: np.ndarray) -> str:
    """Returns predicted numbers over the right ones."""
    figure, axes = _figure("predicted over right")
    axes.plot(right, predicted, ".", markersize=3, alpha=0.6, rasterized=len(right) > _MOST_POINTS)
    ends = [min(right.min(), predicted.min()), max(right.max(), predicted.max())]
    axes.plot(ends, ends, ":", color="gray")
    axes.set_xlabel("right")
    axes.set_ylabel("predicted")
    return _svg(figure, "numbers")


def _figure(title: str, size: Tuple[float, float] = (_WIDTH, _HEIGHT)) -> Tuple[Any, Any]:
    from matplotlib.figure import Figure  # Only a report pays for this import.

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium")
    axes.grid(True, alpha=0.3)
    return figure, axes


def _plain(label: str) -> str:
    # matplotlib takes what is between dollar signs for a formula.
    label = label if len(label) <= 24 else label[:23] + "…"
    return label.replace("$", r"\$")


def _svg(figure: Any, name: str) -> str:
    import matplotlib

    buffer = io.StringIO()
    # Text stays text: it can be found and copied, in any script. Names within are the plot's own.
    settings = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The browser has the letters of the world's scripts; matplotlib measures them alone.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
