"""The data report as human-readable text."""

from finetune.reports.data_findings import Finding
from finetune.reports.data_report import DataReport, SplitReport, TokenLengths
from finetune.reports.data_report_text import format_report


def split_report(rows, labels, label_shares):
    return SplitReport(
        rows=rows,
        labels=labels,
        label_shares=label_shares,
        tokens=TokenLengths(median=7.5, p95=13, longest=17, cut=2),
        unknown_token_rate=0.0123,
        empty=1,
        duplicates=3,
        contradictory=4,
        also_in_train=5,
    )


def report(splits, findings=()):
    return DataReport(
        max_seq_length=16,
        suggested_max_seq_length=24,
        suggestion_covers=0.995,
        splits=splits,
        findings=list(findings),
    )


def test_report_has_a_column_for_each_split():
    train = split_report(11, {"a": 4, "b": 7}, {"a": 4 / 11, "b": 7 / 11})
    dev = split_report(2, {"a": 2}, {"a": 1.0})
    assert format_report(report({"train": train, "dev": dev})).splitlines() == [
        "***** Data *****",
        "                                 train         dev",
        "rows                                11           2",
        "wordpieces, median                   8           8",
        "wordpieces, 95th percentile         13          13",
        "wordpieces, longest                 17          17",
        "truncated at 16                      2           2",
        "unknown wordpieces               1.23%       1.23%",
        "empty                                1           1",
        "duplicates                           3           3",
        "conflicting                          4           4",
        "also in train                        5           5",
        "label b                      7 (63.6%)",
        "label a                      4 (36.4%)  2 (100.0%)",
        "Suggestion: --max_seq_length=24 fits 99.5% of the rows.",
    ]


def test_findings_come_first_with_their_places():
    findings = [
        Finding("error", "train: a label is missing", 1, ["t.tsv:3"]),
        Finding("note", "train: 3 duplicate texts", 3, ["t.tsv:5", "t.tsv:7"]),
        Finding("note", "dev: no dev data", 1, []),
    ]
    assert format_report(report({}, findings)) == (
        "***** Data *****\n"
        "error: train: a label is missing (t.tsv:3)\n"
        "note: train: 3 duplicate texts (t.tsv:5, 7, …)\n"
        "note: dev: no dev data\n"
    )


def test_regression_targets_have_no_label_shares():
    split = split_report(3, {"lowest": -1.5, "mean": 0.123456, "highest": 2.0}, {})
    lines = format_report(report({"dev": split})).splitlines()
    cells = {line[:14].strip(): line.split()[-1] for line in lines}
    assert cells["label lowest"] == "-1.5"
    assert cells["label mean"] == "0.1235"
    assert lines[-1] == "Suggestion: --max_seq_length=24 fits 99.5% of the rows."


def test_at_most_20_labels_are_shown():
    labels = {f"l{i}": 100 - i for i in range(22)}
    lines = format_report(report({"train": split_report(1, labels, {})})).splitlines()
    assert sum(line.startswith("label ") for line in lines) == 20
    assert "… and 2 more labels" in lines
