# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Plots the throughputs in speed.json by max_seq_length, and writes speed.png to the same folder.

python benchmarks/speed_plot.py build/speed/speed.json
"""

import json
import sys
from pathlib import Path

import matplotlib

# This backend works without a display.
matplotlib.use("Agg")

from matplotlib import pyplot, ticker

COLORS = {
    "toolkit": "C0",
    "toolkit_own": "C2",
    "google": "C3",
    "hugging_face": "C1",
    "hugging_face_own": "C4",
    "hugging_face_compiled": "C5",
    "hugging_face_compiled_own": "C6",
    "gemm": "0.5",
}
NAMES = {
    "toolkit": "toolkit",
    "toolkit_own": "toolkit, its own batches",
    "google": "Google's BERT",
    "hugging_face": "Hugging Face, dynamic padding",
    "hugging_face_own": "Hugging Face, grouped by length",
    "hugging_face_compiled": "Hugging Face, compiled",
    "hugging_face_compiled_own": "Hugging Face, compiled, grouped by length",
    "gemm": "bound: useful FLOPs at the best GEMM rate",
}
TEXTS = {"real": "original texts", "full": "texts that fill max_seq_length"}


def draw_panel(axes, figures, texts):
    """Draws the sides' rows per second by length."""
    data_sets = sorted(
        (name for name in figures if name.startswith(f"{texts}-")),
        key=lambda name: int(name.split("-")[1]),
    )
    lengths = [int(name.split("-")[1]) for name in data_sets]
    for side, color in COLORS.items():
        points = [
            (length, figures[name][side]["rows"])
            for length, name in zip(lengths, data_sets)
            if side in figures[name]
        ]
        if points:
            style = "--" if side == "gemm" else "o-"
            axes.plot(*zip(*points), style, color=color, label=NAMES[side])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(lengths, labels=[str(length) for length in lengths])
    axes.set_xticks([], minor=True)
    for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        set_formatter(ticker.LogFormatter(minor_thresholds=(2, 0.5)))
    axes.set_xlabel("max_seq_length")
    axes.set_ylabel("rows/s")
    axes.grid(alpha=0.3)


def main():
    """Plots the measurements of training and prediction."""
    path = Path(sys.argv[1])
    report = json.loads(path.read_text(encoding="utf-8"))
    panels = [
        (part, texts)
        for part in ("training", "prediction")
        for texts in TEXTS
        if any(name.startswith(texts) for name in report["summary"].get(part, {}))
    ]
    if not panels:
        print("nothing to plot: neither training nor prediction was measured")
        return
    figure, all_axes = pyplot.subplots(
        1, len(panels), figsize=(4.5 * len(panels), 4.2), squeeze=False, layout="constrained"
    )
    for axes, (part, texts) in zip(all_axes[0], panels):
        draw_panel(axes, report["summary"][part], texts)
        axes.set_title(f"{part}, {TEXTS[texts]}", fontsize="medium")
    handles, labels = max(
        (axes.get_legend_handles_labels() for axes in all_axes[0]), key=lambda x: len(x[1])
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small")
    machine = report["machine"]
    figure.suptitle(f"{machine['cpu']}, {machine['cores']} cores", fontsize="small")
    figure.savefig(path.with_suffix(".png"), dpi=150)


if __name__ == "__main__":
    main()
