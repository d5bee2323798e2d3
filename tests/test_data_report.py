"""What --do_check says of hand-made data, as a table, as problems with their places, as JSON."""

import json
import re

import pytest
from test_run_classifier_data import NOUNS, begin, check, only_line, write, write_rows

import run_ner
from finetune import data_report

# Line 1 is the header. Wordpieces, with [CLS] and [SEP]: 4 but where it is said.
TRAIN = [
    ("good film", "pos"),
    ("bad film", "neg"),
    ("good  film ", "pos"),  # Line 4: as line 2
    ("bad film", "pos"),  # Line 5: as line 3, of another label
    ("", "neg"),  # Line 6: 2 wordpieces
    ("the the the the the the the", "neg"),  # Line 7: 9
    ("日本語 good", "pos"),  # Line 8: 6, three of them unknown
    ("a bad day", "neg"),  # 5
    ("great", "pos"),  # 3
    *((f"a {noun}", "pos" if i % 2 else "neg") for i, noun in enumerate((*NOUNS, "one", "two"))),
]
DEV = [("bad film", "neg"), ("the film", "pos"), ("new city", "pos"), ("new city", "neg")]
# Labels of data to predict are not looked at, though here they contradict one another.
TEST = [("good film", "pos"), ("very good", "pos"), ("very   good", "neg")]


def table_of(shown):
    """The figures of the printed table, by the names of its rows."""
    lines = shown[shown.index("\n   ") :].strip("\n").split("\n")
    return {re.split("  +", line)[0]: re.split("  +", line)[1:] for line in lines[1:-1]}


def problems_of(report):
    """Severity, split, count and lines of each problem."""
    return [
        (
            problem["severity"],
            problem["what"].split(":")[0],
            problem["count"],
            [place.rpartition(":")[2] for place in problem["places"]],
        )
        for problem in report["problems"]
    ]


@pytest.fixture
def files(tmp_path):
    """Flags that name a training file, a dev file and texts to predict."""
    return (
        f"--train_file={write_rows(tmp_path / 'train.csv', TRAIN)}",
        f"--dev_file={write_rows(tmp_path / 'dev.csv', DEV)}",
        f"--predict_file={write_rows(tmp_path / 'test.csv', TEST)}",
    )


