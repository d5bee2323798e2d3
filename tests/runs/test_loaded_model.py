"""A model that a Python program loads: its predictions are those of the scripts."""

import functools
import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import finetune
import modeling
import tokenization
from finetune.runs import packed_weights
from finetune.util.errors import InputError, UsageError
from tests.support import ROOT, reviews
from tests.support.commands import CLASSIFIER, TAGGER, only_line, run, standard_input
from tests.support.files import read_jsonl, read_results, write, write_conll

TEXTS = [f"a {word} {noun}" for noun in reviews.NOUNS for word in ("bad", "good", "not good")]
SENTENCES = [
    [("anna", "B-PER"), ("lives", "O"), ("in", "O"), (place, "B-LOC")]
    for place in ("paris", "london", "france") * 4
]


@pytest.fixture(scope="module")
def classifier(reviews_model):
    """The output directory of a classifier that has predicted TEXTS, in batches of four."""
    file = write(reviews_model.parent / "texts.txt", "".join(f"{text}\n" for text in TEXTS))
    flags = {"do_predict": "true", "predict_file": file, "predict_batch_size": 4}
    assert run(CLASSIFIER, output_dir=reviews_model, **flags) == 0
    return reviews_model


@pytest.fixture(scope="module")
def reviews_model(tmp_path_factory):
    folder = reviews.make_folder(tmp_path_factory.mktemp("reviews"), num_layers=1)
    return reviews.train(folder, folder / "out")


@pytest.fixture(scope="module")
def classifier_model(classifier):
    with finetune.load(classifier, predict_batch_size=4) as model:
        yield model


@pytest.fixture(scope="module")
def tagger(model, tmp_path_factory):
    """The output directory of a tagger."""
    folder = tmp_path_factory.mktemp("tagger")
    write_conll(folder / "train.conll", SENTENCES)
    flags = {"train_file": folder / "train.conll", "num_train_epochs": 20.0}
    assert run(TAGGER, "--do_train", model=model, output_dir=folder / "out", **flags) == 0
    return folder / "out"


def as_cells(prediction):
    """Returns a prediction as test_results.tsv has it."""
    cells = {"prediction": prediction["prediction"], "score": f"{prediction['score']:.6f}"}
    return {**cells, **{label: f"{p:.6f}" for label, p in prediction["probabilities"].items()}}


def test_predictions_of_a_list_are_those_of_a_file(classifier, classifier_model):
    rows = read_results(classifier)
    found = [{"text": t, **as_cells(p)} for t, p in zip(TEXTS, classifier_model.predict(TEXTS))]
    assert found == [{name: row[name] for name in found[0]} for row in rows]
    assert classifier_model.labels == ["bad", "good"]


def test_packed_weights_give_single_texts_the_same_predictions(classifier, classifier_model):
    texts = [f"{text} {text} {text}" for text in TEXTS[:3]]  # Of 11 to 14 wordpieces
    with finetune.load(classifier, packed_weights=True) as model:
        found = [model.predict(text) for text in texts]
        assert [model.predict([text])[0] for text in texts] == found
    for text, prediction in zip(texts, found):
        expected = classifier_model.predict(text)
        assert prediction["prediction"] == expected["prediction"]
        assert prediction["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)


def test_weights_that_cannot_be_packed_do_not_prevent_predictions(
    classifier, classifier_model, monkeypatch, caplog
):
    def fail(*_):
        raise tf.errors.InvalidArgumentError(None, None, "No such op\nat a node")

    monkeypatch.setattr(packed_weights, "make_copy", fail)
    text = " ".join([TEXTS[0]] * 3)
    with finetune.load(classifier, packed_weights=True) as model:
        assert [model.predict(text) for _ in range(2)] == [classifier_model.predict(text)] * 2
    warnings = [record.getMessage() for record in caplog.records if "packed" in record.getMessage()]
    assert warnings == ["The weights are not packed: No such op"]


def test_text_gets_one_prediction_and_an_endless_iterator_is_read_as_needed(classifier_model):
    one = classifier_model.predict(TEXTS[0])
    assert sum(one["probabilities"].values()) == pytest.approx(1)
    read = []
    endless = (read.append(text) or text for text in itertools.cycle(TEXTS))
    first = list(itertools.islice(classifier_model.predict(endless), 5))
    assert [p["prediction"] for p in first] == [
        p["prediction"] for p in classifier_model.predict(TEXTS[:5])
    ]
    assert len(read) == 4 + 8  # The first two chunks: one batch, and two
    assert classifier_model.predict([]) == []


def test_threads_get_the_predictions_of_their_own_texts(classifier_model):
    expected = [prediction["prediction"] for prediction in classifier_model.predict(TEXTS)]
    graph = tf.get_default_graph()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(classifier_model.predict, TEXTS * 3))
    assert [prediction["prediction"] for prediction in found] == expected * 3
    assert tf.get_default_graph() is graph


