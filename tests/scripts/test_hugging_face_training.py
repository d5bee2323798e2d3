"""Models of other families than BERT are trained further: they learn, and resume bit for bit."""

import numpy as np
import pytest

import prepare_model
from tests.support import ROOT
from tests.support.classifier import NOUNS
from tests.support.commands import CLASSIFIER, TAGGER, run
from tests.support.files import read_json, write, write_tsv
from tests.support.tiny import weights

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"
SETTINGS = {
    **{"do_train": "true", "max_seq_length": 24, "num_train_epochs": 40, "train_batch_size": 8},
    **{"learning_rate": 1e-2, "save_checkpoints_steps": 40},
}
ROWS = [
    (word, f"the {word} {noun} {end}")
    for noun in NOUNS[:5]
    for end in ("and", "one.", "but good")
    for word in ("new", "old")
]  # 30
SENTENCES = [
    f"{name} B-PER\nlives O\nin O\n{place} B-LOC\n{end} O\n"
    for name in ("anna", "peter", "joe")
    for place in ("paris", "rome", "a", "london", "york")
    for end in (".", "now")
]  # 30


@pytest.fixture(autouse=True)
def _needs_tokenizers():
    pytest.importorskip("tokenizers")


def install(name, folder):
    prepare_model.prepare(str(GOLDEN / name), str(folder))
    return folder


@pytest.mark.parametrize(("name", "rate"), [("distilbert", 1e-2), ("electra", 5e-3)])
def test_classifier_learns_30_rows(tmp_path, name, rate):
    model = install(name, tmp_path / "model")
    file = write_tsv(tmp_path / "train.tsv", ROWS, header=("label", "text"))
    files = {"train_file": file, "dev_file": file, "model_dir": model}
    flags = {**files, **SETTINGS, "learning_rate": rate, "output_dir": tmp_path / "out"}
    assert run(CLASSIFIER, "--do_eval=true", **flags) == 0
    assert read_json(tmp_path / "out" / "eval_results.json")["accuracy"] == 1.0


def test_roberta_learns_and_resumes_bit_for_bit(tmp_path, monkeypatch, caplog):
    from finetune.training.hooks import WatchHook

    model = install("roberta_pair", tmp_path / "model")
    file = write_tsv(tmp_path / "train.tsv", ROWS, header=("label", "text"))
    files = {"train_file": file, "dev_file": file, "model_dir": model}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert run(CLASSIFIER, "--do_eval=true", output_dir=whole, **files, **SETTINGS) == 0
    assert read_json(whole / "eval_results.json")["accuracy"] == 1.0
    real, steps = WatchHook.after_run, []

    def stop(self, context, values):
        real(self, context, values)
        steps.append(None)
        if len(steps) == 57:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WatchHook, "after_run", stop)
        assert run(CLASSIFIER, output_dir=stopped, **files, **SETTINGS) != 0
    assert run(CLASSIFIER, output_dir=stopped, **files, **SETTINGS) == 0
    assert "Resuming from" in caplog.text
    first, second = weights(whole), weights(stopped)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_xlm_roberta_tagger_with_a_crf_learns_30_sentences(tmp_path):
    model = install("xlmr_token", tmp_path / "model")
    file = write(tmp_path / "train.conll", "\n".join(SENTENCES))
    files = {"train_file": file, "dev_file": file, "model_dir": model, "use_crf": "true"}
    assert run(TAGGER, "--do_eval=true", output_dir=tmp_path / "out", **files, **SETTINGS) == 0
    assert read_json(tmp_path / "out" / "eval_results.json")["f1"] == 1.0
