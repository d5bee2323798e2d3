"""run_classifier.py --long_text=windows, and the input settings that a trained model remembers."""

import math

import pytest

from tests.support.classifier import ROWS, SMALL_CSV, check, predict, train
from tests.support.conversations import answers_of_file_and_stream
from tests.support.files import read_json, write, write_csv

GOOD, BAD = "the good film is very good", "the bad book was very bad"


@pytest.fixture(scope="module")
def windows_run(model, tmp_path_factory):
    """The output directory of a training run that reads windows of six wordpieces."""
    folder = tmp_path_factory.mktemp("windows")
    rows = [row for row in ROWS if "not" not in row[0]]
    flags = {
        "train_file": write_csv(folder / "train.csv", rows[1:], header=rows[0]),
        "labels": write(folder / "labels.txt", "pos\n\nneg\n"),
        "long_text": "windows",
        "max_seq_length": 8,
        "doc_stride": 6,
        "clean": "links,case",
    }
    assert train(model, **flags, output_dir=folder / "out", num_train_epochs=15) == 0
    return folder / "out"


def test_prediction_uses_the_windows_and_the_cleaning_of_the_training_run(windows_run, tmp_path):
    linked = "The good FILM is https://example.org/a?b=c very good"
    lines = (GOOD, BAD, f"{GOOD} {BAD}", linked)
    path = write(tmp_path / "p.txt", "\n".join(lines) + "\n")
    rows = predict(windows_run, predict_file=path)
    logits = [math.log(float(row["pos"]) / float(row["neg"])) for row in rows]
    assert logits[0] > 1
    assert logits[1] < -1
    # The mean of exactly two windows; truncated, the third text would equal the first.
    assert logits[2] == pytest.approx((logits[0] + logits[1]) / 2, abs=1e-4)
    assert logits[3] == logits[0]
    assert rows[3]["text"] == linked
    settings = read_json(windows_run / "run.json")["settings"]
    names = ("clean", "long_text", "doc_stride", "max_windows")
    assert [settings[name] for name in names] == [["links", "case"], "windows", 6, 16]


def test_windows_of_a_stream_are_answered_as_those_of_a_file(windows_run):
    texts = "".join(f"{GOOD} {BAD if i % 3 else 'film'} " * (1 + i % 5) + "\n" for i in range(13))
    of_file, of_stream = answers_of_file_and_stream(windows_run, texts, "--data_form=text")
    assert of_stream == of_file
    assert of_stream[-1].count(b"\n") == 1 + 13


def test_model_trained_on_windows_truncates_on_request(windows_run, tmp_path):
    path = write(tmp_path / "p.txt", f"{GOOD} {BAD}\n")
    rows = predict(windows_run, predict_file=path, long_text="truncate")
    assert float(rows[0]["pos"]) > 0.7


def test_model_trained_without_a_header_predicts_json_lines(windows_run, tmp_path):
    path = write(tmp_path / "p.jsonl", '{"text": "a good day"}\n{"text": "a bad day"}\n')
    rows = predict(windows_run, predict_file=path)
    assert [row["prediction"] for row in rows] == ["pos", "neg"]


def test_labels_in_a_file_keep_its_order(windows_run):
    assert read_json(windows_run / "run.json")["labels"] == ["pos", "neg"]
    report = read_json(windows_run / "data_report.json")
    assert list(report["splits"]["train"]["labels"].items()) == [("pos", 20), ("neg", 10)]


def test_report_contains_the_listed_labels(model, tmp_path, capsys):
    path = write(tmp_path / "a.csv", SMALL_CSV)
    report = check(model, tmp_path / "out", train_file=path, labels="pos,other, neg")
    labels = report["splits"]["train"]["labels"]
    assert list(labels.items()) == [("pos", 2), ("other", 0), ("neg", 2)]
    assert "labels that do not occur in the training data: 'other'" in capsys.readouterr().out
