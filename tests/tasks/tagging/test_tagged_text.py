"""Texts split into words: offsets, tags from spans, places and errors."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.word_splits import WORD_SPLITS, split_words
from finetune.util.errors import InputError
from tokenization import BasicTokenizer


def words(text):
    return [text.word(i) for i in range(len(text.words))]


def from_spans(text, spans, word_split="punctuation"):
    return TaggedText.from_spans("g", text, spans, "f.jsonl:4", word_split)


def test_words_are_joined_by_spaces():
    text = TaggedText.from_words(
        "dev-3", ["New York", "😀", "."], ["B-LOC", "O", "O"], "f.txt:3", word_a_line=True
    )
    assert text.text == "New York 😀 ."
    assert text.words == [(0, 8), (9, 10), (11, 12)]
    assert (words(text), text.tags) == (["New York", "😀", "."], ["B-LOC", "O", "O"])
    empty = TaggedText.from_words("dev-9", [])
    assert (empty.text, empty.words, empty.tags, empty.where) == ("", [], None, None)


def test_place_of_a_word_is_its_line_or_its_number():
    by_line = TaggedText.from_words(
        "dev-3", ["a", "b", "c"], None, "C:/x:y/f.txt:3", word_a_line=True
    )
    assert [by_line.place_of_word(i) for i in range(3)] == [f"C:/x:y/f.txt:{n}" for n in (3, 4, 5)]
    assert from_spans("a b", []).place_of_word(1) == "f.jsonl:4, word 2"
    assert TaggedText.from_words("dev-3", ["a", "b"]).place_of_word(1) == "dev-3, word 2"
    assert (
        TaggedText.from_words("dev-3", ["a", "b"], None, "f.txt").place_of_word(1)
        == "f.txt, word 2"
    )


@pytest.mark.parametrize(
    ("how", "text", "expected"),
    [
        ("punctuation", "Hi, Anna's U.N.", "Hi|,|Anna|'|s|U|.|N|."),
        ("punctuation", "去Paris玩3天", "去|Paris|玩|3|天"),
        ("punctuation", "\t a \u00a0b\u3000c\n", "a|b|c"),
        ("punctuation", "Élan\u0301 \u200e b\u00adc", "Élan\u0301|b\u00adc"),
        ("punctuation", "10$ $", "10|$|$"),
        ("whitespace", " Hi, Anna's\u00a0U.N. 去玩 ", "Hi,|Anna's|U.N.|去玩"),
        ("characters", "去 Pa.\u3000😀", "去|P|a|.|😀"),
    ],
)
def test_text_can_be_split_in_three_ways(how, text, expected):
    assert "|".join(text[start:end] for start, end in split_words(text, how)) == expected
    assert split_words("", how) == split_words(" \n\u00a0", how) == []


@pytest.mark.parametrize(
    ("text", "spans", "tags"),
    [
        ("Anna saw Peter", [(9, 14, "PER"), (0, 4, "PER")], "B-PER O B-PER"),
        ("New York City", [(0, 8, "LOC"), (9, 13, "LOC")], "B-LOC I-LOC B-LOC"),
        ("New York City", [(0, 13, "LOC")], "B-LOC I-LOC I-LOC"),
        ("New York City", [(1, 5, "LOC")], "B-LOC I-LOC O"),
        ("New York City", [(3, 9, "LOC")], "O B-LOC O"),
        ("a😀 Anna", [(3, 7, "PER")], "O B-PER"),
        ("U.N. man", [(2, 3, "ORG")], "O O B-ORG O O"),
        ("北京人", [(0, 2, "LOC")], "B-LOC I-LOC O"),
        ("Anna", [(0, 4, "_")], "B"),
        ("a b", [], "O O"),
        ("", [], ""),
    ],
)
def test_spans_become_iob2_tags_of_whole_words(text, spans, tags):
    assert from_spans(text, spans).tags == tags.split()


def test_text_with_many_spans_is_tagged_in_linear_time():
    # In quadratic time, this would take many minutes.
    spans = [(3 * i, 3 * i + 2, "X") for i in range(100_000)]
    assert from_spans("ab " * 100_000, spans, "whitespace").tags == ["B-X"] * 100_000


def test_text_to_predict_has_no_tags():
    assert from_spans("a b", None).tags is None


@pytest.mark.parametrize(
    ("text", "spans", "message"),
    [
        ("ab", [(0, 3, "X")], r"^f\.jsonl:4: span 0 to 3 \(X\) is outside the text.* 2 characters"),
        ("ab", [(-2, 1, "X")], r"span -2 to 1 \(X\) is outside the text"),
        ("ab", [(1, 1, "X")], r"span 1 to 1 .*expected 0 <= start < end <= 2"),
        ("ab", [(2, 0, "X")], r"span 2 to 0 "),
        ("", [(0, 0, "X")], r"span 0 to 0 .*which has 0 characters"),
        ("a \t b", [(1, 4, "X")], r"span 1 to 4 \(X\) contains no word: ' \\t '"),
        ("a \u200e b", [(2, 3, "X")], r"contains no word: '\\u200e'"),
        ("a b c", [(2, 5, "Y"), (0, 3, "X")], r"'a b' \(X\) and 'b c' \(Y\) overlap; expected"),
        ("a b c", [(0, 5, "X"), (2, 3, "Y")], r"'a b c' \(X\) and 'b' \(Y\) overlap"),
        ("a b c", [(0, 1, "X"), (0, 1, "X")], r"'a' \(X\) and 'a' \(X\) overlap"),
        ("Parisian", [(0, 5, "X"), (5, 8, "Y")], r"'Parisian' \(X\) and 'Parisian' \(Y\) overlap"),
    ],
)
def test_invalid_spans_raise_an_error_with_their_place(text, spans, message):
    with pytest.raises(InputError, match=message):
        from_spans(text, spans)


# Spaces, control characters, combining marks, CJK and emoji are drawn more often than others.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("aé.\u0301北 \u00a0\u200e😀\n")
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(WORD_SPLITS))
def test_words_are_in_order_and_cover_all_visible_characters(text, how):
    offsets = split_words(text, how)
    ends = [0] + [offset for word in offsets for offset in word]
    assert all(start < end for start, end in offsets)
    assert ends == sorted(ends) and ends[-1] <= len(text)
    inside = {i for start, end in offsets for i in range(start, end)}
    for i, char in enumerate(text):
        if i not in inside:
            dropped = how == "punctuation" and (
                unicodedata.category(char) in ("Cc", "Cf") or char == "\ufffd"
            )
            assert dropped or char.isspace()
    if how == "characters":
        assert all(end - start == 1 for start, end in offsets)


@settings(deadline=None)
@given(TEXTS)
def test_punctuation_split_matches_berts_tokenizer(text):
    def cleaned(word):
        return "".join(
            char
            for char in word
            if unicodedata.category(char) not in ("Cc", "Cf") and char != "\ufffd"
        )

    seen = [cleaned(text[start:end]) for start, end in split_words(text, "punctuation")]
    assert seen == BasicTokenizer(do_lower_case=False).tokenize(text)


@settings(deadline=None)
@given(st.lists(TEXTS.filter(bool), max_size=8))
def test_offsets_yield_the_original_words(given_words):
    text = TaggedText.from_words("g", given_words)
    assert words(text) == given_words
    assert all(a[1] + 1 == b[0] for a, b in zip(text.words, text.words[1:]))
    assert len(text.text) == sum(map(len, given_words)) + max(0, len(given_words) - 1)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(WORD_SPLITS), st.data())
def test_spans_tag_exactly_the_words_they_touch(text, how, data):
    offsets = split_words(text, how)
    cuts = data.draw(st.lists(st.integers(0, len(offsets)), max_size=6).map(sorted))
    spans, expected = [], ["O"] * len(offsets)
    for first, last in zip(cuts[::2], cuts[1::2]):
        if first == last:
            continue
        # The span is from anywhere in the first word to anywhere in the last one.
        start = data.draw(st.integers(offsets[first][0], offsets[first][1] - 1))
        lowest = max(start, offsets[last - 1][0]) + 1
        end = data.draw(st.integers(lowest, offsets[last - 1][1]))
        spans.append((start, end, data.draw(st.sampled_from("XY"))))
        for i in range(first, last):
            expected[i] = ("B-" if i == first else "I-") + spans[-1][2]
    shuffled = data.draw(st.permutations(spans))
    assert from_spans(text, shuffled, how).tags == expected
