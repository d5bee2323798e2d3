"""Real full disks: each script ends in one line, keeps what is complete, and can be repeated."""

import errno
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.util.files import is_full_disk
from tests.support import ROOT, tiny
from tests.support.commands import CLASSIFIER, TAGGER, only_line, run, standard_input
from tests.support.files import write
from tests.support.installs import INSTALLED, names_in, run_main
from tests.support.reviews import same_weights, train

GOLDEN = ROOT / "tests" / "golden" / "output_0.x"
FLAGS = {"init_checkpoint": None, "train_batch_size": 4, "learning_rate": 1e-3, "log_steps": 5}


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 700 kB; the test is skipped if no disk can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("No disk can be mounted here.")
    yield disk
    # --lazy, because TensorFlow keeps the file for TensorBoard open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def resize(disk, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def fill(disk):
    """Leaves no space on a disk."""
    with open(disk / "filler", "wb", buffering=0) as writer:
        try:
            while True:
                writer.write(bytes(1024))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def files_in(folder):
    """Returns the content of each file by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_full_disk_keeps_the_last_good_checkpoint(reviews, tmp_path, small_disk, caplog):
    # The disk has room for two checkpoints of 320 kB, but not for a third while it is written.
    out = small_disk / "out"
    flags = {**FLAGS, "save_checkpoints_steps": 2}
    train(reviews, out, **flags, status=1)
    line = r"no space is left on its disk. The last good checkpoint is (\S+)\. "
    good = re.search(line, caplog.text)
    saved = sorted(path.name for path in out.glob("train.ckpt-*.index"))
    assert os.path.basename(good[1]) + ".index" == saved[-1]
    assert not list(out.glob("*tempstate*"))

    resize(small_disk, "3m")
    caplog.clear()
    train(reviews, out, **flags)
    assert f"Resuming from {good[1]}" in caplog.text
    train(reviews, tmp_path / "uninterrupted", **FLAGS)
    assert same_weights(tmp_path / "uninterrupted", out)


def test_full_disk_errors_are_distinguished_from_others():
    assert is_full_disk(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_full_disk(OSError(errno.EACCES, "Permission denied"))
    full = tf.errors.ResourceExhaustedError(None, None, "/x; No space left on device")
    assert is_full_disk(full)
    assert not is_full_disk(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))


@pytest.fixture
def trained(small_disk):
    """A function that returns the folder of a script's model on a disk without any space."""

    def copy_model(script):
        name = "classifier" if script == CLASSIFIER else "tagger"
        out = shutil.copytree(GOLDEN / name, small_disk / "out")
        fill(small_disk)
        return out

    return copy_model


@pytest.mark.parametrize("script", [CLASSIFIER, TAGGER])
def test_prediction_on_a_full_disk_keeps_earlier_results(trained, tmp_path, caplog, capsys, script):
    out = trained(script)
    before = files_in(out)
    new = write(tmp_path / "new.tsv", "text\na good film\n" * 300)
    flags = {"output_dir": out, "do_predict": "true", "predict_file": new, "data_form": "text"}
    assert run(script, **flags) == 1
    first = "test_results.tsv" if script == CLASSIFIER else "test_results.conll"
    assert only_line(caplog, capsys) == (
        f"{script}: No space is left on the disk of {out}/{first}. Free some space, and run the "
        "same command again."
    )
    assert files_in(out) == before
    os.remove(out.parent / "filler")
    assert run(script, **flags) == 0
    assert files_in(out)[first] != before[first]


def test_evaluation_on_a_full_disk_keeps_earlier_scores(trained, tmp_path, caplog, capsys):
    out = trained(CLASSIFIER)
    before = files_in(out)
    dev = write(tmp_path / "scored.csv", "text,label\na good film,pos\na bad film,neg\n")
    flags = {"output_dir": out, "do_eval": "true", "dev_file": dev}
    assert run(CLASSIFIER, **flags) == 1
    assert only_line(caplog, capsys) == (
        f"{CLASSIFIER}: No space is left on the disk of {out}/eval_results-scored.json. Free some "
        "space, and run the same command again."
    )
    assert files_in(out) == before
    os.remove(out.parent / "filler")
    assert run(CLASSIFIER, **flags) == 0
    new = {"eval_results-scored.json", "eval_results-scored.txt", "report-scored.html"}
    assert files_in(out).keys() - before.keys() == new


def test_answers_to_a_stream_on_a_full_disk_end_in_one_line(trained, tmp_path, caplog, capsys):
    out = trained(CLASSIFIER)
    before = files_in(out)
    with standard_input(write(tmp_path / "new.txt", "a good film\n" * 2000)):
        flags = {"output_dir": out, "predict_file": "-", "data_form": "text"}
        assert run(CLASSIFIER, do_predict="true", **flags) == 1
    assert f"No space is left on the disk of {out}/test_results.tsv. Free" in caplog.text
    assert "Traceback" not in caplog.text + capsys.readouterr().err
    assert files_in(out).keys() == before.keys()


@pytest.mark.parametrize(
    ("free", "message"),
    [
        (0, r"no space is left on the disk of {target}\."),
        (40, r"\S+: copying the model of \S+ needs 0\.\d MB, but only 0\.0 MB are free .*"),
        # As float16, the weights need half of the space that they need in a checkpoint.
        (100, r"no space is left on the disk of {target}\."),
    ],
)
def test_prepare_model_on_a_full_disk_leaves_nothing(
    reviews, tmp_path, small_disk, capsys, free, message
):
    source = reviews / "model"
    if free == 100:
        arrays = tiny.google_arrays(len(tiny.vocabulary()))
        source = tiny.write_hugging_face_model(tmp_path / "half", arrays, dtype=np.float16)
    fill(small_disk)
    filler = small_disk / "filler"
    os.truncate(filler, filler.stat().st_size - 1024 * free)
    target = small_disk / "models" / "tiny"
    status, errors = run_main(capsys, source, "--model_dir", target)
    assert status == 1
    assert re.fullmatch(f"prepare_model.py: {message.format(target=target)}\n", errors)
    assert names_in(small_disk) == ["filler"]
    filler.unlink()
    assert run_main(capsys, source, "--model_dir", target)[0] == 0
    assert {*INSTALLED} <= {*names_in(target)}
