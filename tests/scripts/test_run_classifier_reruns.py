"""run_classifier.py run again in the same output directory, or on a model from another one."""

import os
import signal

import numpy as np
import tensorflow.compat.v1 as tf

from tests.support import tiny
from tests.support.classifier import REVIEWS, classify
from tests.support.files import read_json, read_results, write, write_json, write_tsv
from tests.support.tiny import weights


def test_weights_are_reproducible_and_depend_on_the_seed(model, binary_data, tmp_path):
    for output, seed in (("first", 5), ("second", 5), ("third", 6)):
        flags = {"seed": seed, "output_dir": tmp_path / output, "num_train_epochs": 2}
        assert classify(model, tmp_path, "--do_train", **flags) == 0
    first, second, third = (weights(tmp_path / name) for name in ("first", "second", "third"))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["output_weights"], third["output_weights"])


def test_finished_training_is_not_repeated_and_changes_are_rejected(
    model, binary_data, tmp_path, caplog
):
    def train_again(*arguments, **flags):
        caplog.clear()
        return classify(model, tmp_path, "--do_train", *arguments, num_train_epochs=2, **flags)

    assert train_again() == 0
    trained = weights(tmp_path / "out")

    assert train_again() == 0
    assert "is already trained (6 steps). Nothing to train" in caplog.text

    write_tsv(binary_data / "train.tsv", [*REVIEWS[1:], ("positive", "great")])
    assert train_again() == 1
    assert "contains a different training run: the training data changed" in caplog.text
    assert "--overwrite_output_dir=true" in caplog.text

    assert train_again(learning_rate=1e-3) == 1
    assert "contains a different training run: learning_rate was 0.005, now 0.001" in caplog.text
    assert all(np.array_equal(a, trained[n]) for n, a in weights(tmp_path / "out").items())

    # A training run that cannot start deletes nothing.
    config = read_json(model / "bert_config.json")
    wide = write_json(tmp_path / "wide.json", {**config, "hidden_size": 36})
    assert train_again("--overwrite_output_dir=true", bert_config_file=wide) == 1
    assert all(np.array_equal(a, trained[n]) for n, a in weights(tmp_path / "out").items())

    write(tmp_path / "out" / "notes of mine.txt", "keep")
    assert train_again("--overwrite_output_dir=true") == 0
    again = weights(tmp_path / "out")
    assert not np.array_equal(again["output_weights"], trained["output_weights"])
    assert (tmp_path / "out" / "notes of mine.txt").read_text() == "keep"


def test_interrupted_training_is_resumed(model, binary_data, tmp_path, caplog, monkeypatch):
    flags = {"do_train": "true", "save_checkpoints_steps": 2, "num_train_epochs": 2}
    with monkeypatch.context() as patch:
        patch.setattr("finetune.training.hooks.WatchHook.after_run", interrupt_after(5))
        assert classify(model, tmp_path, **flags) == 130
    saved = tmp_path / "out" / "train.ckpt-5"
    assert f"interrupted. Saved {saved}. The same command resumes from there." in caplog.text
    # A model whose training is unfinished is not used for prediction.
    assert classify(model, tmp_path, "--do_predict", num_train_epochs=2) == 1
    assert "contains an unfinished training run, at step 5" in caplog.text
    assert not (tmp_path / "out" / "test_results.tsv").exists()
    caplog.clear()
    assert classify(model, tmp_path, **flags) == 0
    assert "Resuming from" in caplog.text
    assert weights(tmp_path / "out")["global_step"] == 6


def interrupt_after(steps):
    """Returns a replacement of after_run that sends Ctrl-C after some steps."""

    def after_run(self, run_context, run_values):
        self._step += 1
        if self._step == steps:
            os.kill(os.getpid(), signal.SIGINT)

    return after_run


def test_labels_keep_their_order_when_the_training_file_changes(model, binary_data, tmp_path):
    assert classify(model, tmp_path, "--do_train", "--do_predict") == 0
    before = read_results(tmp_path / "out")
    write_tsv(binary_data / "train.tsv", [("a new first label", "x"), *REVIEWS[::-1]])
    assert classify(model, tmp_path, "--do_predict") == 0
    assert read_results(tmp_path / "out") == before


def test_fine_tuned_checkpoint_predicts_into_another_directory(
    model, binary_data, tmp_path, caplog
):
    assert classify(model, tmp_path, "--do_train", "--do_predict") == 0
    trained = tf.train.latest_checkpoint(str(tmp_path / "out"))
    (binary_data / "train.tsv").unlink()
    flags = {"output_dir": tmp_path / "other", "init_checkpoint": trained}
    assert classify(model, tmp_path, "--do_predict", **flags) == 0, caplog.text
    assert read_results(tmp_path / "other") == read_results(tmp_path / "out")

    # A given checkpoint is never ignored in favor of the one in the output directory.
    tiny.write_google_model(tmp_path / "another", num_layers=1, seed=1)
    checkpoint = tmp_path / "another" / "bert_model.ckpt"
    assert classify(model, tmp_path, "--do_predict", init_checkpoint=checkpoint) == 1
    assert "contains a trained model that did not start from --init_checkpoint" in caplog.text


def test_untrained_head_is_rejected_for_evaluation_and_prediction(
    model, binary_data, tmp_path, caplog
):
    for mode in ("--do_eval", "--do_predict"):
        caplog.clear()
        assert classify(model, tmp_path, mode) == 1
        assert "bert_model.ckpt: not trained for this task" in caplog.text
        assert "(output_weights, output_bias)" in caplog.text
        caplog.clear()
        assert classify(model, tmp_path, mode, init_checkpoint=None) == 1
        assert "out contains no trained model; expected the directory of a finished" in caplog.text
        flags = {"output_dir": tmp_path / "nowhere", "init_checkpoint": None}
        assert classify(model, tmp_path, mode, **flags) == 1
        assert "nowhere does not exist; expected the directory of a finished" in caplog.text
    assert not (tmp_path / "out" / "eval_results.json").exists()
    assert not (tmp_path / "out" / "test_results.tsv").exists()


def test_foreign_files_in_the_output_directory_are_kept(model, binary_data, tmp_path, caplog):
    out = tmp_path / "out"
    write(out / "vocab.txt", "mine")
    for flag in ("--seed=1", "--overwrite_output_dir=true"):
        caplog.clear()
        assert classify(model, tmp_path, "--do_train", flag) == 1
        assert "contains vocab.txt but no run.json" in caplog.text
    assert [(p.name, p.read_text()) for p in out.iterdir()] == [("vocab.txt", "mine")]

    # A pretrained model is not deleted either, even through a link to its folder.
    (tmp_path / "link").symlink_to(model)
    flags = {"overwrite_output_dir": "true", "output_dir": tmp_path / "link"}
    assert classify(model, tmp_path, "--do_train", **flags) == 1
    assert "would delete --vocab_file" in caplog.text
    assert (model / "bert_model.ckpt.index").exists()


def test_prediction_preserves_unused_tokens_like_the_training(model, binary_data, tmp_path):
    write_tsv(binary_data / "test.tsv", [("[unused1] good",)], header=("text",))
    modes = ("--do_train", "--do_predict", "--preserve_unused_tokens")
    assert classify(model, tmp_path, *modes, num_train_epochs=2) == 0
    with_flag = read_results(tmp_path / "out")
    assert classify(model, tmp_path, "--do_predict") == 0
    assert read_results(tmp_path / "out") == with_flag
    assert classify(model, tmp_path, "--do_predict", "--nopreserve_unused_tokens") == 0
    assert read_results(tmp_path / "out") != with_flag
