"""Findings about rows and labels."""

import pytest

from finetune.data.processor import InputExample, SkippedRow
from finetune.data.row_statistics import RowStatistics, TextStatistics, text_hash
from finetune.reports.data_findings import (
    Finding,
    SplitData,
    also_in,
    contradictory,
    duplicates,
    label_findings,
    row_findings,
    skipped_row_findings,
    unknown_rate,
)


def split_data(rows):
    """Creates a split from rows (text, label, wordpieces, unknown wordpieces, is truncated)."""
    statistics = RowStatistics()
    for _, label, *_ in rows:
        statistics.add_label(label)
    numbers = [
        (text_hash([text]), pieces + 2, pieces, unknown, is_cut)
        for text, _, pieces, unknown, is_cut in rows
    ]
    statistics.extend(TextStatistics.of(numbers))
    examples = [InputExample("g", row[0], None, row[1], f"f:{i}") for i, row in enumerate(rows)]
    return SplitData(examples, statistics, {})


DATA = split_data(
    [
        ("a b", "x", 2, 0, False),
        ("c", "y", 1, 0, False),
        (" a  b", "y", 2, 0, False),
        ("", "x", 0, 0, False),
        ("c", "y", 1, 1, False),
        ("d e f g", "x", 7, 1, True),
    ]
)


def test_duplicates_are_rows_whose_text_occurs_earlier():
    assert duplicates(DATA.statistics).tolist() == [2, 4]


def test_contradictory_rows_have_the_same_text_and_different_labels():
    assert sorted(contradictory(DATA.statistics).tolist()) == [0, 2]


def test_rows_whose_text_occurs_in_the_training_data_are_found():
    dev = split_data([("e", "x", 1, 0, False), ("c ", "x", 1, 0, False)])
    assert also_in(DATA, dev.statistics).tolist() == [1]
    assert also_in(None, dev.statistics).tolist() == []


def test_unknown_rate_is_the_fraction_of_all_wordpieces():
    assert unknown_rate(DATA.statistics) == pytest.approx(2 / 13)
    assert unknown_rate(split_data([("", "x", 0, 0, False)]).statistics) == 0.0


def test_row_findings_have_severities_counts_and_places():
    found = row_findings("train", DATA, train=DATA, max_seq_length=8, suggested_length=16)
    what = "train: 2 duplicate texts (the text occurs earlier in the file)"
    assert found[0] == Finding("note", what, 2, ["f:2", "f:4"])
    what = "train: 1 text is empty or without wordpieces"
    assert found[1] == Finding("warning", what, 1, ["f:3"])
    what = "train: 2 rows with conflicting labels: the same text appears with different labels"
    assert (found[2].severity, found[2].what, found[2].count) == ("warning", what, 2)
    what = (
        "train: 2 rows have unknown wordpieces (15% of all): does the model support this language?"
    )
    assert found[3] == Finding("warning", what, 2, ["f:4", "f:5"])
    what = "train: 1 row is truncated at --max_seq_length=8; --max_seq_length=16 fits all rows"
    assert found[4] == Finding("warning", what, 1, ["f:5"])
    assert len(found) == 5


def test_test_data_has_no_conflicting_labels():
    found = row_findings("test", DATA, train=None, max_seq_length=16, suggested_length=16)
    assert not any("conflicting" in finding.what for finding in found)


def test_few_truncated_rows_are_only_a_note():
    rows = [(f"t{i}", "x", 1, 0, i == 0) for i in range(40)]
    (finding,) = row_findings(
        "train", split_data(rows), train=None, max_seq_length=8, suggested_length=8
    )
    what = "train: 1 row is truncated at --max_seq_length=8"
    assert finding == Finding("note", what, 1, ["f:0"])


def test_truncation_names_what_else_can_be_done():
    rows = [(f"t{i}", "x", 10, 0, True) for i in range(40)]
    (finding,) = row_findings(
        "dev",
        split_data(rows),
        train=None,
        max_seq_length=8,
        suggested_length=16,
        truncation_advice="Cut less",
    )
    what = "dev: 40 rows are truncated at --max_seq_length=8; --max_seq_length=16 fits all rows"
    assert finding.what == what + "; Cut less"


def test_unknown_wordpieces_name_a_model_to_install():
    rows = [("a", "x", 2, 1, False)]
    (finding,) = row_findings(
        "dev",
        split_data(rows),
        train=None,
        max_seq_length=8,
        suggested_length=8,
        fitting_model="`install`",
    )
    assert finding.what == (
        "dev: 1 row has unknown wordpieces (50% of all): does the model support this language? "
        "`install` installs one that probably does"
    )


