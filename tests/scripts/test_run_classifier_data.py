"""run_classifier.py on data as users bring it: its forms, its parts, its faults, other problems."""

import collections
import contextlib
import csv
import gzip
import json
import linecache
import math
import os
import re
import shutil

import pytest

import run_classifier
from finetune.data.lines import read_lines
from finetune.runs import train as train_lib
from processors import PROCESSORS, DataProcessor, InputExample
from tests.scripts.test_run_classifier import results
from tests.support.tiny import weights

NOUNS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "people")
KINDS = (("bad", "neg"), ("not good", "neg"), ("good", "pos"), ("great", "pos"))
ROWS = [(f"a {words} {noun}", label) for noun in NOUNS for words, label in KINDS]
SMALL = b"text,label\ngood film,pos\nbad film,neg\ngreat book,pos\nbad book,neg\n"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def write_rows(path, rows=ROWS, header=("text", "label")):
    with open(path, "w", encoding="utf-8", newline="") as writer:
        csv.writer(writer).writerows([header, *rows])
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(*flags):
    return run_classifier.main(["run_classifier.py", *map(str, flags)])


def begin(model, *flags):
    """A training or report with the tiny model; the flags go before the usual ones."""
    return run(
        "--task_name=multiclass",
        f"--vocab_file={model / 'vocab.txt'}",
        f"--bert_config_file={model / 'bert_config.json'}",
        "--max_seq_length=16",
        *flags,
    )


def train(model, *flags, epochs=1.0):
    return begin(
        model,
        "--do_train",
        f"--init_checkpoint={model / 'bert_model.ckpt'}",
        "--train_batch_size=8",
        "--learning_rate=5e-3",
        f"--num_train_epochs={epochs}",
        *flags,
    )


def check(model, output_dir, *flags):
    """The report of --do_check, as JSON."""
    assert begin(model, "--do_check", f"--output_dir={output_dir}", *flags) == 0
    return json.loads((output_dir / "data_report.json").read_text(encoding="utf-8"))


def predict(output_dir, *flags):
    """The rows of test_results.tsv, of a prediction that needs the output directory alone."""
    assert run("--do_predict", f"--output_dir={output_dir}", *flags) == 0
    return results(output_dir)


def settings(output_dir):
    return json.loads((output_dir / "run.json").read_text(encoding="utf-8"))["settings"]


def only_line(caplog, capsys):
    """What a run that failed has said: one line, without a traceback."""
    line = caplog.records[-1].getMessage()
    assert "\n" not in line
    assert "Traceback" not in caplog.text + capsys.readouterr().err
    return line


@contextlib.contextmanager
def standard_input(path):
    saved = os.dup(0)
    try:
        with open(path, "rb") as reader:
            os.dup2(reader.fileno(), 0)
        yield
    finally:
        os.dup2(saved, 0)
        os.close(saved)


# ---- The forms of data -------------------------------------------------------------------------


# Files, flags, labels with their counts, and the wordpieces of the longest row.
FORMS = {
    "csv": (  # a " bad " film of two: 7 wordpieces, [CLS] and [SEP]
        {"a.csv": 'text,label\n"good, very good",pos\n"a ""bad"" film\nof two",neg\ngreat,pos\n'},
        (),
        {"neg": 1, "pos": 2},
        9,
    ),
    "csv of other columns": (
        {"a.csv": "day;mood;tweet\n1;pos;good, great\n2;neg;bad\n"},
        ("--label_column=mood",),
        {"neg": 1, "pos": 1},
        5,
    ),
    "tsv without a header": (
        {"a.tsv": 'pos\tgood film\nneg\tbad film\npos\ta good book\nneg\tthe bad "book\n'},
        (),
        {"neg": 2, "pos": 2},
        6,
    ),
    "jsonl": (
        {"a.jsonl": '{"text": "good", "label": "pos"}\n\n{"label": 0, "text": "bad \\n film"}\n'},
        (),
        {"0": 1, "pos": 1},
        4,
    ),
    "text;label": ({"a.txt": "good; but bad;pos\nbad;neg\n"}, (), {"neg": 1, "pos": 1}, 6),
    "folders": (
        {"a/neg/1.txt": "bad film\nof two", "a/neg/2.txt": "", "a/pos/1.txt": "good"},
        (),
        {"neg": 2, "pos": 1},
        6,
    ),
    "gz": ({"a.csv.gz": gzip.compress(SMALL)}, (), {"neg": 2, "pos": 2}, 4),
    "latin-1": (  # c ##a ##f ##e
        {"a.csv": "text,label\ncafé,pos\nbad,neg\n".encode("latin-1")},
        ("--encoding=latin-1",),
        {"neg": 1, "pos": 1},
        6,
    ),
    "delimiter": ({"a.tsv": SMALL}, ("--delimiter=,",), {"neg": 2, "pos": 2}, 4),
    "form": ({"a.data": SMALL}, ("--data_form=csv",), {"neg": 2, "pos": 2}, 4),
}


@pytest.mark.parametrize(("files", "flags", "labels", "longest"), FORMS.values(), ids=FORMS)
def test_each_form_of_data_is_read_whole(model, tmp_path, files, flags, labels, longest):
    for name, content in files.items():
        write(tmp_path / name, content)
    first = tmp_path / next(iter(files)).split("/")[0]
    report = check(model, tmp_path / "out", f"--train_file={first}", *flags)
    train_split = report["splits"]["train"]
    assert train_split["rows"] == sum(labels.values())
    assert train_split["labels"] == labels
    assert train_split["tokens"]["longest"] == longest


