"""run_ner.py end to end, on the classic data layout: training, evaluation, prediction."""

import itertools
import re
import shutil
import subprocess
import sys

import conlleval
import numpy as np
import pytest
import seqeval.metrics
import tensorflow.compat.v1 as tf

from finetune.tasks.tagging.processor import NERProcessor
from tests.support import ROOT
from tests.support.commands import CLASSIFIER, TAGGER, command, run
from tests.support.files import read_conll, read_json, read_jsonl, write, write_conll
from tests.support.tiny import weights

PEOPLE, PLACES, VERBS = ("anna", "peter"), ("paris", "london", "france"), ("lives", "works")
# A person's name of two words, and a place; every other sentence has a word without wordpieces.
SENTENCES = []
for who, verb, place in itertools.product(PEOPLE, VERBS, PLACES):
    sentence = [(who, "B-PER"), ("new", "I-PER"), (verb, "O"), ("in", "O"), (place, "B-LOC")]
    sentence.insert(*((2, ("\u200e", "O")) if len(SENTENCES) % 2 else (0, ("🙂", "O"))))
    SENTENCES.append(sentence)
MODES = ("--do_train=true", "--do_eval=true", "--do_predict=true")


@pytest.fixture
def data(tmp_path):
    """A folder with data: 12 sentences to train on, 5 to evaluate, 3 to predict."""
    folder = tmp_path / "data" / "ner"
    write_conll(folder / "train.txt", SENTENCES, end="")
    write_conll(folder / "dev.txt", SENTENCES[:5])
    write_conll(folder / "test.txt", SENTENCES[5:8], end="")
    return folder


def tag(model, tmp_path, *arguments, **flags):
    """Runs the classic command, with --task_name and --data_dir; returns the exit status."""
    defaults = {
        "task_name": "ner",
        "data_dir": tmp_path / "data",
        "output_dir": tmp_path / "out",
        "num_train_epochs": 40.0,
    }
    return run(TAGGER, *arguments, model=model, **{**defaults, **flags})


def predict(tmp_path, *arguments, **flags):
    """Predicts with the trained model in out/; returns the exit status."""
    flags = {"output_dir": tmp_path / "out", **flags}
    return run(TAGGER, "--do_predict", *arguments, **flags)


