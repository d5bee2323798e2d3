"""Any text is tokenized consistently by every method of FullTokenizer."""

import re

from absl.testing import flagsaver
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.fuzzing import PARTS, SEPARATORS, TEXTS, fuzz, tokenizer_of
from tokenization import BasicTokenizer


def check_all_methods(tokenizer, text):
    """Returns the tokens of a text, after asserting that all methods agree on them.

    Also asserts that each span is in the text and that the spans are in order.
    """
    tokens = tokenizer.tokenize_with_offsets(text)
    assert tokenizer.tokenize(text) == [token.text for token in tokens]
    assert tokenizer.tokenize_to_ids(text) == [tokenizer.vocab[token.text] for token in tokens]
    reached = 0
    for token in tokens:
        assert 0 <= token.start < token.end <= len(text)
        # Two pieces can share a character; decomposition can reorder characters within a word.
        assert token.start >= reached or token.text.startswith("##")
        assert token.start >= reached or tokenizer.basic_tokenizer.do_lower_case
        reached = max(reached, token.end)
    return tokens


@fuzz
@given(TEXTS, st.booleans())
def test_tokens_follow_the_text_and_words_do_not_overlap(tokenizers, text, keeps_unused):
    with flagsaver.flagsaver(preserve_unused_tokens=keeps_unused):
        for tokenizer in tokenizers:
            tokens = check_all_methods(tokenizer, text)
            words = tokenizer.basic_tokenizer.tokenize(text)
            assert sum(not token.text.startswith("##") for token in tokens) == len(words)
            assert ("[unused1]" in words) <= keeps_unused


@fuzz
@given(TEXTS, st.sampled_from(SEPARATORS), st.sampled_from([1, 2, 100]))
def test_repeated_text_yields_repeated_tokens(tokenizers, text, separator, count):
    for tokenizer in tokenizers:
        once = tokenizer.tokenize_with_offsets(text)
        tokens = check_all_methods(tokenizer, (text + separator) * count)
        assert len(tokens) == len(once) * count
        shift = (len(text) + 1) * (count - 1)
        assert tokens[len(tokens) - len(once) :] == [
            (token.text, token.start + shift, token.end + shift) for token in once
        ]


@settings(deadline=None, max_examples=100)
@given(st.lists(PARTS, min_size=1, max_size=3).map("".join), st.just(201))
@example("\u302e\U0001d165", 5000)
@example("é", 20_000)
def test_words_of_any_length_are_split_or_become_unk(tokenizers, text, count):
    for tokenizer in tokenizers:
        tokens = iter(check_all_methods(tokenizer, text * count))
        words = list(tokenizer.basic_tokenizer.split(text * count))
        firsts = [token for token in tokens if not token.text.startswith("##")]
        assert len(firsts) == len(words)
        for word, token in zip(words, firsts):
            if len(word.text) > 200:
                span = (min(word.sources), max(word.sources) + 1)
                assert token == ("[UNK]", *span)


PIECES = st.lists(
    st.text("aab", min_size=1, max_size=3) | st.text("a\u0301é#北İ!", min_size=1, max_size=3),
    min_size=3,
    max_size=12,
)


@fuzz
@given(PIECES, st.booleans(), st.data())
def test_wordpieces_are_the_longest_matches_from_the_left(folder, pieces, lower_case, data):
    inner = data.draw(st.lists(st.sampled_from(pieces), min_size=2))
    vocabulary = ["", "##", *pieces, *map("##{}".format, inner)]
    parts = st.sampled_from([*pieces, *"aab \u0301é#北İ!"])
    text = "".join(data.draw(st.lists(parts, min_size=3, max_size=12)))
    tokenizer = tokenizer_of(folder, ["[UNK]", *vocabulary], lower_case)
    tokens = [token.text for token in check_all_methods(tokenizer, text)]
    longest = sorted({"[UNK]", *vocabulary}, key=len, reverse=True)
    # A regular expression tries its alternatives in order, so the longest match wins.
    first = re.compile("|".join(re.escape(piece) for piece in longest if piece))
    rest = [piece[2:] for piece in longest if piece.startswith("##") and piece != "##"]
    later = re.compile("|".join(map(re.escape, rest)) or "$^")
    expected = []
    for word in BasicTokenizer(lower_case).tokenize(text):
        pieces, match = [], first.match(word)
        while match:
            pieces.append("##" * bool(pieces) + match[0])
            end = match.end()
            match = later.match(word, end) if end < len(word) else None
        expected += pieces if pieces and end == len(word) else ["[UNK]"]
    assert tokens == expected


@fuzz
@given(st.binary(max_size=30) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_are_tokenized_as_utf8_without_invalid_bytes(tokenizers, content):
    text = content.decode("utf-8", "ignore")
    for tokenizer in tokenizers:
        assert tokenizer.tokenize(content) == tokenizer.tokenize(text)
        assert tokenizer.tokenize_to_ids(content) == tokenizer.tokenize_to_ids(text)
        assert tokenizer.tokenize_with_offsets(content) == tokenizer.tokenize_with_offsets(text)
