"""Trainings from the command line: what is steered, what is kept, what comes of a second run."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import run_classifier
from finetune.output import train_log, training_checkpoints
from tests.support import tiny
from tests.support.tiny import weights

NOUNS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "old")
ROWS = [(label, f"a {word} {noun}") for noun in NOUNS for label, word in
        (("bad", "bad"), ("good", "good"))]  # fmt: skip
NO_DROPOUT = ("--hidden_dropout_prob=0", "--attention_probs_dropout_prob=0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of two layers, and data of 20 rows."""
    folder = tmp_path_factory.mktemp("training")
    tiny.write_google_model(folder / "model", num_layers=2)
    for split, rows in (("train", ROWS), ("dev", ROWS[:7])):
        lines = "".join(f"{label}\t{text}\n" for label, text in rows)
        (folder / f"{split}.tsv").write_text("label\ttext\n" + lines)
    return folder


def command(folder, out, *more, batch=8, epochs=2.0, rate="5e-3"):
    model = folder / "model"
    return [
        "run_classifier.py", "--do_train", f"--data_dir={folder}", "--task_name=binary",
        f"--vocab_file={model / 'vocab.txt'}", f"--bert_config_file={model / 'bert_config.json'}",
        f"--init_checkpoint={model / 'bert_model.ckpt'}", "--max_seq_length=16",
        f"--train_batch_size={batch}", f"--learning_rate={rate}", f"--num_train_epochs={epochs}",
        "--log_steps=1", f"--output_dir={out}", *more,
    ]  # fmt: skip


def train(folder, out, *more, status=0, **settings):
    assert run_classifier.main(command(folder, out, *more, **settings)) == status
    return out


def losses(out):
    return [row["loss"] for row in train_log.read(out) if "loss" in row]


def same(first, second):
    first, second = weights(first), weights(second)
    return first.keys() == second.keys() and all(
        np.array_equal(array, second[name]) for name, array in first.items()
    )


def test_accumulated_batches_train_as_the_large_batch_does(folder, tmp_path):
    # 20 rows: two steps of 8 an epoch, and one of 4, which is one part of four rows, or two of two.
    large = train(folder, tmp_path / "large", *NO_DROPOUT, batch=8)
    for batch, parts in ((4, 2), (2, 4)):
        out = tmp_path / f"parts-{parts}"
        flags = (*NO_DROPOUT, f"--gradient_accumulation_steps={parts}")
        train(folder, out, *flags, batch=batch)
        assert losses(out) == pytest.approx(losses(large), abs=1e-5)
        assert weights(out)["global_step"] == 6
        for name, array in weights(large).items():
            np.testing.assert_allclose(weights(out)[name], array, atol=1e-4)


def test_the_parts_of_a_batch_drop_other_values(folder, tmp_path):
    """One row, twice in a batch of two parts: with the same dropout its gradient were the same."""
    rows = "label\ttext\ngood\ta good film\nbad\ta good film\n"
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text(rows)
    flags = (f"--data_dir={tmp_path}", "--gradient_accumulation_steps=2", "--class_weights=1,1")
    train(folder, tmp_path / "out", *flags, batch=1, epochs=1)
    # Of the two labels the gradients cancel but for dropout, as the logits are all but equal.
    row = train_log.read(tmp_path / "out")[0]
    assert row["gradient_norm"] > 1e-3


def test_the_best_model_is_kept_and_used_and_training_ends_early(folder, tmp_path, caplog):
    out = tmp_path / "out"
    flags = ("--do_eval", "--eval_every=1", "--early_stopping_patience=3", "--metric_for_best=loss")
    train(folder, out, *flags, rate="3e-2", epochs=30)
    evaluations = train_log.evaluations_of(train_log.read(out))
    scores = [row["loss"] for row in evaluations]
    best = int(np.argmin(scores))
    assert [row["step"] for row in evaluations] == list(range(1, best + 1 + 3 + 1))
    assert f"Early stopping at step {best + 4}" in caplog.text
    assert weights(out)["global_step"] == best + 4
    assert weights(out / "best")["global_step"] == best + 1
    assert not any("adam" in name for name in weights(out / "best"))
    assert f"best/model.ckpt-{best + 1}, the best of the training" in caplog.text
    assert json.loads((out / "eval_results.json").read_text())["loss"] == scores[best]

    # It is a model of its own.
    again = ["run_classifier.py", "--do_eval", f"--data_dir={folder}",
             f"--output_dir={out / 'best'}"]  # fmt: skip
    assert run_classifier.main(again) == 0
    assert json.loads((out / "best" / "eval_results.json").read_text())["loss"] == scores[best]
    # It is what a further training begins from.
    init = f"--init_checkpoint={out / 'best' / f'model.ckpt-{best + 1}'}"
    caplog.clear()
    train(folder, tmp_path / "further", init, rate="0", epochs=0.1)
    assert "newly initialised: 0" in caplog.text
    trained = weights(tmp_path / "further")["output_weights"]
    assert np.array_equal(trained, weights(out / "best")["output_weights"])

    caplog.clear()
    train(folder, out, *flags, rate="3e-2", epochs=30)
    assert f"is trained already, {best + 4} steps" in caplog.text


