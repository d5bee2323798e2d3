"""run_classifier.py --problem_type: several labels per text, and regression."""

import pytest

from tests.support.classifier import NOUNS, check, predict, run_check, train
from tests.support.commands import CLASSIFIER, only_line, run
from tests.support.conversations import answers_of_file_and_stream
from tests.support.files import read_json, read_results, write, write_csv


@pytest.fixture(scope="module")
def multi_label_run(model, tmp_path_factory):
    """The output directory of a training run on texts with none, one or both of two labels."""
    folder = tmp_path_factory.mktemp("several")
    kinds = (("good", "x"), ("bad", "y"), ("good bad", "x|y"), ("the", ""))
    rows = [(f"{words} {noun}", labels) for noun in NOUNS[:6] for words, labels in kinds]
    path = write_csv(folder / "train.csv", rows)
    flags = {"problem_type": "multi_label", "label_separator": "|", "num_train_epochs": 60}
    # With most other seeds, this tiny random model does not learn both labels.
    flags.update(seed=2, warmup_proportion=0.3)
    files = {"train_file": path, "dev_file": path, "output_dir": folder / "out"}
    assert train(model, "--do_eval", **flags, **files) == 0
    return folder / "out"


def test_each_text_gets_none_one_or_several_labels(multi_label_run):
    scores = read_json(multi_label_run / "eval_results.json")
    assert (scores["accuracy"], scores["micro_f1"], scores["hamming_loss"]) == (1.0, 1.0, 0.0)
    assert scores["labels"]["x"]["support"] == 12
    texts = "good day\nbad day\ngood bad day\nthe day\n"
    of_file, of_stream = answers_of_file_and_stream(multi_label_run, texts)
    assert of_stream == of_file
    rows = read_results(multi_label_run)
    assert list(rows[0]) == ["guid", "text", "prediction", "x", "y"]
    assert [row["prediction"] for row in rows] == ["x", "y", "x|y", ""]
    assert float(rows[2]["x"]) + float(rows[2]["y"]) > 1


@pytest.fixture
def three_texts(tmp_path):
    return write(tmp_path / "p", "good\nbad\nthe\n")


@pytest.mark.parametrize(
    ("thresholds", "expected"), [("0,1", ["x"] * 3), ("0", ["x|y"] * 3), ("1", [""] * 3)]
)
def test_label_is_predicted_at_or_above_its_threshold(
    multi_label_run, three_texts, thresholds, expected
):
    rows = predict(multi_label_run, thresholds=thresholds, predict_file=three_texts)
    assert [row["prediction"] for row in rows] == expected


def test_best_thresholds_are_tuned_on_the_dev_file_and_kept(model, tmp_path):
    kinds = (("good", "x"), ("bad", "y"), ("good bad", "x|y"), ("the", ""), ("a", ""))
    rows = [(f"{words} {noun}", labels) for noun in NOUNS[:7] for words, labels in kinds]
    train_file, out = write_csv(tmp_path / "train.csv", rows[:20]), tmp_path / "out"
    dev_file = write_csv(tmp_path / "dev.csv", rows[20:])
    flags = {"problem_type": "multi_label", "label_separator": "|", "thresholds": "best"}
    flags.update(num_train_epochs=10)
    files = {"train_file": train_file, "dev_file": dev_file, "output_dir": out}
    assert train(model, "--do_eval", **flags, **files) == 0

    thresholds = read_json(out / "run.json")["facts"]["thresholds"]
    scores = read_json(out / "eval_results.json")["labels"]
    found = predict(out, predict_file=dev_file)
    assert [row["gold"] for row in found] == [labels for _, labels in rows[20:]]
    for label, threshold in zip("xy", thresholds):
        is_gold = [label in row["gold"] for row in found]
        probabilities = [float(row[label]) for row in found]
        best = max(f1(is_gold, [p >= cut for p in probabilities]) for cut in probabilities)
        assert scores[label]["f1"] == pytest.approx(best)
        given = [p >= threshold for p in probabilities]
        assert [label in row["prediction"] for row in found] == given
        assert f1(is_gold, given) == pytest.approx(best)
        assert given != [p >= 0.5 for p in probabilities]


