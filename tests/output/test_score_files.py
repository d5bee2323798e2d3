"""Scores of several files stand side by side, and their names say which file was scored."""

import json

from finetune.output.score_files import ScoreFiles, files_for, is_free
from tests.support.files import write


def scored(folder, files):
    write(folder / files.json, json.dumps({"file": files.scored}))


def test_files_are_named_after_the_scored_file(tmp_path):
    files = files_for(str(tmp_path), "/data/my test.csv.gz")
    assert files == (
        "/data/my test.csv.gz",
        "eval_results-my_test.txt",
        "eval_results-my_test.json",
        "report-my_test.html",
    )


def test_files_of_the_same_name_in_other_folders_are_numbered(tmp_path):
    first = files_for(str(tmp_path), "/a/test.tsv")
    scored(tmp_path, first)
    assert files_for(str(tmp_path), "/a/test.tsv") == first
    second = files_for(str(tmp_path), "/b/test.tsv")
    assert (second.json, second.report) == ("eval_results-test-2.json", "report-test-2.html")
    scored(tmp_path, second)
    assert files_for(str(tmp_path), "/b/test.jsonl").json == "eval_results-test-3.json"
    assert files_for(str(tmp_path), "/b/test.tsv") == second


def test_scores_of_another_file_are_not_overwritten(tmp_path):
    dev = ScoreFiles("/a/dev.tsv")
    assert dev.json == "eval_results.json"
    assert is_free(str(tmp_path), dev)
    scored(tmp_path, dev)
    assert is_free(str(tmp_path), dev)
    assert not is_free(str(tmp_path), ScoreFiles("/a/test.tsv"))
    write(tmp_path / "eval_results.json", "{}")  # As version 0.1.0 wrote it
    assert not is_free(str(tmp_path), dev)