def test_entities_are_those_of_a_file_and_eager_execution_is_not_affected(tagger, tmp_path):
    texts = ["anna lives in paris", "", "in london anna lives"]
    file = write(tmp_path / "texts.txt", "".join(f"{text}\n" for text in texts))
    flags = {"predict_file": file, "data_form": "text", "output_dir": tagger}
    assert run(TAGGER, "--do_predict", **flags) == 0
    rows = [{name: row[name] for name in ("text", "entities")}
            for row in read_jsonl(tagger / "test_results.jsonl")]  # fmt: skip
    # In a process of its own, TensorFlow 2 executes eagerly. The model is not closed.
    program = (
        "import finetune, json, sys, tensorflow as tf\n"
        "model = finetune.load(sys.argv[1])\n"
        "found = [model.predict(sys.argv[2:]), model.predict((*sys.argv[2].split(),))]\n"
        "print(json.dumps([found, int(tf.constant(1) + 1)]))"
    )
    command = [sys.executable, "-c", program, tagger, *texts]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert json.loads(output.stdout) == [[rows, rows[0]], 2]
    assert rows[0]["entities"][0]["surface"] == "anna"
    assert "deprecated" not in output.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1], r"text 1: found 1; expected a text, or a pair of texts\."),
        (["a", ("a", "b")], "text 2: found a pair of texts, but each row that the model was "),
        ([("a", "b", "c")], r"text 1: found 3 texts; expected one, or a pair\."),
    ],
)
def test_value_that_is_not_a_text_is_rejected(classifier_model, given, message):
    with pytest.raises(InputError, match=message):
        classifier_model.predict(given)


def test_model_that_cannot_be_loaded_raises_an_error(classifier, tmp_path):
    with pytest.raises(InputError, match="contains no trained model"):
        finetune.load(tmp_path)
    with pytest.raises(UsageError, match="^batch is not a flag for prediction"):
        finetune.load(classifier, batch=3)
    with pytest.raises(InputError, match="--task_name=binary, which is not one of mine"):
        finetune.load(classifier, {"mine": object})


def test_closed_model_does_not_predict(classifier):
    model = finetune.load(classifier)
    model.close()
    model.close()
    with pytest.raises(ValueError, match="The model is closed"):
        model.predict("a good film")


def hidden_vectors(model_dir, text):
    """Returns the final hidden vectors of a text's tokens, float32 [S, H], without padding."""
    tokenizer = tokenization.FullTokenizer(str(model_dir / "vocab.txt"))
    ids = tokenizer.convert_tokens_to_ids(["[CLS]", *tokenizer.tokenize(text), "[SEP]"])
    with tf.Graph().as_default(), tf.Session() as session:
        config = modeling.BertConfig.from_json_file(str(model_dir / "bert_config.json"))
        bert = modeling.BertModel(config, is_training=False, input_ids=tf.constant([ids]))
        names, _ = modeling.get_assignment_map_from_checkpoint(
            tf.trainable_variables(), str(model_dir / "bert_model.ckpt")
        )
        tf.train.init_from_checkpoint(str(model_dir / "bert_model.ckpt"), names)
        session.run(tf.global_variables_initializer())
        return session.run(bert.get_sequence_output())[0]


def test_vectors_of_texts_are_pooled_hidden_vectors(model):
    texts = ["a good film", "day", "a very good day", "", "not good"]
    hidden = [hidden_vectors(model, text) for text in texts]
    means = np.array([vectors.mean(axis=0) for vectors in hidden])
    with finetune.load(model, max_seq_length=16, predict_batch_size=2) as pretrained:
        assert_close = functools.partial(np.testing.assert_allclose, atol=1e-5)
        assert_close(pretrained.embed(texts), means)
        assert_close(pretrained.embed(iter(texts), "cls"), [vectors[0] for vectors in hidden])
        assert_close(pretrained.embed(texts, "max"), [vectors.max(axis=0) for vectors in hidden])
        unit = means / np.sqrt((means**2).sum(axis=1))[:, np.newaxis]
        assert_close(pretrained.embed(texts, normalize=True), unit)
        assert_close(pretrained.embed(texts[0]), means[0])
        assert pretrained.embed([]).shape == (0, means.shape[1])
        with pytest.raises(InputError, match="pooling='sum': expected one of mean, cls, max"):
            pretrained.embed(texts, "sum")
        with pytest.raises(InputError, match="text 2: found None; expected a text"):
            pretrained.embed(["a", None])
        with pytest.raises(InputError, match="contains a pretrained model, which cannot predict"):
            pretrained.predict(texts)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"predict_batch_size": 0}, "predict_batch_size"),
        ({"max_seq_length": "many"}, "max_seq_length"),
        ({"do_train": True}, "^do_train is a flag of the scripts"),
        ({"packed_weights": "no"}, "^packed_weights='no': expected True or False"),
        ({"predict_file": "x"}, "^predict_file is not a flag for prediction"),
    ],
)
def test_flags_of_load_are_checked_as_on_a_command_line(classifier, flags, message):
    with pytest.raises(UsageError, match=message):
        finetune.load(classifier, **flags)


