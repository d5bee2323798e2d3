"""run_classifier.py from its command line: a tiny model learns, and each trap stays shut."""

import csv
import dataclasses
import json
import os
import re
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import run_classifier
from finetune.runs import estimators, train
from finetune.tasks.classification.config import ClassifierConfig
from tests.support import tiny
from tests.support.tiny import weights

NOUNS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time")
ROWS = [(label, f"a {word} {noun}") for noun in NOUNS for label, word in
        (("neg, ative", "bad"), ("positive", "good"))]  # fmt: skip
SEEN_BY = ("--max_seq_length=16", "--train_batch_size=8")


def write_tsv(path, rows, header="label\ttext"):
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "binary"
    folder.mkdir(parents=True)
    write_tsv(folder / "train.tsv", ROWS)
    write_tsv(folder / "dev.tsv", ROWS[:7])
    write_tsv(folder / "test.tsv", [("good is this",), ('"bad', )], header="text")  # fmt: skip
    return folder


def command(model, tmp_path, *more, output="out", task="binary", epochs=20.0, init=True):
    """The classic command, with a learning rate that suits a tiny model."""
    return [
        "run_classifier.py",
        f"--task_name={task}",
        f"--data_dir={tmp_path / 'data'}",
        f"--vocab_file={model / 'vocab.txt'}",
        f"--bert_config_file={model / 'bert_config.json'}",
        *([f"--init_checkpoint={model / 'bert_model.ckpt'}"] if init else []),
        *SEEN_BY,
        "--learning_rate=5e-3",
        f"--num_train_epochs={epochs}",
        f"--output_dir={tmp_path / output}",
        *more,
    ]


def results(folder):
    with open(folder / "test_results.tsv", encoding="utf-8", newline="") as reader:
        return list(csv.DictReader(reader, dialect="excel-tab"))


def test_train_evaluate_predict_and_predict_again_elsewhere(model, data, tmp_path, caplog):
    status = run_classifier.main(
        command(model, tmp_path, "--do_train=true", "--do_eval=true", "--do_predict=true")
    )
    assert status == 0, caplog.text
    out = tmp_path / "out"

    scores = json.loads((out / "eval_results.json").read_text())
    assert scores["accuracy"] == 1.0
    assert scores["num_examples"] == 7
    assert scores["labels"]["neg, ative"]["support"] == 4
    assert scores["confusion_matrix"] == [[4, 0], [0, 3]]
    assert "accuracy = 1.0000" in (out / "eval_results.txt").read_text()

    rows = results(out)
    assert list(rows[0]) == ["guid", "text", "prediction", "score", "neg, ative", "positive"]
    assert [row["guid"] for row in rows] == ["test-2", "test-3"]
    assert [row["text"] for row in rows] == ["good is this", '"bad']
    assert [row["prediction"] for row in rows] == ["positive", "neg, ative"]
    assert rows[0]["score"] == rows[0]["positive"]
    assert float(rows[0]["positive"]) + float(rows[0]["neg, ative"]) == pytest.approx(1.0, abs=2e-6)

    record = json.loads((out / "run.json").read_text())
    assert record["labels"] == ["neg, ative", "positive"]
    assert record["settings"]["max_seq_length"] == 16
    assert record["versions"]["tensorflow"] == tf.__version__

    # Weights alone, none of Adam's slots, and nothing left of the training's checkpoints.
    assert not any("adam" in name for name in weights(out))
    assert weights(out)["global_step"] == 60  # 18 rows in batches of 8: 3 steps, 20 epochs
    assert not list(out.glob("train.ckpt*"))

    # The directory alone is enough, moved, and with no labels or training file in sight.
    moved, bare = tmp_path / "moved", tmp_path / "bare"
    shutil.move(out, moved)
    bare.mkdir()
    shutil.move(data / "test.tsv", bare)
    shutil.rmtree(tmp_path / "data")
    (moved / "test_results.tsv").unlink()
    argv = ["run_classifier.py", "--do_predict", f"--data_dir={bare}", f"--output_dir={moved}"]
    assert run_classifier.main(argv) == 0, caplog.text
    assert results(moved) == rows


