"""The data report of --do_check: its figures, its findings with their places, text and JSON."""

import json

import pytest

from tests.support import files as data_files
from tests.support.commands import CLASSIFIER, only_line, run
from tests.support.files import read_json, write_csv
from tests.support.reports import findings_of, table_of
from tests.support.reviews import NOUNS

# Line 1 is the header. Each row has 4 wordpieces, [CLS] and [SEP] included, unless noted.
TRAIN = [
    ("good film", "pos"),
    ("bad film", "neg"),
    ("good  film ", "pos"),  # Line 4: the same as line 2
    ("bad film", "pos"),  # Line 5: the same as line 3, with a different label
    ("", "neg"),  # Line 6: 2 wordpieces
    ("the the the the the the the", "neg"),  # Line 7: 9 wordpieces
    ("日本語 good", "pos"),  # Line 8: 6 wordpieces, three of them unknown
    ("a bad day", "neg"),  # 5 wordpieces
    ("great", "pos"),  # 3 wordpieces
    *((f"a {noun}", "pos" if i % 2 else "neg") for i, noun in enumerate((*NOUNS, "one", "two"))),
]
DEV = [("bad film", "neg"), ("the film", "pos"), ("new city", "pos"), ("new city", "neg")]
# The labels of a test file are ignored, although they conflict here.
TEST = [("good film", "pos"), ("very good", "pos"), ("very   good", "neg")]


def run_check(model, *flags):
    """Runs --do_check with the classifier; returns the exit status."""
    return run(
        CLASSIFIER,
        *flags,
        model=model,
        init_checkpoint=None,
        task_name="multiclass",
        do_check="true",
    )


def check(model, output_dir, *flags):
    """Returns the report of --do_check with the classifier, as JSON."""
    assert run_check(model, f"--output_dir={output_dir}", *flags) == 0
    return read_json(output_dir / "data_report.json")


@pytest.fixture
def files(tmp_path):
    """Returns flags for a training file, a dev file and a test file."""
    return (
        f"--train_file={write_csv(tmp_path / 'train.csv', TRAIN)}",
        f"--dev_file={write_csv(tmp_path / 'dev.csv', DEV)}",
        f"--predict_file={write_csv(tmp_path / 'test.csv', TEST)}",
    )


def test_report_contains_the_figures_of_each_split(model, files, tmp_path, capsys):
    report = check(model, tmp_path / "out", *files, "--max_seq_length=8")
    assert (report["max_seq_length"], report["suggested_max_seq_length"]) == (8, 16)
    assert report["splits"] == {
        "train": {
            "rows": 21,
            "labels": {"neg": 10, "pos": 11},
            "label_shares": {"neg": pytest.approx(10 / 21), "pos": pytest.approx(11 / 21)},
            # Sorted: 2, 3, 16 times 4, 5, 6, 9. The 11th is 4, the 20th 6.
            "tokens": {"median": 4.0, "p95": 6.0, "longest": 9, "cut": 1},
            # The rows have 89 wordpieces, 42 of them special tokens.
            "unknown_token_rate": pytest.approx(3 / 47),
            "empty": 1,
            "duplicates": 2,
            "contradictory": 2,
            "also_in_train": 0,
        },
        "dev": {
            "rows": 4,
            "labels": {"neg": 2, "pos": 2},
            "label_shares": {"neg": 0.5, "pos": 0.5},
            "tokens": {"median": 4.0, "p95": 4.0, "longest": 4, "cut": 0},
            "unknown_token_rate": 0.0,
            "empty": 0,
            "duplicates": 1,
            "contradictory": 2,
            "also_in_train": 1,
        },
        "test": {
            "rows": 3,
            "labels": {},
            "label_shares": {},
            "tokens": {"median": 4.0, "p95": 4.0, "longest": 4, "cut": 0},
            "unknown_token_rate": 0.0,
            "empty": 0,
            "duplicates": 1,
            "contradictory": 0,
            "also_in_train": 1,
        },
    }
    table = table_of(capsys.readouterr().out)
    assert table["rows"] == ["21", "4", "3"]
    assert table["wordpieces, longest"] == ["9", "4", "4"]
    assert table["truncated at 8"] == ["1", "0", "0"]
    assert table["unknown wordpieces"] == ["6.38%", "0.00%", "0.00%"]
    assert table["also in train"] == ["0", "1", "1"]
    assert table["label pos"][:2] == ["11 (52.4%)", "2 (50.0%)"]
    assert table["label neg"][:2] == ["10 (47.6%)", "2 (50.0%)"]