def test_argument_that_is_no_text_is_rejected(classifier, classifier_model):
    for function in (classifier_model.predict, classifier_model.embed):
        with pytest.raises(InputError, match="^found 3; expected a text, or an iterable of texts"):
            function(3)


def test_trained_model_predicts_and_embeds_in_turn(classifier, classifier_model):
    first = classifier_model.predict(TEXTS)
    assert classifier_model.embed(TEXTS).shape[0] == len(TEXTS)
    assert classifier_model.predict(TEXTS) == first


def test_vectors_of_a_file_and_of_standard_input_are_those_of_embed(model, tmp_path, caplog, capfd):
    texts = [*TEXTS, "a very long text " * 9]
    file = write(tmp_path / "texts.txt", "".join(f"{text}\n" for text in texts))
    out = tmp_path / "out"
    flags = {"max_seq_length": 16, "predict_batch_size": 2, "embed_pooling": "max"}
    flags.update(embed_normalize="true", output_dir=out, model_dir=model)
    with finetune.load(model, max_seq_length=16, predict_batch_size=2) as pretrained:
        expected = pretrained.embed(texts, "max", normalize=True)
    assert run(CLASSIFIER, "--do_embed", predict_file=file, **flags) == 0
    np.testing.assert_array_equal(np.load(out / "embeddings.npy"), expected)
    lines = (out / "embeddings.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["guid\ttext", f"test-1\t{texts[0]}"] and len(lines) == 1 + len(texts)
    assert f"1 of {len(texts)} texts truncated at --max_seq_length=16" in caplog.text
    (out / "embeddings.npy").unlink()
    with standard_input(file):
        assert run(CLASSIFIER, "--do_embed", predict_file="-", **flags) == 0
    np.testing.assert_array_equal(np.load(out / "embeddings.npy"), expected)
    assert capfd.readouterr().out == ""


def test_vectors_of_trained_models_are_those_of_embed(classifier, classifier_model, tagger):
    file = write(classifier.parent / "new.csv", "text\n" + "".join(f"{text}\n" for text in TEXTS))
    flags = {"predict_file": file, "predict_batch_size": 4}
    assert run(CLASSIFIER, "--do_embed", output_dir=classifier, **flags) == 0
    found = np.load(classifier / "embeddings.npy")
    np.testing.assert_array_equal(found, classifier_model.embed(TEXTS))
    file = write(tagger / "new.txt", "anna lives in paris\n")
    flags = {"predict_file": file, "data_form": "text", "embed_pooling": "cls"}
    assert run(TAGGER, "--do_embed", output_dir=tagger, **flags) == 0
    with finetune.load(tagger) as model:
        expected = model.embed(["anna lives in paris"], "cls")
    np.testing.assert_array_equal(np.load(tagger / "embeddings.npy"), expected)


def test_what_cannot_be_embedded_is_named(model, tmp_path, caplog, capsys):
    flags = {"model_dir": model, "output_dir": tmp_path / "out", "max_seq_length": 16}
    pairs = write(tmp_path / "pairs.csv", "text_a,text_b\na,b\n")
    assert run(CLASSIFIER, "--do_embed", predict_file=pairs, **flags) == 1
    assert "pairs.csv:2: found 2 texts; --do_embed=true expects one" in only_line(caplog, capsys)
    empty = write(tmp_path / "empty.txt", "")
    with standard_input(empty):
        assert run(CLASSIFIER, "--do_embed", predict_file="-", **flags) == 1
    assert "standard input is empty" in only_line(caplog, capsys)
    assert run(CLASSIFIER, "--do_embed", **flags) == 2
    assert "--predict_file is missing" in only_line(caplog, capsys)
    with standard_input(pairs):
        both = ("--do_embed", "--do_predict")
        assert run(CLASSIFIER, *both, predict_file="-", task_name="binary", **flags) == 2
    assert "cannot both read a stream" in only_line(caplog, capsys)
    assert run(CLASSIFIER, "--do_embed", predict_file=empty, output_dir=tmp_path / "none") == 1
    assert only_line(caplog, capsys).endswith("a pretrained model is enough: set --model_dir.")
    assert run("run_squad.py", "--do_embed", predict_file=empty, **flags) == 2
    assert "--do_embed applies to single texts" in only_line(caplog, capsys)
    assert list((tmp_path / "out").glob("embeddings*")) == []
