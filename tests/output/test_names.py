"""The names of output files, and the patterns for deleting them."""

import fnmatch

import pytest

from finetune.output import names

EXTENSIONS = (".json", ".jsonl", ".txt", ".tsv", ".conll", ".html")
FILES = sorted(v for v in vars(names).values() if isinstance(v, str) and v.endswith(EXTENSIONS))
NAMED_AFTER_DATA = set(names.SCORES_OF)  # See test_files.py.


@pytest.mark.parametrize("name", sorted(set(FILES) - NAMED_AFTER_DATA))
def test_overwrite_output_dir_deletes_every_output_file(name):
    assert any(fnmatch.fnmatch(name, pattern) for pattern in names.TRAINED + names.RESULTS)


def test_output_files_are_found_by_their_extensions():
    assert {"run.json", "train_log.jsonl", "test_results.tsv", "report.html"} <= set(FILES)
