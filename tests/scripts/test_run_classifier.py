"""run_classifier.py end to end, on the classic data layout: training, evaluation, prediction."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.runs import estimators, start
from finetune.tasks.classification.config import ClassifierConfig
from tests.support.classifier import NOUNS, REVIEWS, classify
from tests.support.commands import CLASSIFIER, run
from tests.support.files import read_json, read_results, write_tsv
from tests.support.tiny import weights


def test_train_evaluate_predict_and_predict_from_a_moved_directory(
    model, binary_data, tmp_path, caplog
):
    status = classify(model, tmp_path, "--do_train=true", "--do_eval=true", "--do_predict=true")
    assert status == 0, caplog.text
    out = tmp_path / "out"

    scores = read_json(out / "eval_results.json")
    assert scores["accuracy"] == 1.0
    assert scores["num_examples"] == 7
    assert scores["labels"]["neg, ative"]["support"] == 4
    assert scores["confusion_matrix"] == [[4, 0], [0, 3]]
    assert "accuracy = 1.0000" in (out / "eval_results.txt").read_text()

    rows = read_results(out)
    assert list(rows[0]) == ["guid", "text", "prediction", "score", "neg, ative", "positive"]
    assert [row["guid"] for row in rows] == ["test-2", "test-3"]
    assert [row["text"] for row in rows] == ["good is this", '"bad']
    assert [row["prediction"] for row in rows] == ["positive", "neg, ative"]
    assert rows[0]["score"] == rows[0]["positive"]
    assert float(rows[0]["positive"]) + float(rows[0]["neg, ative"]) == pytest.approx(1.0, abs=2e-6)

    record = read_json(out / "run.json")
    assert record["labels"] == ["neg, ative", "positive"]
    assert record["settings"]["max_seq_length"] == 16
    assert record["versions"]["tensorflow"] == tf.__version__

    # The log ends with a summary. All 7 rows are correct, so Wilson's interval of the accuracy ends
    # at 1 and starts at 7 / (7 + 1.96²).
    summary = caplog.messages[-1].splitlines()
    assert summary[0] == "***** Summary *****"
    assert [line.split("  ")[0] for line in summary[1:]] == [
        "macro_f1", "model", "training", "files", "next",
    ]  # fmt: skip
    interval = "95% confidence interval of accuracy: 0.646 to 1"
    assert summary[1].endswith(f"1.0000 on {binary_data / 'dev.tsv'} (7 rows, {interval})")
    assert "18 rows of " in summary[3]
    assert summary[4].endswith(f"eval_results.json, test_results.tsv in {out}")
    command = f"python run_classifier.py --do_predict=true --output_dir={out} --predict_file=-"
    assert summary[5] == f"next      {command}"

    # Only the weights remain, without Adam's slots: the training checkpoints are deleted.
    assert not any("adam" in name for name in weights(out))
    assert weights(out)["global_step"] == 60  # 18 rows in batches of 8: 3 steps, 20 epochs
    assert not list(out.glob("train.ckpt*"))

    # The output directory is enough for a prediction, even if moved and without the data.
    moved, bare = tmp_path / "moved", tmp_path / "bare"
    shutil.move(out, moved)
    bare.mkdir()
    shutil.move(binary_data / "test.tsv", bare)
    shutil.rmtree(tmp_path / "data")
    (moved / "test_results.tsv").unlink()
    assert run(CLASSIFIER, "--do_predict", data_dir=bare, output_dir=moved) == 0, caplog.text
    assert read_results(moved) == rows


def test_pairs_with_six_labels_are_learned(model, tmp_path, caplog):
    folder = tmp_path / "data" / "multiclass"
    words = ("old", "new", "one", "two", "three", "great")
    rows = [(f"l-{word}", f"the {word} {noun}", "is it") for noun in NOUNS[:3] for word in words]
    for split in ("train", "dev", "test"):
        write_tsv(folder / f"{split}.tsv", rows, header=("label", "text", "text_b"))
    flags = ("--do_train=true", "--do_eval=true", "--do_predict=true")
    status = classify(model, tmp_path, *flags, task_name="multiclass", num_train_epochs=120)
    assert status == 0, caplog.text
    labels = sorted(f"l-{word}" for word in words)
    header = list(read_results(tmp_path / "out")[0])
    assert header == ["guid", "text_a", "text_b", "prediction", "score", *labels, "gold"]
    assert [r["guid"] for r in read_results(tmp_path / "out")] == [
        f"test-{i + 2}" for i in range(18)
    ]
    assert [r["prediction"] for r in read_results(tmp_path / "out")] == [
        label for label, _, _ in rows
    ]


def test_every_weight_is_trained(model, binary_data, tmp_path):
    assert classify(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    before = tf.train.load_checkpoint(str(model / "bert_model.ckpt"))
    after = weights(tmp_path / "out")
    still = [
        name
        for name in before.get_variable_to_shape_map()
        if np.array_equal(before.get_tensor(name), after[name])
    ]
    # Only this weight has no gradient: adding a constant to all keys does not change a softmax.
    assert set(still) <= {"bert/encoder/layer_0/attention/self/key/bias"}


def test_two_rows_smaller_than_a_batch_train_for_a_fraction_of_an_epoch(
    model, binary_data, tmp_path
):
    write_tsv(binary_data / "train.tsv", REVIEWS[:2])
    assert classify(model, tmp_path, "--do_train", num_train_epochs=0.1) == 0
    trained = weights(tmp_path / "out")
    assert trained["global_step"] == 1
    before = tf.train.load_checkpoint(str(model / "bert_model.ckpt"))
    name = "bert/pooler/dense/kernel"
    assert not np.array_equal(trained[name], before.get_tensor(name))


@pytest.mark.parametrize("flag", ["--use_xla", "--padding_free=false"])
def test_xla_and_computed_padding_do_not_change_predictions(model, binary_data, tmp_path, flag):
    assert classify(model, tmp_path, "--do_train", "--do_predict") == 0
    expected = read_results(tmp_path / "out")
    assert classify(model, tmp_path, "--do_predict", flag) == 0
    compared = 0
    for row, other in zip(read_results(tmp_path / "out"), expected):
        for cell, expected_cell in zip(row.values(), other.values()):
            try:
                assert float(cell) == pytest.approx(float(expected_cell), abs=1e-5)
                compared += 1
            except ValueError:
                assert cell == expected_cell
    assert compared > 0


def test_each_mode_has_its_own_batch_size(model, binary_data, tmp_path, monkeypatch):
    seen = []

    def spy_on(module, name):
        function = getattr(module, name)

        def spy(rows, batch_size, **settings):
            seen.append(batch_size)
            return function(rows, batch_size=batch_size, **settings)

        monkeypatch.setattr(module, name, spy)

    spy_on(start, "make_training_input_fn")
    spy_on(estimators, "in_pool_order")
    sizes = ("--eval_batch_size=3", "--predict_batch_size=5")
    modes = ("--do_train", "--do_eval", "--do_predict")
    assert classify(model, tmp_path, *modes, *sizes, num_train_epochs=1) == 0
    assert seen == [8, 3, 5]


def test_load_report_is_logged_once(model, binary_data, tmp_path, caplog):
    modes = ("--do_train", "--do_eval", "--do_predict")
    assert classify(model, tmp_path, *modes, num_train_epochs=1) == 0
    # 5 variables in the embeddings, 16 in the layer and 2 in the pooler.
    assert caplog.text.count("23 variables matched") == 1
    assert caplog.text.count("newly initialised: 2 (output_weights, out") == 1


def test_cuda_visible_devices_is_not_changed(model, binary_data, tmp_path):
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    assert classify(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before


def test_helpfull_lists_every_flag_and_help_the_most_used(capsys):
    assert run(CLASSIFIER, "--helpfull") == 0
    full = capsys.readouterr().out
    for field in dataclasses.fields(ClassifierConfig):
        assert f"\n  --{field.name}\n" in full
    assert "Default:\n      0.1." in full or "Default: 0.1." in full
    assert run(CLASSIFIER, "--help") == 0
    short = capsys.readouterr().out
    assert "--task_name" in short and "--learning_rate" in short
    assert "--warmup_proportion" not in short
