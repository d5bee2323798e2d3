"""Tests of tokenization.py: literal tokens and spans, then properties of any text.

Expected tokens are worked out by hand from Devlin et al.'s rules (google-research/bert README,
"Tokenization") and the Unicode Character Database.
"""

import copy
import pickle
import re
import unicodedata

import pytest
from absl.testing import flagsaver
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tokenization

# In the order of their ids; white space separates them.
VOCAB = """[PAD] [UNK] [CLS] [SEP] [unused0] [unused1] un want ##want ##ed runn ##ing wa ##nt
, . ! $ ^ - ; ` [ ] a ##a b ##b cafe Cafe Caf\u00e9 Un istanbul
\u03bf\u03b4\u03bf\u03c2 \u03bf\u03b4\u03bf\u03c3\u03b1 \u535a \u63a8 \u8c48 \uf900
\u1112\u1161 ##\u11ab \ud55c ##\U0001d165 ##\u302e \u00df \uff41 \u3042 \u2026
b\U0001d165\u302e \U0001d165\u302e"""

IDS = {token: i for i, token in enumerate(VOCAB.split())}


@pytest.fixture(scope="module")
def vocab_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_bytes("".join(token + "\n" for token in VOCAB.split()).encode("utf-8"))
    return str(path)


@pytest.fixture(scope="module")
def lower(vocab_file):
    return tokenization.FullTokenizer(vocab_file, do_lower_case=True)


@pytest.fixture(scope="module")
def cased(vocab_file):
    return tokenization.FullTokenizer(vocab_file, do_lower_case=False)


def check(tokenizer, text, expected):
    """Holds what `text` becomes against `expected`: rows of token, start, end, text of the span."""
    tokens = tokenizer.tokenize_with_offsets(text)
    assert [(t.text, t.start, t.end, text[t.start : t.end]) for t in tokens] == expected
    assert tokenizer.tokenize(text) == [token for token, _, _, _ in expected]
    assert tokenizer.tokenize_to_ids(text) == [IDS[token] for token, _, _, _ in expected]


# --- literal tokens and spans

