"""tokenization.py: the ids of words, and what a tokenizer caches."""

import copy
import pickle
import re

import pytest

import tokenization
from tests.support.files import write
from tests.support.vocabulary import IDS


def test_ids_come_from_the_vocabulary_without_special_tokens(lower_tokenizer):
    assert lower_tokenizer.tokenize_to_ids("UNwanted,  running!") == [6, 8, 9, 14, 10, 11, 16]
    assert lower_tokenizer.tokenize_to_ids("[CLS] \u535a") == [22, 1, 23, 35]
    assert lower_tokenizer.tokenize_to_ids(" \u200e ") == []


def test_vocabulary_without_unk_has_no_id_for_unknown_words(tmp_path):
    path = tmp_path / "vocab.txt"
    write(path, "un\n##want\n")
    tokenizer = tokenization.FullTokenizer(str(path))
    assert tokenizer.tokenize_to_ids("unwant") == [0, 1]
    assert tokenizer.tokenize("want") == ["[UNK]"]
    with pytest.raises(KeyError, match=re.escape("[UNK]")):
        tokenizer.tokenize_to_ids("want")


def test_full_caches_are_emptied_and_tokens_stay_correct(vocab_file, monkeypatch):
    monkeypatch.setattr(tokenization, "_CACHED_WORDS", 3)
    tokenizer = tokenization.FullTokenizer(vocab_file)
    rows = [("un", 0, 2), ("##want", 2, 6), ("b", 7, 8), (",", 8, 9), ("[UNK]", 10, 13)]
    rows += [("cafe", 14, 18), ("\u535a", 19, 20), ("\u63a8", 20, 21), ("un", 22, 24)]
    text = "unwant b, xyz Caf\u00e9 \u535a\u63a8 un"
    for _ in range(5):
        assert tokenizer.tokenize_with_offsets(text) == rows
        assert tokenizer.tokenize(text) == [token for token, _, _ in rows]
        assert tokenizer.tokenize_to_ids(text) == [IDS[token] for token, _, _ in rows]
        caches = tokenizer._caches
        assert all(1 <= len(c) <= 3 for c in (caches.rows, caches.tokens, caches.ids))


def test_long_words_are_not_cached(vocab_file):
    tokenizer = tokenization.FullTokenizer(vocab_file)
    assert tokenizer.tokenize("a" * 65) == ["a"] + ["##a"] * 64
    assert tokenizer.tokenize("a" * 64) == ["a"] + ["##a"] * 63
    assert list(tokenizer._caches.tokens) == ["a" * 64]


def test_settings_and_vocabulary_can_change_between_texts(vocab_file):
    tokenizer = tokenization.FullTokenizer(vocab_file)
    text = "Un zq aa"

    def now(*expected):
        tokens = tokenizer.tokenize_with_offsets(text)
        assert [token.text for token in tokens] == tokenizer.tokenize(text) == list(expected)
        assert tokenizer.tokenize_to_ids(text) == [tokenizer.vocab[token] for token in expected]

    now("un", "[UNK]", "a", "##a")
    tokenizer.basic_tokenizer.do_lower_case = False
    now("Un", "[UNK]", "a", "##a")
    tokenizer.vocab["zq"] = 59
    now("Un", "zq", "a", "##a")
    tokenizer.wordpiece_tokenizer.max_input_chars_per_word = 1
    now("[UNK]", "[UNK]", "[UNK]")
    tokenizer.wordpiece_tokenizer.unk_token = "[PAD]"
    now("[PAD]", "[PAD]", "[PAD]")
    tokenizer.wordpiece_tokenizer = tokenization.WordpieceTokenizer({"aa", "un"})
    tokenizer.vocab = {"aa": 7, "un": 5, "[UNK]": 3}
    now("[UNK]", "[UNK]", "aa")
    tokenizer.basic_tokenizer = tokenization.BasicTokenizer()
    now("un", "[UNK]", "aa")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_and_pickles_leave_out_the_cache(vocab_file, copied):
    original = tokenization.FullTokenizer(vocab_file)
    unused = pickle.dumps(original)
    assert original.tokenize_to_ids("un") == [6]
    assert copied(original).tokenize_to_ids("un b") == [6, IDS["b"]]
    assert pickle.dumps(original) == unused  # The cache is not pickled.


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_work_and_do_not_share_a_cache(vocab_file, copied):
    original = tokenization.FullTokenizer(vocab_file)
    assert original.tokenize("b zq") == ["b", "[UNK]"]
    other = copied(original)
    other.vocab["zq"] = len(other.vocab)
    assert other.tokenize("b zq") == ["b", "zq"]
    assert original.tokenize("b zq") == ["b", "[UNK]"]
