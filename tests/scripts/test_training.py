"""Training with run_classifier.py: the flags that control it, checkpoints, resuming and trials."""

import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.output import train_log, training_checkpoints
from tests.support.commands import CLASSIFIER, run
from tests.support.files import read_json, write, write_json, write_tsv
from tests.support.reviews import interrupt_at, make_folder, same_weights, train
from tests.support.tiny import weights

NO_DROPOUT = {"hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of two layers and 20 rows of data."""
    return make_folder(tmp_path_factory.mktemp("training"), num_layers=2)


def losses(out):
    return [row["loss"] for row in train_log.read(out) if "loss" in row]


def test_accumulated_batches_train_like_one_large_batch(folder, tmp_path):
    # An epoch of 20 rows has two steps of 8 rows and one of 4, in one part of 4 or two parts of 2.
    large = train(folder, tmp_path / "large", **NO_DROPOUT)
    for batch, parts in ((4, 2), (2, 4)):
        out = tmp_path / f"parts-{parts}"
        flags = {"gradient_accumulation_steps": parts, "train_batch_size": batch}
        train(folder, out, **NO_DROPOUT, **flags)
        assert losses(out) == pytest.approx(losses(large), abs=1e-5)
        assert weights(out)["global_step"] == 6
        for name, array in weights(large).items():
            np.testing.assert_allclose(weights(out)[name], array, atol=1e-4)


def test_parts_of_a_batch_have_different_dropout_masks(folder, tmp_path):
    for split in ("train", "dev"):
        write_tsv(tmp_path / f"{split}.tsv", [("good", "a good film"), ("bad", "a good film")])
    flags = {"data_dir": tmp_path, "gradient_accumulation_steps": 2, "class_weights": "1,1"}
    train(folder, tmp_path / "out", **flags, train_batch_size=1, num_train_epochs=1)
    # The logits are nearly equal, so with the same dropout masks the two gradients would cancel.
    row = train_log.read(tmp_path / "out")[0]
    assert row["gradient_norm"] > 1e-3


def test_best_model_is_kept_and_training_stops_early(folder, tmp_path, caplog):
    out = tmp_path / "out"
    flags = ("--do_eval", "--eval_every=1", "--early_stopping_patience=3", "--metric_for_best=loss")
    train(folder, out, *flags, learning_rate="3e-2", num_train_epochs=30)
    evaluations = train_log.evaluations_of(train_log.read(out))
    scores = [row["loss"] for row in evaluations]
    best = int(np.argmin(scores))
    assert [row["step"] for row in evaluations] == list(range(1, best + 1 + 3 + 1))
    assert f"Early stopping at step {best + 4}" in caplog.text
    assert weights(out)["global_step"] == best + 4
    assert weights(out / "best")["global_step"] == best + 1
    assert not any("adam" in name for name in weights(out / "best"))
    assert f"best/model.ckpt-{best + 1}, the best of the training run" in caplog.text
    assert read_json(out / "eval_results.json")["loss"] == scores[best]

    # The best model can be evaluated in its own folder.
    assert run(CLASSIFIER, "--do_eval", data_dir=folder, output_dir=out / "best") == 0
    assert read_json(out / "best" / "eval_results.json")["loss"] == scores[best]
    # A new training run can start from it.
    best_model = out / "best" / f"model.ckpt-{best + 1}"
    caplog.clear()
    further = {"init_checkpoint": best_model, "learning_rate": 0, "num_train_epochs": 0.1}
    train(folder, tmp_path / "further", **further)
    assert "newly initialised: 0" in caplog.text
    trained = weights(tmp_path / "further")["output_weights"]
    assert np.array_equal(trained, weights(out / "best")["output_weights"])

    caplog.clear()
    train(folder, out, *flags, learning_rate="3e-2", num_train_epochs=30)
    assert f"is already trained ({best + 4} steps)" in caplog.text


def test_evaluation_does_not_change_the_weights(folder, tmp_path):
    plain = train(folder, tmp_path / "plain")
    assert same_weights(plain, train(folder, tmp_path / "evaluated", "--eval_every=epoch"))
    steps = [r["step"] for r in train_log.evaluations_of(train_log.read(tmp_path / "evaluated"))]
    assert steps == [3, 6]


def test_frozen_layers_stay_unchanged_and_lower_layers_learn_more_slowly(folder, tmp_path):
    start = tf.train.load_checkpoint(str(folder / "model" / "bert_model.ckpt"))
    frozen = ("bert/embeddings/", "bert/encoder/layer_0/")
    out = train(
        folder, tmp_path / "out", "--freeze_embeddings", "--freeze_layers=1", num_train_epochs=1
    )
    for name, array in weights(out).items():
        # Key biases have no gradient: adding a constant to all keys does not change a softmax.
        if start.has_tensor(name) and not name.endswith("key/bias"):
            changed = not np.array_equal(array, start.get_tensor(name))
            assert changed == (not name.startswith(frozen)), name

    # The first steps of both runs have the same direction; their lengths differ by the factors.
    one_step = {"train_batch_size": 20, "num_train_epochs": 1}
    flags = {"layerwise_lr_decay": 0.5, "head_learning_rate_factor": 3}
    plain = weights(train(folder, tmp_path / "plain", **one_step))
    out = weights(train(folder, tmp_path / "decay", **flags, **one_step))
    for name, factor in (
        ("bert/embeddings/LayerNorm/beta", 0.125),
        ("bert/encoder/layer_0/output/LayerNorm/beta", 0.25),
        ("bert/encoder/layer_1/output/LayerNorm/beta", 0.5),
        ("bert/pooler/dense/kernel", 1.0),
    ):
        before = start.get_tensor(name)
        moved = plain[name] != before
        ratios = (out[name] - before)[moved] / (plain[name] - before)[moved]
        assert np.median(ratios) == pytest.approx(factor, rel=0.01), name
    assert out["output_bias"] == pytest.approx(3 * plain["output_bias"], rel=0.01)


def test_changed_settings_are_rejected_unless_resume_with_changes(folder, tmp_path, caplog):
    out = tmp_path / "out"
    flags = {"save_checkpoints_steps": 2, "num_train_epochs": 4}
    train(folder, out, **flags)
    retrain_up_to_step_5(folder, out, **flags)
    assert training_checkpoints.step_of(training_checkpoints.latest(str(out))) == 5

    caplog.clear()
    train(folder, out, num_train_epochs=4, learning_rate="1e-3", status=1)
    assert "learning_rate was 0.005, now 0.001" in caplog.text
    assert "--resume_with_changes=true resumes it anyway" in caplog.text
    caplog.clear()
    train(folder, out, "--resume_with_changes", "--freeze_layers=1", num_train_epochs=4, status=1)
    assert "freeze_layers was 0, now 1, so it cannot be resumed" in caplog.text
    caplog.clear()
    train(folder, out, "--resume_with_changes", num_train_epochs=3, learning_rate="1e-3")
    assert (
        "Resuming with changes: learning_rate was 0.005, now 0.001; num_train_epochs was 4.0,"
        in (caplog.text)
    )
    assert weights(out)["global_step"] == 9
    caplog.clear()
    train(folder, out, "--resume_with_changes", num_train_epochs=5, learning_rate="1e-3", status=1)
    assert "that run is finished. To train its model further, set --init_checkpoint=" in caplog.text


def retrain_up_to_step_5(folder, out, **flags):
    """Replaces a finished training run with one that was interrupted at step 5."""
    shutil.rmtree(out)
    interrupt_at(5, folder, out, **flags)


def test_damaged_checkpoint_is_skipped_and_training_ends_with_the_same_weights(
    folder, tmp_path, caplog
):
    straight = train(folder, tmp_path / "straight", num_train_epochs=4)
    out = tmp_path / "out"
    interrupt_at(8, folder, out, "--save_checkpoints_steps=3", num_train_epochs=4)
    newest = out / "train.ckpt-8.data-00000-of-00001"
    os.truncate(newest, 100)
    caplog.clear()
    train(folder, out, "--save_checkpoints_steps=3", num_train_epochs=4)
    assert "train.ckpt-8: the checkpoint is damaged: " in caplog.text
    assert f"Resuming from {out}/train.ckpt-6, step 6 of 12" in caplog.text
    assert same_weights(straight, out)
    # The log is cut at the resumed checkpoint: step 8, which the interrupted run had logged, is
    # logged again.
    assert [row["step"] for row in train_log.read(out)] == list(range(7, 13))


def test_training_without_an_intact_checkpoint_deletes_nothing(folder, tmp_path, caplog):
    out = tmp_path / "out"
    interrupt_at(2, folder, out)
    write(out / "train.ckpt-2.index", "no index")
    before = sorted(os.listdir(out))
    train(folder, out, status=1)
    assert "none of its checkpoints is intact (train.ckpt-2)" in caplog.text
    assert sorted(os.listdir(out)) == before


def test_keep_checkpoint_max_holds_across_interruptions(folder, tmp_path):
    out = tmp_path / "out"
    flags = ("--save_checkpoints_steps=1", "--keep_checkpoint_max=3")
    interrupt_at(4, folder, out, *flags)
    interrupt_at(6, folder, out, *flags)
    kept = sorted(path.name for path in out.glob("train.ckpt-*.index"))
    assert kept == [f"train.ckpt-{step}.index" for step in (4, 5, 6)]


def test_trials_report_mean_and_deviation_and_keep_the_best_model(folder, tmp_path, caplog):
    out = tmp_path / "out"
    flags = ("--num_trials=2", "--grid=num_train_epochs=1,4", "--metric_for_best=loss")
    train(folder, out, *flags)
    results = read_json(out / "trials.json")
    assert [point["settings"] for point in results["points"]] == [
        {"num_train_epochs": 4.0}, {"num_train_epochs": 1.0},
    ]  # fmt: skip
    best = results["points"][0]
    found = [trial["loss"] for trial in best["trials"]]
    assert best["scores"]["loss"] == {
        "mean": pytest.approx(sum(found) / 2),
        "std": pytest.approx(abs(found[0] - found[1]) / 2**0.5),
    }
    seed = best["seeds"][int(np.argmin(found))]
    # The output directory contains the best trial's model; the other trials have no weights.
    assert read_json(out / "eval_results.json")["loss"] == min(found)
    kept = best["folders"][int(np.argmin(found))]
    assert same_weights(out, out / kept)
    assert [path.parent.name for path in out.glob("trial-*/*.index")] == [kept]
    assert results["model"] == kept
    assert f"The model of {kept} is kept.\n" in (out / "trials.txt").read_text()
    assert caplog.text.count("***** Data *****") == 1
    assert "eval_results.json, trials.txt in " in caplog.messages[-1]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f'<tr class="best"><td>{kept}</td><td>num_train_epochs=4.0, seed={seed}</td>' in page
    assert read_json(out / "run.json")["settings"]["seed"] == seed

    # A second run has nothing to train.
    caplog.clear()
    train(folder, out, *flags)
    assert "Training on" not in caplog.text
    assert caplog.text.count("is already trained") == 4
    assert read_json(out / "trials.json") == results


def test_trials_reject_a_directory_with_other_contents(folder, tmp_path, caplog):
    out = tmp_path / "out"
    train(folder, out, num_train_epochs=0.1)
    trained = weights(out)
    train(folder, out, "--num_trials=2", num_train_epochs=0.1, status=1)
    assert "contains a single training run. Set a different --output_dir" in caplog.text
    init = f"--init_checkpoint={out / 'model.ckpt-1'}"
    train(folder, out, init, "--num_trials=2", "--overwrite_output_dir", status=1)
    assert "would delete --init_checkpoint=" in caplog.text
    assert all(np.array_equal(array, weights(out)[name]) for name, array in trained.items())
    foreign = tmp_path / "foreign"
    write(foreign / "vocab.txt", "mine")
    train(folder, foreign, "--num_trials=2", "--overwrite_output_dir", status=1)
    assert "contains vocab.txt but no run.json" in caplog.text
    plan = {"grid": "learning_rate=1e-3", "num_trials": 1, "seed": 42}
    write_json(tmp_path / "trials" / "trials_plan.json", plan)
    train(folder, tmp_path / "trials", "--grid=learning_rate=1e-4", status=1)
    assert (
        "contains other trials: grid was learning_rate=1e-3, now learning_rate=1e-4" in caplog.text
    )
    for grid in ("train_batch_size=0,16", "label_smoothing=2", "num_train_epochs=0", "x=1"):
        train(folder, tmp_path / "grid", f"--grid={grid}", status=2)


def test_changed_dev_file_is_rejected_if_it_chooses_the_best_model(folder, tmp_path, caplog):
    out = tmp_path / "out"
    interrupt_at(4, folder, out, "--eval_every=2")
    other = write_tsv(tmp_path / "other.tsv", [("good", "a good day"), ("bad", "a bad day")])
    flags = ("--eval_every=2", f"--dev_file={other}")
    train(folder, out, *flags, status=1)
    assert "contains a different training run: the dev data changed." in caplog.text
    train(folder, out, *flags, "--resume_with_changes")
    rows = train_log.evaluations_of(train_log.read(out))
    assert [(row["step"], row["num_examples"]) for row in rows] == [(4, 2), (6, 2)]


def test_ctrl_c_during_an_evaluation_says_how_to_resume(folder, tmp_path, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        scores = "finetune.tasks.classification.task.Classification.score"
        patch.setattr(scores, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        train(folder, tmp_path / "out", "--eval_every=3", status=130)
    saved = tmp_path / "out" / "train.ckpt-3"
    assert f"interrupted. Saved {saved}. The same command resumes from there." in caplog.text
    train(folder, tmp_path / "out", "--eval_every=3")
    steps = [r["step"] for r in train_log.evaluations_of(train_log.read(tmp_path / "out"))]
    assert steps == [3, 6]