def test_an_evaluation_changes_no_bit_of_the_training(folder, tmp_path):
    plain = train(folder, tmp_path / "plain")
    assert same(plain, train(folder, tmp_path / "evaluated", "--eval_every=epoch"))
    steps = [r["step"] for r in train_log.evaluations_of(train_log.read(tmp_path / "evaluated"))]
    assert steps == [3, 6]


def test_frozen_layers_stay_and_the_rest_learns_at_the_rates_of_its_layer(folder, tmp_path):
    start = tf.train.load_checkpoint(str(folder / "model" / "bert_model.ckpt"))
    frozen = ("bert/embeddings/", "bert/encoder/layer_0/")
    out = train(folder, tmp_path / "out", "--freeze_embeddings", "--freeze_layers=1", epochs=1)
    for name, array in weights(out).items():
        # Softmax is the same whatever a query's products with all keys have in common.
        if start.has_tensor(name) and not name.endswith("key/bias"):
            changed = not np.array_equal(array, start.get_tensor(name))
            assert changed == (not name.startswith(frozen)), name

    # The first step is in the direction of the same gradient, of other lengths.
    flags = ("--layerwise_lr_decay=0.5", "--head_learning_rate_factor=3")
    plain = weights(train(folder, tmp_path / "plain", batch=20, epochs=1))
    out = weights(train(folder, tmp_path / "decay", *flags, batch=20, epochs=1))
    for name, factor in (
        ("bert/embeddings/LayerNorm/beta", 0.125),
        ("bert/encoder/layer_0/output/LayerNorm/beta", 0.25),
        ("bert/encoder/layer_1/output/LayerNorm/beta", 0.5),
        ("bert/pooler/dense/kernel", 1.0),
    ):
        began = start.get_tensor(name)
        ratios = (out[name] - began)[plain[name] != began] / (plain[name] - began)[
            plain[name] != began
        ]
        assert np.median(ratios) == pytest.approx(factor, rel=0.01), name
    assert out["output_bias"] == pytest.approx(3 * plain["output_bias"], rel=0.01)


def test_changes_are_refused_named_or_gone_on_with(folder, tmp_path, caplog):
    out = tmp_path / "out"
    train(folder, out, "--save_checkpoints_steps=2", epochs=4)
    _back_to(out, folder, "--save_checkpoints_steps=2", epochs=4)
    assert training_checkpoints.step_of(training_checkpoints.latest(str(out))) == 5

    caplog.clear()
    train(folder, out, epochs=4, rate="1e-3", status=1)
    assert "learning_rate was 0.005, now 0.001" in caplog.text
    assert "--resume_with_changes=true resumes it anyway" in caplog.text
    caplog.clear()
    train(folder, out, "--resume_with_changes", "--freeze_layers=1", epochs=4, status=1)
    assert "freeze_layers was 0, now 1, so it cannot be resumed" in caplog.text
    caplog.clear()
    train(folder, out, "--resume_with_changes", epochs=3, rate="1e-3")
    assert (
        "Resuming with changes: learning_rate was 0.005, now 0.001; num_train_epochs was 4.0,"
        in (caplog.text)
    )
    assert weights(out)["global_step"] == 9
    caplog.clear()
    train(folder, out, "--resume_with_changes", epochs=5, rate="1e-3", status=1)
    assert "it is finished. To train its model further, give --init_checkpoint=" in caplog.text


def _back_to(out, folder, *flags, epochs):
    """Makes of a finished training's folder one that was interrupted at step 5."""
    shutil.rmtree(out)
    interrupt_at(5, folder, out, *flags, epochs=epochs)


def interrupt_at(step, folder, out, *flags, number=signal.SIGTERM, **settings):
    with pytest.MonkeyPatch.context() as patch:
        logs_at = "finetune.training.step_plan.StepPlan.logs_at"
        patch.setattr(logs_at, lambda _, at: at == step and not os.kill(os.getpid(), number))
        train(folder, out, *flags, status=128 + number, **settings)


def test_a_damaged_newest_checkpoint_is_passed_over_and_the_weights_are_the_same(
    folder, tmp_path, caplog
):
    straight = train(folder, tmp_path / "straight", epochs=4)
    out = tmp_path / "out"
    interrupt_at(8, folder, out, "--save_checkpoints_steps=3", epochs=4)
    newest = out / "train.ckpt-8.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:100])
    caplog.clear()
    train(folder, out, "--save_checkpoints_steps=3", epochs=4)
    assert "train.ckpt-8: the checkpoint is damaged: " in caplog.text
    assert f"Resuming from {out}/train.ckpt-6, step 6 of 12" in caplog.text
    assert same(straight, out)
    # The interruption logged its own step alone, 8; what was behind the checkpoint is gone.
    assert [row["step"] for row in train_log.read(out)] == list(range(7, 13))