def test_findings_are_sorted_worst_first_and_have_places(model, files, tmp_path, capsys):
    report = check(model, tmp_path / "out", *files, "--max_seq_length=8")
    assert findings_of(report) == [
        ("warning", "train", 2, ["3", "5"]),
        ("warning", "dev", 2, ["4", "5"]),
        ("warning", "train", 1, ["6"]),
        ("warning", "train", 1, ["8"]),
        ("warning", "dev", 1, ["2"]),
        ("warning", "test", 1, ["2"]),
        ("note", "train", 2, ["4", "5"]),
        ("note", "train", 1, ["7"]),
        ("note", "dev", 1, ["5"]),
        ("note", "test", 1, ["4"]),
    ]
    conflict = "2 rows with conflicting labels: the same text appears with different labels"
    assert [finding["what"] for finding in report["problems"]] == [
        f"train: {conflict}",
        f"dev: {conflict}",
        "train: 1 text is empty or without wordpieces",
        "train: 1 row has unknown wordpieces (6% of all): does the model support this language? "
        "`python prepare_model.py bert-base-multilingual-cased` installs one that probably does",
        "dev: 1 text also appears in the training data",
        "test: 1 text also appears in the training data",
        "train: 2 duplicate texts (the text occurs earlier in the file)",
        "train: 1 row is truncated at --max_seq_length=8; --max_seq_length=16 fits all rows",
        "dev: 1 duplicate text (the text occurs earlier in the file)",
        "test: 1 duplicate text (the text occurs earlier in the file)",
    ]
    assert report["problems"][0]["places"][0] == f"{tmp_path / 'train.csv'}:3"

    shown = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in shown[1:11]] == ["warning"] * 6 + ["note"] * 4
    assert shown[1].endswith(f"({tmp_path / 'train.csv'}:3, 5)")


def test_check_without_output_directory_writes_no_file(model, files, tmp_path, capsys):
    assert run_check(model, *files) == 0
    assert table_of(capsys.readouterr().out)["rows"] == ["21", "4", "3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.csv", "test.csv", "train.csv"]


def test_every_invalid_label_is_listed_and_exit_status_is_1(model, files, tmp_path, caplog, capsys):
    path = write_csv(tmp_path / "dev.csv", [*DEV, ("new", "Neg"), ("new day", ""), ("one", "x")])
    assert run_check(model, *files, f"--output_dir={tmp_path / 'out'}") == 1
    shown = capsys.readouterr().out
    assert "The data has 3 errors. The first: " in only_line(caplog, capsys)
    report = json.loads((tmp_path / "out" / "data_report.json").read_text())
    errors = [finding for finding in report["problems"] if finding["severity"] == "error"]
    assert report["problems"][: len(errors)] == errors
    assert sum(finding["count"] for finding in errors) == 3
    listed = "; ".join(finding["what"] for finding in errors)
    for part in (f"{path}:6: unknown label 'Neg'; expected one of 'neg', 'pos'",
                 f"{path}:7: the row has no label", f"{path}:8: unknown label 'x'"):  # fmt: skip
        assert part in listed and part in shown
    assert shown.splitlines()[1].startswith("error: ")
    # The report contains the figures nevertheless.
    assert report["splits"]["train"]["rows"] == 21
    assert report["splits"]["dev"]["rows"] == 7


def test_only_the_first_errors_are_shown_but_all_are_counted(
    model, files, tmp_path, caplog, capsys
):
    path = write_csv(tmp_path / "dev.csv", [("new", f"x{i}") for i in range(29)])
    assert run_check(model, *files) == 1
    shown = capsys.readouterr().out
    assert "The data has 29 errors. The first: " in only_line(caplog, capsys)
    assert f"{path}:2: unknown label 'x0'" in shown
    assert "error: dev: 19 more rows with errors" in shown.splitlines()
    assert "x28" not in shown
    assert max(map(len, shown.splitlines())) < 2000


def test_unreadable_dev_file_does_not_hide_the_other_splits(model, files, tmp_path, caplog, capsys):
    path = data_files.write(tmp_path / "dev.csv", "text,label\ngood,pos\nbad\n")
    assert run_check(model, *files) == 1
    shown = capsys.readouterr().out
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)
    assert shown.splitlines()[1].startswith(f"error: {path}:3 has 1 column")
    assert "1 column" in shown.splitlines()[1]
    assert table_of(shown)["rows"] == ["21", "3"]


def test_ambiguous_dev_file_does_not_hide_the_other_splits(model, tmp_path, caplog, capsys):
    write_csv(tmp_path / "train.csv", TRAIN)
    for name in ("dev.csv", "dev.tsv"):
        write_csv(tmp_path / name, DEV)
    assert run_check(model, f"--data_dir={tmp_path}") == 1
    shown = capsys.readouterr().out
    first = shown.splitlines()[1]
    assert first.startswith("error: ") and "dev.csv" in first and "dev.tsv" in first
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)
    assert table_of(shown)["rows"] == ["21"]


@pytest.mark.parametrize("flag", ["--dev_file", "--predict_file"])
def test_missing_file_is_reported_as_an_error(model, files, tmp_path, caplog, capsys, flag):
    assert run_check(model, *files, f"{flag}={tmp_path / 'none.csv'}") == 1
    assert f"{flag}={tmp_path / 'none.csv'}: no such file" in capsys.readouterr().out
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)


