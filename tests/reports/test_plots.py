"""The plots of report.html."""

import re

import numpy as np

from finetune.reports import plots
from finetune.tasks.mistakes import Answers, NumberAnswers, Ranking


def shown_texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_curves_show_the_logged_figures():
    rows = [{"step": 1, "loss": 0.7, "learning_rate": 1e-5}, {"step": 2, "loss": 0.6}]
    loss, rate = plots.curves(rows, [{"step": 2, "loss": 0.65}], best=2)
    assert {"Loss", "step", "training", "dev", "best: step 2"} <= set(shown_texts(loss))
    # The steps 1 and 2 have ticks, and nothing between them has one.
    assert {"1", "2"} <= set(shown_texts(loss))
    assert not {"1.2", "1.4", "1.5"} & set(shown_texts(loss))
    assert "Learning rate" in shown_texts(rate)
    assert "dev" not in shown_texts(rate)


def test_scores_over_time_omit_losses():
    evaluations = [{"step": 3, "accuracy": 0.5, "loss": 0.7}, {"step": 6, "accuracy": None}]
    svg = plots.scores_over_time(evaluations, ["accuracy", "loss"], best=3)
    assert {"accuracy", "best: step 3"} <= set(shown_texts(svg))
    assert "loss" not in shown_texts(svg)
    assert plots.scores_over_time(evaluations, ["loss", "mse", "mae"]) is None
    assert plots.scores_over_time([], ["accuracy"]) is None


def test_confusion_matrix_shows_counts_and_labels():
    texts = shown_texts(plots.confusion([[13, 2], [0, 7]], ["good", "costs $5"]))
    assert {"13", "2", "0", "7", "good", "predicted", "gold label"} <= set(texts)
    assert plots.confusion(np.zeros([41, 41], int), [f"l{i}" for i in range(41)]) is None


def test_scores_per_label_are_shown_as_bars():
    scores = {"good": {"precision": 0.5, "recall": 0.25, "f1": 1 / 3}}
    assert {"precision", "recall", "f1", "good"} <= set(shown_texts(plots.per_label(scores)))
    assert plots.per_label({}) is None
    assert plots.per_label({f"l{i}": scores["good"] for i in range(41)}) is None


def test_confidences_have_a_histogram_and_a_calibration_plot():
    answers = Answers("entities", np.array([0.9, 0.7, 0.2]), np.array([True, False, True]))
    histogram, calibration = plots.confidence(answers)
    assert {"Confidence", "entities", "correct", "wrong"} <= set(shown_texts(histogram))
    texts = shown_texts(calibration)
    assert {"Calibration", "the model (number of entities)"} <= set(texts)
    assert texts.count("1") == 3  # Three bins with one entity each


def test_two_labels_have_an_roc_and_a_precision_recall_curve():
    found = Ranking("spam", np.array([True, False, True, False]), np.array([0.9, 0.7, 0.6, 0.2]))
    roc, precision_recall = plots.ranking(found)
    # One of the four pairs is in the wrong order. Average precision: (1 + 2 / 3) / 2.
    assert "ROC curve of spam (area 0.750)" in shown_texts(roc)
    title = "Precision and recall of spam (average precision 0.833)"
    assert title in shown_texts(precision_recall)
    assert plots.ranking(found._replace(has_label=np.ones(4, bool))) == []


def test_all_plots_have_one_width_and_the_colour_of_the_page():
    wide = plots.confusion(np.ones([9, 9], int), [f"l{i}" for i in range(9)])
    narrow = [
        plots.confusion([[3, 2], [0, 7]], ["a", "b"]),
        plots.numbers(NumberAnswers(np.array([1.0, 3.0]), np.array([1.5, 2.5]))),
    ]
    assert {re.search(r'width="(.*?)pt"', svg)[1] for svg in narrow} == {"331.2"}  # 4.6 inches
    assert not any("wide" in svg for svg in narrow)
    assert wide.startswith('<svg class="wide" ')
    assert all("currentColor" in svg for svg in (*narrow, wide))


def test_predicted_values_are_plotted_against_gold_values():
    svg = plots.numbers(NumberAnswers(np.array([1.0, 3.0]), np.array([1.5, 2.5])))
    assert {"Predicted and true values", "true value", "predicted"} <= set(shown_texts(svg))


def test_drawing_the_same_plot_twice_yields_the_same_bytes():
    answers = NumberAnswers(np.array([1.0, 3.0]), np.array([1.5, 2.5]))
    assert plots.numbers(answers) == plots.numbers(answers)
