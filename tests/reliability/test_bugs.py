"""A bug of the toolkit gets a traceback and a line that says so; an unusable file gets one line.

NumPy raises `ValueError` for wrong shapes, as many readers do for wrong data, and a missing file of
the toolkit is an `OSError`. Neither may look like a mistake of the user.
"""

import errno
import re

import numpy as np
import pytest

import modeling
import tokenization
from finetune.data import lines, tables
from finetune.models import checkpoints, pretrained
from finetune.output import run_record
from finetune.reports import html_report
from finetune.runs.evaluate import saved_scores
from finetune.tasks.classification import head as classification_head
from finetune.tasks.classification import task as classification
from finetune.tasks.classification.task import Classification
from finetune.tasks.tagging import head as tagging_head
from finetune.util.errors import InputError
from tests.support.classifier import ROWS
from tests.support.commands import CLASSIFIER, TAGGER, run
from tests.support.files import write, write_conll, write_csv, write_tsv
from tokenization import FullTokenizer

TOOLKIT = "This is a bug in the toolkit, not in your data or flags: please report it"
HELPER = "If the call is correct, this is a bug in the toolkit: please report it"


def broadcast(*arguments, **keywords):
    """Fails as NumPy does if two shapes do not fit."""
    return np.zeros(3) + np.zeros(5)


def broadcast_later(*arguments, **keywords):
    """Fails like `broadcast`, but only when the first row is read."""
    yield np.zeros(3) + np.zeros(5)


def open_own_file(*arguments, **keywords):
    """Fails because a file of the toolkit is missing."""
    return open("/nonexistent/ours")


@pytest.fixture
def tables_of(tmp_path):
    """The flags that name the training data, by the task that reads it."""
    pairs = [("1", "3", "5", "good film", "good movie"), ("0", "3", "5", "bad film", "a city")]
    header = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
    write_tsv(tmp_path / "mrpc" / "train.tsv", pairs, header=header)
    sentences = [[("anna", "B-PER"), ("lives", "O")], [("paris", "B-LOC"), ("and", "O")]]
    return {
        "multiclass": {"train_file": write_csv(tmp_path / "train.csv", ROWS)},
        "mrpc": {"data_dir": tmp_path / "mrpc"},
        "ner": {"train_file": write_conll(tmp_path / "train.conll", sentences)},
    }


BUGS = {
    "reader": ("multiclass", lines, "_decode", broadcast_later, TOOLKIT),
    "reader that a processor calls": ("mrpc", tables, "read_cells", broadcast_later, HELPER),
    "tagger's reader": ("ner", lines, "_decode", broadcast_later, TOOLKIT),
    "vocabulary": ("multiclass", tokenization, "load_vocab", broadcast, TOOLKIT),
    "configuration": ("multiclass", modeling.BertConfig, "from_dict", broadcast, TOOLKIT),
    "tokenizer": ("multiclass", FullTokenizer, "tokenize_to_ids", broadcast, TOOLKIT),
    "features": ("multiclass", classification, "encode_examples", broadcast, TOOLKIT),
    "own file": ("multiclass", classification, "encode_examples", open_own_file, TOOLKIT),
    "checkpoint": ("multiclass", checkpoints, "load_report", open_own_file, TOOLKIT),
    "encoder": ("multiclass", modeling, "BertModel", broadcast, TOOLKIT),
    "head": ("multiclass", classification_head, "dense_head", broadcast, TOOLKIT),
    "tagger's head": ("ner", tagging_head, "dense_head", broadcast, TOOLKIT),
    "report": ("multiclass", html_report, "_template", open_own_file, TOOLKIT),
}


@pytest.mark.parametrize(("task_name", "owner", "name", "bug", "line"), BUGS.values(), ids=BUGS)
def test_bug_gets_a_traceback_and_a_line_that_says_so(
    model, tables_of, tmp_path, monkeypatch, caplog, task_name, owner, name, bug, line
):
    monkeypatch.setattr(owner, name, bug)
    script = TAGGER if task_name == "ner" else CLASSIFIER
    flags = {"do_train": "true", "task_name": task_name, "num_train_epochs": 0.1}
    flags = {**flags, **tables_of[task_name], "output_dir": tmp_path / "out"}
    with pytest.raises(Exception) as caught:
        run(script, model=model, **flags)
    cause = caught.value.__cause__ if line == HELPER else caught.value
    expected = FileNotFoundError if bug is open_own_file else ValueError
    assert type(cause) is expected
    assert caplog.messages[-1].startswith(script)
    assert line in caplog.messages[-1]


