"""export_model.py --to=onnx: the graph's outputs, its shape, and the check of the int8 copy."""

import collections
import os
import re

import numpy as np
import pytest

import export_model
from finetune import load
from finetune.data.processor import InputExample
from finetune.models import onnx_files
from finetune.output import run_record
from finetune.runs import onnx_scores
from finetune.runs.prepare import make_task
from finetune.runs.trained_run import trained_run
from finetune.tasks.hugging_face import ExportedHead
from finetune.tasks.tagging import tags as tags_lib
from processors import PROCESSORS
from tests.scripts.test_export_model import GOLDEN, convert, with_settings
from tests.support.documentation import python_snippets
from tests.support.files import read_json, read_jsonl, write_csv, write_json

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
LABEL_TEXTS = ("The good film was not bad.", "anna lives in paris", "new york is old", "a bad book")


def export(output_dir, export_dir, *flags):
    return export_model.main(
        ["export_model.py", f"--output_dir={output_dir}", "--to=onnx", f"--export_dir={export_dir}"]
        + list(flags)
    )


def session_of(folder, name="model"):
    path = str(folder / "onnx" / f"{name}.onnx")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def feeds_of(row, separator):
    """Returns the inputs of a row of expected.jsonl: a text, or a pair with segments 0 and 1."""
    ids = np.array([row["ids"]], np.int64)
    after_first = np.cumsum(ids == separator, axis=1) - (ids == separator)
    segments = np.minimum(after_first, 1) if row["text_b"] else np.zeros_like(ids)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": segments}


