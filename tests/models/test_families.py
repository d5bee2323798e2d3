"""Each family's tokenizer and encoder give what transformers gives; see golden/hugging_face."""

import numpy as np
import pytest

from finetune.models import families, hugging_face, install, pretrained
from finetune.models.model_fn import run_bert
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import read_json, read_jsonl, write_json
from tests.support.tensorflow_v1 import tf

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"
NAMES = ("bert_pair", "bert_token", "distilbert", "electra")
WITH_LIBRARY = ("camembert_token", "roberta_answer", "roberta_pair", "roberta_token", "xlmr_token")


@pytest.fixture(scope="module", params=NAMES + WITH_LIBRARY)
def golden(request, tmp_path_factory):
    """A converted model, its head, the folder of its checkpoint, and the expected rows."""
    if request.param in WITH_LIBRARY:
        pytest.importorskip("tokenizers")
    staged = tmp_path_factory.mktemp(request.param)
    converted = hugging_face.stage(str(GOLDEN / request.param), str(staged), with_head=True)
    install.check(str(staged))
    vocab_file = pretrained.vocabulary_in(str(staged))
    model = pretrained.load(vocab_file, str(staged / "bert_config.json"))
    return model, converted.head, staged, read_jsonl(GOLDEN / request.param / "expected.jsonl")


def encode(model, row):
    texts = [row["text"]] if row["text_b"] is None else [row["text"], row["text_b"]]
    ids, second = model.frame.build(*map(model.tokenizer.tokenize_to_ids, texts))
    segments = [model.frame.segment_of_b * (i >= second) for i in range(len(ids))]
    return ids, segments


def test_ids_and_offsets_are_those_of_transformers(golden):
    model, _, _, rows = golden
    for row in rows:
        assert encode(model, row)[0] == row["ids"]
        for text, start in ((row["text"], 1), (row["text_b"], None)):
            tokens = [] if text is None else model.tokenizer.tokenize_with_offsets(text)
            spans = [[token.start, token.end] for token in tokens]
            begin = len(row["ids"]) - 1 - len(tokens) if start is None else start
            assert row["offsets"][begin : begin + len(tokens)] == spans


@pytest.mark.parametrize("padding_free", [False, True])
def test_logits_are_those_of_transformers(golden, padding_free):
    model, head, staged, rows = golden
    encoded = [encode(model, row) for row in rows]
    shape = len(rows), max(len(ids) for ids, _ in encoded)
    batch = {n: np.zeros(shape, int) for n in ("input_ids", "input_mask", "segment_ids")}
    for i, (ids, segments) in enumerate(encoded):
        batch["input_ids"][i, : len(ids)] = ids
        batch["input_mask"][i, : len(ids)] = 1
        batch["segment_ids"][i, : len(ids)] = segments
    for row, found in zip(rows, logits_of(model, head, staged, batch, padding_free)):
        expected = np.array(row["logits"])
        np.testing.assert_allclose(found[: len(expected)], expected, rtol=0, atol=1e-5)


def logits_of(model, head, staged, batch, padding_free):
    checkpoint = str(staged / "bert_model.ckpt")
    reader = tf.train.load_checkpoint(checkpoint)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(array, tf.int32) for name, array in batch.items()}
        bert = run_bert(model.bert_config, False, features, padding_free)
        is_sequence = head == families.SEQUENCE
        hidden = bert.get_pooled_output() if is_sequence else bert.get_sequence_output()
        saved = reader.get_variable_to_shape_map()
        shared = {v.op.name: v for v in tf.trainable_variables() if v.op.name in saved}
        tf.train.init_from_checkpoint(checkpoint, {name: name for name in shared})
        session.run(tf.global_variables_initializer())
        hidden = session.run(hidden)
    last = "cls/squad/output" if head == families.ANSWER else "output"
    weights, bias = map(reader.get_tensor, (f"{last}_weights", f"{last}_bias"))
    return hidden @ weights.T + bias


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model_type": "deberta-v2"}, r"a 'deberta-v2' model; supported are bert, roberta, xlm-"),
        ({"architectures": ["BertForMaskedLM"]}, "BertForMaskedLM, which has no head for labels"),
        ({"architectures": None}, "its architecture is unknown"),
    ],
)
def test_unsupported_model_is_refused(tmp_path, changes, match):
    config = read_json(GOLDEN / "bert_pair" / "config.json")
    write_json(tmp_path / "config.json", {**config, **changes})
    with pytest.raises(InputError, match=match):
        hugging_face.stage(str(tmp_path), str(tmp_path), with_head=True)


# What the keys of config.json mean: the documentation of transformers' configuration classes.
def test_settings_of_roberta():
    config = {**read_json(GOLDEN / "roberta_pair" / "config.json"), "classifier_dropout": 0.3}
    found = hugging_face.bert_config_of(config, "config.json")
    names = ("position_offset", "max_position_embeddings", "type_vocab_size", "classifier_dropout")
    assert [found[name] for name in names] == [2, 64, 1, 0.3]
    assert found["layer_norm_eps"] == config["layer_norm_eps"]


def test_settings_of_distilbert():
    config = {**read_json(GOLDEN / "distilbert" / "config.json"), "activation": "relu"}
    found = hugging_face.bert_config_of(config, "config.json")
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    assert [found[name] for name in names] == [12, 2, 3, 20]
    assert (found["hidden_act"], found["pooler_act"], found["type_vocab_size"]) == ("relu",) * 2 + (
        0,
    )
    assert found["classifier_dropout"] == config["seq_classif_dropout"] == 0.2


def test_missing_setting_is_named():
    config = read_json(GOLDEN / "distilbert" / "config.json")
    del config["n_heads"]
    with pytest.raises(InputError, match="n_heads missing"):
        hugging_face.bert_config_of(config, "config.json")