def test_a_folder_of_files_is_found_by_the_names_of_the_splits(model, tmp_path):
    write(tmp_path / "data" / "train.csv", SMALL)
    write(tmp_path / "data" / "valid.jsonl", '{"text": "good", "label": "pos"}\n')
    write(tmp_path / "data" / "test.txt.gz", gzip.compress(b"good\n\nbad\n"))
    report = check(model, tmp_path / "out", f"--data_dir={tmp_path / 'data'}")
    assert [(name, split["rows"]) for name, split in report["splits"].items()] == [
        ("train", 4), ("dev", 1), ("test", 3)
    ]  # fmt: skip


# ---- One file for all --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def split_run(model, tmp_path_factory):
    """The folder of a training on a part of a file, which is gone since."""
    folder = tmp_path_factory.mktemp("split")
    path = write_rows(folder / "all.csv")
    modes = ("--split=70:15:15", "--do_eval", "--do_predict")
    assert train(model, *modes, f"--train_file={path}", f"--output_dir={folder / 'out'}") == 0
    path.unlink()
    return folder / "out"


def split_of(output_dir):
    return {
        name: [
            (row["guid"], row["text_a"], row["label"])
            for row in read_jsonl(output_dir / "split" / f"{name}.jsonl")
        ]
        for name in ("train", "dev", "test")
    }


def test_a_split_has_the_sizes_asked_for_and_each_label_in_its_share(split_run):
    parts = split_of(split_run)
    counts = {name: collections.Counter(row[2] for row in rows) for name, rows in parts.items()}
    # 40 rows, 20 of each label: 70 % of 20 are 14, 15 % are 3.
    assert counts == {
        "train": {"neg": 14, "pos": 14}, "dev": {"neg": 3, "pos": 3}, "test": {"neg": 3, "pos": 3},
    }  # fmt: skip
    texts = sorted(text for rows in parts.values() for _, text, _ in rows)
    assert texts == sorted(text for text, _ in ROWS)
    guid, text, _ = parts["dev"][0]
    assert ROWS[int(guid.removeprefix("train-")) - 2][0] == text  # Its line; the first is 1.


def test_the_model_is_trained_scored_and_asked_on_the_parts(split_run):
    parts = split_of(split_run)
    assert weights(split_run)["global_step"] == 4  # 28 rows in batches of 8
    scores = json.loads((split_run / "eval_results.json").read_text())
    assert scores["num_examples"] == 6
    assert [row["text"] for row in results(split_run)] == [text for _, text, _ in parts["test"]]
    report = json.loads((split_run / "data_report.json").read_text())
    assert {name: split["rows"] for name, split in report["splits"].items()} == {
        "train": 28, "dev": 6, "test": 6,
    }  # fmt: skip
    assert report["splits"]["dev"]["also_in_train"] == 0


def test_later_runs_use_the_split_that_was_written(split_run, tmp_path):
    out = shutil.copytree(split_run, tmp_path / "moved")
    for name in ("eval_results.json", "test_results.tsv"):
        (out / name).unlink()
    assert run("--do_eval", f"--output_dir={out}") == 0
    assert (out / "eval_results.json").read_text() == (split_run / "eval_results.json").read_text()
    assert predict(out) == results(split_run)

    lines = (out / "split" / "test.jsonl").read_text().splitlines(keepends=True)
    (out / "split" / "test.jsonl").write_text("".join(lines[4:1:-2]))
    guids = [guid for guid, _, _ in split_of(split_run)["test"]]
    assert [row["guid"] for row in predict(out)] == [guids[4], guids[2]]


def test_another_file_to_score_or_predict_goes_before_the_split(split_run, tmp_path):
    out = shutil.copytree(split_run, tmp_path / "out")
    path = write(tmp_path / "more.csv", SMALL)
    assert run("--do_eval", f"--output_dir={out}", f"--dev_file={path}") == 0
    assert json.loads((out / "eval_results.json").read_text())["num_examples"] == 4
    assert [row["guid"] for row in predict(out, f"--predict_file={path}")] == [
        "test-2", "test-3", "test-4", "test-5",
    ]  # fmt: skip


