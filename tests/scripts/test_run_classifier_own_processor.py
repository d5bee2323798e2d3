"""run_classifier.py with the user's own processor: reports, folds, and errors in its code."""

import linecache
import math
import os
import re

import pytest

from finetune.data.lines import read_lines
from processors import PROCESSORS, DataProcessor, InputExample
from tests.support.classifier import NOUNS, check, predict, run_check, train
from tests.support.commands import only_line
from tests.support.files import read_json, read_results, write

LABELS = {"bad": "bad", "good": "good"}


class Marked(DataProcessor):
    """Reads lines like `text#good`, or `text#good#2` for a text that counts twice."""

    labels = ["good", "bad"]

    def read_examples(self, path, split):
        for number, line in read_lines(path):
            cells = line.split("#")
            label = None if split == "test" else LABELS[cells[1]]
            times = int(cells[2]) if len(cells) > 2 else 1
            for _ in range(times):
                yield InputExample(f"{split}-{number}", cells[0], None, label, f"{path}:{number}")


@pytest.fixture(scope="module", autouse=True)
def marked():
    """Registers the processor as the task `marked`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROCESSORS, "marked", Marked)
        yield


# 12 rows have one label and 9 the other, so each of three folds has four and three.
LINES = [f"a {words} {noun}#{label}" for noun, words, label in
         ([(noun, "good", "good") for noun in (*NOUNS, "two", "one")]
          + [(noun, "bad", "bad") for noun in NOUNS[:9]])]  # fmt: skip


def write_lines(path, lines=LINES):
    return write(path, "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def folds_run(model, tmp_path_factory):
    """The output directory of a cross-validation with three folds."""
    folder = tmp_path_factory.mktemp("folds")
    flags = {"task_name": "marked", "train_file": write_lines(folder / "all.txt"), "num_folds": 3}
    sizes = {"train_batch_size": 32, "num_train_epochs": 4}
    assert train(model, **flags, **sizes, output_dir=folder / "out") == 0
    return folder / "out"


def fold_scores(output_dir):
    scores = [read_json(output_dir / f"fold-{i}" / "eval_results.json") for i in (1, 2, 3)]
    for fold in scores:
        del fold["file"]  # The name of the file that was scored
    return scores


def flat(scores, prefix=""):
    """Returns all numbers in nested scores by their path, except lists."""
    found = {}
    for name, value in scores.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{name}/"))
        elif not isinstance(value, list):
            found[prefix + name] = value
    return found


def test_folds_are_stratified_and_do_not_overlap(folds_run):
    for i, scores in enumerate(fold_scores(folds_run), start=1):
        assert {name: row["support"] for name, row in scores["labels"].items()} == {
            "good": 4, "bad": 3,
        }  # fmt: skip
        report = read_json(folds_run / f"fold-{i}" / "data_report.json")
        assert report["splits"]["train"]["labels"] == {"good": 8, "bad": 6}
        assert report["splits"]["dev"]["also_in_train"] == 0


def test_mean_and_deviation_are_those_of_the_folds(folds_run):
    summary = read_json(folds_run / "cv_results.json")
    assert (summary["num_folds"], summary["folds"]) == (3, fold_scores(folds_run))
    folds = [flat(scores) for scores in fold_scores(folds_run)]
    assert len({fold["loss"] for fold in folds}) == 3
    expected = {}
    for name in folds[0]:
        if name.startswith("confusion_matrix"):
            continue
        values = [fold[name] for fold in folds]
        expected[f"{name}/mean"] = pytest.approx(sum(values) / 3)
        deviation = math.sqrt(sum((value - sum(values) / 3) ** 2 for value in values) / 2)
        expected[f"{name}/std"] = pytest.approx(deviation, abs=1e-12)
    assert flat(summary["scores"]) == expected
    assert {"accuracy/mean", "auc/std", "labels/bad/f1/mean"} <= set(expected)
    loss = summary["scores"]["loss"]
    line = f"loss = {loss['mean']:.4f} ± {loss['std']:.4f}\n"
    assert line in (folds_run / "cv_results.txt").read_text(encoding="utf-8")


def test_each_row_is_predicted_by_the_model_that_was_not_trained_on_it(folds_run):
    rows = read_results(folds_run, "cv_predictions.tsv")
    assert [row["guid"] for row in rows] == [f"train-{number}" for number in range(1, 22)]
    assert [f"{row['text']}#{row['gold']}" for row in rows] == LINES
    folds, pooled = fold_scores(folds_run), read_json(folds_run / "cv_results.json")["pooled"]
    matrices = [fold["confusion_matrix"] for fold in folds]
    total = [[sum(m[i][j] for m in matrices) for j in (0, 1)] for i in (0, 1)]
    assert pooled["confusion_matrix"] == total
    # The folds have 7 rows each, so the loss of all rows is the mean of their losses.
    assert pooled["loss"] == pytest.approx(sum(fold["loss"] for fold in folds) / 3)
    correct = sum(row["prediction"] == row["gold"] for row in rows)
    assert correct == total[0][0] + total[1][1]
    losses = [-math.log(float(row[row["gold"]])) for row in rows]
    assert sum(losses) / 21 == pytest.approx(pooled["loss"], abs=1e-4)


def test_own_processor_reads_for_reports_splits_and_predictions(model, folds_run, tmp_path):
    path = write_lines(tmp_path / "all.txt", [*LINES, "a great day#good#3"])
    flags = {"task_name": "marked", "train_file": path}
    report = check(model, tmp_path / "report", **flags)
    assert report["splits"]["train"]["labels"] == {"good": 15, "bad": 9}
    assert report["splits"]["train"]["duplicates"] == 2
    report = check(model, tmp_path / "split", **flags, split="5:1:2")
    assert [split["rows"] for split in report["splits"].values()] == [15, 3, 6]
    # For prediction, the processor reads no label, so an unknown label is not an error.
    rows = predict(folds_run / "fold-2", predict_file=write(tmp_path / "p", "good#ugly"))
    assert [(row["guid"], row["text"]) for row in rows] == [("test-1", "good")]
    assert list(rows[0])[-2:] == ["good", "bad"]


@pytest.mark.parametrize(
    ("line", "message", "code"),
    [
        ("a day", "IndexError: list index out of range", "LABELS[cells[1]]"),
        ("a day#ugly", "KeyError: 'ugly'", "LABELS[cells[1]]"),
        ("a day#good#two", "invalid literal for int() with base 10: 'two'", "int(cells[2])"),
    ],
)
def test_error_in_own_code_names_its_line(model, tmp_path, caplog, capsys, line, message, code):
    path = write_lines(tmp_path / "all.txt", [*LINES[:4], line])
    flags = {"task_name": "marked", "train_file": path}
    assert train(model, **flags, output_dir=tmp_path / "out") == 1
    error = only_line(caplog, capsys)
    assert message in error
    place = re.search(r"test_run_classifier_own_processor\.py:(\d+), Marked", error)
    assert code in linecache.getline(__file__, int(place.group(1)))
    if "literal" not in message:
        assert f"the last row read was {path}:4" in error

    caplog.clear()
    assert run_check(model, **flags) == 1
    assert message in capsys.readouterr().out.split("\n")[1]


def test_overridden_get_train_examples_reads_only_data_dir(
    model, tmp_path, monkeypatch, caplog, capsys
):
    class Old(Marked):
        def get_train_examples(self, data_dir):
            return list(self.read_examples(os.path.join(data_dir, "old.txt"), "train"))

    path = write_lines(tmp_path / "old.txt")
    monkeypatch.setitem(PROCESSORS, "old", Old)
    report = check(model, tmp_path / "out", task_name="old", data_dir=tmp_path)
    assert report["splits"]["train"]["rows"] == 21
    assert run_check(model, task_name="old", train_file=path) == 1
    error = only_line(caplog, capsys)
    assert "old.txt: Old overrides get_train_examples, which reads only --data_dir" in error


class NoReturn(Marked):
    def read_examples(self, path, split):
        list(super().read_examples(path, split))


class Tuples(Marked):
    def read_examples(self, path, split):
        return [("good film", "good"), ("bad film", "bad")]


class LabelsFail(Marked):
    def get_labels(self):
        return LABELS["ugly"]


class PathFails(Marked):
    def path_of(self, data_dir, split):
        return LABELS[split]


class CheckFails(Marked):
    def checked(self, split, examples):
        return LABELS[split]


@pytest.mark.parametrize("processor", [NoReturn, Tuples, LabelsFail, PathFails, CheckFails])
def test_error_in_any_method_names_the_processor(
    model, tmp_path, monkeypatch, caplog, capsys, processor
):
    monkeypatch.setitem(PROCESSORS, "mine", processor)
    path = write_lines(tmp_path / "train.tsv")
    source = {"data_dir": tmp_path} if processor is PathFails else {"train_file": path}
    assert run_check(model, task_name="mine", **source) == 1
    assert processor.__name__ in only_line(caplog, capsys)


NOT_A_DICT = "expected a dict that maps each split to the name of its file."


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"files": None}, f"`files` is None; {NOT_A_DICT}"),
        ({"files": "train.tsv"}, f"`files` is 'train.tsv'; {NOT_A_DICT}"),
        ({"files": {"train": 7}}, "`files['train']` is 7; expected the name of a file."),
        (
            {"path_of": lambda *_: None},
            "path_of returned None; expected the path of the train data.",
        ),
        ({"labels": 2}, "get_labels returned 2; expected a list, or None."),
        (
            {"problem_type": "nonsense"},
            "`problem_type` is 'nonsense'; expected single_label, multi_label or regression.",
        ),
    ],
)
def test_error_names_the_class_and_the_wrong_attribute(
    model, tmp_path, monkeypatch, caplog, capsys, attributes, message
):
    monkeypatch.setitem(PROCESSORS, "mine", type("Mine", (Marked,), attributes))
    write_lines(tmp_path / "train.tsv")
    assert train(model, task_name="mine", data_dir=tmp_path, output_dir=tmp_path / "out") == 1
    assert only_line(caplog, capsys) == f"run_classifier.py: Mine: {message}"


def test_processor_can_have_no_test_file(model, tmp_path, monkeypatch):
    monkeypatch.setattr(Marked, "files", {"train": "a.txt", "dev": "a.txt"})
    write_lines(tmp_path / "a.txt")
    report = check(model, tmp_path / "out", task_name="marked", data_dir=tmp_path)
    assert list(report["splits"]) == ["train", "dev"]
