"""The data report of --do_check: its figures, its findings with their places, text and JSON."""

import json
import re

import pytest

from finetune.reports.data_findings import Finding
from finetune.reports.data_report import DataReport, SplitReport, TokenLengths, load, write
from finetune.reports.data_report_text import format_report
from finetune.util.errors import InputError
from tests.support import files as data_files
from tests.support.commands import CLASSIFIER, TAGGER, only_line, run
from tests.support.files import read_json, write_conll, write_csv
from tests.support.reviews import NOUNS

# Line 1 is the header. Each row has 4 wordpieces, [CLS] and [SEP] included, unless noted.
TRAIN = [
    ("good film", "pos"),
    ("bad film", "neg"),
    ("good  film ", "pos"),  # Line 4: the same as line 2
    ("bad film", "pos"),  # Line 5: the same as line 3, with another label
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
    """The report of --do_check with the classifier, as JSON."""
    assert run_check(model, f"--output_dir={output_dir}", *flags) == 0
    return read_json(output_dir / "data_report.json")


def table_of(shown):
    """The cells of the printed table, by the title of their row."""
    lines = shown[shown.index("\n   ") :].strip("\n").split("\n")
    return {re.split("  +", line)[0]: re.split("  +", line)[1:] for line in lines[1:-1]}


def findings_of(report):
    """Severity, split, count and line numbers of each finding."""
    return [
        (
            finding["severity"],
            finding["what"].split(":")[0],
            finding["count"],
            [place.rpartition(":")[2] for place in finding["places"]],
        )
        for finding in report["problems"]
    ]


@pytest.fixture
def files(tmp_path):
    """Flags that name a training file, a dev file and a test file."""
    return (
        f"--train_file={write_csv(tmp_path / 'train.csv', TRAIN)}",
        f"--dev_file={write_csv(tmp_path / 'dev.csv', DEV)}",
        f"--predict_file={write_csv(tmp_path / 'test.csv', TEST)}",
    )


def test_figures_of_each_split(model, files, tmp_path, capsys):
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
        "train: 1 row has unknown wordpieces, 6% of all: does the model support this language?",
        "dev: 1 text also appears in the training data",
        "test: 1 text also appears in the training data",
        "train: 2 duplicate texts (the text occurs earlier in the file)",
        "train: 1 row is truncated at --max_seq_length=8; --max_seq_length=16 fits 100.0%",
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


def test_every_wrong_label_is_listed_and_exit_status_is_1(model, files, tmp_path, caplog, capsys):
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
    # The figures are reported nevertheless.
    assert report["splits"]["train"]["rows"] == 21
    assert report["splits"]["dev"]["rows"] == 7


def test_only_first_errors_are_shown_but_all_are_counted(model, files, tmp_path, caplog, capsys):
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
def test_missing_file_is_an_error(model, files, tmp_path, caplog, capsys, flag):
    assert run_check(model, *files, f"{flag}={tmp_path / 'none.csv'}") == 1
    assert f"{flag}={tmp_path / 'none.csv'}: no such file" in capsys.readouterr().out
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)


def test_labels_that_differ_only_in_case_or_white_space_are_found(model, tmp_path):
    labels = ["pos", "Pos", " neg", "neg", "other"]
    path = write_csv(tmp_path / "a.csv", [(f"good {label}", label) for label in labels])
    report = check(model, tmp_path / "out", f"--train_file={path}")
    similar = [f for f in report["problems"] if "differ only in case or white space" in f["what"]]
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
    assert ("note", "rare labels, perhaps misspelled: 'nge' (1 row)") in notes


def test_many_truncated_rows_are_a_warning_and_windows_truncate_none(model, tmp_path):
    rows = [("the " * 23, "pos"), *((f"a {noun}", "neg") for noun in NOUNS)]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--max_seq_length=13")
    (finding,) = check(model, tmp_path / "out", *flags)["problems"]
    assert (finding["severity"], finding["count"]) == ("warning", 1)  # 1 of 11 is more than 5%.
    assert "--max_seq_length=32 fits 100.0%" in finding["what"]  # 25 wordpieces
    assert check(model, tmp_path / "out", *flags, "--long_text=windows")["problems"] == []


