"""The data report of run_ner.py."""

import pytest

from tests.support import files as data_files
from tests.support.commands import TAGGER, only_line, run
from tests.support.files import read_json, write_conll
from tests.support.reports import findings_of, table_of

PERSON, OTHER = [("anna", "B-PER"), ("new", "I-PER")], [("lives", "O"), ("in", "O")]
PLACE = [("paris", "B-LOC")]
SENTENCES = [
    [*PERSON, *OTHER, *PLACE],  # Line 1: 7 wordpieces, [CLS] and [SEP] included
    PLACE,  # Line 7
    [(word, "O") for word, _ in PLACE],  # Line 9: the same words with different tags
    [*PERSON, *OTHER, *PLACE],  # Line 11
]


def run_check_ner(model, *flags):
    """Runs --do_check with the tagger; returns the exit status."""
    return run(TAGGER, *flags, model=model, init_checkpoint=None, task_name="ner", do_check="true")


def check_ner(model, output_dir, *flags):
    """Returns the report of --do_check with the tagger, as JSON."""
    assert run_check_ner(model, f"--output_dir={output_dir}", *flags) == 0
    return read_json(output_dir / "data_report.json")


@pytest.fixture
def ner_files(tmp_path):
    """Returns flags for a training file and a dev file."""
    dev = [[*PERSON, ("works", "O")], PLACE]
    return (
        f"--train_file={write_conll(tmp_path / 'train.conll', SENTENCES)}",
        f"--dev_file={write_conll(tmp_path / 'dev.conll', dev)}",
    )


def test_report_of_a_tagger_has_the_same_form(model, ner_files, tmp_path, capsys):
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
    assert table["conflicting"] == ["2", "0", "0"]


def test_tag_that_occurs_only_in_the_dev_data_is_an_error(
    model, ner_files, tmp_path, caplog, capsys
):
    dev = write_conll(tmp_path / "dev.conll", [PLACE, [("the", "O"), ("film", "B-ART")]])
    assert run_check_ner(model, *ner_files) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith(f"error: {dev}:4: unknown tag 'B-ART'; expected one of O, B-LOC")
    assert "The data has 1 error. The first: " in only_line(caplog, capsys)


def test_entity_types_missing_from_the_dev_data_are_found(model, ner_files, tmp_path):
    write_conll(tmp_path / "dev.conll", [[("london", "B-LOC")]])
    report = check_ner(model, tmp_path / "out", *ner_files)
    texts = [finding["what"] for finding in report["problems"]]
    assert "labels that do not occur in the dev data: 'PER'" in texts
    assert report["splits"]["dev"]["labels"] == {"LOC": 1, "PER": 0}


def test_file_of_tagged_texts_can_be_split(model, tmp_path):
    sentences = [[(letter, "B-PER"), ("lives", "O")] for letter in "abcdefghijklmnopqrst"]
    flags = (f"--train_file={write_conll(tmp_path / 'a.conll', sentences)}", "--split=70:15:15")
    report = check_ner(model, tmp_path / "out", *flags)
    assert [(name, split["rows"]) for name, split in report["splits"].items()] == [
        ("train", 14), ("dev", 3), ("test", 3),
    ]  # fmt: skip