def test_six_labels_stay_in_order_and_pairs_are_read(model, tmp_path, caplog):
    folder = tmp_path / "data" / "multiclass"
    folder.mkdir(parents=True)
    words = ("old", "new", "one", "two", "three", "great")
    rows = [(f"l-{word}", f"the {word} {noun}", "is it") for noun in NOUNS[:3] for word in words]
    for split in ("train", "dev", "test"):
        write_tsv(folder / f"{split}.tsv", rows, header="label\ttext\ttext_b")
    flags = ("--do_train=true", "--do_eval=true", "--do_predict=true")
    status = run_classifier.main(command(model, tmp_path, *flags, task="multiclass", epochs=120))
    assert status == 0, caplog.text
    labels = sorted(f"l-{word}" for word in words)
    header = list(results(tmp_path / "out")[0])
    assert header == ["guid", "text_a", "text_b", "prediction", "score", *labels]
    assert [r["guid"] for r in results(tmp_path / "out")] == [f"test-{i + 2}" for i in range(18)]
    assert [r["prediction"] for r in results(tmp_path / "out")] == [label for label, _, _ in rows]


def test_same_seed_same_weights_bit_for_bit_and_another_seed_others(model, data, tmp_path):
    for output, seed in (("first", 5), ("second", 5), ("third", 6)):
        argv = command(model, tmp_path, "--do_train", f"--seed={seed}", output=output, epochs=2)
        assert run_classifier.main(argv) == 0
    first, second, third = (weights(tmp_path / name) for name in ("first", "second", "third"))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["output_weights"], third["output_weights"])


def test_every_weight_is_trained(model, data, tmp_path):
    assert run_classifier.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    before = tf.train.load_checkpoint(str(model / "bert_model.ckpt"))
    after = weights(tmp_path / "out")
    still = [
        name
        for name in before.get_variable_to_shape_map()
        if np.array_equal(before.get_tensor(name), after[name])
    ]
    # The one weight without a gradient: a constant added to all keys moves no softmax.
    assert set(still) <= {"bert/encoder/layer_0/attention/self/key/bias"}


def test_second_run_says_that_it_is_done_and_changed_data_is_never_taken_for_the_old(
    model, data, tmp_path, caplog
):
    argv = command(model, tmp_path, "--do_train=true", epochs=2)
    assert run_classifier.main(argv) == 0
    trained = weights(tmp_path / "out")

    caplog.clear()
    assert run_classifier.main(argv) == 0
    assert "is trained already, 6 steps. Nothing to train" in caplog.text

    write_tsv(data / "train.tsv", [*ROWS[1:], ("positive", "great")])
    caplog.clear()
    assert run_classifier.main(argv) == 1
    assert "contains another training: the training data changed" in caplog.text
    assert "--overwrite_output_dir=true" in caplog.text

    caplog.clear()
    assert run_classifier.main([*argv[:-1], "--learning_rate=1e-3", argv[-1]]) == 1
    assert "contains another training: learning_rate was 0.005, now 0.001" in caplog.text
    assert all(np.array_equal(a, trained[n]) for n, a in weights(tmp_path / "out").items())

    # A training that cannot start removes nothing.
    config = json.loads((model / "bert_config.json").read_text())
    (tmp_path / "wide.json").write_text(json.dumps({**config, "hidden_size": 36}))
    wide = f"--bert_config_file={tmp_path / 'wide.json'}"
    assert run_classifier.main([*argv, "--overwrite_output_dir=true", wide]) == 1
    assert all(np.array_equal(a, trained[n]) for n, a in weights(tmp_path / "out").items())

    (tmp_path / "out" / "notes of mine.txt").write_text("keep")
    assert run_classifier.main([*argv, "--overwrite_output_dir=true"]) == 0
    again = weights(tmp_path / "out")
    assert not np.array_equal(again["output_weights"], trained["output_weights"])
    assert (tmp_path / "out" / "notes of mine.txt").read_text() == "keep"


