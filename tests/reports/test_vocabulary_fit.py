"""Whether a vocabulary fits a language is judged by the wordpieces per word."""

import pytest

from finetune.reports.vocabulary_fit import (
    fitting_model,
    pieces_per_word,
    problem_with_vocabulary,
)
from tokenization import FullTokenizer

ENGLISH = ["The film was good and we were happy"] * 25
GERMAN = ["der film war gut und wir waren froh"] * 25
MULTILINGUAL = "`python prepare_model.py bert-base-multilingual-cased`"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """An uncased tokenizer that has the English words, and each letter."""
    words = ENGLISH[0].lower().split()
    letters = [prefix + chr(c) for c in range(97, 123) for prefix in ("", "##")]
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    tokens = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters])
    path.write_text("".join(token + "\n" for token in tokens))
    return FullTokenizer(str(path), do_lower_case=True)


def test_words_of_another_language_have_many_pieces(tokenizer):
    assert pieces_per_word(ENGLISH, tokenizer) == 1.0
    # der, war, gut, und, wir, waren, froh: as many pieces as letters; film: 1
    assert pieces_per_word(GERMAN, tokenizer) == (3 + 1 + 3 + 3 + 3 + 3 + 5 + 4) / 8
    assert problem_with_vocabulary(ENGLISH, tokenizer) is None
    assert problem_with_vocabulary(GERMAN, tokenizer) == (
        "3.1 wordpieces per word: the vocabulary seems to be for a different language or domain. "
        f"{MULTILINGUAL} installs a model for 104 languages"
    )


def test_only_words_in_latin_script_count(tokenizer):
    extra = " https://x.org/abcdef @name #hashtag a.b@cd.ef don't 電影很好 Фильм xyz123 qrs-tuv w"
    assert pieces_per_word([text + extra for text in ENGLISH], tokenizer) == 1.0
    assert pieces_per_word(ENGLISH[:12], tokenizer) is None  # Fewer than 100 words


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("这部电影很好", "`python prepare_model.py bert-base-chinese`"),
        ("この映画は良かった", MULTILINGUAL),
        ("Фильм был хороший", MULTILINGUAL),
        ("", MULTILINGUAL),
    ],
)
def test_a_model_for_the_script_is_named(tokenizer, text, model):
    assert fitting_model([text], tokenizer) == model


def test_a_multilingual_vocabulary_is_not_questioned(tokenizer, monkeypatch):
    vocab = {**tokenizer.vocab, **{f"[unused{i}]": 100 + i for i in range(100_000)}}
    monkeypatch.setattr(tokenizer, "vocab", vocab)
    assert fitting_model(GERMAN, tokenizer) == ""
    assert problem_with_vocabulary(GERMAN, tokenizer) is None


def test_words_have_the_wordpieces_that_they_have_inside_a_text():
    class ByteLevel:
        vocab = {}

        def tokenize_to_ids(self, text):
            return [0] if text.startswith(" ") else [1, 2, 3]

    assert pieces_per_word(ENGLISH, ByteLevel()) == 1.0