LOWER_CASED = {
    "empty": ("", []),
    "white space alone": (" \t\n ", []),
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
    "special tokens are no words": (
        "[SEP]",
        [("[", 0, 1, "["), ("[UNK]", 1, 4, "SEP"), ("]", 4, 5, "]")],
    ),
    "accents, composed": ("Caf\u00e9 b", [("cafe", 0, 4, "Caf\u00e9"), ("b", 5, 6, "b")]),
    "combining mark within a word": (
        "Ca\u0301fe b",
        [("cafe", 0, 5, "Ca\u0301fe"), ("b", 6, 7, "b")],
    ),
    "combining mark at the end is outside": (
        "Cafe\u0301 b",
        [("cafe", 0, 4, "Cafe"), ("b", 6, 7, "b")],
    ),
    "combining mark alone": ("b \u0301 b", [("b", 0, 1, "b"), ("b", 4, 5, "b")]),
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
        # Of classes 224 and 216, and spacing (Mc), so that they stay.
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
    "left-to-right mark alone": ("un \u200e b", [("un", 0, 2, "un"), ("b", 5, 6, "b")]),
    "nothing but a left-to-right mark": ("\u200e", []),
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
    "white space of all sorts": (
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
def test_lower_cased(lower, name):
    check(lower, *LOWER_CASED[name])


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
def test_cased(cased, name):
    check(cased, *CASED[name])


def test_offset_fields(lower):
    (token,) = lower.tokenize_with_offsets(" un")
    assert token == ("un", 1, 3)
    assert (token.text, token.start, token.end) == ("un", 1, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A word may have 200 characters, as they are after decomposition.
        ("a" * 200, [("a", 0, 1)] + [("##a", i, i + 1) for i in range(1, 200)]),
        ("a" * 201, [("[UNK]", 0, 201)]),
        ("b " + "a" * 211 + ".", [("b", 0, 1), ("[UNK]", 2, 213), (".", 213, 214)]),
        ("\u00e1" * 101, None),
        ("\ud55c" * 67, [("[UNK]", 0, 67)]),
    ],
)
def test_long_words(lower, text, expected):
    if expected is None:  # An accent makes two characters of one, and then one again.
        expected = [("a", 0, 1)] + [("##a", i, i + 1) for i in range(1, 101)]
    assert lower.tokenize_with_offsets(text) == expected


def test_bytes(lower):
    text = b"Caf\xc3\xa9 \xff un"  # 0xFF is no UTF-8.
    assert lower.tokenize(text) == ["cafe", "un"]
    assert lower.tokenize_to_ids(text) == [IDS["cafe"], IDS["un"]]
    assert lower.tokenize_with_offsets(text) == [("cafe", 0, 4), ("un", 6, 8)]


@pytest.mark.parametrize("function", ["convert_to_unicode", "printable_text"])
def test_convert_to_unicode(function):
    convert = getattr(tokenization, function)
    assert convert("\u00e9") == convert(b"\xc3\xa9") == "\u00e9"
    assert convert(b"a\xffb") == "ab"
    with pytest.raises(ValueError, match="Unsupported string type: <class 'int'>"):
        convert(3)


# --- [unusedN]


def test_unused_tokens_are_split_by_default(lower):
    assert lower.tokenize("[unused0]") == ["[", "[UNK]", "]"]


def test_unused_tokens_are_kept_whole_on_demand(lower, cased):
    text = "un [unused0] [unused7] \u535a[unused1] b[unused0] [UNK]"
    expected = [
        ("un", 0, 2, "un"),
        ("[unused0]", 3, 12, "[unused0]"),
        ("[", 13, 14, "["),  # Not in the vocabulary.
        ("[UNK]", 14, 21, "unused7"),
        ("]", 21, 22, "]"),
        ("\u535a", 23, 24, "\u535a"),
        ("[unused1]", 24, 33, "[unused1]"),
        ("b", 34, 35, "b"),  # Not a word by itself.
        ("[", 35, 36, "["),
        ("[UNK]", 36, 43, "unused0"),
        ("]", 43, 44, "]"),
        ("[", 45, 46, "["),  # Not an [unusedN].
        ("[UNK]", 46, 49, "UNK"),
        ("]", 49, 50, "]"),
    ]
    split = lower.tokenize(text)
    with flagsaver.flagsaver(preserve_unused_tokens=True):
        check(lower, text, expected)
        check(cased, text, expected)
        assert lower.basic_tokenizer.tokenize("[unused0]") == ["[unused0]"]
        assert tokenization.preserve_token("[unused0]", lower.vocab)
        assert not tokenization.preserve_token("[unused7]", lower.vocab)
        assert not tokenization.preserve_token("[CLS]", lower.vocab)
    # What was seen under one setting says nothing of the other.
    assert lower.tokenize(text) == split
    assert split.count("[") == 5
    assert not tokenization.preserve_token("[unused0]", lower.vocab)


# --- the two steps by themselves


def test_basic_tokenizer():
    lower = tokenization.BasicTokenizer()
    cased = tokenization.BasicTokenizer(do_lower_case=False)
    text = " \tHe\u0301LLo\u200e!W\u00f6, \u535ab \n"
    assert lower.tokenize(text) == ["hello", "!", "wo", ",", "\u535a", "b"]
    assert cased.tokenize(text) == ["He\u0301LLo", "!", "W\u00f6", ",", "\u535a", "b"]
    assert lower.tokenize(b"H\xc3\xa9llo") == ["hello"]


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        # The first and the last code point of each block of CJK ideographs, and their neighbours.
        ("\u3400\u4dbf", "\u33ff\u4dc0"),
        ("\u4e00\u9fff", "\ua000"),
        ("\uf900\ufaff", "\ue000\ufb00"),
        ("\U00020000\U0002a6df", "\U0001ffff\U0002a6e0"),
        ("\U0002a700\U0002b73f\U0002b740\U0002b81f\U0002b820\U0002ceaf", "\U0002a6ff\U0002ceb0"),
        ("\U0002f800\U0002fa1f", "\U0002f7ff\U0002fa20"),
        # Hiragana, Katakana and Hangul are written in words.
        ("", "\u3042\u30a2\ud55c"),
    ],
)
def test_cjk_blocks(inside, outside):
    tokenizer = tokenization.BasicTokenizer(do_lower_case=False)
    for char in inside:
        assert tokenizer.tokenize("b" + char + "b") == ["b", char, "b"]
    for char in outside:
        assert tokenizer.tokenize("b" + char + "b") == ["b" + char + "b"]


