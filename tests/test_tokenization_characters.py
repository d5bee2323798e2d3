"""Classes of characters, word separators and wordpieces of the tokenizers."""

import unicodedata

import pytest

import tokenization


def test_basic_tokenizer_returns_words():
    lower_tokenizer = tokenization.BasicTokenizer()
    cased_tokenizer = tokenization.BasicTokenizer(do_lower_case=False)
    text = " \tHe\u0301LLo\u200e!W\u00f6, \u535ab \n"
    assert lower_tokenizer.tokenize(text) == ["hello", "!", "wo", ",", "\u535a", "b"]
    assert cased_tokenizer.tokenize(text) == ["He\u0301LLo", "!", "W\u00f6", ",", "\u535a", "b"]
    assert lower_tokenizer.tokenize(b"H\xc3\xa9llo") == ["hello"]


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        # The first and last code point of each block of CJK ideographs, and their neighbours.
        ("\u3400\u4dbf", "\u33ff\u4dc0"),
        ("\u4e00\u9fff", "\ua000"),
        ("\uf900\ufaff", "\ue000\ufb00"),
        ("\U00020000\U0002a6df", "\U0001ffff\U0002a6e0"),
        ("\U0002a700\U0002b73f\U0002b740\U0002b81f\U0002b820\U0002ceaf", "\U0002a6ff\U0002ceb0"),
        ("\U0002f800\U0002fa1f", "\U0002f7ff\U0002fa20"),
        # Hiragana, Katakana and Hangul characters are not words of their own.
        ("", "\u3042\u30a2\ud55c"),
    ],
)
def test_characters_of_cjk_blocks_are_words(inside, outside):
    tokenizer = tokenization.BasicTokenizer(do_lower_case=False)
    for char in inside:
        assert tokenizer.tokenize("b" + char + "b") == ["b", char, "b"]
    for char in outside:
        assert tokenizer.tokenize("b" + char + "b") == ["b" + char + "b"]


def test_wordpiece_takes_the_longest_match():
    vocab = {"a", "ab", "abc", "##c", "##cd", "##d", "?"}
    tokenizer = tokenization.WordpieceTokenizer(vocab, unk_token="?", max_input_chars_per_word=5)
    assert tokenizer.tokenize("abcd") == ["abc", "##d"]
    assert tokenizer.tokenize("abcdd  acd") == ["abc", "##d", "##d", "a", "##cd"]
    # The match is greedy: "ab" is tried, but "a" is not. "##x" is not in the vocabulary, so the
    # word is unknown.
    assert tokenizer.tokenize("abx c abcddd") == ["?", "?", "?"]
    assert tokenizer.tokenize("") == []


def test_character_classes_follow_unicode():
    # Whitespace is Zs; control characters are Cc and Cf; punctuation is P and all ASCII symbols.
    for char in " \t\n\r\u00a0\u3000":
        assert tokenization._is_whitespace(char)
        assert not tokenization._is_control(char)
    for char in "\0\u0005\u007f\u0085\u00ad\u200e\ufeff":
        assert tokenization._is_control(char)
        assert not tokenization._is_whitespace(char)
    for char in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u00a1\u2014\u2026\u3001":
        assert tokenization._is_punctuation(char)
    for char in "a0Z \u00b4\u20ac\u2028\u00b2":
        assert not tokenization._is_punctuation(char)
        assert not tokenization._is_control(char)


def test_word_separators_are_those_of_unicode():
    # Computed with unicodedata: space separators, the three control characters that are whitespace,
    # and the line and paragraph separators.
    every_character = "".join(map(chr, range(0x110000)))
    separators = set(tokenization._WHITE_SPACE_RE.findall(every_character))
    spaces = {char for char in every_character if unicodedata.category(char) == "Zs"}
    assert len(spaces) == 17  # Unicode 6.3 and later.
    assert separators == spaces | set("\t\n\r\u2028\u2029")
    assert [char for char in separators if char.isprintable()] == [
        " "
    ]  # _split_text relies on this.