def test_suggested_length_is_at_most_the_models_maximum(model, tmp_path):
    rows = [("the " * 97, "pos"), ("bad " * 89, "neg")]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--max_seq_length=64")
    report = check(model, tmp_path / "out", *flags)
    assert report["suggested_max_seq_length"] == 64
    (finding,) = report["problems"]
    assert finding["what"] == "train: 2 rows are truncated at --max_seq_length=64"
    assert (finding["count"], report["splits"]["train"]["tokens"]["longest"]) == (2, 99)


def test_pairs_are_duplicates_if_both_texts_are(model, tmp_path):
    rows = [("good", "film", "x"), ("good", "book", "y"), ("good", " film", "y"), ("", "", "x")]
    path = write_csv(tmp_path / "a.csv", rows, header=("text", "text_b", "label"))
    split = check(model, tmp_path / "out", f"--train_file={path}")["splits"]["train"]
    assert (split["duplicates"], split["contradictory"], split["empty"]) == (1, 2, 1)
    assert split["tokens"]["longest"] == 5  # [CLS] good [SEP] film [SEP]


def test_warning_about_the_training_file_is_reported(model, tmp_path):
    rows = [(f"{i}", "good" if i % 2 else "bad") for i in range(12)]
    lines = "".join(f"{label}\t{text}\n" for text, label in rows)
    path = data_files.write(tmp_path / "a.tsv", "mood\tday\n" + lines)
    flags = (f"--train_file={path}", "--text_column=2", "--label_column=1")
    report = check(model, tmp_path / "out", *flags, "--labels=bad,good,mood")
    assert report["splits"]["train"]["rows"] == 13
    (finding,) = [f for f in report["problems"] if "--header=true" in f["what"]]
    assert finding["severity"] == "warning"
    assert "'mood'" in finding["what"]


def test_order_of_several_labels_makes_no_conflict(model, tmp_path):
    rows = [("good", "x,y"), ("good", "y, x"), ("bad", "x")]
    flags = (f"--train_file={write_csv(tmp_path / 'a.csv', rows)}", "--problem_type=multi_label")
    report = check(model, tmp_path / "out", *flags)
    assert report["splits"]["train"]["contradictory"] == 0


def test_equal_numbers_written_differently_make_no_conflict(model, tmp_path):
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


# ---- run_ner.py --------------------------------------------------------------------------------

PERSON, OTHER = [("anna", "B-PER"), ("new", "I-PER")], [("lives", "O"), ("in", "O")]
PLACE = [("paris", "B-LOC")]
SENTENCES = [
    [*PERSON, *OTHER, *PLACE],  # Line 1: 7 wordpieces, [CLS] and [SEP] included
    PLACE,  # Line 7
    [(word, "O") for word, _ in PLACE],  # Line 9: the same words with other tags
    [*PERSON, *OTHER, *PLACE],  # Line 11
]


def run_check_ner(model, *flags):
    """Runs --do_check with the tagger; returns the exit status."""
    return run(TAGGER, *flags, model=model, init_checkpoint=None, task_name="ner", do_check="true")


def check_ner(model, output_dir, *flags):
    """The report of --do_check with the tagger, as JSON."""
    assert run_check_ner(model, f"--output_dir={output_dir}", *flags) == 0
    return read_json(output_dir / "data_report.json")


@pytest.fixture
def ner_files(tmp_path):
    """Flags that name a training file and a dev file."""
    dev = [[*PERSON, ("works", "O")], PLACE]
    return (
        f"--train_file={write_conll(tmp_path / 'train.conll', SENTENCES)}",
        f"--dev_file={write_conll(tmp_path / 'dev.conll', dev)}",
    )


def test_tagger_has_the_same_report(model, ner_files, tmp_path, capsys):
    text = data_files.write(tmp_path / "test.txt", "in paris\n\nin london\n")
    flags = (*ner_files, f"--predict_file={text}", "--data_form=auto")
    report = check_ner(model, tmp_path / "out", *flags)
    assert report["suggested_max_seq_length"] == 8
    assert report["splits"]["train"] == {
        "rows": 4,
        "labels": {"LOC": 3, "PER": 2},
        "label_shares": {"LOC": 0.6, "PER": 0.4},  # Fractions of the five entities
        "tokens": {"median": 5.0, "p95": 7.0, "longest": 7, "cut": 0},
        "unknown_token_rate": 0.0,
        "empty": 0,
        "duplicates": 2,
        "contradictory": 2,
        "also_in_train": 0,
    }
    assert report["splits"]["dev"]["labels"] == {"LOC": 1, "PER": 1}
    assert findings_of(report)[:2] == [
        ("warning", "train", 2, ["7", "9"]), ("warning", "dev", 1, ["5"]),
    ]  # fmt: skip
    assert findings_of(report)[-1] == ("note", "train", 2, ["9", "11"])
    assert report["problems"][0]["places"][0] == f"{tmp_path / 'train.conll'}:7"
    table = table_of(capsys.readouterr().out)
    assert table["rows"] == ["4", "2", "3"]
    assert table["conflicting labels"] == ["2", "0", "0"]