def test_wordpiece_takes_the_longest_piece():
    vocab = {"a", "ab", "abc", "##c", "##cd", "##d", "?"}
    tokenizer = tokenization.WordpieceTokenizer(vocab, unk_token="?", max_input_chars_per_word=5)
    assert tokenizer.tokenize("abcd") == ["abc", "##d"]
    assert tokenizer.tokenize("abcdd  acd") == ["abc", "##d", "##d", "a", "##cd"]
    # Greedy: "ab" and "##x" are tried, "a" and "##bx" are not, and the whole word is unknown.
    assert tokenizer.tokenize("abx c abcddd") == ["?", "?", "?"]
    assert tokenizer.tokenize("") == []


def test_character_classes():
    # Of Unicode's categories: Zs; Cc and Cf; P, and all ASCII but letters, digits and controls.
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


def test_word_separators_are_unicodes():
    # By unicodedata: the space separators, the three controls that are white space, and the line
    # and paragraph separators, at which str.split splits.
    every_character = "".join(map(chr, range(0x110000)))
    separators = set(tokenization._WHITE_SPACE_RE.findall(every_character))
    spaces = {char for char in every_character if unicodedata.category(char) == "Zs"}
    assert len(spaces) == 17  # Unicode 6.3 and later.
    assert separators == spaces | set("\t\n\r\u2028\u2029")
    assert [char for char in separators if char.isprintable()] == [" "]  # As _split_text has it.


# --- vocabulary


def test_ids_are_line_numbers(tmp_path):
    # Released vocabularies hold U+2028, which some readers take for the end of a line.
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\r\n\u2028\r\n##\u2028b\r\n\u00e9\r\nlast".encode())
    vocab = tokenization.load_vocab(str(path))
    assert vocab["[PAD]"] == 0
    assert vocab["##\u2028b"] == 2
    assert vocab["\u00e9"] == 3
    assert vocab["last"] == 4
    assert len(vocab) == 5


def test_conversion_between_tokens_and_ids(lower):
    assert lower.convert_tokens_to_ids(["[PAD]", "##ed", "un"]) == [0, 9, 6]
    assert lower.convert_ids_to_tokens([9, 0, 6]) == ["##ed", "[PAD]", "un"]
    vocab = {"un": 5, "##ed": 3}
    assert tokenization.convert_tokens_to_ids(vocab, ["##ed", "un"]) == [3, 5]
    assert tokenization.convert_ids_to_tokens({5: "un", 3: "##ed"}, [5, 3]) == ["un", "##ed"]
    with pytest.raises(KeyError, match="absent"):
        tokenization.convert_by_vocab(vocab, ["absent"])


def test_missing_vocabulary_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.txt: the vocabulary cannot be read"):
        tokenization.FullTokenizer(str(tmp_path / "absent.txt"))


def test_vocabulary_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match=r"latin1\.txt: the vocabulary cannot be read .*utf-8"):
        tokenization.load_vocab(str(path))


# --- the case of a checkpoint


@pytest.mark.parametrize(
    ("do_lower_case", "name"),
    [
        (True, "uncased_L-12_H-768_A-12"),
        (True, "chinese_L-12_H-768_A-12"),
        (True, "multilingual_L-12_H-768_A-12"),
        (False, "cased_L-24_H-1024_A-16"),
        (False, "multi_cased_L-12_H-768_A-12"),
    ],
)
def test_case_and_checkpoint(do_lower_case, name):
    checkpoint = "models/%s/bert_model.ckpt" % name
    tokenization.validate_case_matches_checkpoint(do_lower_case, checkpoint)
    message = "--do_lower_case=%s was given, but %s .* use --do_lower_case=%s" % (
        not do_lower_case,
        re.escape(name),
        do_lower_case,
    )
    with pytest.raises(ValueError, match=message):
        tokenization.validate_case_matches_checkpoint(not do_lower_case, checkpoint)


