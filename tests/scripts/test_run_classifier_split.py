"""run_classifier.py --split: the parts, later runs on them, and damaged output directories."""

import collections
import contextlib
import os
import re
import shutil

import pytest

from finetune.runs import start
from tests.support import tiny
from tests.support.classifier import ROWS, SMALL_CSV, check, predict, train
from tests.support.commands import CLASSIFIER, only_line, run
from tests.support.files import read_json, read_jsonl, read_results, write, write_csv


@pytest.fixture(scope="module")
def split_run(model, tmp_path_factory):
    """The output directory of a training run on a part of a file that no longer exists."""
    folder = tmp_path_factory.mktemp("split")
    path = write_csv(folder / "all.csv", ROWS)
    flags = {"split": "70:15:15", "train_file": path, "output_dir": folder / "out"}
    assert train(model, "--do_eval", "--do_predict", **flags) == 0
    path.unlink()
    return folder / "out"


@pytest.fixture
def copied_run(split_run, tmp_path):
    """A copy of that directory without predictions, which a test can change."""
    out = shutil.copytree(split_run, tmp_path / "out")
    (out / "test_results.tsv").unlink()
    return out


def split_of(output_dir):
    """Returns (guid, text, label) of each row of each part."""
    return {
        name: [
            (row["guid"], row["text_a"], row["label"])
            for row in read_jsonl(output_dir / "split" / f"{name}.jsonl")
        ]
        for name in ("train", "dev", "test")
    }


def test_split_is_stratified_and_has_the_requested_sizes(split_run):
    parts = split_of(split_run)
    counts = {name: collections.Counter(row[2] for row in rows) for name, rows in parts.items()}
    # 20 rows per label: 70% are 14, 15% are 3.
    assert counts == {
        "train": {"neg": 14, "pos": 14}, "dev": {"neg": 3, "pos": 3}, "test": {"neg": 3, "pos": 3},
    }  # fmt: skip
    texts = sorted(text for rows in parts.values() for _, text, _ in rows)
    assert texts == sorted(text for text, _ in ROWS)
    guid, text, _ = parts["dev"][0]
    # The guid contains the line number; the header is line 1.
    assert ROWS[int(guid.removeprefix("train-")) - 2][0] == text


def test_each_mode_uses_its_part_of_the_split(split_run):
    parts = split_of(split_run)
    assert tiny.weights(split_run)["global_step"] == 4  # 28 rows in batches of 8
    assert read_json(split_run / "eval_results.json")["num_examples"] == 6
    texts = [row["text"] for row in read_results(split_run)]
    assert texts == [text for _, text, _ in parts["test"]]
    report = read_json(split_run / "data_report.json")
    assert {name: split["rows"] for name, split in report["splits"].items()} == {
        "train": 28, "dev": 6, "test": 6,
    }  # fmt: skip
    assert report["splits"]["dev"]["also_in_train"] == 0


def test_later_runs_use_the_saved_split(split_run, copied_run):
    (copied_run / "eval_results.json").unlink()
    assert run(CLASSIFIER, "--do_eval", output_dir=copied_run) == 0
    found, expected = (read_json(out / "eval_results.json") for out in (copied_run, split_run))
    assert found.pop("file") == str(copied_run / "split" / "dev.jsonl")
    assert expected.pop("file") == str(split_run / "split" / "dev.jsonl")
    assert found == expected
    assert predict(copied_run) == read_results(split_run)

    path = copied_run / "split" / "test.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    write(path, "".join(lines[4:1:-2]))
    guids = [guid for guid, _, _ in split_of(split_run)["test"]]
    assert [row["guid"] for row in predict(copied_run)] == [guids[4], guids[2]]


def test_specified_file_takes_precedence_over_the_saved_split(copied_run, tmp_path):
    path = write(tmp_path / "more.csv", SMALL_CSV)
    assert run(CLASSIFIER, "--do_eval", output_dir=copied_run, dev_file=path) == 0
    scores = read_json(copied_run / "eval_results-more.json")
    assert (scores["file"], scores["num_examples"]) == (str(path), 4)
    assert f"Scores on {path}" in (copied_run / "report-more.html").read_text()
    # The scores of the dev part are still there.
    assert read_json(copied_run / "eval_results.json")["num_examples"] == 6


def test_test_part_of_a_split_is_scored_by_itself(split_run):
    scores = read_json(split_run / "eval_results-test.json")
    assert scores["file"] == str(split_run / "split" / "test.jsonl")
    labels = [label for _, _, label in split_of(split_run)["test"]]
    assert scores["num_examples"] == len(labels) == 6
    assert {label: row["support"] for label, row in scores["labels"].items()} == {
        label: labels.count(label) for label in scores["labels"]
    }
    assert (split_run / "eval_results-test.txt").read_text().startswith(f"file = {split_run}")
    assert (split_run / "report-test.html").exists()


def test_predictions_follow_a_specified_file(copied_run, tmp_path):
    path = write(tmp_path / "more.csv", SMALL_CSV)
    assert [row["guid"] for row in predict(copied_run, predict_file=path)] == [
        "test-2", "test-3", "test-4", "test-5",
    ]  # fmt: skip


