"""Run run_classifier.py, in this process, on small files that the tests write."""

import pathlib
from typing import Any, Dict, List

from tests.support.commands import CLASSIFIER, run
from tests.support.files import read_json, read_results

NOUNS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "people")
KINDS = (("bad", "neg"), ("not good", "neg"), ("good", "pos"), ("great", "pos"))
ROWS = [(f"a {words} {noun}", label) for noun in NOUNS for words, label in KINDS]
SMALL_CSV = b"text,label\ngood film,pos\nbad film,neg\ngreat book,pos\nbad book,neg\n"

# A label can contain a comma.
REVIEWS = [
    (label, f"a {word} {noun}")
    for noun in NOUNS[:9]
    for label, word in (("neg, ative", "bad"), ("positive", "good"))
]


def classify(model: pathlib.Path, tmp_path: pathlib.Path, *arguments: Any, **flags: Any) -> int:
    """Runs the classic command, with --task_name and --data_dir; returns the exit status.

    Args:
      model: The folder of the pretrained model.
      tmp_path: A folder with the data in data/; the output directory is out/.
      arguments: See `tests.support.commands.command`.
      flags: See `tests.support.commands.command`.
    """
    defaults = {
        "task_name": "binary",
        "data_dir": tmp_path / "data",
        "output_dir": tmp_path / "out",
        "num_train_epochs": 20.0,
    }
    return run(CLASSIFIER, *arguments, model=model, **{**defaults, **flags})


def train(model: pathlib.Path, *arguments: Any, **flags: Any) -> int:
    """Trains on a file with any labels, for one epoch by default; returns the exit status.

    Args:
      model: The folder of the pretrained model.
      arguments: See `tests.support.commands.command`.
      flags: See `tests.support.commands.command`.
    """
    defaults = {"do_train": "true", "task_name": "multiclass", "num_train_epochs": 1.0}
    return run(CLASSIFIER, *arguments, model=model, **{**defaults, **flags})


def run_check(model: pathlib.Path, *arguments: Any, **flags: Any) -> int:
    """Runs --do_check, with the arguments of `train`; returns the exit status."""
    defaults = {"do_check": "true", "task_name": "multiclass", "init_checkpoint": None}
    return run(CLASSIFIER, *arguments, model=model, **{**defaults, **flags})


def check(model: pathlib.Path, output_dir: pathlib.Path, *arguments: Any, **flags: Any) -> Any:
    """Runs --do_check, which must succeed; returns the data report."""
    assert run_check(model, *arguments, output_dir=output_dir, **flags) == 0
    return read_json(output_dir / "data_report.json")


def predict(output_dir: pathlib.Path, *arguments: Any, **flags: Any) -> List[Dict[str, str]]:
    """Predicts with a trained model, which must succeed; returns the rows of its predictions."""
    flags = {"do_predict": "true", "output_dir": output_dir, **flags}
    assert run(CLASSIFIER, *arguments, **flags) == 0
    return read_results(output_dir)
