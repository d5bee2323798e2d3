"""Output directories of version 0.1.0 (commit cf4e844) can still be used."""

import json
import shutil

import pytest

from tests.support import ROOT
from tests.support.commands import CLASSIFIER, TAGGER, run
from tests.support.files import read_json, read_jsonl, read_results, write

GOLDEN = ROOT / "tests" / "golden" / "output_0.x"


@pytest.fixture
def old(tmp_path):
    """Copies of the directories, without the results of evaluation and prediction."""
    folder = shutil.copytree(GOLDEN, tmp_path / "old")
    for path in folder.glob("*/*_results.*"):
        path.unlink()
    return folder


def texts_file(path, texts):
    return write(path, "".join(text + "\n" for text in texts))


def test_classifier_of_0_1_0_makes_the_same_predictions(old, tmp_path):
    expected = read_results(GOLDEN / "classifier")
    table = "text\n" + "".join(row["text"] + "\n" for row in expected)
    path = texts_file(tmp_path / "new.tsv", table.splitlines())
    flags = {"output_dir": old / "classifier", "predict_file": path, "do_predict": "true"}
    assert run(CLASSIFIER, **flags) == 0
    found = read_results(old / "classifier")
    assert [row["prediction"] for row in found] == [row["prediction"] for row in expected]
    for row, was in zip(found, expected):
        assert float(row["score"]) == pytest.approx(float(was["score"]), abs=1e-5)


def test_classifier_of_0_1_0_gets_the_same_scores(old):
    assert run(CLASSIFIER, output_dir=old / "classifier", do_eval="true") == 0
    found = read_json(old / "classifier" / "eval_results.json")
    expected = read_json(GOLDEN / "classifier" / "eval_results.json")
    assert found["confusion_matrix"] == expected["confusion_matrix"]
    assert found["loss"] == pytest.approx(expected["loss"], abs=1e-5)


def test_tagger_of_0_1_0_makes_the_same_predictions(old, tmp_path):
    expected = read_jsonl(GOLDEN / "tagger" / "test_results.jsonl")
    path = texts_file(tmp_path / "new.txt", [row["text"] for row in expected])
    flags = {"data_form": "text", "word_split": "whitespace", "do_predict": "true"}
    assert run(TAGGER, output_dir=old / "tagger", predict_file=path, **flags) == 0
    found = read_jsonl(old / "tagger" / "test_results.jsonl")
    spans = [[(e["type"], e["start"], e["end"]) for e in row["entities"]] for row in found]
    assert spans == [
        [(e["type"], e["start"], e["end"]) for e in row["entities"]] for row in expected
    ]
    assert any(spans)


def test_prediction_does_not_rewrite_the_record_of_0_1_0(old, tmp_path):
    path = texts_file(tmp_path / "new.tsv", ["text", "a good film"])
    before = (old / "classifier" / "run.json").read_text(encoding="utf-8")
    flags = {"output_dir": old / "classifier", "predict_file": path, "do_predict": "true"}
    assert run(CLASSIFIER, **flags) == 0
    assert (old / "classifier" / "run.json").read_text(encoding="utf-8") == before
    assert json.loads(before)["versions"]["toolkit"] == "0.1.0"
