"""What must be the same in all processes of a training run."""

import inspect
import json

import pytest

from finetune.data.batches import Share
from finetune.output import run_record
from finetune.runs import identity
from finetune.runs.prepare import prepare
from finetune.runs.resolve import resolve
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.task import Classification
from finetune.training.distribution import Devices
from finetune.training.group import difference
from processors import PROCESSORS
from tests.support.files import write_tsv
from tests.support.reviews import ROWS, make_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("identity"), num_layers=1)


def identity_of(folder, devices=1, **flags):
    files = {
        "vocab_file": str(folder / "model" / "vocab.txt"),
        "bert_config_file": str(folder / "model" / "bert_config.json"),
        "init_checkpoint": str(folder / "model" / "bert_model.ckpt"),
        "train_file": str(folder / "train.tsv"),
    }
    common = {"task_name": "binary", "max_seq_length": 16, "output_dir": str(folder / "out")}
    config = ClassifierConfig(do_train=True, **{**common, **files, **flags})
    run = resolve(config, Classification, PROCESSORS)
    data = prepare(run, only_train=True)
    record = run_record.make(run.config, run.model).with_data(
        labels=data.task.labels,
        facts=data.task.facts(),
        contents=(example.content for example in data.examples["train"]),
    )
    share = Share(0, devices, 2 * devices)
    return identity.identity_of(run, data.task, record, Devices(None, share, ""))


def differing(first, second):
    return [name for name in first if first[name] != second[name]]


def test_each_difference_that_matters_is_found(folder, tmp_path):
    usual = identity_of(folder)
    assert differing(usual, identity_of(folder)) == []
    assert differing(usual, identity_of(folder, learning_rate=0.5)) == ["--learning_rate"]
    assert differing(usual, identity_of(folder, devices=2)) == ["number of devices"]
    rows = [(label, text.replace("film", "movie")) for label, text in ROWS]
    other = str(write_tsv(tmp_path / "other.tsv", rows))
    assert differing(usual, identity_of(folder, train_file=other)) == ["training data"]
    # Paths, and where results go, can differ.
    same = str(write_tsv(tmp_path / "same.tsv", ROWS))
    more = {"output_dir": str(tmp_path / "out"), "verbosity": "error"}
    assert differing(usual, identity_of(folder, train_file=same, **more)) == []


def test_other_versions_and_code_are_found(folder, tmp_path, monkeypatch):
    usual = identity_of(folder)
    versions = {**run_record._current_versions(), "numpy": "1.0"}
    monkeypatch.setattr(run_record, "_current_versions", lambda: versions)
    assert differing(usual, identity_of(folder)) == ["version of numpy"]
    monkeypatch.undo()
    # A user's copy of processors.py on one of the machines.
    copy = tmp_path / "processors.py"
    copy.write_text("# edited\n")
    monkeypatch.setattr(inspect, "getfile", lambda kind: str(copy))
    assert differing(usual, identity_of(folder)) == ["code"]


def test_identity_can_be_sent(folder):
    usual = identity_of(folder)
    assert json.loads(json.dumps(usual)) == usual
    assert difference(usual, dict(usual), None) is None
