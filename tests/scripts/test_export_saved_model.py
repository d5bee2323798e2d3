"""export_model.py --to=saved_model: signatures, and the same predictions as from Python."""

import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from safetensors.numpy import load_file, save_file

import finetune
import prepare_model
from finetune.models import checkpoints, torch_pickle
from finetune.runs import export_saved_model
from finetune.tasks.classification.task import Classification
from finetune.tasks.saved_model import ServingGraph, Signature
from finetune.tasks.tagging.penn_split import ENGLISH
from tests.support.files import read_json, write_json
from tests.support.saved_models import (
    GOLDEN,
    as_bytes,
    change_record,
    check_definitions,
    check_outputs,
    export,
    import_golden,
    served,
)

TEXTS = [
    "a good film", "", "bad, bad movie of the year", "x", "Ça n'était İstanbul \u03a3\u03a3 \0!",
    "it was not a great book, but this one is as good as that " * 3, "\U0001f600" * 30,
]  # fmt: skip
WINDOWS = {
    "long_text": "windows",
    "truncation": None,
    "window_pooling": "max",
    "doc_stride": 5,
    "max_windows": 3,
}
PAIRS = [(a, b) for a in TEXTS for b in (TEXTS[2], TEXTS[1], TEXTS[5])]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return import_golden("bert_pair", tmp_path_factory.mktemp("classifier") / "out")


def copy(output_dir, target, settings=(), **facts):
    shutil.copytree(output_dir, target)
    change_record(target, settings, **facts)
    return target


def check(output_dir, export_dir, texts):
    """Asserts that a SavedModel answers texts as the model does in Python, also by ids."""
    export(output_dir, export_dir)
    with finetune.load(str(output_dir)) as model, served(export_dir / "1") as (run, definitions):
        check_definitions(model, definitions)
        is_classifier = model.kind not in ("answers", "entities")
        predictions = model.predict(texts)
        columns = zip(*([text] if isinstance(text, str) else text for text in texts))
        inputs = dict(zip(model.text_names, map(as_bytes, columns)))
        check_outputs(model, predictions, run("serving_default", inputs))
        assert run("serving_default", {name: as_bytes([]) for name in inputs}) is not None
        if not is_classifier:  # Their outputs for wordpiece ids are those of the model.
            return predictions
        ids = model._task.encode(
            "test", list(map(model._task.example_of, texts, texts)), None, True
        )
        check_outputs(model, predictions, run("token_ids", ids.batch(np.arange(len(texts)))))
        examples = [_example(dict(zip(inputs, row))) for row in zip(*inputs.values())]
        for name, key in (("classify", "scores"), ("regress", "outputs")):
            if name in definitions:
                found = run(name, {"inputs": np.array(examples, object)})
                same = {"scores": "probabilities", "outputs": "prediction"}[key]
                assert (found[key] == run("serving_default", inputs)[same]).all()
        return predictions


def _example(texts):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
        for name, text in texts.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def test_one_label(classifier, tmp_path):
    out = copy(classifier, tmp_path / "out", {"max_seq_length": 17, **WINDOWS})
    predictions = check(out, tmp_path / "exported", TEXTS)
    assert len({prediction["prediction"] for prediction in predictions}) > 1


def test_pairs(classifier, tmp_path):
    out = copy(
        classifier, tmp_path / "out", {"max_seq_length": 23, "truncation": "head_tail"}, pairs=True
    )
    check(out, tmp_path / "exported", PAIRS)


def test_several_labels(classifier, tmp_path):
    out = copy(
        classifier, tmp_path / "out", {"problem_type": "multi_label", "label_separator": ","},
        problem_type="multi_label", thresholds=[0.5, 0.25, 0.9],
    )  # fmt: skip
    predictions = check(out, tmp_path / "exported", TEXTS)
    assert len({len(prediction["prediction"]) for prediction in predictions}) > 1


def test_thresholds_that_are_not_tuned_are_refused(classifier, tmp_path, caplog):
    settings = {"problem_type": "multi_label", "label_separator": ",", "thresholds": ["best"]}
    settings["clean"] = ["links"]  # The graph without a tokenizer is built faster.
    out = copy(classifier, tmp_path / "out", settings, problem_type="multi_label")
    export(out, tmp_path / "exported", status=1)
    assert "the thresholds are not tuned yet" in caplog.text
    assert not (tmp_path / "exported").exists()


