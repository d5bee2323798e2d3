"""run_classifier.py on the classic data layout reports errors in one line."""

import os
import re
import shutil

import pytest

from tests.support.classifier import REVIEWS, classify
from tests.support.files import read_json, write_json, write_tsv


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"binary: no rows in the train data"),
        ([("a", "x"), ("a", "y")], r"Found 1 label \('a'\); BinaryProcessor expects 2"),
        ([("a", "x"), ("b", "y"), ("c", "z")], r"Found 3 labels .* expects 2"),
        ([("a", "x"), (" ", "y"), ("b", "z")], r"train\.tsv:3: the row has no label"),
    ],
)
def test_unsuitable_training_data_is_rejected(model, binary_data, tmp_path, caplog, rows, message):
    write_tsv(binary_data / "train.tsv", rows)
    assert classify(model, tmp_path, "--do_train") == 1
    assert re.search(message, caplog.text)
    assert "Traceback" not in caplog.text


def test_error_names_the_unknown_dev_label_and_its_line(model, binary_data, tmp_path, caplog):
    assert classify(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    write_tsv(binary_data / "dev.tsv", [*REVIEWS[:3], ("other", "x")])
    assert classify(model, tmp_path, "--do_eval") == 1
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
def test_wrong_flag_is_reported_in_one_line_with_its_exit_status(
    model, binary_data, tmp_path, caplog, flag, status, message
):
    assert classify(model, tmp_path, "--do_train", flag) == status
    assert message in caplog.text.replace("flag --", "--")
    assert "Traceback" not in caplog.text


def test_false_values_turn_modes_off(model, binary_data, tmp_path, caplog):
    modes = ("--do_train=False", "--do_eval=false", "--nodo_predict")
    assert classify(model, tmp_path, *modes) == 2
    assert "Nothing to do" in caplog.text


def test_config_with_a_different_width_is_rejected(model, binary_data, tmp_path, caplog):
    config = read_json(model / "bert_config.json")
    wide = write_json(tmp_path / "wide.json", {**config, "hidden_size": 36})
    assert classify(model, tmp_path, "--do_train", bert_config_file=wide) == 1
    assert "the checkpoint does not match the BERT configuration" in caplog.text
    assert "[32] in the checkpoint, [36] in the config" in caplog.text


def test_missing_dev_data_is_found_before_training(model, binary_data, tmp_path, caplog):
    (binary_data / "dev.tsv").unlink()
    assert classify(model, tmp_path, "--do_train", "--do_eval") == 1
    assert "no dev data; expected dev with one of the extensions " in caplog.text
    assert not (tmp_path / "out").exists()


def test_diverged_training_is_reported(model, binary_data, tmp_path, caplog):
    flags = {"learning_rate": 1e30, "num_train_epochs": 2}
    assert classify(model, tmp_path, "--do_train", **flags) == 1
    # The first update is as large as the learning rate; the second step finds the damage.
    assert "is not a finite number at step 2: training diverged" in caplog.text
    assert "No checkpoint was saved yet." in caplog.text


def test_error_names_the_damaged_pretrained_checkpoint(model, binary_data, tmp_path, caplog):
    folder = shutil.copytree(model, tmp_path / "damaged")
    os.truncate(folder / "bert_model.ckpt.data-00000-of-00001", 5000)
    assert classify(folder, tmp_path, "--do_train") == 1
    assert re.search(r"bert_model\.ckpt: bert/\S+ cannot be read: ", caplog.text)
    assert not list(tmp_path.glob("out/*"))