def test_the_same_rows_fall_to_each_part_in_another_run_and_others_by_another_seed(
    model, split_run, tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    # The parts are written before the training, which is not what this is about.
    monkeypatch.setattr(train_lib, "make_training_input_fn", stop)
    path = write_rows(tmp_path / "copy.csv")
    for output, seed in (("same", 0), ("other", 7)):
        flags = (f"--train_file={path}", "--split=0.7:0.15:0.15", f"--split_seed={seed}")
        assert train(model, *flags, f"--output_dir={tmp_path / output}") == 130
    assert split_of(tmp_path / "same") == split_of(split_run)
    assert split_of(tmp_path / "other") != split_of(split_run)


def test_a_split_in_two_leaves_no_test_data(model, tmp_path):
    path = write_rows(tmp_path / "all.csv")
    report = check(model, tmp_path / "out", f"--train_file={path}", "--split=4:1")
    assert {name: split["labels"] for name, split in report["splits"].items()} == {
        "train": {"neg": 16, "pos": 16}, "dev": {"neg": 4, "pos": 4},
    }  # fmt: skip


# ---- A processor of one's own, and cross-validation --------------------------------------------

KNOWN = {"bad": "bad", "good": "good"}


class Marked(DataProcessor):
    """Lines such as `text#good`, or `text#good#2` for a text that counts twice."""

    labels = ["good", "bad"]

    def read_examples(self, path, split):
        for number, line in read_lines(path):
            cells = line.split("#")
            label = None if split == "test" else KNOWN[cells[1]]
            times = int(cells[2]) if len(cells) > 2 else 1
            for _ in range(times):
                yield InputExample(f"{split}-{number}", cells[0], None, label, f"{path}:{number}")


@pytest.fixture(scope="module")
def marked():
    """Flags of the task that has this processor, which is known while the module's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROCESSORS, "marked", Marked)
        yield "--task_name=marked"


# 12 rows of one label, 9 of the other: each of three folds has four and three.
LINES = [f"a {words} {noun}#{label}" for noun, words, label in
         ([(noun, "good", "good") for noun in (*NOUNS, "two", "one")]
          + [(noun, "bad", "bad") for noun in NOUNS[:9]])]  # fmt: skip


@pytest.fixture(scope="module")
def folds_run(model, marked, tmp_path_factory):
    """The folder of a cross-validation on data that a processor of one's own reads."""
    folder = tmp_path_factory.mktemp("folds")
    path = write(folder / "all.txt", "\n".join(LINES) + "\n")
    flags = (marked, f"--train_file={path}", "--num_folds=3", "--train_batch_size=32")
    assert train(model, *flags, f"--output_dir={folder / 'out'}", epochs=4) == 0
    return folder / "out"


def folds_of(output_dir):
    return [
        json.loads((output_dir / f"fold-{i}" / "eval_results.json").read_text()) for i in (1, 2, 3)
    ]


def figures(scores, prefix=""):
    """All single figures of a structure of scores, by their path."""
    found = {}
    for name, value in scores.items():
        if isinstance(value, dict):
            found.update(figures(value, f"{prefix}{name}/"))
        elif not isinstance(value, list):
            found[prefix + name] = value
    return found


def test_each_fold_is_left_out_once_with_each_label_in_its_share(folds_run):
    for i, scores in enumerate(folds_of(folds_run), start=1):
        assert {name: row["support"] for name, row in scores["labels"].items()} == {
            "good": 4, "bad": 3,
        }  # fmt: skip
        report = json.loads((folds_run / f"fold-{i}" / "data_report.json").read_text())
        assert report["splits"]["train"]["labels"] == {"good": 8, "bad": 6}
        assert report["splits"]["dev"]["also_in_train"] == 0


def test_mean_and_deviation_are_those_of_the_folds_files(folds_run):
    summary = json.loads((folds_run / "cv_results.json").read_text())
    assert (summary["num_folds"], summary["folds"]) == (3, folds_of(folds_run))
    folds = [figures(scores) for scores in folds_of(folds_run)]
    assert len({fold["loss"] for fold in folds}) == 3
    expected = {}
    for name in folds[0]:
        if name.startswith("confusion_matrix"):
            continue
        values = [fold[name] for fold in folds]
        expected[f"{name}/mean"] = pytest.approx(sum(values) / 3)
        deviation = math.sqrt(sum((value - sum(values) / 3) ** 2 for value in values) / 2)
        expected[f"{name}/std"] = pytest.approx(deviation, abs=1e-12)
    assert figures(summary["scores"]) == expected
    assert {"accuracy/mean", "auc/std", "labels/bad/f1/mean"} <= set(expected)
    loss = summary["scores"]["loss"]
    line = f"loss = {loss['mean']:.4f} ± {loss['std']:.4f}\n"
    assert line in (folds_run / "cv_results.txt").read_text(encoding="utf-8")


def test_a_processor_of_ones_own_reads_reports_splits_and_predictions(
    model, marked, folds_run, tmp_path
):
    path = write(tmp_path / "all.txt", "\n".join([*LINES, "a great day#good#3"]) + "\n")
    report = check(model, tmp_path / "report", marked, f"--train_file={path}")
    assert report["splits"]["train"]["labels"] == {"good": 15, "bad": 9}
    assert report["splits"]["train"]["duplicates"] == 2
    flags = (marked, f"--train_file={path}", "--split=5:1:2")
    report = check(model, tmp_path / "split", *flags)
    assert [split["rows"] for split in report["splits"].values()] == [15, 3, 6]
    # In prediction no label is read, and none is missed.
    rows = predict(folds_run / "fold-2", f"--predict_file={write(tmp_path / 'p', 'good#ugly')}")
    assert [(row["guid"], row["text"]) for row in rows] == [("test-1", "good")]
    assert list(rows[0])[-2:] == ["good", "bad"]


@pytest.mark.parametrize(
    ("line", "message", "code"),
    [
        ("a day", "IndexError: list index out of range", "KNOWN[cells[1]]"),
        ("a day#ugly", "KeyError: 'ugly'", "KNOWN[cells[1]]"),
        ("a day#good#two", "invalid literal for int() with base 10: 'two'", "int(cells[2])"),
    ],
)
def test_an_error_in_ones_own_code_names_its_line(
    model, marked, tmp_path, caplog, capsys, line, message, code
):
    path = write(tmp_path / "all.txt", "\n".join([*LINES[:4], line]) + "\n")
    assert train(model, marked, f"--train_file={path}", f"--output_dir={tmp_path / 'out'}") == 1
    said = only_line(caplog, capsys)
    assert message in said
    place = re.search(r"test_run_classifier_data\.py:(\d+), Marked", said)
    assert code in linecache.getline(__file__, int(place.group(1)))
    if "literal" not in message:
        assert f"the last row read was {path}:4" in said

    caplog.clear()
    assert begin(model, marked, f"--train_file={path}", "--do_check") == 1
    assert message in capsys.readouterr().out.split("\n")[1]


def test_a_processor_that_keeps_its_files_elsewhere_says_so(model, tmp_path, caplog, capsys):
    class Old(Marked):
        def get_train_examples(self, data_dir):
            return list(self.read_examples(os.path.join(data_dir, "old.txt"), "train"))

    write(tmp_path / "old.txt", "\n".join(LINES) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROCESSORS, "old", Old)
        report = check(model, tmp_path / "out", "--task_name=old", f"--data_dir={tmp_path}")
        assert report["splits"]["train"]["rows"] == 21
        flags = ("--task_name=old", "--do_check", f"--train_file={tmp_path / 'old.txt'}")
        assert begin(model, *flags) == 1
    said = only_line(caplog, capsys)
    assert "old.txt: Old overrides get_train_examples, which only reads --data_dir" in said


# ---- What a trained model keeps ----------------------------------------------------------------


@pytest.fixture(scope="module")
def windows_run(model, tmp_path_factory):
    """The folder of a training whose long texts are read in windows of six wordpieces."""
    folder = tmp_path_factory.mktemp("windows")
    rows = [row for row in ROWS if "not" not in row[0]]
    path = write_rows(folder / "train.csv", rows[1:], header=rows[0])
    flags = ("--long_text=windows", "--max_seq_length=8", "--doc_stride=6", "--clean=links,case")
    labels = write(folder / "labels.txt", "pos\n\nneg\n")
    flags += (f"--labels={labels}", f"--train_file={path}", f"--output_dir={folder / 'out'}")
    assert train(model, *flags, epochs=15) == 0
    return folder / "out"


def test_windows_and_cleaning_are_kept_for_prediction(windows_run, tmp_path):
    good, bad = "the good film is very good", "the bad book was very bad"
    linked = "The good FILM is https://example.org/a?b=c very good"
    path = write(tmp_path / "p.txt", "\n".join([good, bad, f"{good} {bad}", linked]) + "\n")
    rows = predict(windows_run, f"--predict_file={path}")
    logits = [math.log(float(row["pos"]) / float(row["neg"])) for row in rows]
    assert logits[0] > 1 and logits[1] < -1
    # Two windows, no more: their mean. Cut, the third text would be the first.
    assert logits[2] == pytest.approx((logits[0] + logits[1]) / 2, abs=1e-4)
    assert logits[3] == logits[0]
    assert rows[3]["text"] == linked
    kept = settings(windows_run)
    assert (kept["clean"], kept["long_text"], kept["doc_stride"], kept["max_windows"]) == (
        ["links", "case"], "windows", 6, 16,
    )  # fmt: skip


def test_labels_of_a_file_keep_its_order(windows_run):
    assert json.loads((windows_run / "run.json").read_text())["labels"] == ["pos", "neg"]
    report = json.loads((windows_run / "data_report.json").read_text())
    assert list(report["splits"]["train"]["labels"].items()) == [("pos", 20), ("neg", 10)]


def test_listed_labels_are_those_of_the_report(model, tmp_path, capsys):
    path = write(tmp_path / "a.csv", SMALL)
    flags = (f"--train_file={path}", "--labels=pos,other, neg")
    labels = check(model, tmp_path / "out", *flags)["splits"]["train"]["labels"]
    assert list(labels.items()) == [("pos", 2), ("other", 0), ("neg", 2)]
    assert "labels that do not occur in the training data: 'other'" in capsys.readouterr().out


@pytest.fixture(scope="module")
def pairs_run(model, tmp_path_factory):
    """The folder of a training on pairs, in which the second text's end alone says the label."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [(noun, "the " * 9 + words, label) for noun in NOUNS for words, label in KINDS[::2]]
    path = write_rows(folder / "train.csv", rows, header=("text", "text_b", "label"))
    flags = ("--truncation=tail", "--max_seq_length=8", f"--train_file={path}")
    assert train(model, *flags, f"--output_dir={folder / 'out'}", epochs=15) == 0
    return folder / "out"


def test_pairs_come_by_standard_input_and_rows_go_to_standard_output(pairs_run, tmp_path, capsys):
    start = "the " * 11
    said = write(tmp_path / "in", f"city\t{start}good\ncity\t{start}bad\n\t{start}good\n")
    with standard_input(said):
        rows = predict(pairs_run, "--predict_file=-")
    assert [row["prediction"] for row in rows] == ["pos", "neg", "pos"]
    assert [row["text_a"] for row in rows] == ["city", "city", ""]
    assert rows[1]["text_b"] == f"{start}bad"
    assert [row["guid"] for row in rows] == ["test-1", "test-2", "test-3"]
    assert capsys.readouterr().out == (pairs_run / "test_results.tsv").read_text(encoding="utf-8")
    assert settings(pairs_run)["truncation"] == "tail"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.jsonl", '{"text": "good"}\n', r"p\.jsonl:1: no 'text_b'; its keys are 'text'"),
        ("p.jsonl", '{"text": "good", "text_b": null}\n', r"p\.jsonl:1: found a single text, but "
         r"each row that the model was trained on is a pair of texts"),
        ("p.tsv", "text\ngood\n", r"p\.tsv:1: no column 'text_b' in the header"),
        ("p.txt", "a good day\n", r"p\.txt:1: found 'a good day'; expected two texts separated by a tab"),  # noqa: E501
    ],
)  # fmt: skip
def test_single_texts_are_nothing_for_a_model_of_pairs(
    pairs_run, tmp_path, caplog, capsys, name, content, message
):
    path = write(tmp_path / name, content)
    assert run("--do_predict", f"--output_dir={pairs_run}", f"--predict_file={path}") == 1
    assert re.search(message, only_line(caplog, capsys))


# ---- Several labels, and numbers ---------------------------------------------------------------


@pytest.fixture(scope="module")
def several_run(model, tmp_path_factory):
    """The folder of a training on texts with none, one or both of two labels."""
    folder = tmp_path_factory.mktemp("several")
    kinds = (("good", "x"), ("bad", "y"), ("good bad", "x|y"), ("the", ""))
    rows = [(f"{words} {noun}", labels) for noun in NOUNS[:6] for words, labels in kinds]
    path = write_rows(folder / "train.csv", rows)
    flags = ("--problem_type=multi_label", "--label_separator=|", "--do_eval")
    flags += (f"--train_file={path}", f"--dev_file={path}", f"--output_dir={folder / 'out'}")
    # A model this tiny and random learns both labels with some seeds alone.
    flags += ("--seed=2", "--warmup_proportion=0.3")
    assert train(model, *flags, epochs=60) == 0
    return folder / "out"


def test_texts_get_none_one_or_several_labels(several_run, tmp_path):
    scores = json.loads((several_run / "eval_results.json").read_text())
    assert (scores["accuracy"], scores["micro_f1"], scores["hamming_loss"]) == (1.0, 1.0, 0.0)
    assert scores["labels"]["x"]["support"] == 12
    path = write(tmp_path / "p.txt", "good day\nbad day\ngood bad day\nthe day\n")
    rows = predict(several_run, f"--predict_file={path}")
    assert list(rows[0]) == ["guid", "text", "prediction", "x", "y"]
    assert [row["prediction"] for row in rows] == ["x", "y", "x|y", ""]
    assert float(rows[2]["x"]) + float(rows[2]["y"]) > 1


ONE_BY_ONE = "good\nbad\nthe\n"


@pytest.mark.parametrize(
    ("thresholds", "expected"), [("0,1", ["x"] * 3), ("0", ["x|y"] * 3), ("1", [""] * 3)]
)
def test_a_label_is_given_from_its_threshold_on(several_run, tmp_path, thresholds, expected):
    flags = (f"--thresholds={thresholds}", f"--predict_file={write(tmp_path / 'p', ONE_BY_ONE)}")
    assert [row["prediction"] for row in predict(several_run, *flags)] == expected


def test_thresholds_are_one_or_one_for_each_label(several_run, tmp_path, caplog, capsys):
    flags = ("--thresholds=.1,.2,.3", f"--predict_file={write(tmp_path / 'p', ONE_BY_ONE)}")
    assert run("--do_predict", f"--output_dir={several_run}", *flags) == 1
    said = only_line(caplog, capsys)
    assert (
        "--thresholds: found 3 numbers; expected one, or one for each of the 2 labels: x, y" in said
    )


def test_lists_of_labels_are_read_from_json_and_refused_for_a_single_label(
    model, tmp_path, caplog, capsys
):
    lines = ('{"text": "good", "label": ["x", "y"]}', '{"text": "bad", "label": []}')
    path = write(tmp_path / "a.jsonl", "\n".join(lines) + "\n")
    flags = (f"--train_file={path}", "--problem_type=multi_label")
    report = check(model, tmp_path / "out", *flags)["splits"]["train"]
    assert (report["rows"], report["labels"]) == (2, {"x": 1, "y": 1})
    assert begin(model, "--do_check", f"--train_file={path}") == 1
    said = only_line(caplog, capsys)
    assert f"{path}:1: the label is ['x', 'y']; expected a string" in said
    assert "--problem_type=multi_label" in said


def test_numbers_are_learnt_and_given_in_the_unit_of_the_labels(model, tmp_path):
    rows = [(f"{word} {noun}", 1000 + 10 * i) for noun in NOUNS[:5]
            for i, word in enumerate(("one", "two", "three"))]  # fmt: skip
    path = write_rows(tmp_path / "train.csv", rows, header=("text", "score"))
    out = tmp_path / "out"
    flags = ("--problem_type=regression", "--do_eval", f"--train_file={path}", f"--dev_file={path}")
    assert train(model, *flags, f"--output_dir={out}", epochs=40) == 0
    scores = json.loads((out / "eval_results.json").read_text())
    assert scores["num_examples"] == 15
    assert scores["pearson"] > 0.98
    assert scores["mae"] < 2 and scores["mse"] < 8
    report = json.loads((out / "data_report.json").read_text())["splits"]["train"]
    assert report["labels"] == {"lowest": 1000.0, "mean": 1010.0, "highest": 1020.0}

    path = write(tmp_path / "p.txt", "one day\ntwo day\nthree day\n")
    rows = predict(out, f"--predict_file={path}")
    assert list(rows[0]) == ["guid", "text", "prediction"]
    numbers = [float(row["prediction"]) for row in rows]
    assert numbers == pytest.approx([1000, 1010, 1020], abs=4)


# ---- Sizes -------------------------------------------------------------------------------------


def test_200_labels_are_scored_without_a_matrix_and_predicted_without_their_columns(
    model, tmp_path
):
    labels = [f"label {i:03}" for i in range(200)]
    path = write_rows(tmp_path / "train.csv", [("a good day", label) for label in labels])
    out = tmp_path / "out"
    flags = (f"--train_file={path}", f"--dev_file={path}", f"--predict_file={path}")
    modes = ("--do_eval", "--do_predict")
    assert train(model, *flags, *modes, f"--output_dir={out}", epochs=0.01) == 0
    scores = json.loads((out / "eval_results.json").read_text())
    assert list(scores["labels"]) == labels
    assert scores["confusion_matrix"] is None
    assert scores["accuracy"] == 1 / 200  # All texts are one text.
    assert len(scores["most_confused"]) == 20
    assert list(results(out)[0]) == ["guid", "text", "prediction", "score"]
    assert len(results(out)) == 200


def test_ten_thousand_labels_are_reported_on(model, tmp_path, capsys):
    rows = [(f"a good {i}", f"label {i}") for i in range(10_000)]
    path = write_rows(tmp_path / "a.csv", rows)
    report = check(model, tmp_path / "out", f"--train_file={path}")
    assert len(report["splits"]["train"]["labels"]) == 10_000
    shown = capsys.readouterr().out
    assert "… and 9980 more labels" in shown
    assert len(shown.splitlines()) < 50


def test_texts_of_100_000_characters_and_of_emoji_alone_are_reported_on(model, tmp_path):
    rows = [("good " * 20_000, "pos"), ("🙂" * 100_000, "neg"), ("🙂", "neg"), ("", "pos")]
    path = write_rows(tmp_path / "a.csv", rows)
    report = check(model, tmp_path / "out", f"--train_file={path}")
    split = report["splits"]["train"]
    assert (split["tokens"]["longest"], split["tokens"]["cut"], split["empty"]) == (20_002, 1, 1)
    assert split["unknown_token_rate"] == pytest.approx(2 / 20_002)
    assert report["suggested_max_seq_length"] == 64  # The model has no more positions.


def test_a_single_row_is_learnt_if_the_labels_are_listed(model, tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ngood,pos\n")
    flags = (f"--train_file={path}", "--labels=neg,pos", f"--output_dir={tmp_path / 'out'}")
    assert train(model, *flags) == 0
    assert weights(tmp_path / "out")["global_step"] == 1
    assert weights(tmp_path / "out")["output_weights"].shape == (2, 32)


# ---- What is wrong -----------------------------------------------------------------------------

_LATIN = "text,label\ngood,pos\ncafé,neg\n".encode("latin-1")
_MANY = gzip.compress(b"text,label\n" + b"".join(b"good %d,pos\nbad,neg\n" % i for i in range(999)))


BAD_TRAINING_FILES = {
    "empty": ("", r"a\.csv: the file is empty"),
    "header alone": ("text,label\n", r"a\.csv: no rows in the train data"),
    "a column too few": (
        "text,label\n" + "good,pos\nbad,neg\n" * 2 + "good,pos\nbad\n",
        r"a\.csv:7 has 1 column; the first line has 2: 'text' \| 'label'",
    ),
    "a column too many": (
        "text,label\ngood,pos\nbad,no,neg\n",
        r"a\.csv:3 has 3 columns; the first line has 2",
    ),
    "empty label": (
        "text,label\ngood,pos\nbad,neg\nthe,\n",
        r"a\.csv:4: the row has no label; expected one of 'neg', 'pos'",
    ),
    "white space for a label": (
        "text,label\ngood,pos\nbad,neg\nthe, \t\n",
        r"a\.csv:4: the row has no label",
    ),
    "open quote": ('text,label\ngood,pos\n"bad,neg\nthe,neg\n', r"a\.csv:3: a quote is not closed"),
    "NUL": ("text,label\ngood,pos\nba\0d,neg\n", r"a\.csv:3: a NUL byte at position 3"),
    "latin-1": (_LATIN, r"a\.csv:3: byte 0xe9 at position 4 is not UTF-8.*--encoding=latin-1"),
    "utf-16": (
        SMALL.decode().encode("utf-16"),
        r"a\.csv:1: the file is UTF-16; give --encoding=utf-16",
    ),
    "one label": (
        "text,label\ngood,pos\nbad,pos\n",
        r"Found 1 label \('pos'\); .* two or more",
    ),
    "one row": ("text,label\ngood,pos\n", r"Found 1 label \('pos'\); .* two or more"),
    "header twice": (
        "text,text\ngood,pos\n",
        r"a\.csv:1: the header names a column twice, 'text'",
    ),
    "columns unknown": (
        "good,pos,1\nbad,neg,2\n",
        r"a\.csv:1: 3 columns, .*--text_column and --label_column",
    ),
    "gzip cut off": (
        _MANY[: len(_MANY) // 2],
        r"a\.csv:\d{2,}: the gzip file is damaged or truncated",
    ),
}


@pytest.mark.parametrize(
    ("content", "message"), BAD_TRAINING_FILES.values(), ids=BAD_TRAINING_FILES
)
def test_a_bad_training_file_gets_one_line_with_its_place(
    model, tmp_path, caplog, capsys, content, message
):
    path = write(tmp_path / "a.csv", content)
    assert train(model, f"--train_file={path}", f"--output_dir={tmp_path / 'out'}") == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (tmp_path / "out").exists()


BAD_DEV_FILES = {
    "unknown label": (
        "dev.csv",
        "text,label\n" + "good,pos\n" * 7 + "bad,other\n",
        r"dev\.csv:9: unknown label 'other'; expected one of 'neg', 'pos'",
    ),
    "other column": (
        "dev.csv",
        "text,labels\ngood,pos\n",
        r"dev\.csv:1: no column 'label' in the header.*Did you mean 'labels'",
    ),
    "broken JSON": (
        "dev.jsonl",
        '{"text": "a", "label": "pos"}\n' * 2 + '{"text": "a",\n',
        r"dev\.jsonl:3: not JSON",
    ),
    "no text": (
        "dev.jsonl",
        '{"text": "a", "label": "pos"}\n{"label": "pos"}\n',
        r"dev\.jsonl:2: no 'text'; its keys are 'label'",
    ),
    "number for a text": (
        "dev.jsonl",
        '{"text": 3, "label": "pos"}\n',
        r"dev\.jsonl:1: found 3 as \"text\"",
    ),
    "no semicolon": (
        "dev.txt",
        "good;pos\nbad;neg\nthe\n",
        r"dev\.txt:3: found 'the', expected text;label",
    ),
    "bare text": (
        "dev.txt",
        "good\nbad\n",
        r"dev\.txt: cannot recognise the form: neither a table",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_DEV_FILES.values(), ids=BAD_DEV_FILES)
def test_a_bad_dev_file_is_found_before_the_training(
    model, tmp_path, caplog, capsys, name, content, message
):
    flags = (f"--train_file={write(tmp_path / 'a.csv', SMALL)}", "--do_eval")
    flags += (f"--dev_file={write(tmp_path / name, content)}", f"--output_dir={tmp_path / 'out'}")
    assert train(model, *flags) == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (tmp_path / "out").exists()


BAD_FLAGS = [
    (["--train_file={}/none.csv"], 1, r"none\.csv: .*[Nn]o such file"),
    (["--do_eval", "--dev_file={}/none.csv"], 1, r"--dev_file=.*none\.csv: no such file"),
    (["--train_fil={}/a.csv"], 2, r"'train_fil'\. Did you mean: train_file"),
    (["--task_name=multiclas"], 2, r"--task_name=multiclas: no such task; did you mean multi"),
    (["--label_column=lable"], 1, r"a\.csv:1: no column 'lable' .*Did you mean 'label'"),
    (["--text_column=tekst"], 1, r"a\.csv:1: no column 'tekst' .* 'text', 'label'"),
    (["--label_column=3"], 1, r"a\.csv:1: --label_column=3, but there are 2 columns"),
    (["--labels=pos,negative"], 1,
     r"a\.csv:3: unknown label 'neg'; expected one of 'pos', 'negative'"),
    (["--labels=pos,neg,pos"], 1, r"a label is listed twice"),
    (["--data_form=jsonl"], 1, r"a\.csv:1: not JSON"),
    (["--data_form=folders"], 1, r"a\.csv: --data_form=folders, but it is not a folder"),
    (["--data_form=xml"], 2, r"--data_form=xml"),
    (["--delimiter=::"], 2, r"--delimiter=::: expected one character"),
    (["--encoding=latin-99"], 2, r"--encoding=latin-99: not a text encoding that Python knows"),
    (["--clean=link"], 2, r"--clean=link: expected some of links, "),
    (["--max_seq_length=65"], 1, r"--max_seq_length=65: the model has positions for at most 64"),
    (["--max_seq_length=2"], 2, r"--max_seq_length=2: 2 is not integer >= 3"),
    (["--doc_stride=4"], 2, r"--doc_stride requires --long_text=windows"),
    (["--output_dir={}/a.csv"], 1, r"--output_dir=.*a\.csv is a file; expected a folder"),
    (["--output_dir={}/a.csv/out"], 1, r"a\.csv/out is not writable: Not a directory"),
    (["--train_file=", "--data_dir={}/a.csv"], 1,
     r"--data_dir=.*a\.csv is a file; expected a folder.*--train_file"),
    (["--train_file=", "--data_dir={}"], 1, r": no train data; .*The folder contains: a\.csv"),
    (["--train_file="], 2, r"--train_file, or --data_dir with a train file, is missing"),
    (["--split=70"], 2, r"--split=70: expected the shares of train, dev and test"),
    (["--split=70:30:0"], 2, r"--split=70:30:0: expected the shares"),
    (["--split=7:a"], 2, r"--split=7:a: expected the shares"),
    (["--split=1:1:1:1"], 2, r"--split=1:1:1:1: expected the shares"),
    (["--split=80:20", "--dev_file={}/a.csv"], 2, r"--dev_file and --split cannot be combined"),
    (["--split=98:1:1", "--do_eval"], 1, r"a\.csv: no rows in the dev data"),
    (["--num_folds=1"], 2, r"--num_folds=1: 1 is not integer >= 2"),
    (["--num_folds=two"], 2, r"--num_folds=two"),
    (["--num_folds=2", "--split=1:1"], 2, r"--split and --num_folds cannot be combined"),
    (["--num_folds=2", "--do_predict"], 2, r"--num_folds and --do_predict cannot be combined"),
    (["--num_folds=2", "--do_train=false", "--do_eval"], 2, r"--num_folds requires --do_train=true"),  # noqa: E501
    (["--num_folds=5"], 1, r"a\.csv: 4 rows with 4 distinct texts, for --num_folds=5; expected at least one"),  # noqa: E501
    (["--problem_type=multi"], 2, r"--problem_type=multi"),
    (["--problem_type=regression"], 1, r"a\.csv:2: the label is 'pos'; expected a number"),
    (["--thresholds=2"], 2, r"--thresholds=2: expected probabilities, 0 to 1"),
    (["--thresholds=.5,half"], 2, r"--thresholds=\.5,half: expected probabilities"),
    (["--predict_file={}/a.csv"], 2, r"--predict_file requires --do_predict=true"),
    (["--do_check"], 2, r"--do_check and --do_train cannot be combined"),
    (["--vocab_file={}/short.txt"], 1, r"short\.txt: 6 tokens, but the model's vocab_size is"),
    (["--vocab_file={}/a.csv"], 1, r"a\.csv: \[UNK\], .* missing; expected a BERT vocabulary"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    BAD_FLAGS,
    ids=[" ".join(flags) for flags, _, _ in BAD_FLAGS],
)
def test_flags_that_cannot_be_get_one_line(model, tmp_path, caplog, capsys, flags, status, message):
    path = write(tmp_path / "a.csv", SMALL)
    write(tmp_path / "short.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    flags = [flag.format(tmp_path) for flag in flags]
    argv = (f"--train_file={path}", f"--output_dir={tmp_path / 'out'}", *flags)
    assert train(model, *argv) == status
    assert re.search(message, only_line(caplog, capsys))
    assert not list(tmp_path.glob("out/*.ckpt*"))


DAMAGES = {
    "index cut off": (
        lambda out: os.truncate(next(out.glob("model.ckpt-*.index")), 50),
        r"model\.ckpt-4: the checkpoint is damaged",
    ),
    "index gone": (
        lambda out: next(out.glob("model.ckpt-*.index")).unlink(),
        r"out/checkpoint: the checkpoint that it names is missing",
    ),
    "record broken": (
        lambda out: (out / "run.json").write_text("{"),
        r"run\.json: not the record of a training",
    ),
    "vocabulary short": (
        lambda out: (out / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n"),
        r"vocab\.txt: 4 tokens, but",
    ),
    "split gone": (
        lambda out: (out / "split" / "test.jsonl").unlink(),
        r"split/test\.jsonl: cannot be read",
    ),
    "split changed": (
        lambda out: (out / "split" / "test.jsonl").write_text('{"text": "a"}\n'),
        r"split/test\.jsonl:1: not an example as the training wrote it",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_output_directory_is_named(split_run, tmp_path, caplog, capsys, damage, message):
    out = shutil.copytree(split_run, tmp_path / "out")
    (out / "test_results.tsv").unlink()
    damage(out)
    assert run("--do_predict", f"--output_dir={out}") == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (out / "test_results.tsv").exists()


def test_a_model_is_not_taken_for_another_kind_of_problem(several_run, tmp_path, caplog, capsys):
    path = write(tmp_path / "p.txt", "good\n")
    flags = (f"--output_dir={several_run}", f"--predict_file={path}", "--problem_type=regression")
    assert run("--do_predict", *flags) == 1
    said = only_line(caplog, capsys)
    assert "--problem_type=regression: the model was trained with multi_label" in said


class NoReturn(Marked):
    def read_examples(self, path, split):
        list(super().read_examples(path, split))


class Tuples(Marked):
    def read_examples(self, path, split):
        return [("good film", "good"), ("bad film", "bad")]


class LabelsFail(Marked):
    def get_labels(self):
        return KNOWN["ugly"]


class PathFails(Marked):
    def path_of(self, data_dir, split):
        return KNOWN[split]


@pytest.mark.parametrize("processor", [NoReturn, Tuples, LabelsFail, PathFails])
def test_every_part_of_ones_own_code_is_named(
    model, tmp_path, monkeypatch, caplog, capsys, processor
):
    monkeypatch.setitem(PROCESSORS, "mine", processor)
    path = write(tmp_path / "train.tsv", "\n".join(LINES) + "\n")
    given = f"--data_dir={tmp_path}" if processor is PathFails else f"--train_file={path}"
    assert begin(model, "--task_name=mine", "--do_check", given) == 1
    assert processor.__name__ in only_line(caplog, capsys)


def test_a_processor_may_have_no_test_file(model, tmp_path, monkeypatch):
    monkeypatch.setitem(PROCESSORS, "mine", Marked)
    monkeypatch.setattr(Marked, "files", {"train": "a.txt", "dev": "a.txt"})
    write(tmp_path / "a.txt", "\n".join(LINES) + "\n")
    report = check(model, tmp_path / "out", "--task_name=mine", f"--data_dir={tmp_path}")
    assert list(report["splits"]) == ["train", "dev"]


def test_a_table_of_blank_lines_is_refused(model, tmp_path, caplog, capsys):
    path = write(tmp_path / "a.csv", "\n\n")
    assert begin(model, "--do_check", f"--train_file={path}") == 1
    assert "a.csv: only blank lines" in only_line(caplog, capsys)


def test_damaged_weights_are_named(split_run, tmp_path, caplog, capsys):
    out = shutil.copytree(split_run, tmp_path / "out")
    os.truncate(next(out.glob("model.ckpt-*.data*")), 5000)
    assert run("--do_predict", f"--output_dir={out}") == 1
    assert "model.ckpt-4" in only_line(caplog, capsys)


def test_a_written_split_that_is_trained_on_is_not_removed(
    model, split_run, tmp_path, monkeypatch, caplog, capsys
):
    out = shutil.copytree(split_run, tmp_path / "out")
    monkeypatch.setattr(
        train_lib, "make_training_input_fn", None
    )  # What comes so far, would train.
    flags = (f"--train_file={out / 'split' / 'train.jsonl'}", "--overwrite_output_dir")
    with contextlib.suppress(TypeError):
        train(model, *flags, f"--output_dir={out}")
    assert split_of(out) == split_of(split_run)


def test_a_table_without_header_is_predicted_by_a_model_of_one_with_header(split_run, tmp_path):
    path = write(tmp_path / "p.csv", "a good day\na bad day\n")
    flags = ("--header=false", "--text_column=1", f"--predict_file={path}")
    out = shutil.copytree(split_run, tmp_path / "out")
    assert [row["text"] for row in predict(out, *flags)] == ["a good day", "a bad day"]


def test_json_lines_are_predicted_by_a_model_of_a_table_without_header(windows_run, tmp_path):
    path = write(tmp_path / "p.jsonl", '{"text": "a good day"}\n{"text": "a bad day"}\n')
    rows = predict(windows_run, f"--predict_file={path}")
    assert [row["prediction"] for row in rows] == ["pos", "neg"]


def test_pairs_with_a_tab_between_are_predicted_from_a_text_file(pairs_run, tmp_path):
    path = write(tmp_path / "p.txt", "city\tthe good\nbook\tthe bad\n")
    rows = predict(pairs_run, f"--predict_file={path}")
    assert [row["text_b"] for row in rows] == ["the good", "the bad"]


def test_long_texts_are_cut_if_asked_to_by_a_model_of_windows(windows_run, tmp_path):
    path = write(tmp_path / "p.txt", "the good film is very good the bad book was very bad\n")
    rows = predict(windows_run, f"--predict_file={path}", "--long_text=truncate")
    assert float(rows[0]["pos"]) > 0.7


def test_training_data_does_not_come_by_standard_input(model, tmp_path, caplog, capsys):
    flags = ("--train_file=-", "--data_form=csv", f"--output_dir={tmp_path / 'out'}")
    with standard_input(write(tmp_path / "a.csv", SMALL)):
        assert train(model, *flags) > 0
    assert "--train_file=-" in only_line(caplog, capsys)


def test_labels_that_are_not_the_models_are_refused(split_run, caplog, capsys):
    assert run("--do_predict", f"--output_dir={split_run}", "--labels=yes,no") > 0
    assert "--labels" in only_line(caplog, capsys)