def test_an_interrupted_training_goes_on_where_it_was(model, data, tmp_path, caplog, monkeypatch):
    argv = command(model, tmp_path, "--do_train", "--save_checkpoints_steps=2", epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr("finetune.training.hooks.WatchHook.after_run", _interrupt_after(5))
        assert run_classifier.main(argv) == 130
    saved = tmp_path / "out" / "train.ckpt-5"
    assert f"interrupted. Saved {saved}. The same command resumes from there" in caplog.text
    # What a few steps made is no trained model, and neither is train.ckpt-0.
    assert run_classifier.main(command(model, tmp_path, "--do_predict", epochs=2)) == 1
    assert "contains an unfinished training, at step 5" in caplog.text
    assert not (tmp_path / "out" / "test_results.tsv").exists()
    caplog.clear()
    assert run_classifier.main(argv) == 0
    assert "Resuming from" in caplog.text
    assert weights(tmp_path / "out")["global_step"] == 6


def _interrupt_after(steps):
    """Ctrl-C comes in the middle of a step: the step is done, and what is trained is saved."""

    def after_run(self, run_context, run_values):
        self._step += 1
        if self._step == steps:
            os.kill(os.getpid(), signal.SIGINT)

    return after_run


def test_one_row_a_batch_larger_than_the_data_and_a_fraction_of_an_epoch(model, data, tmp_path):
    write_tsv(data / "train.tsv", ROWS[:2])
    assert run_classifier.main(command(model, tmp_path, "--do_train", epochs=0.1)) == 0
    trained = weights(tmp_path / "out")
    assert trained["global_step"] == 1
    before = tf.train.load_checkpoint(str(model / "bert_model.ckpt"))
    name = "bert/pooler/dense/kernel"
    assert not np.array_equal(trained[name], before.get_tensor(name))


@pytest.mark.parametrize("flag", ["--use_xla", "--padding_free=false"])
def test_computing_padding_or_compiling_gives_the_same_answers(model, data, tmp_path, flag):
    assert run_classifier.main(command(model, tmp_path, "--do_train", "--do_predict")) == 0
    expected = results(tmp_path / "out")
    assert run_classifier.main(command(model, tmp_path, "--do_predict", flag)) == 0
    compared = 0
    for row, other in zip(results(tmp_path / "out"), expected):
        for cell, expected_cell in zip(row.values(), other.values()):
            try:
                assert float(cell) == pytest.approx(float(expected_cell), abs=1e-5)
                compared += 1
            except ValueError:
                assert cell == expected_cell
    assert compared > 0


def test_each_mode_has_its_own_batch_size(model, data, tmp_path, monkeypatch):
    seen = []

    def spy_on(module, name):
        make_input_fn = getattr(module, name)

        def spy(features, *, batch_size, **settings):
            seen.append(batch_size)
            return make_input_fn(features, batch_size=batch_size, **settings)

        monkeypatch.setattr(module, name, spy)

    spy_on(train, "make_training_input_fn")
    spy_on(estimators, "make_prediction_input_fn")
    sizes = ("--eval_batch_size=3", "--predict_batch_size=5")
    modes = ("--do_train", "--do_eval", "--do_predict")
    assert run_classifier.main(command(model, tmp_path, *modes, *sizes, epochs=1)) == 0
    assert seen == [8, 3, 5]


def test_labels_of_the_training_outlive_a_reordered_training_file(model, data, tmp_path):
    assert run_classifier.main(command(model, tmp_path, "--do_train", "--do_predict")) == 0
    before = results(tmp_path / "out")
    write_tsv(data / "train.tsv", [("a new first label", "x"), *ROWS[::-1]])
    assert run_classifier.main(command(model, tmp_path, "--do_predict")) == 0
    assert results(tmp_path / "out") == before


def test_a_fine_tuned_checkpoint_predicts_into_another_directory(model, data, tmp_path, caplog):
    assert run_classifier.main(command(model, tmp_path, "--do_train", "--do_predict")) == 0
    trained = tf.train.latest_checkpoint(str(tmp_path / "out"))
    (data / "train.tsv").unlink()
    argv = command(model, tmp_path, "--do_predict", output="other", init=False)
    assert run_classifier.main([*argv, f"--init_checkpoint={trained}"]) == 0, caplog.text
    assert results(tmp_path / "other") == results(tmp_path / "out")

    # A checkpoint that is given is never passed over in silence for the one that is there.
    tiny.write_google_model(tmp_path / "another", num_layers=1, seed=1)
    argv = command(model, tmp_path, "--do_predict", init=False)
    argv.append(f"--init_checkpoint={tmp_path / 'another' / 'bert_model.ckpt'}")
    assert run_classifier.main(argv) == 1
    assert "contains a trained model, which did not start from --init_checkpoint" in caplog.text


def test_an_untrained_head_neither_evaluates_nor_predicts(model, data, tmp_path, caplog):
    for mode in ("--do_eval", "--do_predict"):
        caplog.clear()
        assert run_classifier.main(command(model, tmp_path, mode)) == 1
        assert "bert_model.ckpt: not trained for this task" in caplog.text
        assert "(output_weights, output_bias)" in caplog.text
        caplog.clear()
        assert run_classifier.main(command(model, tmp_path, mode, init=False)) == 1
        assert "out contains no trained model; expected the folder of a finished" in caplog.text
        argv = command(model, tmp_path, mode, output="nowhere", init=False)
        assert run_classifier.main(argv) == 1
        assert "nowhere does not exist; expected the folder of a finished" in caplog.text
    assert not (tmp_path / "out" / "eval_results.json").exists()
    assert not (tmp_path / "out" / "test_results.tsv").exists()


def test_the_load_report_is_logged_once(model, data, tmp_path, caplog):
    modes = ("--do_train", "--do_eval", "--do_predict")
    assert run_classifier.main(command(model, tmp_path, *modes, epochs=1)) == 0
    # 5 of the embeddings, 16 of the layer, 2 of the pooler.
    assert caplog.text.count("23 variables matched") == 1
    assert caplog.text.count("newly initialised: 2 (output_weights, out") == 1


def test_cuda_devices_are_left_to_the_user(model, data, tmp_path):
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    assert run_classifier.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"binary: no rows in the train data"),
        ([("a", "x"), ("a", "y")], r"Found 1 label \('a'\); BinaryProcessor expects 2"),
        ([("a", "x"), ("b", "y"), ("c", "z")], r"Found 3 labels .* expects 2"),
        ([("a", "x"), (" ", "y"), ("b", "z")], r"train\.tsv:3: the row has no label"),
    ],
)
def test_training_data_that_cannot_be_learnt_is_refused(
    model, data, tmp_path, caplog, rows, message
):
    write_tsv(data / "train.tsv", rows)
    assert run_classifier.main(command(model, tmp_path, "--do_train")) == 1
    assert re.search(message, caplog.text)
    assert "Traceback" not in caplog.text


