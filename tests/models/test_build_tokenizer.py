"""Tokenizers from the files that older models have instead of a tokenizer.json.

That the ids and offsets are those of transformers: test_families.py, with `camembert_token`.
"""

import struct

import pytest

from finetune.models import sentencepiece_model
from finetune.models.build_tokenizer import build
from finetune.models.families import FAMILIES
from finetune.models.library_tokenizer import LibraryTokenizer
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import read_json, write_json
from tests.support.subwords import write_byte_level_bpe

GOLDEN = ROOT / "tests" / "golden" / "hugging_face" / "camembert_token"
MODEL = "sentencepiece.bpe.model"
CAMEMBERT, ROBERTA, XLM_ROBERTA = (FAMILIES[n] for n in ("camembert", "roberta", "xlm-roberta"))


def field(number, value):
    """Encodes a field of fewer than 128 bytes as a protocol buffer."""
    # https://protobuf.dev/programming-guides/encoding
    if isinstance(value, int):
        return bytes([*key(number, 0), value])
    if isinstance(value, float):
        return bytes(key(number, 5)) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return bytes([*key(number, 2), len(value)]) + value


def key(number, wire_type):
    first = number << 3 | wire_type
    return [first] if first < 128 else [first & 127 | 128, first >> 7]


def piece(text, score, kind=None):
    return field(1, field(1, text) + field(2, score) + (b"" if kind is None else field(3, kind)))


CONTROL, USER_DEFINED, UNKNOWN = 3, 4, 2
PIECES = (
    piece("<unk>", 0.0, UNKNOWN)
    + piece("<s>", 0.0, CONTROL)
    + piece("</s>", 0.0, CONTROL)
    + piece("new", 0.0, USER_DEFINED)
    + piece("▁", -2.5)
    + piece("é", -3.0)
    + piece("▁é", -7.0)
)


def test_pieces_scores_and_kinds_are_read(tmp_path):
    path = tmp_path / MODEL
    trainer = field(2, field(3, 1) + field(40, 0))
    path.write_bytes(PIECES + trainer + field(3, field(1, "nmt") + field(2, b"\x00\xff")))
    found = sentencepiece_model.read(str(path))
    assert found.pieces[:3] == [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)]
    assert found.pieces[3:] == [("new", 0.0), ("▁", -2.5), ("é", -3.0), ("▁é", -7.0)]
    assert (found.user_defined, found.charsmap) == (["new"], b"\x00\xff")


def test_model_without_rules_has_none(tmp_path):
    (tmp_path / MODEL).write_bytes(PIECES)
    assert sentencepiece_model.read(str(tmp_path / MODEL)).charsmap == b""


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "it contains no pieces"),
        (PIECES[:-1], "it is truncated"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a number is too long"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a SentencePiece model"),
        (field(1, 7), "a number in place of a message"),
        (field(1, field(1, b"\xff")), "not a SentencePiece model"),
        (field(1, field(2, 5)), "a piece is a number"),
        (PIECES + field(2, field(3, 2)), "the model is not Unigram"),
        (PIECES + field(2, field(35, 1)), "the model is not Unigram"),
        (PIECES + field(3, field(2, 1)), "its normaliser is a number"),
    ],
)
def test_damaged_model_or_one_of_another_kind_is_refused(tmp_path, content, match):
    path = tmp_path / MODEL
    path.write_bytes(content)
    with pytest.raises(InputError, match=match) as caught:
        sentencepiece_model.read(str(path))
    assert str(caught.value).startswith(str(path))


def built(source, target, family):
    pytest.importorskip("tokenizers")
    used = build(str(source), str(target / "tokenizer.json"), family)
    return used, LibraryTokenizer(str(target / "tokenizer.json"))


# XLMRobertaConverter and CamembertConverter in transformers' convert_slow_tokenizer.py
@pytest.mark.parametrize(
    ("family", "ids"),
    [
        (XLM_ROBERTA, {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "new": 4, "▁": 5, "<mask>": 8}),
        (CAMEMBERT, {"<s>": 5, "<pad>": 1, "</s>": 6, "<unk>": 3, "new": 7, "▁": 8, "<mask>": 11}),
    ],
)
def test_ids_are_those_of_the_family(tmp_path, family, ids):
    (tmp_path / MODEL).write_bytes(PIECES)
    used, tokenizer = built(tmp_path, tmp_path, family)
    assert used == [MODEL]
    assert {token: tokenizer.vocab[token] for token in ids} == ids
    tokens = tokenizer.tokenize_with_offsets("é new x")
    # -2.5 - 3 is more probable than -7. A user-defined piece is cut out of the text first.
    assert [token.text for token in tokens] == ["▁", "é", "new", "▁", "<unk>"]
    assert tokens[2][1:] == (2, 5)


def test_damaged_rules_are_refused(tmp_path):
    pytest.importorskip("tokenizers")
    (tmp_path / MODEL).write_bytes(PIECES + field(3, field(2, b"\x07\x00")))
    with pytest.raises(InputError, match="not a model of this kind"):
        build(str(tmp_path), str(tmp_path / "tokenizer.json"), XLM_ROBERTA)


def write_bpe(folder):
    """Writes vocab.json and merges.txt of the small tokenizer; returns its number of tokens."""
    parts = read_json(write_byte_level_bpe(folder / "parts.json"))
    write_json(folder / "vocab.json", parts["model"]["vocab"])
    merges = [" ".join(pair) + "\n" for pair in parts["model"]["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(merges), encoding="utf-8")
    return len(parts["model"]["vocab"])


def test_tokens_that_a_model_adds_are_kept_whole(tmp_path):
    size = write_bpe(tmp_path)
    write_json(tmp_path / "added_tokens.json", {"@USER": size, "URL": size + 1})
    config = {"added_tokens_decoder": {str(size + 1): {"content": "URL", "lstrip": True}}}
    write_json(tmp_path / "tokenizer_config.json", config)
    used, tokenizer = built(tmp_path, tmp_path, ROBERTA)
    assert used == ["vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json"]
    tokens = tokenizer.tokenize_with_offsets("new @USER new URL")
    assert [token.text for token in tokens] == ["new", "Ġ", "@USER", "Ġnew", "URL"]
    assert tokens[2][1:] == (4, 9)  # The space before URL belongs to it, because of lstrip.
    assert tokenizer.tokenize_to_ids("@USER") == [size]


def test_space_before_the_first_word_is_added_on_demand(tmp_path):
    write_bpe(tmp_path)
    _, tokenizer = built(tmp_path, tmp_path, ROBERTA)
    assert tokenizer.tokenize_to_ids("new") == [tokenizer.vocab["new"]]
    write_json(tmp_path / "tokenizer_config.json", {"add_prefix_space": True})
    _, tokenizer = built(tmp_path, tmp_path, ROBERTA)
    assert tokenizer.tokenize_to_ids("new") == [tokenizer.vocab["Ġnew"]]


@pytest.mark.parametrize(
    ("added", "match"),
    [({"x": 9999}, "the id of the added token 'x' is 9999"), ({"x": "y"}, "not tokens with ids")],
)
def test_added_tokens_that_do_not_fit_are_refused(tmp_path, added, match):
    pytest.importorskip("tokenizers")
    write_bpe(tmp_path)
    write_json(tmp_path / "added_tokens.json", added)
    with pytest.raises(InputError, match=match):
        build(str(tmp_path), str(tmp_path / "tokenizer.json"), ROBERTA)


def test_files_of_another_kind_are_not_enough(tmp_path):
    write_bpe(tmp_path)
    assert build(str(tmp_path), str(tmp_path / "tokenizer.json"), XLM_ROBERTA) == []
