"""The rules that find columns: their order, and their names in the log."""

import pytest

from finetune.data.column_rules import (
    LABEL_NAMES,
    TEXT_B_NAMES,
    TEXT_NAMES,
    Table,
    WantedColumns,
    has_usual_name,
    is_number,
    missing_column_error,
)
from finetune.data.columns import find_columns
from tests.support.tables import DATA, rows_of


@pytest.mark.parametrize(
    ("rows", "wanted", "rules"),
    [
        (
            ("text|label", *DATA),
            {},
            {"header": "a usual column name", "text": "usual name", "label": "usual name"},
        ),
        (
            ("text|Urteil", *DATA),
            {},
            {
                "header": "a usual column name",
                "text": "usual name",
                "label": "the only other column",
            },
        ),
        (
            ("Satz|label", *DATA),
            {},
            {
                "header": "a usual column name",
                "label": "usual name",
                "text": "the only other column",
            },
        ),
        (
            ("Satz|Urteil", *DATA),
            {"text": "Satz", "label": "2"},
            {
                "header": "a column flag is a name",
                "text": "--text_column",
                "label": "--label_column",
            },
        ),
        (
            ("a|b|c", "one|two|x"),
            {"header": True, "text": "1", "text_b": "2", "label": "3"},
            {
                "header": "--header",
                "text": "--text_column",
                "text_b": "--text_b_column",
                "label": "--label_column",
            },
        ),
        (
            DATA,
            {},
            {
                "header": "no usual column name",
                "label": "the column with fewer distinct values",
                "text": "the other of two columns",
            },
        ),
        (
            DATA,
            {"text": "1"},
            {
                "header": "no usual column name",
                "text": "--text_column",
                "label": "the other of two columns",
            },
        ),
        (
            ("the match|score", "the other one|other", "the third|score", "last|other"),
            {},
            {
                "header": "the first line recurs among the rows",
                "label": "the column with fewer distinct values",
                "text": "the other of two columns",
            },
        ),
    ],
)
def test_found_columns_name_the_first_rule_that_applies(rows, wanted, rules):
    found = find_columns(rows_of(*rows), "train.tsv", WantedColumns(**wanted), need_label=True)
    assert found.rules == rules
    guessed = "the column with fewer distinct values"
    assert found.is_label_guessed == (rules["label"] == guessed)


def test_a_single_column_to_predict_is_the_text():
    found = find_columns(rows_of("good", "bad"), "test.tsv", WantedColumns(), need_label=False)
    assert found.rules == {"header": "no usual column name", "text": "the only column"}
    assert not found.is_label_guessed


def test_flags_for_the_training_columns_do_not_apply_to_a_single_column_to_predict():
    wanted = WantedColumns(text="3", text_b="2", label="1")
    found = find_columns(rows_of("good", "bad"), "test.tsv", wanted, need_label=False)
    assert found.rules == {"header": "no usual column name", "text": "the only column"}
    assert found.indexes == (False, 0, None, None)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("review|text", 1),
        ("tweet|sentence", 1),
        ("tweet|premise", 1),
        ("review|tweet", 1),
        ("comment|review", 1),
        ("title|body", 1),
        ("text_a|text", 1),
        ("tweet|review", 0),
    ],
)
def test_preferred_one_of_two_usual_text_names_is_the_text(header, column):
    rows = rows_of(f"{header}|label", "one|two|x", "three|four|y")
    found = find_columns(rows, "train.tsv", WantedColumns(), need_label=True)
    assert found.indexes == (True, column, None, 2)


@pytest.mark.parametrize(
    ("header", "column"),
    [("class|label", 1), ("score|target", 1), ("stars|rating", 1), ("label|labels", 0)],
)
def test_preferred_one_of_two_usual_label_names_is_the_label(header, column):
    rows = rows_of(f"{header}|text", "x|y|one", "y|x|two")
    found = find_columns(rows, "train.tsv", WantedColumns(), need_label=True)
    assert found.indexes == (True, 2, None, column)


def test_each_usual_name_belongs_to_one_column():
    names = [*TEXT_NAMES, *TEXT_B_NAMES, *LABEL_NAMES]
    assert len(set(names)) == len(names) == 33
    assert all(name == name.strip().casefold() for name in names)
    assert (TEXT_NAMES[0], TEXT_B_NAMES[0], LABEL_NAMES[0]) == ("text", "text_b", "label")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["id", " Sentence1 "], True),
        (["x", "HYPOTHESIS"], True),
        (["Emotion"], True),
        (["the text", "labels:"], False),
        ([""], False),
        ([], False),
    ],
)
def test_has_usual_name_ignores_case_and_whitespace(cells, expected):
    assert has_usual_name(cells) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1", True), ("-1", True), ("007", True), ("", False), ("1.0", False), ("+1", False),
     ("\u00b2", False), ("\u0661", False), ("1\n", False)],
)  # fmt: skip
def test_is_number_accepts_only_ascii_digits(given, expected):
    assert is_number(given) is expected


def test_missing_column_error_names_the_flag():
    table = Table(rows_of("txt|id|label", "a|1|x"), "train.tsv", WantedColumns(), need_label=True)
    assert str(missing_column_error("text", table, "--text_column")) == (
        "train.tsv:3: no column 'text' in the header; its columns are 'txt', 'id', 'label'. Did "
        "you mean 'txt'? Specify the column with --text_column, by name or number; if the file "
        "has no header, use --header=false."
    )