def test_the_figures_of_each_split(model, files, tmp_path, capsys):
    report = check(model, tmp_path / "out", *files, "--max_seq_length=8")
    assert (report["max_seq_length"], report["suggested_max_seq_length"]) == (8, 16)
    assert report["splits"] == {
        "train": {
            "rows": 21,
            "labels": {"neg": 10, "pos": 11},
            "label_shares": {"neg": pytest.approx(10 / 21), "pos": pytest.approx(11 / 21)},
            # In order: 2, 3, 16 times 4, 5, 6, 9. The 11th is 4, the 20th 6.
            "tokens": {"median": 4.0, "p95": 6.0, "longest": 9, "cut": 1},
            # The rows have 89 wordpieces, 42 of them special.
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
    assert table["… longest"] == ["9", "4", "4"]
    assert table["cut at 8"] == ["1", "0", "0"]
    assert table["unknown wordpieces"] == ["6.38%", "0.00%", "0.00%"]
    assert table["also in train"] == ["0", "1", "1"]
    assert table["label pos"][:2] == ["11 (52.4%)", "2 (50.0%)"]
    assert table["label neg"][:2] == ["10 (47.6%)", "2 (50.0%)"]


def test_problems_come_worst_first_with_their_places(model, files, tmp_path, capsys):
    report = check(model, tmp_path / "out", *files, "--max_seq_length=8")
    assert problems_of(report) == [
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
    what = [problem["what"] for problem in report["problems"]]
    assert "text has another label in another row" in what[0]
    assert "empty text(s)" in what[2]
    assert "1 row(s) with unknown wordpieces, 6% of all" in what[3]
    assert "stand in the training data" in what[4] and "stand in the training data" in what[5]
    assert "stood there before" in what[6]
    assert "(--max_seq_length=8); --max_seq_length=16 has room for 100.0%" in what[7]
    assert report["problems"][0]["places"][0] == f"{tmp_path / 'train.csv'}:3"

    shown = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in shown[1:11]] == ["warning"] * 6 + ["note"] * 4
    assert shown[1].endswith(f"({tmp_path / 'train.csv'}:3, 5)")


def test_a_report_without_an_output_directory_leaves_no_file(model, files, tmp_path, capsys):
    assert begin(model, "--do_check", *files) == 0
    assert table_of(capsys.readouterr().out)["rows"] == ["21", "4", "3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.csv", "test.csv", "train.csv"]


def test_all_that_is_wrong_with_labels_is_listed_and_the_status_is_1(
    model, files, tmp_path, caplog, capsys
):
    path = write_rows(tmp_path / "dev.csv", [*DEV, ("new", "Neg"), ("new day", ""), ("one", "x")])
    flags = (*files, f"--output_dir={tmp_path / 'out'}", "--do_check")
    assert begin(model, *flags) == 1
    shown = capsys.readouterr().out
    assert "The data has 3 error(s)" in only_line(caplog, capsys)
    report = json.loads((tmp_path / "out" / "data_report.json").read_text())
    errors = [problem for problem in report["problems"] if problem["severity"] == "error"]
    assert report["problems"][: len(errors)] == errors
    assert sum(problem["count"] for problem in errors) == 3
    said = "; ".join(problem["what"] for problem in errors)
    for part in (f"{path}:6: unknown label 'Neg'; expected one of 'neg', 'pos'",
                 f"{path}:7: the row has no label", f"{path}:8: unknown label 'x'"):  # fmt: skip
        assert part in said and part in shown
    assert shown.splitlines()[1].startswith("error: ")
    # The rest is reported all the same.
    assert report["splits"]["train"]["rows"] == 21
    assert report["splits"]["dev"]["rows"] == 7


def test_of_many_errors_the_first_are_shown_and_all_counted(model, files, tmp_path, caplog, capsys):
    path = write_rows(tmp_path / "dev.csv", [("new", f"x{i}") for i in range(29)])
    assert begin(model, "--do_check", *files) == 1
    shown = capsys.readouterr().out
    assert "The data has 29 error(s)" in only_line(caplog, capsys)
    assert f"{path}:2: unknown label 'x0'" in shown
    assert "x28" not in shown
    assert max(map(len, shown.splitlines())) < 2000


def test_a_dev_file_that_cannot_be_read_does_not_hide_the_rest(
    model, files, tmp_path, caplog, capsys
):
    path = write(tmp_path / "dev.csv", "text,label\ngood,pos\nbad\n")
    assert begin(model, "--do_check", *files) == 1
    shown = capsys.readouterr().out
    assert "The data has 1 error(s)" in only_line(caplog, capsys)
    assert f"{path}:3: 1 column(s) found, 2 expected" in shown.splitlines()[1]
    assert table_of(shown)["rows"] == ["21", "3"]


@pytest.mark.parametrize("flag", ["--dev_file", "--predict_file"])
def test_a_file_that_is_named_and_not_there_is_an_error(
    model, files, tmp_path, caplog, capsys, flag
):
    assert begin(model, "--do_check", *files, f"{flag}={tmp_path / 'none.csv'}") == 1
    assert f"{flag}={tmp_path / 'none.csv'}: no such file" in capsys.readouterr().out
    assert "The data has 1 error(s)" in only_line(caplog, capsys)


def test_labels_alike_but_for_case_or_white_space_are_told(model, tmp_path):
    labels = ["pos", "Pos", " neg", "neg", "other"]
    path = write_rows(tmp_path / "a.csv", [(f"good {label}", label) for label in labels])
    report = check(model, tmp_path / "out", f"--train_file={path}")
    alike = [p for p in report["problems"] if "differ in case or white space" in p["what"]]
    assert [(p["severity"], p["places"]) for p in alike] == [("warning", [])] * 2
    assert "' neg' and 'neg'" in alike[0]["what"]
    assert "'Pos' and 'pos'" in alike[1]["what"]
    assert not any("'other'" in p["what"] for p in report["problems"])


def test_labels_that_a_split_lacks_and_rare_ones_are_told(model, tmp_path):
    rows = [(f"good {i}", "pos") for i in range(20)] + [(f"bad {i}", "neg") for i in range(23)]
    train = write_rows(tmp_path / "train.csv", [*rows, ("the", "nge")])
    dev = write_rows(tmp_path / "dev.csv", [("new", "pos")])
    flags = (f"--train_file={train}", f"--dev_file={dev}", "--labels=pos,neg,nge,none")
    problems = check(model, tmp_path / "out", *flags)["problems"]
    # Of 20, 23, 1 and 0 rows half have more than 10.5; a 20th of that is less than 1.
    assert [(p["severity"], p["what"], p["count"]) for p in problems] == [
        ("warning", "labels without a row in the training data: 'none'", 1),
        ("note", "labels without a row in the dev data: 'neg', 'nge'", 2),
    ]
    problems = check(model, tmp_path / "out", *flags, "--labels=pos,neg,nge")["problems"]
    # Now it is 20, of which a 20th is 1.
    notes = [(p["severity"], p["what"]) for p in problems]
    assert ("note", "labels with very few rows; are they misspelt? 'nge'") in notes


def test_rows_that_are_cut_are_a_warning_if_they_are_many_and_none_in_windows(model, tmp_path):
    rows = [("the " * 23, "pos"), *((f"a {noun}", "neg") for noun in NOUNS)]
    flags = (f"--train_file={write_rows(tmp_path / 'a.csv', rows)}", "--max_seq_length=13")
    (problem,) = check(model, tmp_path / "out", *flags)["problems"]
    assert (problem["severity"], problem["count"]) == ("warning", 1)  # 1 of 11 is more than 5 %.
    assert "--max_seq_length=32 has room for 100.0%" in problem["what"]  # 25 wordpieces
    assert check(model, tmp_path / "out", *flags, "--long_text=windows")["problems"] == []


def test_no_length_is_suggested_that_the_model_does_not_have(model, tmp_path):
    rows = [("the " * 97, "pos"), ("bad " * 89, "neg")]
    flags = (f"--train_file={write_rows(tmp_path / 'a.csv', rows)}", "--max_seq_length=64")
    report = check(model, tmp_path / "out", *flags)
    assert report["suggested_max_seq_length"] == 64
    (problem,) = report["problems"]
    assert problem["what"] == "train: 2 row(s) of which something is cut (--max_seq_length=64)"
    assert (problem["count"], report["splits"]["train"]["tokens"]["longest"]) == (2, 99)


def test_pairs_are_alike_if_both_texts_are(model, tmp_path):
    rows = [("good", "film", "x"), ("good", "book", "y"), ("good", " film", "y"), ("", "", "x")]
    path = write_rows(tmp_path / "a.csv", rows, header=("text", "text_b", "label"))
    split = check(model, tmp_path / "out", f"--train_file={path}")["splits"]["train"]
    assert (split["duplicates"], split["contradictory"], split["empty"]) == (1, 2, 1)
    assert split["tokens"]["longest"] == 5  # [CLS] good [SEP] film [SEP]


def test_a_suspicious_first_line_is_told(model, tmp_path):
    rows = [(f"{i}", "good" if i % 2 else "bad") for i in range(12)]
    path = write_rows(tmp_path / "a.tsv", [], header=("x",))
    write(path, "mood\tday\n" + "".join(f"{label}\t{text}\n" for text, label in rows))
    flags = (f"--train_file={path}", "--text_column=2", "--label_column=1")
    report = check(model, tmp_path / "out", *flags, "--labels=bad,good,mood")
    assert report["splits"]["train"]["rows"] == 13
    said = [problem["what"] for problem in report["problems"]]
    (what,) = [text for text in said if "taken for a row" in text]
    assert "'mood' comes in no other" in what and "give --header=true" in what


# ---- run_ner.py --------------------------------------------------------------------------------

PERSON, TITLE = [("anna", "B-PER"), ("new", "I-PER")], [("lives", "O"), ("in", "O")]
PLACE = [("paris", "B-LOC")]
SENTENCES = [
    [*PERSON, *TITLE, *PLACE],  # Line 1; 7 wordpieces: [CLS] and [SEP] are two.
    PLACE,  # Line 7
    [(word, "O") for word, _ in PLACE],  # Line 9: as before, tagged otherwise
    [*PERSON, *TITLE, *PLACE],  # Line 11
]


def write_conll(path, sentences):
    blocks = ("\n".join(f"{word} {tag}" for word, tag in sentence) for sentence in sentences)
    return write(path, "\n\n".join(blocks) + "\n")


def begin_ner(model, *flags):
    argv = ["run_ner.py", "--task_name=ner", "--do_check", f"--vocab_file={model / 'vocab.txt'}"]
    argv += [f"--bert_config_file={model / 'bert_config.json'}", "--max_seq_length=16"]
    return run_ner.main([*argv, *map(str, flags)])


def check_ner(model, output_dir, *flags):
    assert begin_ner(model, f"--output_dir={output_dir}", *flags) == 0
    return json.loads((output_dir / "data_report.json").read_text(encoding="utf-8"))


@pytest.fixture
def ner_files(tmp_path):
    dev = [[*PERSON, ("works", "O")], PLACE]
    return (
        f"--train_file={write_conll(tmp_path / 'train.conll', SENTENCES)}",
        f"--dev_file={write_conll(tmp_path / 'dev.conll', dev)}",
    )


def test_the_tagger_has_the_same_report(model, ner_files, tmp_path, capsys):
    text = write(tmp_path / "test.txt", "in paris\n\nin london\n")
    flags = (*ner_files, f"--predict_file={text}", "--data_form=auto")
    report = check_ner(model, tmp_path / "out", *flags)
    assert report["suggested_max_seq_length"] == 8
    assert report["splits"]["train"] == {
        "rows": 4,
        "labels": {"LOC": 3, "PER": 2},
        "label_shares": {"LOC": 0.6, "PER": 0.4},  # Of the five entities
        "tokens": {"median": 5.0, "p95": 7.0, "longest": 7, "cut": 0},
        "unknown_token_rate": 0.0,
        "empty": 0,
        "duplicates": 2,
        "contradictory": 2,
        "also_in_train": 0,
    }
    assert report["splits"]["dev"]["labels"] == {"LOC": 1, "PER": 1}
    assert problems_of(report)[:2] == [
        ("warning", "train", 2, ["7", "9"]), ("warning", "dev", 1, ["5"]),
    ]  # fmt: skip
    assert problems_of(report)[-1] == ("note", "train", 2, ["9", "11"])
    assert report["problems"][0]["places"][0] == f"{tmp_path / 'train.conll'}:7"
    table = table_of(capsys.readouterr().out)
    assert table["rows"] == ["4", "2", "3"]
    assert table["contradictory"] == ["2", "0", "0"]


def test_a_tag_of_dev_alone_is_an_error_of_the_report(model, ner_files, tmp_path, caplog, capsys):
    dev = write_conll(tmp_path / "dev.conll", [PLACE, [("the", "O"), ("film", "B-ART")]])
    assert begin_ner(model, *ner_files) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith(f"error: {dev}:4: unknown tag 'B-ART'; expected one of O, B-LOC")
    assert "The data has 1 error(s)" in only_line(caplog, capsys)


def test_entities_that_dev_lacks_are_told(model, ner_files, tmp_path):
    write_conll(tmp_path / "dev.conll", [[("london", "B-LOC")]])
    report = check_ner(model, tmp_path / "out", *ner_files)
    what = [problem["what"] for problem in report["problems"]]
    assert "labels without a row in the dev data: 'PER'" in what
    assert report["splits"]["dev"]["labels"] == {"LOC": 1, "PER": 0}


def test_a_file_of_tagged_texts_is_split_for_the_report(model, tmp_path):
    sentences = [[(letter, "B-PER"), ("lives", "O")] for letter in "abcdefghijklmnopqrst"]
    flags = (f"--train_file={write_conll(tmp_path / 'a.conll', sentences)}", "--split=70:15:15")
    report = check_ner(model, tmp_path / "out", *flags)
    assert [(name, split["rows"]) for name, split in report["splits"].items()] == [
        ("train", 14), ("dev", 3), ("test", 3),
    ]  # fmt: skip


# ---- The text of a report ----------------------------------------------------------------------


def test_places_of_one_file_name_it_once_and_more_are_hinted_at():
    problem = {"severity": "note", "what": "train: odd rows", "count": 7}
    places = ["a.csv:2", "a.csv:11", "b.csv:3", "b.csv:5"]
    split = {
        "rows": 3,
        "labels": {"x": 1, "y": 2},
        "label_shares": {"x": 1 / 3, "y": 2 / 3},
        "tokens": {"median": 5.5, "p95": 7.0, "longest": 11, "cut": 1},
        "unknown_token_rate": 0.125,
        "empty": 0,
        "duplicates": 0,
        "contradictory": 0,
        "also_in_train": 0,
    }
    report = {
        "max_seq_length": 8,
        "suggested_max_seq_length": 16,
        "suggestion_covers": 1.0,
        "splits": {"train": split},
        "problems": [{**problem, "places": places}],
    }
    shown = data_report.format_report(report)
    assert "(a.csv:2, 11, b.csv:3, 5, …)" in shown.splitlines()[1]
    table = table_of(shown)
    assert list(table)[-2:] == ["label y", "label x"]  # The most frequent one first
    assert table["label y"] == ["2 (66.7%)"]
    assert table["unknown wordpieces"] == ["12.50%"]
    assert "--max_seq_length=16 has room for 100.0% of the train rows" in shown.splitlines()[-1]


def test_several_labels_in_another_order_are_no_other_labels(model, tmp_path):
    rows = [("good", "x,y"), ("good", "y, x"), ("bad", "x")]
    flags = (f"--train_file={write_rows(tmp_path / 'a.csv', rows)}", "--problem_type=multi_label")
    report = check(model, tmp_path / "out", *flags)
    assert report["splits"]["train"]["contradictory"] == 0


def test_a_number_written_otherwise_is_no_other_number(model, tmp_path):
    rows = [("good", "1"), ("good", "1.0"), ("bad", "3")]
    flags = (f"--train_file={write_rows(tmp_path / 'a.csv', rows)}", "--problem_type=regression")
    report = check(model, tmp_path / "out", *flags)
    assert report["splits"]["train"]["contradictory"] == 0


def test_a_report_without_a_readable_split_has_no_table(model, tmp_path, capsys):
    path = write(tmp_path / "a.csv", "text,label\ngood,pos\nbad,neg\nx\n")
    assert begin(model, "--do_check", f"--train_file={path}", "--labels=pos,neg") == 1
    assert "has room for 99 %" not in capsys.readouterr().out
