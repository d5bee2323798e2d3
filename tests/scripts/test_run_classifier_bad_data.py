"""run_classifier.py reports bad data and wrong flags in one line."""

import gzip
import re

import pytest

from tests.support.classifier import SMALL_CSV, run_check, train
from tests.support.commands import only_line, standard_input
from tests.support.files import write

_LATIN = "text,label\ngood,pos\ncafé,neg\n".encode("latin-1")
_MANY = gzip.compress(b"text,label\n" + b"".join(b"good %d,pos\nbad,neg\n" % i for i in range(999)))

BAD_TRAINING_FILES = {
    "empty": ("", r"a\.csv: the file is empty"),
    "header only": ("text,label\n", r"a\.csv: no rows in the train data"),
    "missing column": (
        "text,label\n" + "good,pos\nbad,neg\n" * 2 + "good,pos\nbad\n",
        r"a\.csv:7 has 1 column; the first line has 2: 'text' \| 'label'",
    ),
    "extra column": (
        "text,label\ngood,pos\nbad,no,neg\n",
        r"a\.csv:3 has 3 columns; the first line has 2",
    ),
    "empty label": (
        "text,label\ngood,pos\nbad,neg\nthe,\n",
        r"a\.csv:4: the row has no label; expected one of 'neg', 'pos'",
    ),
    "blank label": (
        "text,label\ngood,pos\nbad,neg\nthe, \t\n",
        r"a\.csv:4: the row has no label",
    ),
    "open quote": ('text,label\ngood,pos\n"bad,neg\nthe,neg\n', r"a\.csv:3: a quote is not closed"),
    "NUL": ("text,label\ngood,pos\nba\0d,neg\n", r"a\.csv:3: a NUL byte at position 3"),
    "latin-1": (_LATIN, r"a\.csv:3: byte 0xe9 at position 4 is not UTF-8.*--encoding=latin-1"),
    "utf-16": (
        SMALL_CSV.decode().encode("utf-16"),
        r"a\.csv:1: the file is UTF-16; use --encoding=utf-16",
    ),
    "one label": (
        "text,label\ngood,pos\nbad,pos\n",
        r"Found 1 label \('pos'\); .* two or more",
    ),
    "one row": ("text,label\ngood,pos\n", r"Found 1 label \('pos'\); .* two or more"),
    "repeated column": (
        "text,text\ngood,pos\n",
        r"a\.csv:1: the header names a column twice, 'text'",
    ),
    "unknown columns": (
        "good,pos,1\nbad,neg,2\n",
        r"a\.csv:1: cannot tell which column .* found 3 columns: .*--text_column and --label",
    ),
    "truncated gzip": (
        _MANY[: len(_MANY) // 2],
        r"a\.csv:\d{2,}: the gzip file is damaged or truncated",
    ),
}


@pytest.mark.parametrize(
    ("content", "message"), BAD_TRAINING_FILES.values(), ids=BAD_TRAINING_FILES
)
def test_bad_training_file_gets_one_line_with_its_place(
    model, tmp_path, caplog, capsys, content, message
):
    path = write(tmp_path / "a.csv", content)
    assert train(model, train_file=path, output_dir=tmp_path / "out") == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (tmp_path / "out").exists()


def test_table_of_blank_lines_is_rejected(model, tmp_path, caplog, capsys):
    path = write(tmp_path / "a.csv", "\n\n")
    assert run_check(model, train_file=path) == 1
    assert "a.csv: only blank lines" in only_line(caplog, capsys)


def test_training_data_from_standard_input_is_rejected(model, tmp_path, caplog, capsys):
    flags = {"train_file": "-", "data_form": "csv", "output_dir": tmp_path / "out"}
    with standard_input(write(tmp_path / "a.csv", SMALL_CSV)):
        assert train(model, **flags) > 0
    assert "--train_file=-" in only_line(caplog, capsys)


BAD_DEV_FILES = {
    "unknown label": (
        "dev.csv",
        "text,label\n" + "good,pos\n" * 7 + "bad,other\n",
        r"dev\.csv:9: unknown label 'other'; expected one of 'neg', 'pos'",
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
    "number as text": (
        "dev.jsonl",
        '{"text": 3, "label": "pos"}\n',
        r"dev\.jsonl:1: found 3 as \"text\"",
    ),
    "no semicolon": (
        "dev.txt",
        "good;pos\nbad;neg\nthe\n",
        r"dev\.txt:3: found 'the'; expected text;label",
    ),
    "bare text": (
        "dev.txt",
        "good\nbad\n",
        r"dev\.txt: cannot recognise the form: the file is not a table",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_DEV_FILES.values(), ids=BAD_DEV_FILES)
def test_bad_dev_file_is_found_before_the_training(
    model, tmp_path, caplog, capsys, name, content, message
):
    files = {
        "train_file": write(tmp_path / "a.csv", SMALL_CSV),
        "dev_file": write(tmp_path / name, content),
        "output_dir": tmp_path / "out",
    }
    assert train(model, "--do_eval", **files) == 1
    assert re.search(message, only_line(caplog, capsys))
    assert not (tmp_path / "out").exists()


# Arguments, in which {} is the test's folder; the exit status; the message.
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
    (["--data_form=folders"], 1, r"a\.csv: --data_form=folders, but the path is not a folder"),
    (["--data_form=xml"], 2, r"--data_form=xml"),
    (["--delimiter=::"], 2, r"--delimiter=::: expected one character"),
    (["--encoding=latin-99"], 2, r"--encoding=latin-99: not a text encoding that Python knows"),
    (["--clean=link"], 2, r"--clean=link: expected one or more of links, "),
    (["--max_seq_length=65"], 1, r"--max_seq_length=65: the model has positions for at most 64"),
    (["--max_seq_length=2"], 2, r"--max_seq_length=2: 2 is not integer >= 3"),
    (["--doc_stride=4"], 2, r"--doc_stride requires --long_text=windows"),
    (["--output_dir={}/a.csv"], 1, r"--output_dir=.*a\.csv is a file; expected a directory"),
    (["--output_dir={}/a.csv/out"], 1, r"a\.csv/out is not writable: Not a directory"),
    (["--train_file=", "--data_dir={}/a.csv"], 1,
     r"--data_dir=.*a\.csv is a file; expected a folder.*--train_file"),
    (["--train_file=", "--data_dir={}"], 1, r": no train data; .*The folder contains: a\.csv"),
    (["--train_file="], 2, r"--train_file is missing\. Set it, or --data_dir with a train"),
    (["--split=70"], 2, r"--split=70: expected the shares of train, dev and test"),
    (["--split=70:30:0"], 2, r"--split=70:30:0: expected the shares"),
    (["--split=7:a"], 2, r"--split=7:a: expected the shares"),
    (["--split=1:1:1:1"], 2, r"--split=1:1:1:1: expected the shares"),
    (["--split=80:20", "--dev_file={}/a.csv"], 2, r"--dev_file and --split cannot be combined"),
    (["--split=98:1:1", "--do_eval"], 1, r"a\.csv: no rows in the dev data \(of \d+ rows\)"),
    (["--num_folds=1"], 2, r"--num_folds=1: 1 is not integer >= 2"),
    (["--num_folds=two"], 2, r"--num_folds=two"),
    (["--num_folds=2", "--split=1:1"], 2, r"--split and --num_folds cannot be combined"),
    (["--num_folds=2", "--do_predict"], 2, r"--num_folds and --do_predict cannot be combined"),
    (["--num_folds=2", "--do_train=false", "--do_eval"], 2, r"--num_folds requires --do_train=true"),  # noqa: E501
    (["--num_folds=5"], 1, r"a\.csv: 4 rows with 4 distinct texts, but --num_folds=5; expected at least one distinct text per"),  # noqa: E501
    (["--problem_type=multi"], 2, r"--problem_type=multi"),
    (["--problem_type=regression"], 1, r"a\.csv:2: the label is 'pos'; expected a number"),
    (["--thresholds=2"], 2, r"--thresholds=2: expected probabilities from 0 to 1"),
    (["--thresholds=.5,half"], 2, r"--thresholds=\.5,half: expected probabilities"),
    (["--predict_file={}/a.csv"], 2, r"--predict_file requires --do_predict=true"),
    (["--do_check"], 2, r"--do_check and --do_train cannot be combined"),
    (["--vocab_file={}/short.txt"], 1, r"short\.txt: 6 tokens, but the model's vocab_size is"),
    (["--vocab_file={}/a.csv"], 1, r"a\.csv: \[UNK\], .* missing; expected a BERT vocabulary"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    BAD_FLAGS,
    ids=[" ".join(arguments) for arguments, _, _ in BAD_FLAGS],
)
def test_wrong_flags_get_one_line(model, tmp_path, caplog, capsys, arguments, status, message):
    path = write(tmp_path / "a.csv", SMALL_CSV)
    write(tmp_path / "short.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    arguments = [argument.format(tmp_path) for argument in arguments]
    assert train(model, *arguments, train_file=path, output_dir=tmp_path / "out") == status
    assert re.search(message, only_line(caplog, capsys))
    assert not list(tmp_path.glob("out/*.ckpt*"))