def test_a_label_of_dev_that_training_has_not_is_named_with_its_line(model, data, tmp_path, caplog):
    assert run_classifier.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    write_tsv(data / "dev.tsv", [*ROWS[:3], ("other", "x")])
    assert run_classifier.main(command(model, tmp_path, "--do_eval")) == 1
    assert (
        "dev.tsv:5: unknown label 'other'; expected one of 'neg, ative', 'positive'" in caplog.text
    )


@pytest.mark.parametrize(
    ("flag", "status", "message"),
    [
        ("--task_name=binari", 2, "no such task; did you mean binary? Known tasks: binary, multi"),
        ("--lerning_rate=1", 2, "Unknown command line flag 'lerning_rate'. Did you mean: learnin"),
        ("--max_seq_length=2", 2, "--max_seq_length=2"),
        ("--max_seq_length=65", 1, "--max_seq_length=65: the model has positions for at most 64"),
        ("--num_train_epochs=0", 2, "--num_train_epochs=0: expected a number above 0"),
        ("--learning_rate=nan", 2, "--learning_rate"),
        ("--do_eval=maybe", 2, "--do_eval=maybe"),
        ("False", 2, "Unexpected argument 'False'"),
        ("--do_lower_case=false", 1, "--do_lower_case=false contradicts the model"),
        ("--vocab_file=none.txt", 1, "none.txt: the vocabulary cannot be read"),
        ("--bert_config_file=none.json", 1, "none.json: the BERT config cannot be read"),
        ("--init_checkpoint=none.ckpt", 1, "none.ckpt: no such checkpoint"),
        ("--data_dir=none", 1, "--data_dir=none does not exist"),
    ],
)
def test_wrong_flags_end_with_a_line_and_a_status(
    model, data, tmp_path, caplog, flag, status, message
):
    assert run_classifier.main(command(model, tmp_path, "--do_train", flag)) == status
    assert message in caplog.text.replace("flag --", "--")
    assert "Traceback" not in caplog.text


