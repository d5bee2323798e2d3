"""tokenization.py: properties of the tokens and spans of any text."""

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

import tokenization
from tests.support.vocabulary import IDS

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
    """Returns whether the lower-casing tokenizer drops a character, by its Unicode category."""
    if char.isspace() or char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf"):
        return True
    return all(unicodedata.category(c) == "Mn" for c in unicodedata.normalize("NFD", char))


def plain(text):
    """Normalises a text with Unicode's tables, and replaces final sigma by sigma."""
    kept = "".join(c for c in text if c != "\ufffd" and unicodedata.category(c) not in ("Cc", "Cf"))
    decomposed = unicodedata.normalize("NFD", kept.lower())
    stripped = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return stripped.replace("\u03c2", "\u03c3")


@any_text
@given(text=texts)
@example(text="[unused0]\ud55c")
def test_all_methods_return_the_same_tokens(lower_tokenizer, cased_tokenizer, text):
    for tokenizer in (lower_tokenizer, cased_tokenizer):
        tokens = tokenizer.tokenize_with_offsets(text)
        assert tokenizer.tokenize(text) == [token.text for token in tokens]
        assert tokenizer.tokenize_to_ids(text) == [IDS[token.text] for token in tokens]


@any_text
@given(text=texts)
def test_spans_are_within_the_text_and_contain_no_whitespace(
    lower_tokenizer, cased_tokenizer, text
):
    for tokenizer in (lower_tokenizer, cased_tokenizer):
        for token in tokenizer.tokenize_with_offsets(text):
            assert 0 <= token.start < token.end <= len(text)
            span = text[token.start : token.end]
            assert not any(tokenization._is_whitespace(c) or c in "\u2028\u2029" for c in span)
            # The first and last characters of a span are part of its token.
            assert not is_dropped(span[0]) or unicodedata.category(span[0]) == "Mn"
            assert tokenizer is cased_tokenizer or not (is_dropped(span[0]) or is_dropped(span[-1]))


@any_text
@given(text=texts)
def test_every_character_that_is_not_dropped_is_in_a_span(lower_tokenizer, text):
    covered = set()
    for token in lower_tokenizer.tokenize_with_offsets(text):
        covered.update(range(token.start, token.end))
    assert [c for i, c in enumerate(text) if i not in covered and not is_dropped(c)] == []


@any_text
@given(text=texts)
def test_token_is_part_of_its_normalised_span(lower_tokenizer, text):
    for token in lower_tokenizer.tokenize_with_offsets(text):
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
def test_preceding_text_only_shifts_spans(lower_tokenizer, left, right):
    first = lower_tokenizer.tokenize_with_offsets(left)
    second = lower_tokenizer.tokenize_with_offsets(right)
    shift = len(left) + 1
    second = [(token.text, token.start + shift, token.end + shift) for token in second]
    assert lower_tokenizer.tokenize_with_offsets(left + " " + right) == first + second


@any_text
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@example(text="[unused0]!aA")
def test_ascii_is_split_like_other_text(text):
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
