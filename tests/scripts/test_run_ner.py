"""run_ner.py from its command line: a tiny model learns, and each trap stays shut."""

import itertools
import json
import re
import shutil
import subprocess
import sys

import conlleval
import numpy as np
import pytest
import seqeval.metrics
import tensorflow.compat.v1 as tf

import run_classifier
import run_ner
from tests.support import ROOT
from tests.support.tiny import weights

PEOPLE, PLACES, VERBS = ("anna", "peter"), ("paris", "london", "france"), ("lives", "works")
# A person of two words before a place; by turns with a word that tokenizes to nothing.
SENTENCES = []
for who, verb, place in itertools.product(PEOPLE, VERBS, PLACES):
    sentence = [(who, "B-PER"), ("new", "I-PER"), (verb, "O"), ("in", "O"), (place, "B-LOC")]
    sentence.insert(*((2, ("\u200e", "O")) if len(SENTENCES) % 2 else (0, ("🙂", "O"))))
    SENTENCES.append(sentence)
MODES = ("--do_train=true", "--do_eval=true", "--do_predict=true")


def write_conll(path, sentences, end="\n"):
    blocks = ("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n\n".join(blocks) + end, encoding="utf-8")


def read_conll(path):
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    return [[line.split(" ") for line in block.strip("\n").split("\n")] for block in blocks]


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "ner"
    folder.mkdir(parents=True)
    write_conll(folder / "train.txt", SENTENCES, end="")
    write_conll(folder / "dev.txt", SENTENCES[:5])
    write_conll(folder / "test.txt", SENTENCES[5:8], end="")
    return folder


def command(model, tmp_path, *more, output="out", epochs=40.0, length=16):
    """The classic command, with a learning rate that suits a tiny model."""
    return [
        "run_ner.py",
        "--task_name=ner",
        f"--data_dir={tmp_path / 'data'}",
        f"--vocab_file={model / 'vocab.txt'}",
        f"--bert_config_file={model / 'bert_config.json'}",
        f"--init_checkpoint={model / 'bert_model.ckpt'}",
        f"--max_seq_length={length}",
        "--train_batch_size=8",
        "--learning_rate=5e-3",
        f"--num_train_epochs={epochs}",
        f"--output_dir={tmp_path / output}",
        *more,
    ]