@pytest.mark.parametrize(
    "checkpoint", [None, "", "bert_model.ckpt", "my_cased/bert_model.ckpt", "cased/model.ckpt"]
)
def test_case_of_an_unknown_checkpoint_is_free(checkpoint):
    assert tokenization.validate_case_matches_checkpoint(True, checkpoint) is None
    assert tokenization.validate_case_matches_checkpoint(False, checkpoint) is None


# --- properties of any text

ODD_CHARACTERS = (
    "aAbBnw.,![]$- \t\n\r\0\u0007\u0085\u001c\u00a0\u00ad\u200b\u200e\u2028\u2029\u3000\ufffd\ufeff"
    "\u00e9\u0130\u0131\u00df\u01c5\ufb01\u0301\u0323\u0345\u0340\u302e\U0001d165\u0f77\u0958"
    "\u03a3\u03c3\u03c2\u0391\u03d3\u212a\u1fef\u037e\u535a\uf900\u3042\ud55c\u1112\u0e33"
    "\uff21\U0001f600\U0002f800\U0001d15e"
)
PARTS = ("un", "want", "##ed", "cafe", "istanbul", "[unused0]", "[UNK]", "\u1112\u1161", "a" * 70)
texts = st.lists(
    st.one_of(st.sampled_from(PARTS), st.sampled_from(ODD_CHARACTERS), st.characters()),
    max_size=13,
).map("".join)
any_text = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def is_dropped(char):
    """Says by Unicode's categories whether the lower-casing tokenizer makes nothing of `char`."""
    if char.isspace() or char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf"):
        return True
    return all(unicodedata.category(c) == "Mn" for c in unicodedata.normalize("NFD", char))


def plain(text):
    """Returns what is left of `text` by Unicode's own tables; final and other sigma are one."""
    kept = "".join(c for c in text if c != "\ufffd" and unicodedata.category(c) not in ("Cc", "Cf"))
    decomposed = unicodedata.normalize("NFD", kept.lower())
    stripped = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return stripped.replace("\u03c2", "\u03c3")


@any_text
@given(text=texts)
@example(text="[unused0]\ud55c")
def test_all_ways_give_the_same_tokens(lower, cased, text):
    for tokenizer in (lower, cased):
        tokens = tokenizer.tokenize_with_offsets(text)
        assert tokenizer.tokenize(text) == [token.text for token in tokens]
        assert tokenizer.tokenize_to_ids(text) == [IDS[token.text] for token in tokens]


@any_text
@given(text=texts)
def test_spans_lie_in_the_text_and_hold_no_white_space(lower, cased, text):
    for tokenizer in (lower, cased):
        for token in tokenizer.tokenize_with_offsets(text):
            assert 0 <= token.start < token.end <= len(text)
            span = text[token.start : token.end]
            assert not any(tokenization._is_whitespace(c) or c in "\u2028\u2029" for c in span)
            # What stands at a span's ends is what the token was made of.
            assert not is_dropped(span[0]) or unicodedata.category(span[0]) == "Mn"
            assert tokenizer is cased or not (is_dropped(span[0]) or is_dropped(span[-1]))


@any_text
@given(text=texts)
def test_every_character_that_is_not_dropped_is_in_a_span(lower, text):
    covered = set()
    for token in lower.tokenize_with_offsets(text):
        covered.update(range(token.start, token.end))
    assert [c for i, c in enumerate(text) if i not in covered and not is_dropped(c)] == []


@any_text
@given(text=texts)
def test_token_is_part_of_what_its_span_becomes(lower, text):
    for token in lower.tokenize_with_offsets(text):
        if token.text != "[UNK]":
            piece = token.text[2:] if token.text.startswith("##") else token.text
            assert piece.replace("\u03c2", "\u03c3") in plain(text[token.start : token.end])