def test_label_findings_cover_missing_similar_and_rare_labels():
    train = {"spam": 100, "ham": 100, "Ham ": 100, "eggs": 5, "none": 0, "cheese": 100}
    dev = {"spam": 3, "ham": 2, "Ham ": 1, "eggs": 1, "none": 0, "cheese": 0}
    assert label_findings(train, dev, "rows") == [
        Finding("warning", "labels that do not occur in the training data: 'none'", 1, []),
        Finding("warning", "labels that look or mean the same: 'ham' and 'Ham '", 1, []),
        Finding("note", "rare labels, perhaps misspelt: 'eggs' (5 rows)", 1, []),
        Finding("note", "labels that do not occur in the dev data: 'cheese'", 1, []),
    ]
    (rare,) = label_findings({"PER": 41, "LOC": 40, "ORG": 1}, None, "entities")
    assert rare.what == "rare labels, perhaps misspelt: 'ORG' (1 entity)"


def test_at_most_20_labels_are_listed():
    train = dict.fromkeys((f"l{i}" for i in range(21)), 0)
    (finding,) = label_findings(train, None, "rows")
    assert finding.count == 21
    assert finding.what.endswith("'l19', …")


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("pos", "pos\u200b", r"'pos' and 'pos\u200b'"),  # Zero-width space
        ("\ufeffpos", "pos", r"'\ufeffpos' and 'pos'"),  # Byte order mark
        ("caf\u00e9", "cafe\u0301", r"'caf\xe9' and 'cafe\u0301'"),  # Composed and decomposed
        ("pos", "\uff50\uff4f\uff53", r"'pos' and '\uff50\uff4f\uff53'"),  # Full width
        ("a b", "a\u00a0 b", r"'a b' and 'a\xa0 b'"),
        ("Größe", "GRÖSSE", "'Größe' and 'GRÖSSE'"),
        ("1", "1.0", "'1' and '1.0'"),
        ("-0", "0", "'-0' and '0'"),
        ("pos", "pos\ufe0f", r"'pos' and 'pos\ufe0f'"),  # Variation selector
        ("pos", "po\u034fs", r"'pos' and 'po\u034fs'"),  # Combining grapheme joiner
        ("pos", "pos\u3164", r"'pos' and 'pos\u3164'"),  # Hangul filler
        ("pos", ' "pos"', "'pos' and ' \"pos\"'"),
        ("joy", "['joy'", "'joy' and \"['joy'\""),
    ],
)
def test_labels_that_look_or_mean_the_same_are_found(first, second, shown):
    what = f"labels that look or mean the same: {shown}"
    found = label_findings({first: 1, "other": 1, second: 1}, None, "rows")
    assert Finding("warning", what, 1, []) in found


def test_different_labels_are_not_found_to_look_alike():
    counts = dict.fromkeys(["1", "2", "1.5", "pos", "pose", "a-b", "ab", "é", "e", "[]", "()"], 1)
    assert not any("look" in finding.what for finding in label_findings(counts, None, "rows"))


def test_labels_that_are_missing_values_are_found():
    counts = dict.fromkeys(["pos", "nan", "-Infinity", "<NA>", "None", "none", "Nancy"], 1)
    what = "labels that programs write for a missing value: 'nan', '-Infinity', '<NA>', 'None'"
    assert Finding("warning", what, 4, []) in label_findings(counts, None, "rows")


def test_skipped_rows_are_counted_by_reason():
    rows = [SkippedRow(f"f:{i}", "rejected" if i % 3 else "ignored") for i in range(10)]
    assert skipped_row_findings("dev", rows) == [
        Finding("warning", "dev: 4 rows are skipped: ignored", 4, ["f:0", "f:3", "f:6", "f:9"]),
        Finding(
            "warning", "dev: 6 rows are skipped: rejected", 6, ["f:1", "f:2", "f:4", "f:5", "f:7"]
        ),
    ]


def test_labels_that_are_many_numbers_suggest_a_regression():
    what = "10 labels, all numbers: to predict a number, use --problem_type=regression"
    scores = {f"{i}.5": 1 for i in range(10)}
    assert Finding("warning", what, 10, []) in label_findings(scores, None, "rows")
    few = {f"{i}.5": 1 for i in range(9)}
    whole = {str(i): 1 for i in range(150)}
    for labels in (few, whole, {**scores, "none": 1}):
        found = label_findings(labels, None, "rows")
        assert not any("regression" in finding.what for finding in found)
