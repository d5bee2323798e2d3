"""prepare_model.py --output_dir makes an output directory from a fine-tuned model."""

import json
import math
import re
import shutil

import pytest

import prepare_model
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.classifier import predict
from tests.support.commands import ANSWERER, TAGGER, run
from tests.support.files import read_json, read_jsonl, write, write_json, write_tsv
from tests.support.installs import run_main, sha256

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"


def convert(name, output_dir):
    prepare_model.prepare(str(GOLDEN / name), str(output_dir), fine_tuned=True)
    return read_json(output_dir / "run.json")


def softmax(logits):
    total = sum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


@pytest.mark.parametrize("name", ["bert_pair", "roberta_pair"])
def test_pair_classifier_predicts_at_once(tmp_path, name):
    if name == "roberta_pair":
        pytest.importorskip("tokenizers")
    record = convert(name, tmp_path / "out")
    assert record["labels"] == ["neg", "neu", "pos"]
    assert record["facts"] == {"problem_type": "single_label", "pairs": None}
    assert record["settings"]["max_seq_length"] == 64
    weights = GOLDEN / name / "model.safetensors"
    assert record["source"]["sha256"]["model.safetensors"] == sha256(weights)
    rows = [
        row for row in read_jsonl(GOLDEN / name / "expected.jsonl") if "\t" not in row["text_b"]
    ]
    table = [(row["text"], row["text_b"]) for row in rows]
    file = write_tsv(tmp_path / "pairs.tsv", table, header=("text_a", "text_b"))
    found = predict(tmp_path / "out", predict_file=file, quoting="false")
    assert len(found) == len(rows) == 4
    for cells, row in zip(found, rows):
        probabilities = [float(cells[label]) for label in ("neg", "neu", "pos")]
        assert probabilities == pytest.approx(softmax(row["logits"]), abs=2e-6)


def test_tagger_predicts_at_once(tmp_path):
    record = convert("bert_token", tmp_path / "out")
    assert record["labels"] == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = read_jsonl(GOLDEN / "bert_token" / "expected.jsonl")
    file = write(tmp_path / "texts.txt", "".join(row["text"] + "\n" for row in rows))
    flags = {"do_predict": "true", "output_dir": tmp_path / "out", "predict_file": file}
    assert run(TAGGER, **flags) == 0
    found = read_jsonl(tmp_path / "out" / "test_results.jsonl")
    assert [entry["text"] for entry in found] == [row["text"] for row in rows]
    for entry, row in zip(found, rows):
        assert all(entry["text"][e["start"] : e["end"]] == e["surface"] for e in entry["entities"])
        if not row["text"].isascii():
            continue
        # Any label allows B- after it, so a word whose most probable label is B- starts an entity.
        words = {match.start() for match in re.finditer(r"[A-Za-z]+|[^A-Za-z\s]", row["text"])}
        labels = zip(row["offsets"], (logits.index(max(logits)) for logits in row["logits"]))
        starts = {span[0] for span, label in list(labels)[1:-1] if label in (1, 3)} & words
        assert starts
        assert starts <= {e["start"] for e in entry["entities"]}


def test_answering_model_answers_at_once(tmp_path):
    pytest.importorskip("tokenizers")
    record = convert("roberta_answer", tmp_path / "out")
    assert record["facts"] == {"allows_no_answer": False}
    assert record["settings"]["max_seq_length"] == 64
    row = read_jsonl(GOLDEN / "roberta_answer" / "expected.jsonl")[0]
    question = {"question": row["text"], "context": row["text_b"]}
    file = write(tmp_path / "questions.jsonl", json.dumps(question) + "\n")
    flags = {"do_predict": "true", "output_dir": tmp_path / "out", "predict_file": file}
    assert run(ANSWERER, **flags) == 0
    (found,) = read_jsonl(tmp_path / "out" / "test_results.jsonl")
    first = row["offsets"].index([0, 0], 1) + 2  # After </s></s>
    places = range(first, len(row["ids"]) - 1)
    spans = [(i, j) for i in places for j in places if i <= j]
    best = max(spans, key=lambda span: row["logits"][span[0]][0] + row["logits"][span[1]][1])
    start, end = row["offsets"][best[0]][0], row["offsets"][best[1]][1]
    assert (found["start"], found["end"]) == (start, end)
    assert found["answer"] == row["text_b"][start:end]


def test_second_model_needs_overwrite(tmp_path):
    convert("bert_token", tmp_path / "out")
    with pytest.raises(InputError, match="contains a model. Set another --output_dir, or --overw"):
        convert("bert_pair", tmp_path / "out")
    source = str(GOLDEN / "bert_pair")
    prepare_model.prepare(source, str(tmp_path / "out"), overwrite=True, fine_tuned=True)
    assert read_json(tmp_path / "out" / "run.json")["labels"] == ["neg", "neu", "pos"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"id2label": {"0": "a", "1": "b"}}, "id2label has 2 labels, but the model's last layer"),
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "contains the label 'a' twice"),
        ({"problem_type": "regression"}, "problem_type is 'regression', and the model has 3 outp"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"num_labels": 7}, "num_labels is 7, but the model's last layer has 3 outputs"),
        ({"hidden_act": "silu"}, "Unsupported activation: 'silu'"),
    ],
)
def test_config_at_odds_with_the_model_is_refused(tmp_path, changes, match):
    source = tmp_path / "source"
    shutil.copytree(GOLDEN / "bert_pair", source)
    write_json(source / "config.json", {**read_json(source / "config.json"), **changes})
    with pytest.raises(InputError, match=match):
        prepare_model.prepare(str(source), str(tmp_path / "out"), fine_tuned=True)
    assert not (tmp_path / "out" / "run.json").exists()


def test_padding_token_at_odds_with_the_tokenizer_is_refused(tmp_path):
    pytest.importorskip("tokenizers")
    source = tmp_path / "source"
    shutil.copytree(GOLDEN / "roberta_pair", source)
    write_json(source / "config.json", {**read_json(source / "config.json"), "pad_token_id": 0})
    with pytest.raises(InputError, match="the id of <pad> is 1, but the model's pad_token_id is 0"):
        prepare_model.prepare(str(source), str(tmp_path / "out"), fine_tuned=True)


def test_output_dir_and_model_dir_exclude_each_other(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_main(capsys, "minilm", "--output_dir=a", "--model_dir=b")
    assert "not allowed with argument" in capsys.readouterr().err
