"""Standard input and pipes are predicted as they come, in order, with the answers of a file."""

import json
import os
import random
import signal
import threading

import pytest

from tests.support.classifier import ROWS, train
from tests.support.commands import CLASSIFIER, TAGGER, only_line, run
from tests.support.conversations import answers_of_file_and_stream, converse
from tests.support.files import (
    read_conll,
    read_json,
    read_results,
    write,
    write_conll,
    write_csv,
)

WORDS = "a good great bad not film movie book city world company year day time people".split()
# Rows of 3 to 14 wordpieces: more than fit into the first five chunks of batches of 4
TEXTS = [" ".join(random.Random(i).choices(WORDS, k=1 + (7 * i) % 12)) + "\n" for i in range(257)]


@pytest.fixture(scope="module")
def classifier(model, tmp_path_factory):
    """The output directory of a trained classifier."""
    folder = tmp_path_factory.mktemp("classifier")
    data = write_csv(folder / "train.csv", ROWS)
    assert train(model, train_file=data, output_dir=folder / "out") == 0
    return folder / "out"


@pytest.fixture(scope="module")
def tagger(model, tmp_path_factory):
    """The output directory of a trained tagger."""
    folder = tmp_path_factory.mktemp("tagger")
    data = write_conll(
        folder / "train.txt", [[("anna", "B-PER"), ("went", "O")], [("paris", "B-LOC")]] * 5
    )
    flags = {"do_train": "true", "num_train_epochs": 1.0, "max_seq_length": 16}
    assert run(TAGGER, model=model, train_file=data, output_dir=folder / "out", **flags) == 0
    return folder / "out"


def answer(output_dir, talk, *arguments, script=CLASSIFIER, **settings):
    """Predicts a stream, by default standard input; returns the exit status and the answers."""
    flags = {"do_predict": "true", "predict_file": "-", "predict_batch_size": 4}
    return converse(talk, script, *arguments, **{**flags, "output_dir": output_dir, **settings})


def say(*parts):
    def talk(partner):
        for part in parts:
            partner.say(part)

    return talk


def test_a_stream_is_answered_as_a_file_to_the_last_bit(classifier):
    of_file, of_stream = answers_of_file_and_stream(classifier, "".join(TEXTS))
    assert of_stream == of_file
    assert [row["text"] + "\n" for row in read_results(classifier)] == TEXTS


def test_each_line_of_a_writer_who_waits_is_answered(classifier):
    def talk(partner):
        for i, text in enumerate(("good film\n", "\n", 'a "bad\tbook\n'), start=1):
            partner.say(text)
            if i == 1:
                assert partner.hear() == "guid\ttext\tprediction\tscore\tneg\tpos\n"
            assert partner.hear().startswith(f"test-{i}\t")

    status, answers = answer(classifier, talk)
    assert status == 0
    assert answers == (classifier / "test_results.tsv").read_text()
    texts = [row["text"] for row in read_results(classifier)]
    assert texts == ["good film", "", 'a "bad\tbook']


def test_each_line_typed_at_a_terminal_is_answered(classifier, caplog):
    def talk(partner):
        partner.say("good film\n")
        partner.hear()
        assert partner.hear().startswith("test-1\tgood film\t")
        partner.say("bad\n")
        assert partner.hear().startswith("test-2\tbad\t")
        partner.say(b"\x04")  # Ctrl-D
        assert partner.hear() == ""

    status, _ = answer(classifier, talk, terminal=True)
    assert status == 0
    assert "Type a text and press Enter; Ctrl-D ends the input." in caplog.text


def test_an_endless_stream_is_answered_until_the_output_is_closed(classifier, caplog, capsys):
    def talk(partner):
        def write_for_ever():
            while True:
                try:
                    partner.say("some text\n" * 100)
                except OSError:
                    return

        threading.Thread(target=write_for_ever, daemon=True).start()
        for _ in range(3):
            partner.hear()
        partner.stop_reading()

    status, answers = answer(classifier, talk)
    assert status == 128 + signal.SIGPIPE
    assert answers.count("\n") == 3
    rows = read_results(classifier)
    assert [row["guid"] for row in rows] == [f"test-{i}" for i in range(1, len(rows) + 1)]
    line = only_line(caplog, capsys)
    path = classifier / "test_results.tsv"
    assert line == (
        f"run_classifier.py: interrupted. Standard output was closed. {len(rows)} predictions are "
        f"in {path}."
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_stream_keeps_what_was_answered(classifier, caplog, capsys, number):
    def talk(partner):
        partner.say("good film\nbad film\n")
        for _ in range(3):
            partner.hear()
        partner.say("not answered")
        os.kill(os.getpid(), number)
        assert partner.hear() == ""

    status, _ = answer(classifier, talk)
    assert status == 128 + number
    assert [row["text"] for row in read_results(classifier)] == ["good film", "bad film"]
    path = classifier / "test_results.tsv"
    expected = f"run_classifier.py: interrupted. 2 predictions are in {path}."
    assert only_line(caplog, capsys) == expected
    assert sorted(p.name for p in classifier.iterdir() if p.suffix == ".tmp") == []


def test_rows_before_a_wrong_one_are_answered(classifier, caplog, capsys):
    status, answers = answer(classifier, say(b"good\nbad\ncaf\xe9\nnot\n"))
    assert status == 1
    assert [line.split("\t")[1] for line in answers.splitlines()] == ["text", "good", "bad"]
    assert "-:3: byte 0xe9 at position 4 is not UTF-8." in only_line(caplog, capsys)


def test_an_empty_stream_is_an_error(classifier, caplog, capsys):
    (classifier / "test_results.tsv").write_text("earlier")
    status, answers = answer(classifier, say(b""))
    assert (status, answers) == (1, "")
    assert "standard input is empty" in only_line(caplog, capsys)
    assert (classifier / "test_results.tsv").read_text() == "earlier"


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("text", b"\xef\xbb\xbfgood film\nbad"),
        ("csv", b'id,text\n1,good film\n2,"bad"\n'),
        ("tsv", b"text\tid\ngood film\t1\nbad\t2\n"),
        ("jsonl", b'{"text": "good film"}\n\n{"id": 7, "text": "bad"}\n'),
    ],
)
def test_every_form_can_be_a_stream(classifier, form, content):
    columns = ("--header=true", "--text_column=text") if form in ("csv", "tsv") else ()

    def talk(partner):
        first, rest = content.split(b"\n", 1)
        partner.say(first + b"\n")
        if form in ("text", "jsonl"):
            partner.hear()
            assert "good film" in partner.hear()
        partner.say(rest)

    status, answers = answer(classifier, talk, f"--data_form={form}", *columns)
    assert status == 0
    assert [line.split("\t")[1] for line in answers.splitlines()] == ["text", "good film", "bad"]