def test_bug_in_a_helper_is_located_in_both_files(model, tables_of, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tables, "read_cells", broadcast_later)
    flags = {"do_train": "true", "task_name": "mrpc", "output_dir": tmp_path / "out"}
    with pytest.raises(Exception, match="MrpcProcessor"):
        run(CLASSIFIER, model=model, **flags, **tables_of["mrpc"])
    place = (
        r"processors\.py:\d+, MrpcProcessor: the call of read_tsv failed at tables\.py:\d+: Value"
    )
    assert re.search(place, caplog.messages[-1])


# Where an `OSError` occurs, and the path that it is about.
USER_FILES = {
    "model": (pretrained, "load", "model/vocab.txt"),
    "data": (Classification, "resolve", "data/multiclass"),
    "output directory, before training": (run_record, "make", "out/run.json"),
    "output directory, after training": (html_report, "write", "out/report.html"),
}


@pytest.mark.parametrize(("owner", "name", "path"), USER_FILES.values(), ids=USER_FILES)
def test_error_on_a_path_that_a_flag_names_gets_one_line(
    model, tables_of, tmp_path, monkeypatch, caplog, capsys, owner, name, path
):
    def deny(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", str(found))

    found = model / "vocab.txt" if path.startswith("model/") else tmp_path / path
    (tmp_path / "data").mkdir()
    flags = {**tables_of["multiclass"], "data_dir": tmp_path / "data"}
    flags = {**flags, "do_train": "true", "num_train_epochs": 0.1, "output_dir": tmp_path / "out"}
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, deny)
        assert run(CLASSIFIER, model=model, **flags) == 1
    assert caplog.messages[-1] == f"{CLASSIFIER}: {found}: Permission denied."
    assert "Traceback" not in capsys.readouterr().err


def test_path_that_the_model_remembers_is_the_users(
    model, tables_of, tmp_path, monkeypatch, caplog
):
    def deny(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data" / "dev"))

    (tmp_path / "data").mkdir()
    flags = {**tables_of["multiclass"], "data_dir": tmp_path / "data"}
    out = {"output_dir": tmp_path / "out"}
    assert run(CLASSIFIER, model=model, do_train="true", num_train_epochs=0.1, **flags, **out) == 0
    monkeypatch.setattr(Classification, "resolve", deny)
    assert run(CLASSIFIER, do_eval="true", **out) == 1
    assert caplog.messages[-1] == f"{CLASSIFIER}: {tmp_path}/data/dev: Permission denied."


def test_damaged_plan_of_trials_gets_one_line(model, tables_of, tmp_path, caplog):
    path = write(tmp_path / "out" / "trials_plan.json", "garbage")
    flags = {"do_train": "true", "num_trials": 2, "dev_file": tables_of["multiclass"]["train_file"]}
    flags = {**flags, **tables_of["multiclass"], "output_dir": tmp_path / "out"}
    assert run(CLASSIFIER, model=model, **flags) == 1
    assert caplog.messages[-1] == (
        f"{CLASSIFIER}: {path}: not the plan of several training runs (Expecting value: line 1 "
        "column 1 (char 0)). Set a different --output_dir, or delete this file if "
        f"{tmp_path}/out contains the trials that you want to continue."
    )


@pytest.mark.parametrize("content", ["garbage", "[]", None])
def test_error_says_how_to_replace_the_damaged_scores_of_a_trial(tmp_path, content):
    if content is not None:
        write(tmp_path / "eval_results.json", content)
    with pytest.raises(InputError, match=r"eval_results\.json: ") as caught:
        saved_scores(str(tmp_path), "accuracy")
    assert str(caught.value).endswith(f"Delete the folder {tmp_path} to retrain its model.")
