"""A metric that cannot be computed never selects a model, and the run says so."""

import pytest

from tests.support.commands import CLASSIFIER, run
from tests.support.files import read_json, write_csv
from tests.support.tiny import write_google_model

TEXTS = [("a good film", "pos"), ("a bad film", "neg"), ("a great book", "pos"), ("bad", "neg")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("model")
    write_google_model(folder)
    return folder


def test_auc_of_three_labels_is_rejected_before_training(model, tmp_path, caplog):
    rows = [*TEXTS, ("a film", "mixed")]
    for name in ("train", "dev"):
        write_csv(tmp_path / f"{name}.csv", rows)
    flags = {"eval_every": "epoch", "metric_for_best": "auc", "task_name": "multiclass"}
    status = run(
        CLASSIFIER,
        "--do_train",
        model=model,
        data_dir=tmp_path,
        output_dir=tmp_path / "out",
        **flags,
    )
    assert status == 2
    assert "--metric_for_best=auc: no such metric for this task and its labels" in caplog.text
    assert "macro_f1, accuracy, loss, mcc, weighted_f1" in caplog.text
    assert not (tmp_path / "out").exists()


def train_on_dev_without_a_label(model, folder, *flags):
    write_csv(folder / "train.csv", TEXTS)
    write_csv(folder / "dev.csv", [row for row in TEXTS if row[1] == "pos"])
    files = {"train_file": folder / "train.csv", "dev_file": folder / "dev.csv"}
    common = ("--do_train", "--do_eval", "--metric_for_best=auc", *flags)
    return run(CLASSIFIER, *common, model=model, **files, output_dir=folder / "out")


def test_last_model_is_kept_if_the_metric_is_undefined_on_the_dev_file(model, tmp_path, caplog):
    flags = ("--eval_every=1", "--early_stopping_patience=1", "--num_train_epochs=3")
    assert train_on_dev_without_a_label(model, tmp_path, *flags) == 0
    assert "best so far" not in caplog.text
    assert caplog.text.count("auc undefined") == 3
    assert "auc is undefined on the dev file, so it cannot select the best model." in caplog.text
    assert "Early stopping" not in caplog.text
    assert not (tmp_path / "out" / "best").exists()
    assert f"Model: {tmp_path / 'out' / 'model.ckpt-3'}\n" in caplog.text
    assert read_json(tmp_path / "out" / "eval_results.json")["auc"] is None


def test_first_trial_is_kept_if_the_metric_is_undefined_on_the_dev_file(model, tmp_path, caplog):
    flags = ("--num_trials=2", "--num_train_epochs=1")
    assert train_on_dev_without_a_label(model, tmp_path, *flags) == 0
    assert "auc is undefined on the dev file, so it cannot select the best model." in caplog.text
    assert "The first model is kept." in caplog.text
    assert read_json(tmp_path / "out" / "run.json")["settings"]["seed"] == 42