def test_tag_that_occurs_only_in_dev_is_an_error(model, ner_files, tmp_path, caplog, capsys):
    dev = write_conll(tmp_path / "dev.conll", [PLACE, [("the", "O"), ("film", "B-ART")]])
    assert run_check_ner(model, *ner_files) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith(f"error: {dev}:4: unknown tag 'B-ART'; expected one of O, B-LOC")
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)


def test_entity_types_missing_in_dev_are_found(model, ner_files, tmp_path):
    write_conll(tmp_path / "dev.conll", [[("london", "B-LOC")]])
    report = check_ner(model, tmp_path / "out", *ner_files)
    texts = [finding["what"] for finding in report["problems"]]
    assert "labels that do not occur in the dev data: 'PER'" in texts
    assert report["splits"]["dev"]["labels"] == {"LOC": 1, "PER": 0}


def test_file_of_tagged_texts_is_split(model, tmp_path):
    sentences = [[(letter, "B-PER"), ("lives", "O")] for letter in "abcdefghijklmnopqrst"]
    flags = (f"--train_file={write_conll(tmp_path / 'a.conll', sentences)}", "--split=70:15:15")
    report = check_ner(model, tmp_path / "out", *flags)
    assert [(name, split["rows"]) for name, split in report["splits"].items()] == [
        ("train", 14), ("dev", 3), ("test", 3),
    ]  # fmt: skip


# ---- The text and the JSON of a report ---------------------------------------------------------

PLACES = ["a.csv:2", "a.csv:11", "b.csv:3", "b.csv:5"]
REPORT = DataReport(
    max_seq_length=8,
    suggested_max_seq_length=16,
    suggestion_covers=0.998,
    splits={
        "train": SplitReport(
            rows=3,
            labels={"x": 1, "y": 2},
            label_shares={"x": 1 / 3, "y": 2 / 3},
            tokens=TokenLengths(median=5.5, p95=7, longest=11, cut=1),
            unknown_token_rate=0.125,
            empty=0,
            duplicates=0,
            contradictory=0,
            also_in_train=0,
        )
    },
    findings=[
        Finding("error", "a.csv:13: no label", 1, []),
        Finding("error", "train: 5 more rows with errors", 5, []),
        Finding("note", "train: strange rows", 7, PLACES),
    ],
)


def test_text_names_a_file_once_and_hints_at_more_places():
    shown = format_report(REPORT)
    assert shown.splitlines()[3] == "note: train: strange rows (a.csv:2, 11, b.csv:3, 5, …)"
    table = table_of(shown)
    assert list(table)[-2:] == ["label y", "label x"]  # The most frequent label first
    assert table["label y"] == ["2 (66.7%)"]
    assert table["unknown wordpieces"] == ["12.50%"]
    assert shown.splitlines()[-1] == (
        "Suggestion: --max_seq_length=16 fits 99.8% of the training rows."
    )


def test_errors_are_counted_with_multiplicity():
    assert (REPORT.num_errors, REPORT.first_error) == (6, "a.csv:13: no label")


def test_json_of_a_report_is_read_back(tmp_path):
    assert load(str(tmp_path)) is None
    write(REPORT, str(tmp_path))
    content = read_json(tmp_path / "data_report.json")
    assert list(content) == [
        "max_seq_length", "suggested_max_seq_length", "suggestion_covers", "splits", "problems",
    ]  # fmt: skip
    assert content["problems"][2] == {
        "severity": "note",
        "what": "train: strange rows",
        "count": 7,
        "places": PLACES,
    }
    assert load(str(tmp_path)) == REPORT


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"splits": {"train": {}}}'])
def test_damaged_report_is_an_input_error(tmp_path, content):
    data_files.write(tmp_path / "data_report.json", content)
    with pytest.raises(InputError, match=r"data_report\.json: not a data report"):
        load(str(tmp_path))