@pytest.mark.parametrize(
    "name",
    ["bert_pair", "bert_token", "distilbert", "electra", "roberta_answer", "roberta_pair"]
    + ["xlmr_token"],
)
def test_outputs_are_those_of_transformers(tmp_path, name):
    """The expected logits are from transformers on PyTorch: see tests/golden."""
    if name.startswith(("roberta", "xlmr")):
        pytest.importorskip("tokenizers")
    out, exported = tmp_path / "out", tmp_path / "exported"
    convert(GOLDEN / name, out)
    assert export(out, exported) == 0
    onnx.checker.check_model(str(exported / "onnx" / "model.onnx"), full_check=True)
    session = session_of(exported)
    inputs = [each.name for each in session.get_inputs()]
    settings = read_json(exported / "tokenizer_config.json")
    default = ["input_ids", "attention_mask", "token_type_ids"]
    assert settings.get("model_input_names", default) == inputs
    has_segments = name.startswith(("bert", "electra"))
    assert ("token_type_ids" in inputs) == has_segments
    names = ["start_logits", "end_logits"] if name.endswith("answer") else ["logits"]
    assert [each.name for each in session.get_outputs()] == names
    separator = read_json(exported / "tokenizer.json")["model"]["vocab"]
    separator = separator["[SEP]"] if isinstance(separator, dict) and has_segments else None
    for row in read_jsonl(GOLDEN / name / "expected.jsonl"):
        feeds = feeds_of(row, separator)
        found = session.run(None, {key: feeds[key] for key in inputs})
        wanted = np.array(row["logits"], np.float32)
        if names == ["logits"]:
            np.testing.assert_allclose(found[0][0], wanted, atol=1e-5)
        else:
            pair = wanted.T if wanted.shape[0] != 2 else wanted
            np.testing.assert_allclose(np.stack([each[0] for each in found]), pair, atol=1e-5)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The output directory and the export of a DistilBERT with three labels."""
    folder = tmp_path_factory.mktemp("classifier")
    convert(GOLDEN / "distilbert", folder / "out")
    assert export(folder / "out", folder / "exported") == 0
    return folder


def padded(rows):
    width = max(map(len, rows))
    ids = np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], np.int64)
    return {"input_ids": ids, "attention_mask": mask}


def test_padding_changes_nothing(classifier):
    session = session_of(classifier / "exported")
    rows = [row["ids"] for row in read_jsonl(GOLDEN / "distilbert" / "expected.jsonl")[:3]]
    together = session.run(None, padded(rows))[0]
    alone = [session.run(None, padded([row]))[0][0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_files_are_those_of_the_hub(classifier):
    exported = classifier / "exported"
    files = {
        os.path.relpath(os.path.join(folder, name), exported)
        for folder, _, names in os.walk(exported)
        for name in names
    }
    tokenizer = {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    assert files == {"config.json", "onnx/model.onnx", *tokenizer}
    config = read_json(exported / "config.json")
    assert config["architectures"] == ["DistilBertForSequenceClassification"]
    assert config["problem_type"] == "single_label_classification"
    assert config["max_seq_length"] == 64


@pytest.mark.parametrize("name", ["bert_pair", "bert_token", "distilbert", "electra"])
def test_optimizer_for_transformers_fuses_each_layer(tmp_path, name):
    pytest.importorskip("sympy")
    from onnxruntime.transformers import optimizer

    convert(GOLDEN / name, tmp_path / "out")
    assert export(tmp_path / "out", tmp_path / "exported") == 0
    path = str(tmp_path / "exported" / "onnx" / "model.onnx")
    fused = optimizer.optimize_model(path, model_type="bert", opt_level=0)
    found = fused.get_fused_operator_statistics()
    layers = read_json(tmp_path / "exported" / "config.json")
    layers = layers.get("num_hidden_layers", layers.get("n_layers"))
    assert found["EmbedLayerNormalization"] == 1
    assert found["Attention"] == layers
    assert found["BiasGelu"] >= layers
    assert found["SkipLayerNormalization"] >= 2 * layers - 1


def test_last_layer_of_a_classifier_treats_one_token():
    """Its feed-forward part follows the choice of the first token; that of others does not."""
    from finetune.models import onnx_graph
    from finetune.models.families import FAMILIES, SEQUENCE, TOKEN
    from modeling import BertConfig
    from tests.support import tiny

    config = BertConfig.from_dict(tiny.config(vocab_size=83, num_layers=1))
    arrays = tiny.google_arrays(83, num_layers=1)
    arrays.update(
        {
            "output_weights": np.zeros((3, tiny.HIDDEN), np.float32),
            "output_bias": np.zeros(3, np.float32),
        }
    )
    for head, shape in ((SEQUENCE, (5, 3)), (TOKEN, (5, 7, 3))):
        names = FAMILIES["bert"].names(1, head)
        tensors = {
            names[key]: array.T if key.endswith("/kernel") else array
            for key, array in arrays.items()
        }
        model = onnx_graph.build_model(tensors, config, head)
        kinds = collections.Counter(node.op_type for node in model.graph.node)
        assert kinds["MatMul"] == 6 + 2 + (2 if head == SEQUENCE else 1)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        ids = np.ones((5, 7), np.int64)
        feeds = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids * 0}
        assert session.run(None, feeds)[0].shape == shape


@pytest.fixture
def dev_file(classifier, tmp_path):
    """Texts, each with the label that the model predicts."""
    task = make_task(trained_run(str(classifier / "out"), PROCESSORS))
    examples = [InputExample(str(i), text) for i, text in enumerate(LABEL_TEXTS)]
    features = task.encode("test", examples, is_chunk=True)
    path = str(classifier / "exported" / "onnx" / "model.onnx")
    head = ExportedHead("", {}, "", [])
    (batch,) = onnx_scores.outputs(path, head, task, features)
    labels = [task.labels[i] for i in batch["logits"].argmax(axis=1)]
    return write_csv(tmp_path / "dev.csv", list(zip(LABEL_TEXTS, labels)))


def test_int8_copy_is_written_with_its_scores(classifier, dev_file, tmp_path, caplog):
    caplog.set_level("INFO")
    exported = tmp_path / "exported"
    flags = ("--quantize=int8", f"--dev_file={dev_file}", "--max_quality_loss=100")
    assert export(classifier / "out", exported, *flags) == 0
    assert "int8: on the dev data, macro_f1 is" in caplog.text
    graph = onnx.load(str(exported / "onnx" / "model_quantized.onnx")).graph
    kinds = collections.Counter(node.op_type for node in graph.node)
    assert kinds["MatMulInteger"] == 14  # Two layers of six, the pooler, and the last layer
    both = [session_of(exported, name) for name in ("model", "model_quantized")]
    feeds = padded([[7, 146, 167, 170, 8]])
    fp32, int8 = (session.run(None, feeds)[0] for session in both)
    assert 0 < np.abs(fp32 - int8).max() < 0.2


def test_int8_copy_that_is_too_bad_is_refused(classifier, dev_file, tmp_path, caplog, monkeypatch):
    scores = iter([{"macro_f1": 0.9}, {"macro_f1": 0.8949}] * 2)
    monkeypatch.setattr(onnx_scores, "score", lambda *arguments: next(scores))
    flags = ("--quantize=int8", f"--dev_file={dev_file}")
    assert export(classifier / "out", tmp_path / "exported", *flags) == 1
    message = caplog.text
    assert "macro_f1 is 0.8949, and without quantisation 0.9000: 0.51 points less" in message
    assert "--max_quality_loss=0.5" in message
    assert not (tmp_path / "exported").exists()
    assert export(classifier / "out", tmp_path / "exported", *flags, "--max_quality_loss=0.6") == 0


def test_int8_copy_whose_metric_is_undefined_is_refused(
    classifier, dev_file, tmp_path, caplog, monkeypatch
):
    # As Pearson's correlation on a file of one row
    monkeypatch.setattr(onnx_scores, "score", lambda *arguments: {"macro_f1": None})
    flags = ("--quantize=int8", f"--dev_file={dev_file}")
    assert export(classifier / "out", tmp_path / "exported", *flags) == 1
    assert f"macro_f1 is undefined on the dev data ({len(LABEL_TEXTS)} rows)" in caplog.text
    assert "Set --dev_file" in caplog.text
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize("loss", ["nan", "-0.1", "101"])
def test_limit_of_int8_that_is_no_share_is_refused(classifier, tmp_path, caplog, loss):
    flags = ("--quantize=int8", f"--max_quality_loss={loss}")
    assert export(classifier / "out", tmp_path / "exported", *flags) == 2
    assert f"--max_quality_loss={loss}: expected a number from 0 to 100" in caplog.text
    assert len(caplog.messages) == 1


def test_int8_without_dev_data_is_refused(classifier, tmp_path, caplog):
    assert export(classifier / "out", tmp_path / "exported", "--quantize=int8") == 1
    assert "Set --dev_file." in caplog.text


@pytest.mark.parametrize("flag", ["--dev_file=dev.csv", "--max_quality_loss=2"])
def test_flags_of_int8_require_it(classifier, tmp_path, caplog, flag):
    assert export(classifier / "out", tmp_path / "exported", flag) == 2
    assert "requires --quantize" in caplog.text


def test_quantize_is_a_flag_of_onnx_only(classifier, tmp_path, caplog):
    arguments = [f"--output_dir={classifier / 'out'}", f"--export_dir={tmp_path / 'exported'}"]
    status = export_model.main(
        ["export_model.py", "--to=huggingface", "--quantize=int8", *arguments]
    )
    assert status == 2
    assert "--quantize applies to --to=onnx, not to --to=huggingface" in caplog.text


def test_crf_is_refused(tmp_path, caplog):
    convert(GOLDEN / "bert_token", tmp_path / "tagger")
    out = with_settings(tmp_path / "tagger", tmp_path / "out", use_crf=True)
    assert export(out, tmp_path / "exported") == 1
    assert "--without_crf" in caplog.text
    assert export(out, tmp_path / "exported", "--without_crf") == 0


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("bert_token", list(LABEL_TEXTS)),
        ("roberta_answer", [("who works", text) for text in LABEL_TEXTS]),
    ],
)
def test_predictions_are_scored_as_the_toolkit_makes_them(tmp_path, name, given):
    if name.startswith("roberta"):
        pytest.importorskip("tokenizers")
    convert(GOLDEN / name, tmp_path / "out")
    assert export(tmp_path / "out", tmp_path / "exported") == 0
    task = make_task(trained_run(str(tmp_path / "out"), PROCESSORS))
    examples = [task.example_of(str(i), each) for i, each in enumerate(given)]
    features = task.encode("test", examples, is_chunk=True)
    path = str(tmp_path / "exported" / "onnx" / "model.onnx")
    outputs = onnx_scores.outputs(path, ExportedHead("", {}, "", []), task, features)
    with load(str(tmp_path / "out")) as model:
        expected = model.predict(given)
    for found, wanted in zip(task.predictions(examples, features, outputs), expected):
        assert found.keys() == wanted.keys()
        for key in {"entities", "answer", "start", "end"} & set(found):
            places = [found[key], wanted[key]]
            if key == "entities":
                places = [[(e["start"], e["end"], e["type"]) for e in each] for each in places]
            assert places[0] == places[1]


def test_numbers_of_a_regression_are_in_the_unit_of_the_data(classifier, tmp_path):
    """Scoring undoes what the export folds into the last layer: number = output * 4 + 50."""
    task = make_task(trained_run(str(classifier / "out"), PROCESSORS))
    features = task.encode("test", [InputExample("1", LABEL_TEXTS[0])], is_chunk=True)
    path = str(classifier / "exported" / "onnx" / "model.onnx")
    plain, folded = (
        onnx_scores.outputs(path, ExportedHead("", {}, "", [], *numbers), task, features)[0]
        for numbers in ((0.0, 1.0), (50.0, 4.0))
    )
    np.testing.assert_allclose(folded["logits"], (plain["logits"] - 50) / 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("machine", "flags", "bits"),
    [
        ("x86_64", "flags : sse2 avx512f avx512_vnni", 8),
        ("x86_64", "flags : sse2 avx2 avx_vnni", 8),
        ("AMD64", "flags : sse2 avx2 avx512f", 7),
        ("x86_64", None, 7),
        ("aarch64", None, 8),
    ],
)
def test_weights_have_seven_bits_where_eight_can_saturate(
    tmp_path, monkeypatch, machine, flags, bits
):
    monkeypatch.setattr("platform.machine", lambda: machine)
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(flags + "\n")
    monkeypatch.setattr(onnx_files, "_CPU_INFO", str(tmp_path / "cpuinfo"))
    assert onnx_files.weight_bits() == bits


def test_weights_of_large_models_are_in_a_file_of_their_own(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_files, "_MAX_BYTES", 1000)
    assert export(classifier / "out", tmp_path / "exported") == 0
    files = sorted(os.listdir(tmp_path / "exported" / "onnx"))
    assert files == ["model.onnx", "model.onnx_data"]
    feeds = padded([[7, 146, 8]])
    sessions = map(session_of, (classifier / "exported", tmp_path / "exported"))
    first, second = (session.run(None, feeds)[0] for session in sessions)
    np.testing.assert_array_equal(first, second)


def run_snippet(number, folder, text, capsys, text_name="texts?"):
    """Runs a program of docs/onnx.md on an export; returns the words of its lines."""
    code = python_snippets("docs/onnx.md")[number].text
    for name, value in (("folder", str(folder)), (text_name, text)):
        line = re.search(rf"^({name}) = .*$", code, flags=re.MULTILINE)
        code = code.replace(line[0], f"{line[1]} = {value!r}")
    capsys.readouterr()
    exec(code, {})
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_program_in_the_docs_classifies_as_the_toolkit(classifier, capsys):
    pytest.importorskip("tokenizers")
    texts = [row["text"] for row in read_jsonl(GOLDEN / "distilbert" / "expected.jsonl")]
    texts.append("a [SEP] b [MASK]")
    printed = run_snippet(0, classifier / "exported", texts, capsys)
    with load(str(classifier / "out")) as model:
        predictions = model.predict(texts)
    for line, prediction in zip(printed, predictions):
        assert line[-2] == prediction["prediction"]
        assert float(line[-1]) == pytest.approx(prediction["score"], abs=1e-5)
    assert len(printed) == len(texts)


def test_program_in_the_docs_tags_as_the_toolkit(tmp_path, capsys):
    pytest.importorskip("tokenizers")
    convert(GOLDEN / "bert_token", tmp_path / "out")
    assert export(tmp_path / "out", tmp_path / "exported") == 0
    with load(str(tmp_path / "out")) as model:
        for text in LABEL_TEXTS:
            lines = run_snippet(1, tmp_path / "exported", text, capsys)
            words = [line[2] for line in lines]
            assert [text[int(line[0]) : int(line[1])] for line in lines] == words
            tags = [line[3] for line in lines]
            spans = [
                (int(lines[first][0]), int(lines[last - 1][1]), kind)
                for first, last, kind in tags_lib.spans_of(tags)
            ]
            entities = model.predict(text)["entities"]
            assert spans == [(e["start"], e["end"], e["type"]) for e in entities]


@pytest.mark.parametrize("threshold", [None, -1e4, 1e4])
def test_program_in_the_docs_answers_as_the_toolkit(tmp_path, capsys, threshold):
    pytest.importorskip("tokenizers")
    convert(GOLDEN / "roberta_answer", tmp_path / "out")
    out = tmp_path / "out"
    if threshold is not None:
        record = read_json(out / "run.json")
        record["facts"].update(allows_no_answer=True, null_score_diff_threshold=threshold)
        write_json(out / "run.json", record)
    assert export(out, tmp_path / "exported") == 0
    with load(str(out)) as model:
        for context in LABEL_TEXTS:
            pair = ("who works", context)
            (words,) = run_snippet(
                2, tmp_path / "exported", pair, capsys, text_name="question, context"
            )
            answer = model.predict(pair)["answer"]
            assert " ".join(words) == (" ".join(answer.split()) or "no answer")


def test_thresholds_are_in_the_settings(classifier, tmp_path):
    out = with_settings(classifier / "out", tmp_path / "out", thresholds=["0.3"])
    record = read_json(out / "run.json")
    record["settings"]["problem_type"] = record["facts"]["problem_type"] = "multi_label"
    write_json(out / "run.json", record)
    assert run_record.load(str(out)) is not None
    assert export(out, tmp_path / "exported") == 0
    assert read_json(tmp_path / "exported" / "config.json")["thresholds"] == [0.3] * 3
