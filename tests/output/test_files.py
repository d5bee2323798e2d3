"""The files in an output directory that are the toolkit's, and those that a killed run left."""

import os
import subprocess
import sys

import pytest

from finetune.output import files
from tests.support import ROOT
from tests.support.files import write, write_json

# Written down during kills of a run: by `atomic_text`, and by TensorFlow 2.15.
UNFINISHED = [
    "run.json.k3_x9abc.tmp",
    "vocab.txt.abcdefgh.tmp",
    "test_results.tsv.0a1b2c3d.tmp",
    "test_results.jsonl.________.tmp",
    "eval_results.json.abcdefgh.tmp",
    "train_log.jsonl.abcdefgh.tmp",
    "report.html.abcdefgh.tmp",
    "report-test.html.abcdefgh.tmp",
    "eval_results-test.json.abcdefgh.tmp",
    "split/train.jsonl.abcdefgh.tmp",
    "best/run.json.abcdefgh.tmp",
    "trials_plan.json.abcdefgh.tmp",
    "train.ckpt-7.data-00000-of-00001.tempstate11648283488237433711",
    "train.ckpt-7.index.tempstate5",
    "model.ckpt-7.data-00000-of-00001.tempstate5",
    "best/model.ckpt-7.data-00000-of-00001.tempstate5",
    "checkpoint.tmp0123456789abcdef0123456789abcdef",
    "best/checkpoint.tmp0123456789abcdef0123456789abcdef",
]
# Finished, or the user's.
OTHERS = [
    "run.json",
    "run.json.tmp",
    "run.json.old.tmp",
    "run.json.old.abcdefgh.tmp",
    "run.json.old.abcd.tmp",
    "run.json.backup2.tmp.txt",
    "notes.abcdefgh.tmp",
    "my.tempstate5",
    "checkpoint.tmp",
    "checkpoint.tmpl",
    "train.ckpt-7.index",
    "train.ckpt-7.data-00000-of-00001",
    "best/notes.txt.abcdefgh.tmp",
    "other/run.json.abcdefgh.tmp",
    "events.out.tfevents.1700000000.host",
]


def names_in(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def test_only_unfinished_files_of_a_run_are_deleted(tmp_path):
    for name in UNFINISHED + OTHERS:
        write(tmp_path / name, "")
    files.remove_leftovers(str(tmp_path))
    assert names_in(tmp_path) == sorted(OTHERS)


def test_unfinished_files_of_discarded_outputs_are_deleted_too(tmp_path):
    for name in UNFINISHED + OTHERS:
        write(tmp_path / name, "")
    files.remove_outputs(str(tmp_path))
    kept = [name for name in OTHERS if "run.json" not in name or name.count(".") > 1]
    kept = [name for name in kept if not name.startswith(("train.ckpt", "events"))]
    assert names_in(tmp_path) == sorted(kept)


# As runs write them.
OURS = [
    "run.json",
    "checkpoint",
    "report.html",
    "eval_results.json",
    "split/dev.jsonl",
    "model.ckpt-12.data-00000-of-00001",
    "best/model.ckpt-7.index",
    "events.out.tfevents.1795681817.vm",
    "eval_results-test.txt",
    "report-test.html",
    "eval_results-test-2.txt",
    "eval_results-new_films.txt",
    "report-new_films.html",
]
SCORES = {
    "eval_results-test.json": {"file": "data/test.tsv", "accuracy": 0.75},
    "eval_results-test-2.json": {"file": "other/test.tsv.gz", "accuracy": 0.5},
    "eval_results-new_films.json": {"file": "new films.csv", "accuracy": 0.5},
}
USERS = [
    "report-2026.html",
    "report-test (1).html",
    "report-draft.html",
    "eval_results-draft.txt",
    "eval_results-old.txt",
    "eval_results-copy.txt",
    "split/notes.jsonl",
    "split/train.jsonl.bak",
    "model.ckpt-12.index.bak",
    "model.ckpt-12.zip",
    "model.ckpt-best.index",
    "train.ckpt-notes.txt",
    "events.out.tfevents.copy",
    "best/model.ckpt-7-copy.index",
    "test_results.tsv.old",
    "trial-1/run.json",
]
USERS_SCORES = {
    "eval_results-draft.json": '{"accuracy": 0.5}',
    "eval_results-old.json": "not JSON",
    "eval_results-copy.json": '{"file": "data/test.tsv", "accuracy": 0.75}',  # Renamed
}


def test_only_files_that_the_toolkit_wrote_are_deleted(tmp_path):
    for name in OURS + USERS:
        write(tmp_path / name, "")
    for name, scores in SCORES.items():
        write_json(tmp_path / name, scores)
    for name, content in USERS_SCORES.items():
        write(tmp_path / name, content)
    files.remove_outputs(str(tmp_path))
    assert names_in(tmp_path) == sorted([*USERS, *USERS_SCORES])


def test_results_without_a_record_are_not_deleted(tmp_path):
    for name in ["report.html", "test_results.tsv", "trials.txt", "eval_results.json"]:
        write(tmp_path / name, "")
    write_json(tmp_path / "eval_results-test.json", {"file": "test.tsv"})
    before = names_in(tmp_path)
    files.remove_outputs(str(tmp_path))
    assert names_in(tmp_path) == before
    write(tmp_path / "trials_plan.json", "")
    files.remove_outputs(str(tmp_path))
    assert names_in(tmp_path) == []


WRITE = """
import sys, time
from finetune.util.files import atomic_text
with atomic_text(sys.argv[1]) as writer:
    print("open", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_file_of_a_killed_writer_is_recognised(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path / "run.json")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"open\n"
    process.kill()
    process.communicate()
    assert len(os.listdir(tmp_path)) == 1
    files.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == []
