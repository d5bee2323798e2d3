"""tokenization.py: tokens and spans, by hand.

Expected tokens follow Devlin et al.'s rules (google-research/bert README, "Tokenization") and the
Unicode Character Database.
"""

import pytest
from absl.testing import flagsaver

import tokenization
from tests.support.vocabulary import IDS


def check(tokenizer, text, expected):
    """Asserts that a text has the expected tokens: rows of token, start, end, text of the span."""
    tokens = tokenizer.tokenize_with_offsets(text)
    assert [(t.text, t.start, t.end, text[t.start : t.end]) for t in tokens] == expected
    assert tokenizer.tokenize(text) == [token for token, _, _, _ in expected]
    assert tokenizer.tokenize_to_ids(text) == [IDS[token] for token, _, _, _ in expected]


LOWER_CASED = {
    "empty": ("", []),
    "only whitespace": (" \t\n ", []),
    "pieces and punctuation": (
        "UNwanted,  running!",
        [
            ("un", 0, 2, "UN"),
            ("##want", 2, 6, "want"),
            ("##ed", 6, 8, "ed"),
            (",", 8, 9, ","),
            ("runn", 11, 15, "runn"),
            ("##ing", 15, 18, "ing"),
            ("!", 18, 19, "!"),
        ],
    ),
    "ASCII symbols are punctuation": (
        "un$^`b",
        [
            ("un", 0, 2, "un"),
            ("$", 2, 3, "$"),
            ("^", 3, 4, "^"),
            ("`", 4, 5, "`"),
            ("b", 5, 6, "b"),
        ],
    ),
    "other punctuation": (
        "b\u2026b",
        [("b", 0, 1, "b"), ("\u2026", 1, 2, "\u2026"), ("b", 2, 3, "b")],
    ),
    "punctuation that decomposition makes": (
        # U+037E, the Greek question mark, is canonically ";", and U+1FEF "`".
        "b\u037eb\u1fef",
        [("b", 0, 1, "b"), (";", 1, 2, "\u037e"), ("b", 2, 3, "b"), ("`", 3, 4, "\u1fef")],
    ),
    "unknown word": ("unwantedx want", [("[UNK]", 0, 9, "unwantedx"), ("want", 10, 14, "want")]),
    "special tokens are split": (
        "[SEP]",
        [("[", 0, 1, "["), ("[UNK]", 1, 4, "SEP"), ("]", 4, 5, "]")],
    ),
    "accents, composed": ("Caf\u00e9 b", [("cafe", 0, 4, "Caf\u00e9"), ("b", 5, 6, "b")]),
    "combining mark within a word": (
        "Ca\u0301fe b",
        [("cafe", 0, 5, "Ca\u0301fe"), ("b", 6, 7, "b")],
    ),
    "combining mark at the end is not in the span": (
        "Cafe\u0301 b",
        [("cafe", 0, 4, "Cafe"), ("b", 6, 7, "b")],
    ),
    "only a combining mark": ("b \u0301 b", [("b", 0, 1, "b"), ("b", 4, 5, "b")]),
    "combining mark on punctuation": (
        "b.\u0301un",
        [("b", 0, 1, "b"), (".", 1, 2, "."), ("un", 3, 5, "un")],
    ),
    "one capital that lower-cases to two": (
        # U+0130 becomes "i" and U+0307, a nonspacing mark.
        "\u0130stanbul,b",
        [("istanbul", 0, 8, "\u0130stanbul"), (",", 8, 9, ","), ("b", 9, 10, "b")],
    ),
    "several capitals that lower-case to two": (
        "\u0130\u0130\u0130 \u0130stanbul",
        [("[UNK]", 0, 3, "\u0130\u0130\u0130"), ("istanbul", 4, 12, "\u0130stanbul")],
    ),
    "final sigma": (
        "\u039f\u0394\u039f\u03a3!",
        [("\u03bf\u03b4\u03bf\u03c2", 0, 4, "\u039f\u0394\u039f\u03a3"), ("!", 4, 5, "!")],
    ),
    "sigma that is not final": (
        "\u039f\u0394\u039f\u03a3\u0391",
        [("\u03bf\u03b4\u03bf\u03c3\u03b1", 0, 5, "\u039f\u0394\u039f\u03a3\u0391")],
    ),
    "full width and sharp s have no decomposition": (
        "\uff21 \u00df \ufb01",
        [("\uff41", 0, 1, "\uff21"), ("\u00df", 2, 3, "\u00df"), ("[UNK]", 4, 5, "\ufb01")],
    ),
    "CJK": (
        "b\u535a\u63a8un",
        [
            ("b", 0, 1, "b"),
            ("\u535a", 1, 2, "\u535a"),
            ("\u63a8", 2, 3, "\u63a8"),
            ("un", 3, 5, "un"),
        ],
    ),
    "CJK compatibility ideograph": (
        # U+F900 is canonically U+8C48.
        "b\uf900b",
        [("b", 0, 1, "b"), ("\u8c48", 1, 2, "\uf900"), ("b", 2, 3, "b")],
    ),
    "Hangul syllable in two pieces": (
        # U+D55C is canonically U+1112 U+1161 U+11AB.
        "b \ud55c b",
        [
            ("b", 0, 1, "b"),
            ("\u1112\u1161", 2, 3, "\ud55c"),
            ("##\u11ab", 2, 3, "\ud55c"),
            ("b", 4, 5, "b"),
        ],
    ),
    "combining characters that change places": (
        # Their combining classes are 224 and 216. They are spacing marks (Mc), so they are kept.
        "a\u302e\U0001d165",
        [("a", 0, 1, "a"), ("##\U0001d165", 2, 3, "\U0001d165"), ("##\u302e", 1, 2, "\u302e")],
    ),
    "span of a piece whose characters changed places": (
        "b\u302e\U0001d165 \u302e\U0001d165",
        [
            ("b\U0001d165\u302e", 0, 3, "b\u302e\U0001d165"),
            ("\U0001d165\u302e", 4, 6, "\u302e\U0001d165"),
        ],
    ),
    "control and format characters within a word": (
        "un\u0007want\u200bed",
        [("un", 0, 2, "un"), ("##want", 3, 7, "want"), ("##ed", 8, 10, "ed")],
    ),
    "soft hyphen within a piece": (
        "wa\u00adnt b",
        [("want", 0, 5, "wa\u00adnt"), ("b", 6, 7, "b")],
    ),
    "only a left-to-right mark between words": (
        "un \u200e b",
        [("un", 0, 2, "un"), ("b", 5, 6, "b")],
    ),
    "only a left-to-right mark": ("\u200e", []),
    "NUL and U+FFFD": ("\0un\ufffd b\0", [("un", 1, 3, "un"), ("b", 5, 6, "b")]),
    "NUL within a word": ("u\0n", [("un", 0, 3, "u\0n")]),
    "line and paragraph separators split": (
        "un\u2028want\u2029b",
        [("un", 0, 2, "un"), ("want", 3, 7, "want"), ("b", 8, 9, "b")],
    ),
    "other line breaks of str.split are dropped": (
        "un\u0085want b\u001cb\u000bb",
        [
            ("un", 0, 2, "un"),
            ("##want", 3, 7, "want"),
            ("b", 8, 9, "b"),
            ("##b", 10, 11, "b"),
            ("##b", 12, 13, "b"),
        ],
    ),
    "whitespace of all sorts": (
        "\tun\r\nb\u00a0b\u3000b\u2009b\u1680b",
        [
            ("un", 1, 3, "un"),
            ("b", 5, 6, "b"),
            ("b", 7, 8, "b"),
            ("b", 9, 10, "b"),
            ("b", 11, 12, "b"),
            ("b", 13, 14, "b"),
        ],
    ),
    "beyond the basic plane": (
        "b\U0001f600 un",
        [("[UNK]", 0, 2, "b\U0001f600"), ("un", 3, 5, "un")],
    ),
}


@pytest.mark.parametrize("name", LOWER_CASED)
def test_lower_cased_tokens_and_spans_equal_those_by_hand(lower_tokenizer, name):
    check(lower_tokenizer, *LOWER_CASED[name])


CASED = {
    "case and accents stay": (
        "Un un Caf\u00e9 Cafe",
        [
            ("Un", 0, 2, "Un"),
            ("un", 3, 5, "un"),
            ("Caf\u00e9", 6, 10, "Caf\u00e9"),
            ("Cafe", 11, 15, "Cafe"),
        ],
    ),
    "nothing is composed": ("Cafe\u0301", [("[UNK]", 0, 5, "Cafe\u0301")]),
    "nothing is decomposed": (
        "\ud55c\uf900",
        [("\ud55c", 0, 1, "\ud55c"), ("\uf900", 1, 2, "\uf900")],
    ),
    "control characters are dropped": ("C\u200eafe\u00ad", [("Cafe", 0, 5, "C\u200eafe")]),
    "punctuation is split": ("Un,un", [("Un", 0, 2, "Un"), (",", 2, 3, ","), ("un", 3, 5, "un")]),
}


@pytest.mark.parametrize("name", CASED)
def test_cased_tokens_and_spans_equal_those_by_hand(cased_tokenizer, name):
    check(cased_tokenizer, *CASED[name])


