"""run_classifier.py on pairs of texts."""

import re

import pytest

from tests.support.classifier import KINDS, NOUNS, predict, train
from tests.support.commands import CLASSIFIER, only_line, run
from tests.support.conversations import answers_of_file_and_stream
from tests.support.files import read_json, read_results, write, write_csv


@pytest.fixture(scope="module")
def pairs_run(model, tmp_path_factory):
    """The output directory of a model of pairs; only the end of text_b shows the label."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [(noun, "the " * 9 + words, label) for noun in NOUNS for words, label in KINDS[::2]]
    path = write_csv(folder / "train.csv", rows, header=("text", "text_b", "label"))
    flags = {"truncation": "tail", "max_seq_length": 8, "train_file": path}
    assert train(model, **flags, output_dir=folder / "out", num_train_epochs=15) == 0
    return folder / "out"


def test_pairs_are_answered_from_standard_input_as_from_a_file(pairs_run):
    start = "the " * 11
    pairs = f"city\t{start}good\ncity\t{start}bad\n\t{start}good\n"
    of_file, of_stream = answers_of_file_and_stream(pairs_run, pairs, "--data_form=text")
    assert of_stream == of_file
    rows = read_results(pairs_run)
    assert [row["prediction"] for row in rows] == ["pos", "neg", "pos"]
    assert [row["text_a"] for row in rows] == ["city", "city", ""]
    assert rows[1]["text_b"] == f"{start}bad"
    assert [row["guid"] for row in rows] == ["test-1", "test-2", "test-3"]
    assert read_json(pairs_run / "run.json")["settings"]["truncation"] == "tail"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.jsonl", '{"text": "good"}\n', r"p\.jsonl:1: no 'text_b'; its keys are 'text'"),
        ("p.jsonl", '{"text": "good", "text_b": null}\n', r"p\.jsonl:1: found a single text, but "
         r"each row that the model was trained on is a pair of texts"),
        ("p.tsv", "text\ngood\n", r"p\.tsv:1: no column 'text_b' \(the text_b column of "
         r"the training file\) in the header"),
        ("p.txt", "a good day\n", r"p\.txt:1: found 'a good day'; expected two texts separated by a tab"),  # noqa: E501
    ],
)  # fmt: skip
def test_model_trained_on_pairs_rejects_single_texts(
    pairs_run, tmp_path, caplog, capsys, name, content, message
):
    path = write(tmp_path / name, content)
    assert run(CLASSIFIER, "--do_predict", output_dir=pairs_run, predict_file=path) == 1
    assert re.search(message, only_line(caplog, capsys))


def test_pairs_separated_by_a_tab_are_read_from_a_text_file(pairs_run, tmp_path):
    path = write(tmp_path / "p.txt", "city\tthe good\nbook\tthe bad\n")
    rows = predict(pairs_run, predict_file=path)
    assert [row["text_b"] for row in rows] == ["the good", "the bad"]