def predict(tmp_path, *more, output="out"):
    argv = ["run_ner.py", "--do_predict", f"--output_dir={tmp_path / output}", *more]
    return run_ner.main(argv)


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
def test_train_evaluate_predict_and_predict_raw_text_later(
    model, data, tmp_path, caplog, flags, added
):
    assert run_ner.main(command(model, tmp_path, *MODES, *flags)) == 0, caplog.text
    out = tmp_path / "out"
    scores = json.loads((out / "eval_results.json").read_text())
    assert (scores["num_sentences"], scores["num_words"]) == (5, 30)
    assert (scores["f1"], scores["strict_f1"], scores["token_accuracy"]) == (1.0, 1.0, 1.0)
    assert scores["types"]["PER"]["support"] == 5
    assert "f1 = 1.0000" in (out / "eval_results.txt").read_text()
    record = json.loads((out / "run.json").read_text())
    assert record["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]

    seen = set(weights(out)) - set(tf.train.load_checkpoint(
        str(model / "bert_model.ckpt")).get_variable_to_shape_map())  # fmt: skip
    assert seen == {"output_weights", "output_bias", "global_step", *added}

    # Word, right tag, predicted tag; the last sentence too, though no blank line ends the file.
    rows = read_conll(out / "test_results.conll")
    assert [[(word, gold) for word, gold, _ in row] for row in rows] == SENTENCES[5:8]
    gold, predicted = ([[row[i] for row in block] for block in rows] for i in (1, 2))
    assert seqeval.metrics.f1_score(gold, predicted) == 1.0
    lines = (out / "test_results.conll").read_text(encoding="utf-8").splitlines()
    assert conlleval.evaluate(lines)["overall"]["chunks"]["evals"]["f1"] == 1.0

    lines = read_jsonl(out / "test_results.jsonl")
    assert [line["guid"] for line in lines] == ["test-1", "test-8", "test-15"]
    assert lines[0]["text"] == "anna new \u200e works in france"
    (person, place) = lines[0]["entities"]
    assert 0.5 < person.pop("score") <= 1.0
    assert person == {"type": "PER", "start": 0, "end": len("anna new"), "surface": "anna new"}
    assert (place["type"], place["surface"]) == ("LOC", "france")

    # Later: the output directory and bare text are enough, with neither tags nor training data.
    shutil.rmtree(tmp_path / "data")
    out = shutil.move(out, tmp_path / "moved")
    text = tmp_path / "some.txt"
    text.write_text(
        "\n🙂  peter new works in London\n\n🙂 anna new lives in paris\n", encoding="utf-8"
    )
    assert predict(tmp_path, f"--predict_file={text}", output="moved") == 0, caplog.text
    lines = read_jsonl(out / "test_results.jsonl")
    assert [line["text"] for line in lines] == text.read_text(encoding="utf-8").split("\n")[:4]
    surfaces = [[entity["surface"] for entity in line["entities"]] for line in lines]
    assert surfaces == [[], ["peter new", "London"], [], ["anna new", "paris"]]
    assert all(line["text"][e["start"] : e["end"]] == e["surface"]
               for line in lines for e in line["entities"])  # fmt: skip
    # Neither the first text nor the third has a word, and conlleval takes no empty sentence.
    blocks = read_conll(out / "test_results.conll")
    assert [[len(row) for row in block] for block in blocks] == [[2] * 6, [2] * 6]


@pytest.mark.parametrize("crf", ["false", "true"])
def test_long_sentences_are_cut_into_windows_and_no_word_is_lost(
    model, data, tmp_path, caplog, crf
):
    # 72 words, of which 6 wordpieces fit at once.
    long = sum(SENTENCES, [])
    write_conll(data / "train.txt", [long])
    write_conll(data / "test.txt", [long, (long * 70)[:5000]])
    flags = ("--do_train", "--do_predict", f"--use_crf={crf}", "--doc_stride=2")
    assert run_ner.main(command(model, tmp_path, *flags, length=8)) == 0, caplog.text
    rows, more = read_conll(tmp_path / "out" / "test_results.conll")
    assert [(word, gold) for word, gold, _ in rows] == long
    assert [(word, gold) for word, gold, _ in more] == (long * 70)[:5000]
    assert np.mean([gold == predicted for _, gold, predicted in rows]) > 0.95


@pytest.mark.parametrize("crf", ["false", "true"])
def test_an_entity_longer_than_a_window_is_found_whole(model, data, tmp_path, caplog, crf):
    long = [("anna", "B-PER"), *[("new", "I-PER")] * 11]
    long += [("lives", "O"), ("in", "O"), ("paris", "B-LOC")]
    for split in ("train", "dev", "test"):
        write_conll(data / f"{split}.txt", [long] * 6)
    argv = command(model, tmp_path, *MODES, f"--use_crf={crf}", length=8, epochs=20)
    assert run_ner.main(argv) == 0, caplog.text
    scores = json.loads((tmp_path / "out" / "eval_results.json").read_text())
    assert (scores["f1"], scores["strict_f1"]) == (1.0, 1.0)
    assert scores["loss"] < 0.5
    (person, _) = read_jsonl(tmp_path / "out" / "test_results.jsonl")[0]["entities"]
    assert person["surface"] == " ".join(word for word, _ in long[:12])


def test_characters_and_iobes_are_learned_and_raw_text_is_cut_as_in_training(
    model, tmp_path, caplog
):
    for split in ("train", "dev", "test"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        (folder / "texts.txt").write_text("ab c d\nxx ab\n", encoding="utf-8")
        (folder / "labels.txt").write_text("BEOOOS\nOOOBE\n", encoding="utf-8")
    assert run_ner.main(command(model, tmp_path, *MODES, epochs=60)) == 0, caplog.text
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["labels"] == ["O", "B", "I"]
    assert record["settings"]["word_split"] == "characters"
    scores = json.loads((tmp_path / "out" / "eval_results.json").read_text())
    assert (scores["num_words"], scores["f1"]) == (8, 1.0)
    text = tmp_path / "some.txt"
    text.write_text("ab c d\n", encoding="utf-8")
    assert predict(tmp_path, f"--predict_file={text}") == 0, caplog.text
    (line,) = read_jsonl(tmp_path / "out" / "test_results.jsonl")
    assert [(e["type"], e["surface"]) for e in line["entities"]] == [("_", "ab"), ("_", "d")]


def test_predicted_json_lines_can_be_trained_on(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, *MODES)) == 0
    for split in ("train", "dev", "test"):
        (data / f"{split}.txt").unlink()
        shutil.copy(tmp_path / "out" / "test_results.jsonl", data / f"{split}.jsonl")
    argv = command(model, tmp_path, *MODES, output="again")
    assert run_ner.main(argv) == 0, caplog.text
    scores = json.loads((tmp_path / "again" / "eval_results.json").read_text())
    assert (scores["num_sentences"], scores["f1"]) == (3, 1.0)


def test_same_seed_same_weights_bit_for_bit_with_a_crf_too(model, data, tmp_path):
    for output in ("first", "second"):
        argv = command(model, tmp_path, "--do_train", "--use_crf", output=output, epochs=2)
        assert run_ner.main(argv) == 0
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert np.abs(first["crf/transitions"]).max() > 0


def test_other_settings_are_another_training(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    argv = command(model, tmp_path, "--do_train", "--ner_head=pooler", epochs=1)
    assert run_ner.main(argv) == 1
    assert "ner_head was 'linear', now 'pooler'" in caplog.text


def last_line(caplog):
    return caplog.records[-1].getMessage()


def test_a_tag_of_dev_alone_is_refused_before_training(model, data, tmp_path, caplog):
    write_conll(data / "dev.txt", [*SENTENCES[:2], [("a", "O"), ("film", "B-ART")]])
    assert run_ner.main(command(model, tmp_path, "--do_train", "--do_eval")) == 1
    assert f"{data / 'dev.txt'}:16: unknown tag 'B-ART'; expected one of O, B-LOC" in last_line(
        caplog
    )
    assert not (tmp_path / "out").exists()


def test_a_tag_that_goes_on_nothing_is_refused_and_read_if_asked_to(model, data, tmp_path, caplog):
    write_conll(data / "train.txt", [*SENTENCES, [("the", "O"), ("film", "I-ART")]])
    argv = command(model, tmp_path, "--do_train", epochs=1)
    assert run_ner.main(argv) == 1
    line = last_line(caplog)
    assert f"{data / 'train.txt'}:86: tag 'I-ART': it continues no span, since it follows O" in line
    assert "IOB2" in line and "--tag_scheme=lenient" in line
    assert run_ner.main([*argv, "--tag_scheme=lenient"]) == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["labels"][1:3] == ["B-ART", "I-ART"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("anna B-PER\nlives\n", r"train.txt:2: 1 column \('lives'\); expected 2, like most"),
        ("anna PER\n", r"train.txt:1: found 'PER' as the tag"),
        ("\n \n\t\n", "train.txt: only blank lines"),
        ("", "train.txt: the file is empty"),
        ("anna O\nlives O\n", "The training data has no tag except O"),
        ("anna O\rlives O\r", "train.txt:1: a CR inside the line"),
    ],
)
def test_bad_training_files_get_one_line(model, data, tmp_path, caplog, content, message):
    (data / "train.txt").write_text(content, encoding="utf-8")
    assert run_ner.main(command(model, tmp_path, "--do_train")) == 1
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
        ("--word_column=2", 1, "expected the word in column 2 and the tag in another, -1"),
        ("--crf_learning_rate_factor=3", 2, "requires --use_crf=true"),
    ],
)
def test_wrong_flags_get_one_line(model, data, tmp_path, caplog, flag, status, message):
    assert run_ner.main(command(model, tmp_path, "--do_train", flag)) == status
    assert message in last_line(caplog)