def test_with_no_whole_checkpoint_a_training_says_so_and_removes_nothing(folder, tmp_path, caplog):
    out = tmp_path / "out"
    interrupt_at(2, folder, out)
    (out / "train.ckpt-2.index").write_bytes(b"no index")
    before = sorted(os.listdir(out))
    train(folder, out, status=1)
    assert "none of its checkpoints is intact (train.ckpt-2)" in caplog.text
    assert sorted(os.listdir(out)) == before


def test_at_most_so_many_checkpoints_are_kept_also_after_an_interruption(folder, tmp_path):
    out = tmp_path / "out"
    flags = ("--save_checkpoints_steps=1", "--keep_checkpoint_max=3")
    interrupt_at(4, folder, out, *flags)
    interrupt_at(6, folder, out, *flags)
    kept = sorted(path.name for path in out.glob("train.ckpt-*.index"))
    assert kept == [f"train.ckpt-{step}.index" for step in (4, 5, 6)]


def test_trials_report_mean_and_deviation_and_leave_the_best(folder, tmp_path, caplog):
    out = tmp_path / "out"
    flags = ("--num_trials=2", "--grid=num_train_epochs=1,4", "--metric_for_best=loss")
    train(folder, out, *flags)
    results = json.loads((out / "trials.json").read_text())
    assert [point["settings"] for point in results["points"]] == [
        {"num_train_epochs": 4.0}, {"num_train_epochs": 1.0},
    ]  # fmt: skip
    best = results["points"][0]
    found = [trial["loss"] for trial in best["trials"]]
    assert best["scores"]["loss"] == {
        "mean": pytest.approx(sum(found) / 2),
        "std": pytest.approx(abs(found[0] - found[1]) / 2**0.5),
    }
    # The model there is the best trial's, and no other trial has weights.
    assert json.loads((out / "eval_results.json").read_text())["loss"] == min(found)
    kept = best["folders"][int(np.argmin(found))]
    assert same(out, out / kept)
    assert [path.parent.name for path in out.glob("trial-*/*.index")] == [kept]
    seed = best["seeds"][int(np.argmin(found))]
    assert json.loads((out / "run.json").read_text())["settings"]["seed"] == seed

    # A second run has nothing to train.
    caplog.clear()
    train(folder, out, *flags)
    assert "Training on" not in caplog.text
    assert caplog.text.count("is trained") == 4
    assert json.loads((out / "trials.json").read_text()) == results


def test_trials_take_no_directory_that_holds_something_else(folder, tmp_path, caplog):
    out = tmp_path / "out"
    train(folder, out, epochs=0.1)
    trained = weights(out)
    train(folder, out, "--num_trials=2", epochs=0.1, status=1)
    assert "contains a single training. Give another --output_dir" in caplog.text
    init = f"--init_checkpoint={out / 'model.ckpt-1'}"
    train(folder, out, init, "--num_trials=2", "--overwrite_output_dir", status=1)
    assert "would delete --init_checkpoint=" in caplog.text
    assert all(np.array_equal(array, weights(out)[name]) for name, array in trained.items())
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "vocab.txt").write_text("mine")
    train(folder, foreign, "--num_trials=2", "--overwrite_output_dir", status=1)
    assert "contains vocab.txt but no run.json" in caplog.text
    (tmp_path / "trials").mkdir()
    plan = {"grid": "learning_rate=1e-3", "num_trials": 1, "seed": 42}
    (tmp_path / "trials" / "trials_plan.json").write_text(json.dumps(plan))
    train(folder, tmp_path / "trials", "--grid=learning_rate=1e-4", status=1)
    assert (
        "contains other trials: grid was learning_rate=1e-3, now learning_rate=1e-4" in caplog.text
    )
    for grid in ("train_batch_size=0,16", "label_smoothing=2", "num_train_epochs=0", "x=1"):
        train(folder, tmp_path / "grid", f"--grid={grid}", status=2)


def test_another_dev_file_is_other_data_where_it_chooses_the_best(folder, tmp_path, caplog):
    out = tmp_path / "out"
    interrupt_at(4, folder, out, "--eval_every=2")
    other = tmp_path / "other.tsv"
    other.write_text("label\ttext\ngood\ta good day\nbad\ta bad day\n")
    flags = ("--eval_every=2", f"--dev_file={other}")
    train(folder, out, *flags, status=1)
    assert "contains another training: the dev data changed." in caplog.text
    train(folder, out, *flags, "--resume_with_changes")
    rows = train_log.evaluations_of(train_log.read(out))
    assert [(row["step"], row["num_examples"]) for row in rows] == [(4, 2), (6, 2)]


def test_ctrl_c_in_an_evaluation_says_how_to_go_on(folder, tmp_path, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        scores = "finetune.tasks.classification.task.Classification.score"
        patch.setattr(scores, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        train(folder, tmp_path / "out", "--eval_every=3", status=130)
    saved = tmp_path / "out" / "train.ckpt-3"
    assert f"interrupted. Saved {saved}. The same command resumes from there" in caplog.text
    train(folder, tmp_path / "out", "--eval_every=3")
    steps = [r["step"] for r in train_log.evaluations_of(train_log.read(tmp_path / "out"))]
    assert steps == [3, 6]