def test_split_depends_only_on_the_rows_and_the_seed(model, split_run, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    # The parts are written before training starts, so this test does not need to train.
    monkeypatch.setattr(start, "make_training_input_fn", stop)
    path = write_csv(tmp_path / "copy.csv", ROWS)
    for output, seed in (("same", 0), ("other", 7)):
        flags = {"train_file": path, "split": "0.7:0.15:0.15", "split_seed": seed}
        assert train(model, **flags, output_dir=tmp_path / output) == 130
    assert split_of(tmp_path / "same") == split_of(split_run)
    assert split_of(tmp_path / "other") != split_of(split_run)


def test_two_shares_leave_no_test_data(model, tmp_path):
    path = write_csv(tmp_path / "all.csv", ROWS)
    report = check(model, tmp_path / "out", train_file=path, split="4:1")
    assert {name: split["labels"] for name, split in report["splits"].items()} == {
        "train": {"neg": 16, "pos": 16}, "dev": {"neg": 4, "pos": 4},
    }  # fmt: skip


def test_training_on_files_of_the_saved_split_does_not_delete_them(
    model, split_run, copied_run, monkeypatch
):
    monkeypatch.setattr(start, "make_training_input_fn", None)  # Stops the run before training.
    path = copied_run / "split" / "train.jsonl"
    with contextlib.suppress(TypeError):
        train(model, "--overwrite_output_dir", train_file=path, output_dir=copied_run)
    assert split_of(copied_run) == split_of(split_run)


def test_model_trained_with_a_header_predicts_a_table_without_one(copied_run, tmp_path):
    path = write(tmp_path / "p.csv", "a good day\na bad day\n")
    rows = predict(copied_run, header="false", text_column=1, predict_file=path)
    assert [row["text"] for row in rows] == ["a good day", "a bad day"]


def test_labels_that_differ_from_the_models_are_rejected(split_run, caplog, capsys):
    assert run(CLASSIFIER, "--do_predict", output_dir=split_run, labels="yes,no") > 0
    assert "--labels" in only_line(caplog, capsys)


DAMAGES = {
    "truncated index": (
        lambda out: os.truncate(next(out.glob("model.ckpt-*.index")), 50),
        r"model\.ckpt-4: the checkpoint is damaged",
    ),
    "missing index": (
        lambda out: next(out.glob("model.ckpt-*.index")).unlink(),
        r"out/checkpoint: the checkpoint that it names is missing",
    ),
    "malformed record": (
        lambda out: write(out / "run.json", "{"),
        r"run\.json: not the record of a training run",
    ),
    "short vocabulary": (
        lambda out: write(out / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"),
        r"vocab\.txt: 4 tokens, but",
    ),
    "missing part": (
        lambda out: (out / "split" / "test.jsonl").unlink(),
        r"split/test\.jsonl: cannot be read",
    ),
    "changed part": (
        lambda out: write(out / "split" / "test.jsonl", '{"text": "a"}\n'),
        r"split/test\.jsonl:1: not an example that a training run wrote",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_error_names_the_damaged_output_directory(copied_run, caplog, capsys, damage, message):
    damage(copied_run)
    assert run(CLASSIFIER, "--do_predict", output_dir=copied_run) == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (copied_run / "test_results.tsv").exists()


def test_error_names_the_damaged_weights(copied_run, caplog, capsys):
    os.truncate(next(copied_run.glob("model.ckpt-*.data*")), 5000)
    assert run(CLASSIFIER, "--do_predict", output_dir=copied_run) == 1
    assert "model.ckpt-4" in only_line(caplog, capsys)


def test_labelled_rows_to_predict_are_scored_and_keep_their_gold_label(copied_run, tmp_path):
    rows = [(text, label) for text, label in ROWS[:7]]
    path = write_csv(tmp_path / "labelled.csv", rows)
    found = predict(copied_run, predict_file=path)
    assert [row["gold"] for row in found] == [label for _, label in rows]
    scores = read_json(copied_run / "eval_results-labelled.json")
    right = sum(row["gold"] == row["prediction"] for row in found)
    assert (scores["file"], scores["num_examples"]) == (str(path), 7)
    assert scores["accuracy"] == right / 7


@pytest.mark.parametrize(
    "labels",
    [["pos", "neg", "-1"], ["pos", "", "neg"], ["neg", "neg", "neg"]],
    ids=["unknown label", "missing label", "placeholder"],
)
def test_rows_without_gold_labels_are_not_scored(copied_run, tmp_path, caplog, labels):
    rows = [(text, label) for (text, _), label in zip(ROWS, labels)]
    path = write_csv(tmp_path / "new.csv", rows)
    assert "gold" not in predict(copied_run, predict_file=path)[0]
    assert not (copied_run / "eval_results-new.json").exists()
    message = "Not scored: all rows have the label 'neg', perhaps a placeholder."
    assert (message in caplog.text) == (set(labels) == {"neg"})