@pytest.mark.parametrize(
    "flags, added",
    [
        ((), set()),
        (
            ("--ner_head=pooler",),
            {"bert/sequence_output/dense/kernel", "bert/sequence_output/dense/bias"},
        ),
        (("--use_crf",), {"crf/start", "crf/transitions", "crf/end"}),
    ],
)
def test_train_evaluate_predict_and_predict_plain_text_later(
    model, data, tmp_path, caplog, flags, added
):
    assert tag(model, tmp_path, *MODES, *flags) == 0, caplog.text
    out = tmp_path / "out"
    scores = read_json(out / "eval_results.json")
    assert (scores["num_sentences"], scores["num_words"]) == (5, 30)
    assert (scores["f1"], scores["strict_f1"], scores["token_accuracy"]) == (1.0, 1.0, 1.0)
    assert scores["types"]["PER"]["support"] == 5
    assert "f1 = 1.0000" in (out / "eval_results.txt").read_text()
    record = read_json(out / "run.json")
    assert record["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]

    seen = set(weights(out)) - set(tf.train.load_checkpoint(
        str(model / "bert_model.ckpt")).get_variable_to_shape_map())  # fmt: skip
    assert seen == {"output_weights", "output_bias", "global_step", *added}

    # Columns: word, gold label, prediction. The test file does not end with a blank line.
    rows = read_conll(out / "test_results.conll")
    assert [[(word, gold) for word, gold, _ in row] for row in rows] == SENTENCES[5:8]
    gold, predicted = ([[row[i] for row in block] for block in rows] for i in (1, 2))
    assert seqeval.metrics.f1_score(gold, predicted) == 1.0
    lines = (out / "test_results.conll").read_text(encoding="utf-8").splitlines()
    assert conlleval.evaluate(lines)["overall"]["chunks"]["evals"]["f1"] == 1.0

    # All texts to predict have tags, so they are scored.
    assert read_json(out / "eval_results-test.json")["f1"] == 1.0
    assert "f1 (test)" in caplog.messages[-1]

    lines = read_jsonl(out / "test_results.jsonl")
    assert [line["guid"] for line in lines] == ["test-1", "test-8", "test-15"]
    assert lines[0]["text"] == "anna new \u200e works in france"
    (person, place) = lines[0]["entities"]
    assert 0.5 < person.pop("score") <= 1.0
    assert person == {"type": "PER", "start": 0, "end": len("anna new"), "surface": "anna new"}
    assert (place["type"], place["surface"]) == ("LOC", "france")

    # Prediction needs only the output directory and plain text.
    shutil.rmtree(tmp_path / "data")
    out = shutil.move(out, tmp_path / "moved")
    texts = "\n🙂  peter new works in London\n\n🙂 anna new lives in paris\n"
    text = write(tmp_path / "some.txt", texts)
    assert predict(tmp_path, predict_file=text, output_dir=tmp_path / "moved") == 0, caplog.text
    lines = read_jsonl(out / "test_results.jsonl")
    assert [line["text"] for line in lines] == text.read_text(encoding="utf-8").split("\n")[:4]
    surfaces = [[entity["surface"] for entity in line["entities"]] for line in lines]
    assert surfaces == [[], ["peter new", "London"], [], ["anna new", "paris"]]
    assert all(line["text"][e["start"] : e["end"]] == e["surface"]
               for line in lines for e in line["entities"])  # fmt: skip
    # The first and the third text have no words; conlleval rejects empty sentences.
    blocks = read_conll(out / "test_results.conll")
    assert [[len(row) for row in block] for block in blocks] == [[2] * 6, [2] * 6]


@pytest.mark.parametrize("crf", ["false", "true"])
def test_each_word_of_a_long_sentence_is_predicted(model, data, tmp_path, caplog, crf):
    # The text has 72 words; a window holds 6 wordpieces.
    long = sum(SENTENCES, [])
    write_conll(data / "train.txt", [long])
    write_conll(data / "test.txt", [long, (long * 70)[:5000]])
    flags = {"use_crf": crf, "doc_stride": 2, "max_seq_length": 8}
    assert tag(model, tmp_path, "--do_train", "--do_predict", **flags) == 0, caplog.text
    assert "Wrote 2 predictions to" in caplog.text  # One for each text, not for each window
    rows, more = read_conll(tmp_path / "out" / "test_results.conll")
    assert [(word, gold) for word, gold, _ in rows] == long
    assert [(word, gold) for word, gold, _ in more] == (long * 70)[:5000]
    assert np.mean([gold == predicted for _, gold, predicted in rows]) > 0.95


def test_file_to_split_is_read_once(model, data, tmp_path, caplog, monkeypatch):
    paths = []
    read_examples = NERProcessor.read_examples

    def recording(processor, path, split):
        paths.append(path)
        return read_examples(processor, path, split)

    monkeypatch.setattr(NERProcessor, "read_examples", recording)
    file = data / "train.txt"
    flags = {"data_dir": None, "init_checkpoint": None, "train_file": file, "split": "70:30"}
    assert tag(model, tmp_path, "--do_check", **flags) == 0, caplog.text
    assert paths == [str(file)]


@pytest.mark.parametrize("crf", ["false", "true"])
def test_entity_longer_than_a_window_is_found_whole(model, data, tmp_path, caplog, crf):
    long = [("anna", "B-PER"), *[("new", "I-PER")] * 11]
    long += [("lives", "O"), ("in", "O"), ("paris", "B-LOC")]
    for split in ("train", "dev", "test"):
        write_conll(data / f"{split}.txt", [long] * 6)
    flags = {"use_crf": crf, "max_seq_length": 8, "num_train_epochs": 20}
    assert tag(model, tmp_path, *MODES, **flags) == 0, caplog.text
    scores = read_json(tmp_path / "out" / "eval_results.json")
    assert (scores["f1"], scores["strict_f1"]) == (1.0, 1.0)
    assert scores["loss"] < 0.5
    (person, _) = read_jsonl(tmp_path / "out" / "test_results.jsonl")[0]["entities"]
    assert person["surface"] == " ".join(word for word, _ in long[:12])


def test_characters_as_words_are_learned_and_predicted(model, tmp_path, caplog):
    for split in ("train", "dev", "test"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        write(folder / "texts.txt", "ab c d\nxx ab\n")
        write(folder / "labels.txt", "BEOOOS\nOOOBE\n")
    assert tag(model, tmp_path, *MODES, num_train_epochs=60) == 0, caplog.text
    record = read_json(tmp_path / "out" / "run.json")
    assert record["labels"] == ["O", "B", "I"]
    assert record["settings"]["word_split"] == "characters"
    scores = read_json(tmp_path / "out" / "eval_results.json")
    assert (scores["num_words"], scores["f1"]) == (8, 1.0)
    text = write(tmp_path / "some.txt", "ab c d\n")
    assert predict(tmp_path, predict_file=text) == 0, caplog.text
    (line,) = read_jsonl(tmp_path / "out" / "test_results.jsonl")
    assert [(e["type"], e["surface"]) for e in line["entities"]] == [("_", "ab"), ("_", "d")]


@pytest.mark.parametrize("ending", ["conll", "jsonl"])
def test_predictions_can_be_training_data(model, data, tmp_path, caplog, ending):
    assert tag(model, tmp_path, *MODES) == 0
    for split in ("train", "dev", "test"):
        (data / f"{split}.txt").unlink()
        shutil.copy(tmp_path / "out" / f"test_results.{ending}", data / f"{split}.{ending}")
    assert tag(model, tmp_path, *MODES, output_dir=tmp_path / "again") == 0, caplog.text
    scores = read_json(tmp_path / "again" / "eval_results.json")
    assert (scores["num_sentences"], scores["f1"]) == (3, 1.0)


def test_weights_with_a_crf_are_reproducible(model, data, tmp_path):
    for output in ("first", "second"):
        flags = {"output_dir": tmp_path / output, "num_train_epochs": 2}
        assert tag(model, tmp_path, "--do_train", "--use_crf", **flags) == 0
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert np.abs(first["crf/transitions"]).max() > 0


def test_changed_head_requires_a_new_training_run(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    assert tag(model, tmp_path, "--do_train", ner_head="pooler", num_train_epochs=1) == 1
    assert "ner_head was 'linear', now 'pooler'" in caplog.text


def last_line(caplog):
    return caplog.records[-1].getMessage()


def test_tag_that_occurs_only_in_dev_is_rejected_before_training(model, data, tmp_path, caplog):
    write_conll(data / "dev.txt", [*SENTENCES[:2], [("a", "O"), ("film", "B-ART")]])
    assert tag(model, tmp_path, "--do_train", "--do_eval") == 1
    assert f"{data / 'dev.txt'}:16: unknown tag 'B-ART'; expected one of O, B-LOC" in last_line(
        caplog
    )
    assert not (tmp_path / "out").exists()
    flags = {"labels": "PER,LOC,ART", "num_train_epochs": 1}
    assert tag(model, tmp_path, "--do_train", "--do_eval", **flags) == 0, caplog.text
    labels = ["O", "B-ART", "I-ART", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert read_json(tmp_path / "out" / "run.json")["labels"] == labels


def test_tag_that_continues_no_span_needs_the_lenient_scheme(model, data, tmp_path, caplog):
    write_conll(data / "train.txt", [*SENTENCES, [("the", "O"), ("film", "I-ART")]])
    flags = {"do_train": "true", "num_train_epochs": 1}
    assert tag(model, tmp_path, **flags) == 1
    line = last_line(caplog)
    assert f"{data / 'train.txt'}:86: tag 'I-ART': it cannot follow O" in line
    assert "IOB2" in line and "--tag_scheme=lenient" in line
    assert tag(model, tmp_path, **flags, tag_scheme="lenient") == 0
    record = read_json(tmp_path / "out" / "run.json")
    assert record["labels"][1:3] == ["B-ART", "I-ART"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("anna B-PER\nlives\n", r"train.txt:2: 1 column \('lives'\); expected 2, as in most"),
        ("anna PER\n", r"train.txt:1: found 'PER' as the tag"),
        ("\n \n\t\n", "train.txt: only blank lines"),
        ("", "train.txt: the file is empty"),
        ("anna O\nlives O\n", "The training data has no tag except O"),
        ("anna O\rlives O\r", "train.txt:1: a CR inside the line"),
    ],
)
def test_bad_training_file_is_reported_in_one_line(model, data, tmp_path, caplog, content, message):
    write(data / "train.txt", content)
    assert tag(model, tmp_path, "--do_train") == 1
    assert last_line(caplog).count("\n") == 0
    assert re.search(message, last_line(caplog))


@pytest.mark.parametrize(
    "flag, status, message",
    [
        ("--word_column=0", 2, "--word_column=0: expected 1 for the first column"),
        ("--ner_head=crf", 2, "value should be one of <linear|pooler>"),
        ("--predict_file=x.txt", 2, "--predict_file requires --do_predict=true"),
        ("--doc_stride=15", 2, "--doc_stride=15: expected at most 14"),
        ("--task_name=binary", 2, "is not a task of this script, whose tasks are ner, wnut17"),
        ("--task_name=wnut", 2, "no such task; did you mean wnut17"),
        (
            "--word_column=3",
            1,
            "train.txt: most lines have 2 columns; expected the word in column 3",
        ),
        ("--word_column=2", 1, "expected the word in column 2 and the tag in a different one, -1"),
        ("--crf_learning_rate_factor=3", 2, "requires --use_crf=true"),
    ],
)
def test_wrong_flag_is_reported_in_one_line(model, data, tmp_path, caplog, flag, status, message):
    assert tag(model, tmp_path, "--do_train", flag) == status
    assert message in last_line(caplog)


def test_error_names_the_right_script_for_a_task(model, data, tmp_path, caplog):
    flags = {"task_name": "ner", "data_dir": tmp_path / "data", "output_dir": tmp_path / "out"}
    assert run(CLASSIFIER, "--do_train", model=model, **flags) == 2
    assert "--task_name=ner is not a task of this script" in last_line(caplog)
    assert "Use run_ner.py for it" in last_line(caplog)


def test_untrained_model_does_not_predict(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_predict") == 1
    assert "not trained for this task" in last_line(caplog)
    assert not (tmp_path / "out" / "test_results.conll").exists()


def test_predict_file_of_the_training_run_is_not_remembered(model, data, tmp_path, caplog):
    text = write(tmp_path / "some.txt", "anna\n")
    flags = {"predict_file": text, "num_train_epochs": 1}
    assert tag(model, tmp_path, "--do_train", "--do_predict", **flags) == 0, caplog.text
    assert len(read_jsonl(tmp_path / "out" / "test_results.jsonl")) == 1
    assert predict(tmp_path, f"--data_dir={tmp_path / 'data'}") == 0, caplog.text
    assert len(read_jsonl(tmp_path / "out" / "test_results.jsonl")) == 3


def test_texts_are_read_from_standard_input(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_train") == 0
    flags = {"output_dir": tmp_path / "out", "predict_file": "-"}
    argv = [sys.executable, *command(TAGGER, "--do_predict", **flags)]
    text = "🙂 anna new lives in paris\nlondon\n".encode()
    subprocess.run(argv, input=text, check=True, cwd=ROOT)
    lines = read_jsonl(tmp_path / "out" / "test_results.jsonl")
    assert [line["text"] for line in lines] == ["🙂 anna new lives in paris", "london"]
    assert [e["surface"] for e in lines[0]["entities"]] == ["anna new", "paris"]


@pytest.mark.parametrize(
    "trained, given, message",
    [
        ("--use_crf=true", "--use_crf=false", "--use_crf=False: the model was trained with True"),
        ("--ner_head=pooler", "--ner_head=linear", "the model was trained with pooler"),
    ],
)
def test_flag_that_contradicts_the_trained_head_is_rejected(
    model, data, tmp_path, caplog, trained, given, message
):
    assert tag(model, tmp_path, "--do_train", trained, num_train_epochs=1) == 0
    assert predict(tmp_path, given, data_dir=tmp_path / "data") == 1
    assert message in last_line(caplog)
    assert predict(tmp_path, data_dir=tmp_path / "data") == 0


def test_model_is_used_only_by_the_script_that_trained_it(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    flags = {"task_name": "binary", "output_dir": tmp_path / "out", "data_dir": data}
    assert run(CLASSIFIER, "--do_predict", **flags) == 1
    assert "This model was trained by run_ner.py: use it with that script." in last_line(caplog)


def test_shorter_length_for_prediction_gets_its_own_stride(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    assert predict(tmp_path, data_dir=tmp_path / "data", max_seq_length=6) == 0, caplog.text
    rows = read_conll(tmp_path / "out" / "test_results.conll")
    assert [len(row) for row in rows] == [6, 6, 6]


def test_head_is_loaded_only_if_the_labels_are_equal(model, data, tmp_path, caplog):
    assert tag(model, tmp_path, "--do_train", num_train_epochs=1) == 0
    first = tf.train.latest_checkpoint(str(tmp_path / "out"))
    for split in ("train", "dev", "test"):
        path = data / f"{split}.txt"
        write(path, path.read_text(encoding="utf-8").replace("PER", "ORG"))
    caplog.clear()
    flags = {"do_train": "true", "num_train_epochs": 1}
    again = {"output_dir": tmp_path / "again", "init_checkpoint": first}
    assert tag(model, tmp_path, **flags, **again) == 0
    assert "newly initialised: 2 (output_weights, output_bias)" in caplog.text
    caplog.clear()
    second = tf.train.latest_checkpoint(str(tmp_path / "again"))
    more = {"output_dir": tmp_path / "more", "init_checkpoint": second}
    assert tag(model, tmp_path, **flags, **more) == 0
    assert "newly initialised: 0" in caplog.text