@any_text
@given(text=texts)
@example(text="\u0391\u03a3.\u0391\u03a3")
def test_basic_tokens_are_stable(text):
    for do_lower_case in (True, False):
        tokenizer = tokenization.BasicTokenizer(do_lower_case=do_lower_case)
        tokens = tokenizer.tokenize(text)
        assert tokenizer.tokenize(" ".join(tokens)) == tokens


@any_text
@given(left=texts, right=texts)
def test_text_after_white_space_is_shifted_alone(lower, left, right):
    first, second = lower.tokenize_with_offsets(left), lower.tokenize_with_offsets(right)
    shift = len(left) + 1
    second = [(token.text, token.start + shift, token.end + shift) for token in second]
    assert lower.tokenize_with_offsets(left + " " + right) == first + second


@any_text
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@example(text="[unused0]!aA")
def test_ascii_is_split_like_any_text(text):
    for do_lower_case in (True, False):
        tokenizer = tokenization.BasicTokenizer(do_lower_case=do_lower_case)
        words = [word for run in text.split() for word in tokenizer.split_ascii(run)]
        assert words == tokenizer.tokenize(text)


@settings(any_text, max_examples=20)
@given(rows=st.lists(texts, max_size=5))
def test_order_of_texts_does_not_matter(vocab_file, rows):
    forwards = tokenization.FullTokenizer(vocab_file)
    backwards = tokenization.FullTokenizer(vocab_file)
    expected = [forwards.tokenize_with_offsets(text) for text in rows]
    assert [forwards.tokenize_with_offsets(text) for text in rows] == expected
    reverse = [backwards.tokenize_with_offsets(text) for text in reversed(rows)]
    assert reverse == expected[::-1]


# --- what is remembered of words


def test_ids_are_those_of_the_vocabulary_without_special_tokens(lower):
    assert lower.tokenize_to_ids("UNwanted,  running!") == [6, 8, 9, 14, 10, 11, 16]
    assert lower.tokenize_to_ids("[CLS] \u535a") == [22, 1, 23, 35]
    assert lower.tokenize_to_ids(" \u200e ") == []


def test_a_vocabulary_without_an_unknown_token_has_no_id_for_it(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("un\n##want\n")
    tokenizer = tokenization.FullTokenizer(str(path))
    assert tokenizer.tokenize_to_ids("unwant") == [0, 1]
    assert tokenizer.tokenize("want") == ["[UNK]"]
    with pytest.raises(KeyError, match=re.escape("[UNK]")):
        tokenizer.tokenize_to_ids("want")


def test_full_caches_start_anew_and_tokens_stay_right(vocab_file, monkeypatch):
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


def test_long_words_are_not_kept(vocab_file):
    tokenizer = tokenization.FullTokenizer(vocab_file)
    assert tokenizer.tokenize("a" * 65) == ["a"] + ["##a"] * 64
    assert tokenizer.tokenize("a" * 64) == ["a"] + ["##a"] * 63
    assert list(tokenizer._caches.tokens) == ["a" * 64]


def test_settings_and_vocabulary_may_change_between_texts(vocab_file):
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
def test_copies_are_complete(vocab_file, copied):
    original = tokenization.FullTokenizer(vocab_file)
    unused = pickle.dumps(original)
    assert original.tokenize_to_ids("un") == [6]
    assert copied(original).tokenize_to_ids("un b") == [6, IDS["b"]]
    assert pickle.dumps(original) == unused  # What is remembered stays behind.


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_work_and_do_not_share_a_cache(vocab_file, copied):
    original = tokenization.FullTokenizer(vocab_file)
    assert original.tokenize("b zq") == ["b", "[UNK]"]
    other = copied(original)
    other.vocab["zq"] = len(other.vocab)
    assert other.tokenize("b zq") == ["b", "zq"]
    assert original.tokenize("b zq") == ["b", "[UNK]"]