def test_labels_that_differ_only_in_case_or_whitespace_are_found(model, tmp_path):
    labels = ["pos", "Pos", " neg", "neg", "other"]
    path = write_csv(tmp_path / "a.csv", [(f"good {label}", label) for label in labels])
    report = check(model, tmp_path / "out", f"--train_file={path}")
    similar = [f for f in report["problems"] if "look or mean the same" in f["what"]]
    assert [(f["severity"], f["places"]) for f in similar] == [("warning", [])] * 2
    assert "' neg' and 'neg'" in similar[0]["what"]
    assert "'Pos' and 'pos'" in similar[1]["what"]
    assert not any("'other'" in f["what"] for f in report["problems"])


def test_missing_and_rare_labels_are_found(model, tmp_path):
    rows = [(f"good {i}", "pos") for i in range(20)] + [(f"bad {i}", "neg") for i in range(23)]
    train = write_csv(tmp_path / "train.csv", [*rows, ("the", "nge")])
    dev = write_csv(tmp_path / "dev.csv", [("new", "pos")])
    flags = (f"--train_file={train}", f"--dev_file={dev}", "--labels=pos,neg,nge,none")
    findings = check(model, tmp_path / "out", *flags)["problems"]
    # The counts are 20, 23, 1 and 0, so the median is 10.5; a twentieth of that is less than 1.
    assert [(f["severity"], f["what"], f["count"]) for f in findings] == [
        ("warning", "labels that do not occur in the training data: 'none'", 1),
        ("note", "labels that do not occur in the dev data: 'neg', 'nge'", 2),
    ]
    findings = check(model, tmp_path / "out", *flags, "--labels=pos,neg,nge")["problems"]
    # Now the median is 20, and a twentieth of that is 1.
    notes = [(f["severity"], f["what"]) for f in findings]
    assert ("note", "rare labels, perhaps misspelt: 'nge' (1 row)") in notes


def test_many_truncated_rows_are_a_warning_and_windows_truncate_none(model, tmp_path):
    rows = [("the " * 23, "pos"), *((f"a {noun}", "neg") for noun in NOUNS)]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--max_seq_length=13")
    (finding,) = check(model, tmp_path / "out", *flags)["problems"]
    assert (finding["severity"], finding["count"]) == ("warning", 1)  # 1 of 11 is more than 5%.
    assert "--max_seq_length=32 fits all rows" in finding["what"]  # 25 wordpieces
    assert check(model, tmp_path / "out", *flags, "--long_text=windows")["problems"] == []


def test_suggested_length_is_at_most_the_models_maximum(model, tmp_path):
    rows = [("the " * 97, "pos"), ("bad " * 89, "neg")]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--max_seq_length=64")
    report = check(model, tmp_path / "out", *flags)
    assert report["suggested_max_seq_length"] == 64
    (finding,) = report["problems"]
    assert finding["what"] == (
        "train: 2 rows are truncated at --max_seq_length=64; --long_text=windows reads each text "
        "whole; --truncation=tail or head_tail keeps a different part"
    )
    assert (finding["count"], report["splits"]["train"]["tokens"]["longest"]) == (2, 99)


def test_pairs_are_duplicates_if_both_texts_are(model, tmp_path):
    rows = [("good", "film", "x"), ("good", "book", "y"), ("good", " film", "y"), ("", "", "x")]
    path = write_csv(tmp_path / "a.csv", rows, header=("text", "text_b", "label"))
    split = check(model, tmp_path / "out", f"--train_file={path}")["splits"]["train"]
    assert (split["duplicates"], split["contradictory"], split["empty"]) == (1, 2, 1)
    assert split["tokens"]["longest"] == 5  # [CLS] good [SEP] film [SEP]


def test_report_contains_warnings_about_the_training_file(model, tmp_path):
    rows = [(f"{i}", "good" if i % 2 else "bad") for i in range(12)]
    lines = "".join(f"{label}\t{text}\n" for text, label in rows)
    path = data_files.write(tmp_path / "a.tsv", "mood\tday\n" + lines)
    flags = (f"--train_file={path}", "--text_column=2", "--label_column=1")
    report = check(model, tmp_path / "out", *flags, "--labels=bad,good,mood")
    assert report["splits"]["train"]["rows"] == 13
    (finding,) = [f for f in report["problems"] if "--header=true" in f["what"]]
    assert finding["severity"] == "warning"
    assert "'mood'" in finding["what"]


def test_labels_in_different_orders_do_not_conflict(model, tmp_path):
    rows = [("good", "x,y"), ("good", "y, x"), ("bad", "x")]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--problem_type=multi_label")
    report = check(model, tmp_path / "out", *flags)
    assert report["splits"]["train"]["contradictory"] == 0


def test_equal_numbers_written_differently_do_not_conflict(model, tmp_path):
    rows = [("good", "1"), ("good", "1.0"), ("bad", "3")]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--problem_type=regression")
    report = check(model, tmp_path / "out", *flags)
    assert report["splits"]["train"]["contradictory"] == 0


def test_report_without_readable_split_has_no_table(model, tmp_path, capsys):
    path = data_files.write(tmp_path / "a.csv", "text,label\ngood,pos\nbad,neg\nx\n")
    assert run_check(model, f"--train_file={path}", "--labels=pos,neg") == 1
    shown = capsys.readouterr().out
    assert shown.startswith("***** Data *****\nerror: ")
    assert "Suggestion" not in shown