def test_token_fields_have_names(lower_tokenizer):
    (token,) = lower_tokenizer.tokenize_with_offsets(" un")
    assert token == ("un", 1, 3)
    assert (token.text, token.start, token.end) == ("un", 1, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A word can have 200 characters, counted after decomposition.
        ("a" * 200, [("a", 0, 1)] + [("##a", i, i + 1) for i in range(1, 200)]),
        ("a" * 201, [("[UNK]", 0, 201)]),
        ("b " + "a" * 211 + ".", [("b", 0, 1), ("[UNK]", 2, 213), (".", 213, 214)]),
        ("\u00e1" * 101, None),
        ("\ud55c" * 67, [("[UNK]", 0, 67)]),
    ],
)
def test_words_of_more_than_200_characters_are_unknown(lower_tokenizer, text, expected):
    if expected is None:  # The accent is decomposed, then dropped.
        expected = [("a", 0, 1)] + [("##a", i, i + 1) for i in range(1, 101)]
    assert lower_tokenizer.tokenize_with_offsets(text) == expected


def test_bytes_are_read_as_utf8(lower_tokenizer):
    text = b"Caf\xc3\xa9 \xff un"  # 0xFF is not UTF-8.
    assert lower_tokenizer.tokenize(text) == ["cafe", "un"]
    assert lower_tokenizer.tokenize_to_ids(text) == [IDS["cafe"], IDS["un"]]
    assert lower_tokenizer.tokenize_with_offsets(text) == [("cafe", 0, 4), ("un", 6, 8)]


@pytest.mark.parametrize("function", ["convert_to_unicode", "printable_text"])
def test_bytes_are_converted_to_unicode(function):
    convert = getattr(tokenization, function)
    assert convert("\u00e9") == convert(b"\xc3\xa9") == "\u00e9"
    assert convert(b"a\xffb") == "ab"
    with pytest.raises(ValueError, match="Unsupported string type: <class 'int'>"):
        convert(3)


def test_unused_tokens_are_split_by_default(lower_tokenizer):
    assert lower_tokenizer.tokenize("[unused0]") == ["[", "[UNK]", "]"]


def test_unused_tokens_are_preserved_on_request(lower_tokenizer, cased_tokenizer):
    text = "un [unused0] [unused7] \u535a[unused1] b[unused0] [UNK]"
    expected = [
        ("un", 0, 2, "un"),
        ("[unused0]", 3, 12, "[unused0]"),
        ("[", 13, 14, "["),  # It is not in the vocabulary.
        ("[UNK]", 14, 21, "unused7"),
        ("]", 21, 22, "]"),
        ("\u535a", 23, 24, "\u535a"),
        ("[unused1]", 24, 33, "[unused1]"),
        ("b", 34, 35, "b"),  # It is not a separate word.
        ("[", 35, 36, "["),
        ("[UNK]", 36, 43, "unused0"),
        ("]", 43, 44, "]"),
        ("[", 45, 46, "["),  # It is not an [unusedN] token.
        ("[UNK]", 46, 49, "UNK"),
        ("]", 49, 50, "]"),
    ]
    split = lower_tokenizer.tokenize(text)
    with flagsaver.flagsaver(preserve_unused_tokens=True):
        check(lower_tokenizer, text, expected)
        check(cased_tokenizer, text, expected)
        assert lower_tokenizer.basic_tokenizer.tokenize("[unused0]") == ["[unused0]"]
        assert tokenization.preserve_token("[unused0]", lower_tokenizer.vocab)
        assert not tokenization.preserve_token("[unused7]", lower_tokenizer.vocab)
        assert not tokenization.preserve_token("[CLS]", lower_tokenizer.vocab)
    # The cache of one setting does not affect the other.
    assert lower_tokenizer.tokenize(text) == split
    assert split.count("[") == 5
    assert not tokenization.preserve_token("[unused0]", lower_tokenizer.vocab)
