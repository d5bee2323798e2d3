"""BERT's tokenizers that differ from this toolkit's are used as they are, from tokenizer.json."""

import shutil

import numpy as np
import pytest

from finetune.models import convert_tokenizer, pretrained
from finetune.models.families import FAMILIES
from finetune.models.model_fn import run_bert
from finetune.util.errors import InputError
from tests.support import ROOT, bert
from tests.support.files import read_json, write_json
from tests.support.tensorflow_v1 import tf
from tokenization import FullTokenizer

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"
GENERIC = {"tokenizer_class": "TokenizersBackend"}  # As transformers 5 names the class
TEXT = "ÀÉ new"


@pytest.fixture
def source(tmp_path):
    """A copy of the uncased tokenizer of bert_pair, to change."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(GOLDEN / "bert_pair" / name, folder)
    return folder


def change(source, parts=None, config=None):
    for name, changes in (("tokenizer.json", parts), ("tokenizer_config.json", config)):
        content = {**read_json(source / name), **(changes or {})}
        write_json(source / name, {key: v for key, v in content.items() if v != "missing"})


def staged(source):
    """Returns the tokenizer that the toolkit uses, and the names of the files that were read."""
    target = source.parent / "staged"
    target.mkdir()
    used = convert_tokenizer.stage(str(source), str(target), FAMILIES["bert"], 100)
    config = {"vocab_size": len(read_json(source / "tokenizer.json")["model"]["vocab"])}
    config["vocab_size"] += len(read_json(source / "tokenizer.json")["added_tokens"]) - 5
    write_json(target / "bert_config.json", config)
    vocab_file = pretrained.vocabulary_in(str(target))
    return pretrained.load(vocab_file, str(target / "bert_config.json")).tokenizer, used


def pieces(tokenizer, text=TEXT):
    return [token.text for token in tokenizer.tokenize_with_offsets(text)]


def test_usual_tokenizer_is_the_toolkits(source):
    tokenizer, used = staged(source)
    assert isinstance(tokenizer, FullTokenizer)
    assert pieces(tokenizer) == ["a", "##e", "new"]
    assert used == ["tokenizer.json", "tokenizer_config.json"]


# The expected wordpieces are what transformers 5.23 gives for the same files.
@pytest.mark.parametrize(
    ("parts", "config", "expected"),
    [
        ({}, {"strip_accents": False}, ["[UNK]", "new"]),
        ({"normalizer": {"type": "Lowercase"}}, GENERIC, ["[UNK]", "new"]),
        ({"normalizer": None}, GENERIC, ["[UNK]", "new"]),
    ],
)
def test_other_normalizers_are_used_as_they_are(source, parts, config, expected):
    pytest.importorskip("tokenizers")
    change(source, parts, config)
    tokenizer, _ = staged(source)
    assert not isinstance(tokenizer, FullTokenizer)
    assert pieces(tokenizer) == expected
    assert pieces(tokenizer, "NEW") == (["new"] if parts.get("normalizer", 1) else ["[UNK]"])


def test_characters_of_a_chinese_word_can_stay_together(source):
    pytest.importorskip("tokenizers")
    change(source, config={"tokenize_chinese_chars": False})
    tokenizer, _ = staged(source)
    assert pieces(tokenizer, "東京") == ["[UNK]"]


def test_added_token_is_kept_whole(source):
    pytest.importorskip("tokenizers")
    parts = read_json(source / "tokenizer.json")
    entry = {**parts["added_tokens"][0], "id": len(parts["model"]["vocab"]), "content": "@USER"}
    change(source, {"added_tokens": [*parts["added_tokens"], entry]})
    tokenizer, _ = staged(source)
    assert pieces(tokenizer, "a @USER new") == ["a", "@USER", "new"]
    assert tokenizer.tokenize_to_ids("@USER") == [entry["id"]]


# transformers ignores the tokenizer.json's normaliser, unless the class is generic.
@pytest.mark.parametrize(
    ("lowercase", "config", "expected"),
    [
        (False, {"do_lower_case": "missing"}, ["new"]),
        (True, {"do_lower_case": False}, ["[UNK]"]),
        (True, {**GENERIC, "do_lower_case": False}, ["new"]),
        (False, {**GENERIC, "do_lower_case": True}, ["[UNK]"]),
    ],
)
def test_case_is_that_of_transformers(source, lowercase, config, expected):
    normalizer = {**read_json(source / "tokenizer.json")["normalizer"], "lowercase": lowercase}
    change(source, {"normalizer": normalizer}, config)
    tokenizer, _ = staged(source)
    assert isinstance(tokenizer, FullTokenizer)
    assert pieces(tokenizer, "NEW") == expected


def test_tokenizer_of_another_kind_is_refused(source):
    parts = {"normalizer": {"type": "NFKC"}, "added_tokens": [{"content": "x"}]}
    change(source, parts, {"tokenizer_class": "BertJapaneseTokenizer"})
    with pytest.raises(InputError, match="tokenizer_class is 'BertJapaneseTokenizer'"):
        staged(source)


def test_segments_are_ignored_by_a_model_with_one():
    with tf.Graph().as_default():
        ids = tf.constant(bert.make_ids(2, 5), tf.int32)
        segment = tf.placeholder_with_default(0, [])
        features = {"input_ids": ids, "input_mask": tf.ones_like(ids)}
        features["segment_ids"] = tf.zeros_like(ids) + segment
        pooled = run_bert(bert.make_config(type_vocab_size=1), False, features).get_pooled_output()
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            first, second = session.run(pooled), session.run(pooled, {segment: 1})
    np.testing.assert_array_equal(first, second)