def test_false_means_false(model, data, tmp_path, caplog):
    argv = command(model, tmp_path, "--do_train=False", "--do_eval=false", "--nodo_predict")
    assert run_classifier.main(argv) == 2
    assert "Nothing to do" in caplog.text


def test_an_encoder_of_another_width_is_refused(model, data, tmp_path, caplog):
    config = json.loads((model / "bert_config.json").read_text())
    (tmp_path / "bert_config.json").write_text(json.dumps({**config, "hidden_size": 36}))
    argv = command(model, tmp_path, "--do_train")
    argv.append(f"--bert_config_file={tmp_path / 'bert_config.json'}")
    assert run_classifier.main(argv) == 1
    assert "the checkpoint does not match the BERT configuration" in caplog.text
    assert "[32] in the checkpoint, [36] by the config" in caplog.text


def test_full_help_lists_every_flag_and_short_help_the_most_used(capsys):
    assert run_classifier.main(["run_classifier.py", "--helpfull"]) == 0
    full = capsys.readouterr().out
    for field in dataclasses.fields(ClassifierConfig):
        assert f"\n  --{field.name}\n" in full
    assert "Default:\n      0.1." in full or "Default: 0.1." in full
    assert run_classifier.main(["run_classifier.py", "--help"]) == 0
    short = capsys.readouterr().out
    assert "--task_name" in short and "--learning_rate" in short
    assert "--warmup_proportion" not in short


def test_files_of_another_origin_in_the_output_dir_are_left_alone(model, data, tmp_path, caplog):
    out = tmp_path / "out"
    out.mkdir()
    (out / "vocab.txt").write_text("mine")
    for flag in ("--seed=1", "--overwrite_output_dir=true"):
        caplog.clear()
        assert run_classifier.main(command(model, tmp_path, "--do_train", flag)) == 1
        assert "contains vocab.txt but no run.json" in caplog.text
    assert [(p.name, p.read_text()) for p in out.iterdir()] == [("vocab.txt", "mine")]

    # Nor is the pretrained model that a link to its folder leads to.
    (tmp_path / "link").symlink_to(model)
    argv = command(model, tmp_path, "--do_train", "--overwrite_output_dir=true", output="link")
    assert run_classifier.main(argv) == 1
    assert "would delete --vocab_file" in caplog.text
    assert (model / "bert_model.ckpt.index").exists()


def test_missing_evaluation_data_is_found_before_training(model, data, tmp_path, caplog):
    (data / "dev.tsv").unlink()
    assert run_classifier.main(command(model, tmp_path, "--do_train", "--do_eval")) == 1
    assert "no dev data; expected dev with one of the endings " in caplog.text
    assert not (tmp_path / "out").exists()


def test_a_training_that_diverges_says_so(model, data, tmp_path, caplog):
    argv = command(model, tmp_path, "--do_train", "--learning_rate=1e30", epochs=2)
    assert run_classifier.main(argv) == 1
    # The first update is as large as its rate; the second step sees what it made.
    assert "is not a finite number at step 2: the training diverged" in caplog.text
    assert "No checkpoint was saved yet." in caplog.text


def test_unused_tokens_are_kept_in_prediction_as_in_training(model, data, tmp_path):
    write_tsv(data / "test.tsv", [("[unused1] good",)], header="text")
    argv = command(model, tmp_path, "--do_train", "--do_predict", "--preserve_unused_tokens")
    assert run_classifier.main([*argv, "--num_train_epochs=2"]) == 0
    with_flag = results(tmp_path / "out")
    assert run_classifier.main(command(model, tmp_path, "--do_predict")) == 0
    assert results(tmp_path / "out") == with_flag
    argv = command(model, tmp_path, "--do_predict", "--nopreserve_unused_tokens")
    assert run_classifier.main(argv) == 0
    assert results(tmp_path / "out") != with_flag


def test_a_damaged_pretrained_checkpoint_is_named(model, data, tmp_path, caplog):
    folder = shutil.copytree(model, tmp_path / "damaged")
    os.truncate(folder / "bert_model.ckpt.data-00000-of-00001", 5000)
    assert run_classifier.main(command(folder, tmp_path, "--do_train")) == 1
    assert re.search(r"bert_model\.ckpt: bert/\S+ cannot be read: ", caplog.text)
    assert not list(tmp_path.glob("out/*"))
