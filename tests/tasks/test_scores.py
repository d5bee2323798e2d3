"""Scores as human-readable text."""

from finetune.tasks.scores import format_figures, format_label_table, format_table


def test_figures_are_shown_in_order_and_nested_scores_are_omitted():
    scores = {"num_examples": 7, "loss": 0.25, "auc": None, "labels": {"a": {"f1": 1.0}}, "mcc": 1}
    assert format_figures(scores) == ["num_examples = 7", "loss = 0.2500", "auc = None", "mcc = 1"]


def test_figures_are_rounded_to_four_digits():
    assert format_figures({"f1": 2 / 3, "mse": 12345.67891}) == ["f1 = 0.6667", "mse = 12345.6789"]


def test_table_aligns_the_first_column_left_and_the_others_right():
    assert format_table(["", "a", "long name"], [["x", 1, 2], ["yyy", 10, ""]]) == [
        "       a    long name",
        "x      1            2",
        "yyy   10",
    ]


def test_table_without_rows_consists_of_its_header():
    assert format_table(["type", "f1"], []) == ["type    f1"]


def test_cells_that_look_like_numbers_are_not_reformatted():
    assert format_table(["label", "n"], [["007", "1.10"], ["1e5", "2"]]) == [
        "label       n",
        "007      1.10",
        "1e5         2",
    ]


def test_label_table_shows_the_requested_columns():
    rows = {
        "good": {"precision": 0.5, "recall": 1.0, "support": 3, "auc": None},
        "bad": {"precision": 2 / 3, "recall": 0.0, "support": 11, "auc": 0.75},
    }
    assert format_label_table("label", rows, ("support", "precision", "auc")) == [
        "label      support    precision     auc",
        "good             3       0.5000       -",
        "bad             11       0.6667  0.7500",
    ]