def test_thresholds_are_not_tuned_on_another_file(multi_label_run, model, tmp_path, caplog, capsys):
    other = write_csv(tmp_path / "other.csv", [("good", "x"), ("bad", "y")])
    flags = {"output_dir": multi_label_run, "dev_file": other, "thresholds": "best"}
    assert run(CLASSIFIER, "--do_eval", **flags) == 1
    error = only_line(caplog, capsys)
    assert "--thresholds=best: the thresholds are not tuned yet; evaluate the model on" in error


def f1(gold, given):
    """Returns F1, as in https://en.wikipedia.org/wiki/F-score."""
    both = sum(g and p for g, p in zip(gold, given))
    return 2 * both / (sum(gold) + sum(given))


def test_number_of_thresholds_must_be_one_or_the_number_of_labels(
    multi_label_run, three_texts, caplog, capsys
):
    flags = {"output_dir": multi_label_run, "predict_file": three_texts}
    assert run(CLASSIFIER, "--do_predict", **flags, thresholds=".1,.2,.3") == 1
    assert (
        "--thresholds: found 3 numbers; expected one, or one for each of the 2 labels: x, y"
        in only_line(caplog, capsys)
    )


def test_problem_type_that_differs_from_the_models_is_rejected(
    multi_label_run, three_texts, caplog, capsys
):
    flags = {"output_dir": multi_label_run, "predict_file": three_texts}
    assert run(CLASSIFIER, "--do_predict", **flags, problem_type="regression") == 1
    error = only_line(caplog, capsys)
    assert "--problem_type=regression: the model was trained with multi_label" in error


def test_lists_of_labels_in_json_need_multi_label(model, tmp_path, caplog, capsys):
    lines = ('{"text": "good", "label": ["x", "y"]}', '{"text": "bad", "label": []}')
    path = write(tmp_path / "a.jsonl", "\n".join(lines) + "\n")
    report = check(model, tmp_path / "out", train_file=path, problem_type="multi_label")
    split = report["splits"]["train"]
    assert (split["rows"], split["labels"]) == (2, {"x": 1, "y": 1})
    assert run_check(model, train_file=path) == 1
    error = only_line(caplog, capsys)
    assert f"{path}:1: the label is the list ['x', 'y']; expected one label" in error
    assert "--problem_type=multi_label" in error


def test_regression_learns_and_predicts_in_the_unit_of_the_targets(model, tmp_path):
    rows = [(f"{word} {noun}", 1000 + 10 * i) for noun in NOUNS[:5]
            for i, word in enumerate(("one", "two", "three"))]  # fmt: skip
    path = write_csv(tmp_path / "train.csv", rows, header=("text", "score"))
    out = tmp_path / "out"
    flags = {"problem_type": "regression", "num_train_epochs": 40, "output_dir": out}
    assert train(model, "--do_eval", **flags, train_file=path, dev_file=path) == 0
    scores = read_json(out / "eval_results.json")
    assert scores["num_examples"] == 15
    assert scores["pearson"] > 0.98
    assert scores["mae"] < 2
    assert scores["mse"] < 8
    report = read_json(out / "data_report.json")["splits"]["train"]
    assert report["labels"] == {"lowest": 1000.0, "mean": 1010.0, "highest": 1020.0}

    of_file, of_stream = answers_of_file_and_stream(out, "one day\ntwo day\nthree day\n")
    assert of_stream == of_file
    rows = read_results(out)
    assert list(rows[0]) == ["guid", "text", "prediction"]
    numbers = [float(row["prediction"]) for row in rows]
    assert numbers == pytest.approx([1000, 1010, 1020], abs=4)