def test_numbers(tmp_path):
    source = shutil.copytree(GOLDEN / "bert_pair", tmp_path / "source")
    tensors = load_file(source / "model.safetensors")
    tensors.update({f"classifier.{n}": tensors[f"classifier.{n}"][:1] for n in ("weight", "bias")})
    save_file(tensors, source / "model.safetensors")
    config = {**read_json(source / "config.json"), "id2label": {"0": "LABEL_0"}}
    write_json(source / "config.json", {**config, "problem_type": "regression"})
    prepare_model.prepare(str(source), str(tmp_path / "out"), fine_tuned=True)
    change_record(tmp_path / "out", mean=5.0, scale=0.25)
    check(tmp_path / "out", tmp_path / "exported", TEXTS)


TAGGED = [
    "Mr. Anna lives in Paris. \"It's new!\" She isn't", "", " \0 ", "a" * 250 + " Anna",
    "x\x1cPeter\u2028works, in (London)",
    "in e\u0301\u0302t\u00e9 \U0001f600 Peter's of the new company " * 6, "Anna\ufffd Paris",
]  # fmt: skip


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return import_golden("bert_token", tmp_path_factory.mktemp("tagger") / "out")


def test_entities(tagger, tmp_path):
    rules = {**ENGLISH.to_json(), "ordinals": True}
    facts = {"word_split": "penn", "penn_rules": rules, "texts_are_sentences": True}
    settings = {"max_seq_length": 17, "doc_stride": 4, "word_split": None, "use_crf": True}
    out = copy(tagger, tmp_path / "out", settings, **facts)
    add_crf(out, num_labels=5)
    predictions = check(out, tmp_path / "exported", TAGGED)
    assert len({len(prediction["entities"]) for prediction in predictions}) > 2


def add_crf(output_dir, num_labels):
    """Adds the random weights of a CRF to a checkpoint."""
    (index,) = output_dir.glob("model.ckpt-*.index")
    prefix = str(index)[: -len(".index")]
    reader = tf.train.load_checkpoint(prefix)
    arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    random = np.random.RandomState(1)
    for name, shape in (("start", 1), ("end", 1), ("transitions", 2)):
        arrays[f"crf/{name}"] = random.normal(0.0, 1.0, [num_labels] * shape).astype(np.float32)
    checkpoints.write(prefix, arrays)


QUESTIONS = [
    ("who?", "Peter works in Paris."),
    ("where does Peter work?" * 9, "Anna e\u0301\u0301 lives in London. \u302e " * 7),
    ("what\u0301", "e\u0301\u0302 x"), ("x", "\u0301"), ("in which city", "a b " * 50 + "\0c"),
]  # fmt: skip


@pytest.fixture(scope="module")
def answerer(tmp_path_factory):
    """The output directory of a model that answers questions; its weights are a tagger's."""
    folder = tmp_path_factory.mktemp("answerer")
    source = shutil.copytree(GOLDEN / "bert_token", folder / "source")
    tensors = torch_pickle.read(str(source / "pytorch_model.bin"))
    (source / "pytorch_model.bin").unlink()
    tensors = {name.replace("classifier", "qa_outputs"): array for name, array in tensors.items()}
    tensors.update({f"qa_outputs.{n}": tensors[f"qa_outputs.{n}"][:2] for n in ("weight", "bias")})
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    save_file(arrays, source / "model.safetensors")
    config = read_json(source / "config.json")
    del config["id2label"], config["label2id"]
    write_json(source / "config.json", {**config, "architectures": ["BertForQuestionAnswering"]})
    prepare_model.prepare(str(source), str(folder / "out"), fine_tuned=True)
    return folder / "out"