def test_each_script_names_the_other_for_its_tasks(model, data, tmp_path, caplog):
    argv = ["run_classifier.py", *command(model, tmp_path, "--do_train")[1:]]
    assert run_classifier.main(argv) == 2
    assert "--task_name=ner is not a task of this script" in last_line(caplog)
    assert "Use run_ner.py for it" in last_line(caplog)


def test_a_model_that_was_never_trained_is_not_predicted_with(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_predict")) == 1
    assert "not trained for this task" in last_line(caplog)
    assert not (tmp_path / "out" / "test_results.conll").exists()


def test_a_file_predicted_with_the_training_is_not_taken_for_the_test_file_later(
    model, data, tmp_path, caplog
):
    text = tmp_path / "some.txt"
    text.write_text("anna\n", encoding="utf-8")
    modes = ("--do_train", "--do_predict", f"--predict_file={text}")
    assert run_ner.main(command(model, tmp_path, *modes, epochs=1)) == 0, caplog.text
    assert len(read_jsonl(tmp_path / "out" / "test_results.jsonl")) == 1
    assert predict(tmp_path, f"--data_dir={tmp_path / 'data'}") == 0, caplog.text
    assert len(read_jsonl(tmp_path / "out" / "test_results.jsonl")) == 3


def test_text_comes_from_standard_input(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_train")) == 0
    argv = [sys.executable, ROOT / "run_ner.py", "--do_predict", "--predict_file=-"]
    said = "🙂 anna new lives in paris\nlondon\n".encode()
    subprocess.run([*argv, f"--output_dir={tmp_path / 'out'}"], input=said, check=True)
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
def test_a_trained_head_is_not_contradicted(model, data, tmp_path, caplog, trained, given, message):
    assert run_ner.main(command(model, tmp_path, "--do_train", trained, epochs=1)) == 0
    source = f"--data_dir={tmp_path / 'data'}"
    assert predict(tmp_path, source, given) == 1
    assert message in last_line(caplog)
    assert predict(tmp_path, source) == 0


def test_a_model_is_used_by_the_script_that_trained_it(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    argv = ["run_classifier.py", "--task_name=binary", "--do_predict"]
    argv += [f"--output_dir={tmp_path / 'out'}", f"--data_dir={data}"]
    assert run_classifier.main(argv) == 1
    assert "This model was trained by run_ner.py: use it with that script." in last_line(caplog)


def test_a_shorter_length_for_prediction_has_a_stride_of_its_own(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    source = f"--data_dir={tmp_path / 'data'}"
    assert predict(tmp_path, source, "--max_seq_length=6") == 0, caplog.text
    rows = read_conll(tmp_path / "out" / "test_results.conll")
    assert [len(row) for row in rows] == [6, 6, 6]


def test_the_head_of_a_model_with_other_labels_is_not_taken_over(model, data, tmp_path, caplog):
    assert run_ner.main(command(model, tmp_path, "--do_train", epochs=1)) == 0
    first = tf.train.latest_checkpoint(str(tmp_path / "out"))
    for split in ("train", "dev", "test"):
        path = data / f"{split}.txt"
        path.write_text(path.read_text(encoding="utf-8").replace("PER", "ORG"), encoding="utf-8")
    caplog.clear()
    argv = command(model, tmp_path, "--do_train", output="again", epochs=1)
    assert run_ner.main([*argv, f"--init_checkpoint={first}"]) == 0
    assert "newly initialised: 2 (output_weights, output_bias)" in caplog.text
    caplog.clear()
    argv = command(model, tmp_path, "--do_train", output="more", epochs=1)
    second = tf.train.latest_checkpoint(str(tmp_path / "again"))
    assert run_ner.main([*argv, f"--init_checkpoint={second}"]) == 0
    assert "newly initialised: 0" in caplog.text
