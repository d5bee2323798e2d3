"""A remote --output_dir. TensorFlow's `ram://` file system, in this process, stands for it."""

import json

import numpy as np
import pytest

from finetune.output import remote
from finetune.util.log import MessageFormatter
from tests.support.classifier import classify
from tests.support.commands import CLASSIFIER, run
from tests.support.tensorflow_v1 import tf
from tests.support.tiny import weights


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def url(tmp_path):
    return f"ram://{tmp_path.name}/run"


def read(path):
    with tf.io.gfile.GFile(path) as reader:
        return reader.read()


def fetched(url, folder):
    """Copies the files of a remote directory, but not of those in it, to a folder; returns it."""
    folder.mkdir()
    for name in tf.io.gfile.listdir(url):
        if not tf.io.gfile.isdir(f"{url}/{name}"):
            tf.io.gfile.copy(f"{url}/{name}", str(folder / name))
    return folder


def assert_same_weights(first, second):
    first, second = weights(first), weights(second)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_training_and_prediction(model, binary_data, tmp_path, url, caplog):
    flags = {"num_train_epochs": 4, "eval_every": 4}
    assert classify(model, tmp_path, "--do_train", "--do_eval", **flags) == 0
    caplog.set_level("INFO")
    caplog.clear()
    assert classify(model, tmp_path, "--do_train", "--do_eval", output_dir=url, **flags) == 0
    shown = "\n".join(map(MessageFormatter("%(message)s").format, caplog.records))
    assert f"--do_predict=true --output_dir={url} --predict_file=-" in shown
    assert "finetune-" not in shown
    assert_same_weights(tmp_path / "out", fetched(url, tmp_path / "copy"))
    assert_same_weights(tmp_path / "out" / "best", fetched(f"{url}/best", tmp_path / "best"))
    scores = read(f"{url}/eval_results.json")
    assert scores == (tmp_path / "out" / "eval_results.json").read_text()
    assert json.loads(read(f"{url}/run.json"))["settings"]["output_dir"] == url
    assert "finetune-" not in read(f"{url}/report.html")

    texts = tmp_path / "new.txt"
    texts.write_text("good is this\n")
    for output_dir in (tmp_path / "out", url):
        assert run(CLASSIFIER, "--do_predict", output_dir=output_dir, predict_file=texts) == 0
    predicted = read(f"{url}/test_results.tsv")
    assert predicted == (tmp_path / "out" / "test_results.tsv").read_text()


def test_training_resumes_after_a_kill(model, binary_data, tmp_path, url, monkeypatch, caplog):
    flags = {"num_train_epochs": 4, "save_checkpoints_steps": 3}
    assert classify(model, tmp_path, "--do_train", **flags) == 0
    published = []
    publish = remote.RemoteCopy.publish

    def killed(copy):
        published.append(1)
        if len(published) == 3:  # The first call is before the first step.
            raise Killed
        publish(copy)

    monkeypatch.setattr(remote.RemoteCopy, "publish", killed)
    monkeypatch.setattr(remote, "_close", lambda *args: None)
    with pytest.raises(Killed):
        classify(model, tmp_path, "--do_train", output_dir=url, **flags)
    monkeypatch.undo()
    caplog.set_level("INFO")
    caplog.clear()
    assert classify(model, tmp_path, "--do_train", output_dir=url, **flags) == 0
    assert "step 3 of 12" in caplog.text
    assert_same_weights(tmp_path / "out", fetched(url, tmp_path / "copy"))


def test_folds(model, binary_data, tmp_path, url):
    flags = {"num_train_epochs": 1, "num_folds": 2, "output_dir": url}
    assert classify(model, tmp_path, "--do_train", **flags) == 0
    assert json.loads(read(f"{url}/cv_results.json"))["num_folds"] == 2
    assert tf.io.gfile.exists(f"{url}/fold-2/model.ckpt-2.index")
