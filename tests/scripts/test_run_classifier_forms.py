"""run_classifier.py reads each form of data, and data of any size."""

import gzip

import pytest

from tests.support import tiny
from tests.support.classifier import SMALL_CSV, check, train
from tests.support.files import read_json, read_results, write, write_csv

# Files, flags, the count of each label, and the number of wordpieces in the longest row.
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
    "gz": ({"a.csv.gz": gzip.compress(SMALL_CSV)}, (), {"neg": 2, "pos": 2}, 4),
    "latin-1": (  # c ##a ##f ##e
        {"a.csv": "text,label\ncafé,pos\nbad,neg\n".encode("latin-1")},
        ("--encoding=latin-1",),
        {"neg": 1, "pos": 1},
        6,
    ),
    "delimiter": ({"a.tsv": SMALL_CSV}, ("--delimiter=,",), {"neg": 2, "pos": 2}, 4),
    "form": ({"a.data": SMALL_CSV}, ("--data_form=csv",), {"neg": 2, "pos": 2}, 4),
}


@pytest.mark.parametrize(("files", "arguments", "labels", "longest"), FORMS.values(), ids=FORMS)
def test_each_form_is_read_completely(model, tmp_path, files, arguments, labels, longest):
    for name, content in files.items():
        write(tmp_path / name, content)
    first = tmp_path / next(iter(files)).split("/")[0]
    report = check(model, tmp_path / "out", *arguments, train_file=first)
    train_split = report["splits"]["train"]
    assert train_split["rows"] == sum(labels.values())
    assert train_split["labels"] == labels
    assert train_split["tokens"]["longest"] == longest


def test_files_of_a_folder_are_found_by_split_name(model, tmp_path):
    write(tmp_path / "data" / "train.csv", SMALL_CSV)
    write(tmp_path / "data" / "valid.jsonl", '{"text": "good", "label": "pos"}\n')
    write(tmp_path / "data" / "test.txt.gz", gzip.compress(b"good\n\nbad\n"))
    report = check(model, tmp_path / "out", data_dir=tmp_path / "data")
    assert [(name, split["rows"]) for name, split in report["splits"].items()] == [
        ("train", 4), ("dev", 1), ("test", 3)
    ]  # fmt: skip


def test_results_for_200_labels_have_no_confusion_matrix_and_no_probability_columns(
    model, tmp_path
):
    labels = [f"label {i:03}" for i in range(200)]
    path = write_csv(tmp_path / "train.csv", [("a good day", label) for label in labels])
    out = tmp_path / "out"
    files = {"train_file": path, "dev_file": path, "predict_file": path}
    modes = ("--do_eval", "--do_predict")
    assert train(model, *modes, **files, output_dir=out, num_train_epochs=0.01) == 0
    scores = read_json(out / "eval_results.json")
    assert list(scores["labels"]) == labels
    assert scores["confusion_matrix"] is None
    assert scores["accuracy"] == 1 / 200  # All texts are equal.
    assert len(scores["most_confused"]) == 20
    rows = read_results(out)
    assert list(rows[0]) == ["guid", "text", "prediction", "score", "gold"]
    assert len(rows) == 200


def test_report_on_ten_thousand_labels_is_short(model, tmp_path, capsys):
    rows = [(f"a good {i}", f"label {i}") for i in range(10_000)]
    path = write_csv(tmp_path / "a.csv", rows)
    report = check(model, tmp_path / "out", train_file=path)
    assert len(report["splits"]["train"]["labels"]) == 10_000
    shown = capsys.readouterr().out
    assert "… and 9980 more labels" in shown
    assert len(shown.splitlines()) < 50


def test_report_covers_texts_of_100_000_characters_and_of_emoji_only(model, tmp_path):
    rows = [("good " * 20_000, "pos"), ("🙂" * 100_000, "neg"), ("🙂", "neg"), ("", "pos")]
    path = write_csv(tmp_path / "a.csv", rows)
    report = check(model, tmp_path / "out", train_file=path)
    split = report["splits"]["train"]
    assert (split["tokens"]["longest"], split["tokens"]["cut"], split["empty"]) == (20_002, 1, 1)
    assert split["unknown_token_rate"] == pytest.approx(2 / 20_002)
    assert report["suggested_max_seq_length"] == 64  # The model has only 64 positions.


def test_single_row_is_learned_if_the_labels_are_listed(model, tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ngood,pos\n")
    out = tmp_path / "out"
    assert train(model, train_file=path, labels="neg,pos", output_dir=out) == 0
    assert tiny.weights(out)["global_step"] == 1
    assert tiny.weights(out)["output_weights"].shape == (2, 32)