def test_answers(answerer, tmp_path):
    settings = {"max_seq_length": 23, "max_query_length": 7, "doc_stride": 5}
    facts = {"allows_no_answer": True, "null_score_diff_threshold": -1.0}
    out = copy(answerer, tmp_path / "out", {**settings, "max_answer_length": 4}, **facts)
    predictions = check(out, tmp_path / "exported", QUESTIONS)
    assert [prediction["answer"] != "" for prediction in predictions].count(True) == 3


def test_texts_are_left_out_if_they_were_cleaned(classifier, tmp_path, caplog):
    out = copy(classifier, tmp_path / "out", {"clean": ["links"], **WINDOWS})
    caplog.set_level("INFO")
    export(out, tmp_path / "exported")
    assert "no signature that takes texts: the model was trained with --clean=links." in caplog.text
    with served(tmp_path / "exported" / "1") as (_, definitions):
        assert definitions.keys() == {"serving_default", "token_ids"}
        names = {"input_ids", "input_mask", "segment_ids", "window_rows"}
        assert set(definitions["serving_default"].inputs) == names


def test_tokenizer_of_another_family_is_left_out(tmp_path, caplog):
    pytest.importorskip("tokenizers")
    out = import_golden("roberta_pair", tmp_path / "out")
    caplog.set_level("INFO")
    export(out, tmp_path / "exported")
    assert "no signature that takes texts: the tokenizer is not BERT's." in caplog.text
    with finetune.load(str(out)) as model, served(tmp_path / "exported" / "1") as (run, _):
        rows = model._task.encode("test", [model._task.example_of("1", TEXTS[0])], None, True)
        outputs = run("serving_default", rows.batch(np.arange(1)))
        check_outputs(model, model.predict(TEXTS[:1]), outputs)


def test_missing_package_is_named(classifier, tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    export(classifier, tmp_path / "exported", status=1)
    assert "pip install -c constraints.txt -r requirements-export.txt" in caplog.text


@pytest.fixture
def small_graph(monkeypatch):
    """Exports write a graph that is built in no time."""

    def build(task, checkpoint):
        text = tf.placeholder(tf.string, [None])
        tf.get_variable("number", [1])
        return ServingGraph({"serving_default": Signature({"text": text}, {"text": text})})

    monkeypatch.setitem(export_saved_model._BUILDERS, Classification, build)


@pytest.mark.usefixtures("small_graph")
def test_next_version_is_one_more_than_the_highest(classifier, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    export(classifier, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["7", "8", "notes"]
    assert sorted(os.listdir(tmp_path / "8")) == ["saved_model.pb", "variables"]


@pytest.mark.usefixtures("small_graph")
def test_full_disk_leaves_nothing(classifier, tmp_path, caplog, monkeypatch):
    def save(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tf.saved_model.Builder, "save", save)
    export(classifier, tmp_path / "above" / "exported", status=1)
    assert os.listdir(tmp_path) == []
    assert "no space is left on the disk of" in caplog.text


def test_directory_without_a_finished_model_is_refused(classifier, tmp_path, caplog):
    export(tmp_path, tmp_path / "exported", status=1)
    assert "contains no trained model" in caplog.text
    out = copy(classifier, tmp_path / "out", {"clean": ["links"]})
    (data,) = out.glob("model.ckpt-*.data-*")
    data.write_bytes(data.read_bytes()[:100])
    export(out, tmp_path / "exported", status=1)
    assert "the checkpoint is damaged" in caplog.text
    assert not (tmp_path / "exported").exists()


@pytest.mark.slow
def test_program_without_the_toolkit_loads_the_model(classifier, tmp_path):
    export(classifier, tmp_path / "exported")
    program = (
        "import json, sys, tensorflow as tf, tensorflow_text\n"
        "signatures = tf.saved_model.load(sys.argv[1]).signatures\n"
        "found = signatures['serving_default'](text=tf.constant(sys.argv[2:]))\n"
        "print(json.dumps([label.decode() for label in found['prediction'].numpy()]))"
    )
    texts = [TEXTS[0], TEXTS[2], TEXTS[5]]
    command = [sys.executable, "-c", program, tmp_path / "exported" / "1", *texts]
    output = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    with finetune.load(str(classifier)) as model:
        expected = [prediction["prediction"] for prediction in model.predict(texts)]
    assert json.loads(output.stdout) == expected