def test_a_pipe_is_read_as_standard_input(classifier, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=write, args=(tmp_path / "pipe", "good film\nbad\n"))
    flags = {"do_predict": "true", "output_dir": classifier}
    # pathlib's write_bytes opens the pipe, and waits for its reader.
    writer.start()
    status, answers = converse(
        lambda partner: None, CLASSIFIER, predict_file=tmp_path / "pipe", **flags
    )
    assert status == 0
    assert answers == (classifier / "test_results.tsv").read_text()
    assert [row["text"] for row in read_results(classifier)] == ["good film", "bad"]
    status, answers = converse(say("one\n"), CLASSIFIER, predict_file="/dev/stdin", **flags)
    assert [line.split("\t")[1] for line in answers.splitlines()] == ["text", "one"]


def test_a_pipe_as_training_data_is_refused(classifier, tmp_path, caplog, capsys):
    os.mkfifo(tmp_path / "pipe")
    flags = {"do_eval": "true", "output_dir": classifier}
    assert run(CLASSIFIER, dev_file=tmp_path / "pipe", **flags) == 1
    assert f"{tmp_path / 'pipe'} is a pipe; expected a file" in only_line(caplog, capsys)


def test_a_tagger_answers_a_stream_as_a_file(tagger):
    texts = [text.replace("film", "anna").replace("city", "paris") for text in TEXTS]
    of_file, of_stream = answers_of_file_and_stream(
        tagger, "".join(texts), "--data_form=text", script=TAGGER
    )
    assert of_stream == of_file


def test_a_tagger_answers_columns_as_a_file(tagger):
    content = "".join(text.replace(" ", "\n") + "\n" for text in TEXTS[:67])
    of_file, of_stream = answers_of_file_and_stream(
        tagger, content, "--data_form=conll", script=TAGGER
    )
    assert of_stream == of_file
    assert of_stream[-1].count(b"\n") == 67


def test_a_tagger_answers_each_line(tagger):
    def talk(partner):
        for text in ("anna went", "", "paris"):
            partner.say(text + "\n")
            assert json.loads(partner.hear())["text"] == text

    assert answer(tagger, talk, script=TAGGER)[0] == 0


def test_a_tagger_answers_each_sentence_in_columns(tagger, caplog):
    def talk(partner):
        for word in ("anna", "paris"):
            partner.say(f"{word} B-PER\nwent O\n\n")
            assert json.loads(partner.hear())["text"] == f"{word} went"
        partner.say("no-tag\n\n")

    flags = {"tag_column": 2, "annotation_tool": "label_studio"}
    assert answer(tagger, talk, script=TAGGER, **flags)[0] == 1
    assert "-:7: 1 column ('no-tag'); expected 2, as in most lines" in caplog.text
    # The answers are also in the file for the annotation tool.
    tasks = read_json(tagger / "test_results.label_studio.json")
    assert [task["data"]["text"] for task in tasks] == ["anna went", "paris went"]
    assert read_conll(tagger / "test_results.conll")[1][0][:2] == ["paris", "B-PER"]


def test_a_check_of_the_data_needs_files(classifier, tmp_path, caplog, capsys):
    os.mkfifo(tmp_path / "pipe")
    for path in ("-", tmp_path / "pipe"):
        flags = {"do_check": "true", "train_file": classifier.parent / "train.csv"}
        flags.update(model_dir=classifier, max_seq_length=16, predict_file=path)
        assert run(CLASSIFIER, **flags) == 2
        line = only_line(caplog, capsys)
        assert f"--predict_file={path}: --do_check reads the data more than once" in line


def test_a_training_run_leaves_standard_input_to_its_prediction(classifier, tmp_path):
    flags = {"do_train": "true", "num_train_epochs": 1.0, "max_seq_length": 16}
    flags.update(train_file=classifier.parent / "train.csv")
    flags.update(vocab_file=classifier / "vocab.txt")
    flags.update(bert_config_file=classifier / "bert_config.json")
    status, answers = answer(tmp_path / "out", say("good film\n"), **flags)
    assert status == 0
    assert [line.split("\t")[1] for line in answers.splitlines()] == ["text", "good film"]
