"""Ways of splitting bare text into words, and learning the way from words in columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.tagging.penn_split import ENGLISH, PennRules, learn_rules, split_penn
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.text_form import TextForm, learn_form
from finetune.tasks.tagging.word_splits import (
    WordSplit,
    are_characters,
    learn_split,
    natural_text,
)


def cut(text, rules=ENGLISH):
    return "|".join(text[start:end] for start, end in split_penn(text, rules))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # The first five are the Penn Treebank's own tokenization of such text.
        ("Mr. Waugh's visit, didn't it?", "Mr.|Waugh|'s|visit|,|did|n't|it|?"),
        ("He won't, they'll (we're).", "He|wo|n't|,|they|'ll|(|we|'re|)|."),
        ("It cost $3.5m in the U.S. in 1996.", "It|cost|$|3.5m|in|the|U.S.|in|1996|."),
        ('"Yes," he said...', '"|Yes|,|"|he|said|...'),
        ("the dogs' 2,000 bones -- all", "the|dogs|'|2,000|bones|--|all"),
        ("Jean-Michel of Nagorno-Karabakh, AT&T", "Jean-Michel|of|Nagorno-Karabakh|,|AT&T"),
        ("S. Waugh of the U.N. in St. Louis.", "S.|Waugh|of|the|U.N.|in|St.|Louis|."),
        ("See http://x.y/z?a=b,c now!", "See|http://x.y/z?a=b,c|now|!"),
        ("1. Schumacher 5:30", "1.|Schumacher|5:30"),
        ("Waugh’s “car”", "Waugh|’s|“|car|”"),
        ("I should've, they'd've", "I|should|'ve|,|they|'d|'ve"),
        ("我爱Paris", "我|爱|Paris"),
        ("我用iPhone。Netflix，好", "我|用|iPhone|。|Netflix|，|好"),
        ("Hi😀Bob 👨\u200d👩\u200d👧, 👍🏽!", "Hi|😀|Bob|👨\u200d👩\u200d👧|,|👍🏽|!"),
        ("Rome❤\ufe0f", "Rome|❤\ufe0f"),
        # Vowel signs and decomposed accents belong to the letter before them.
        ("राम की लड़की।", "राम|की|लड़की|।"),
        ("สวัสดี, مُحَمَّدٌ؟", "สวัสดี|,|مُحَمَّدٌ|؟"),
        ("cafe\u0301, Ali\u0307.", "cafe\u0301|,|Ali\u0307|."),
        ("#tag @me é́a", "#tag|@me|é́a"),
        (" \n", ""),
    ],
)
def test_penn_split_of_english(text, words):
    assert cut(text) == words


def test_rules_are_those_of_the_training_words():
    french = [["L'", "homme", "d'", "Arc", "."], ["l'", "eau", "de", "St.", "Malo", "."]]
    assert cut("l'homme d'Arc à St. Malo.", learn_rules(french)) == "l'|homme|d'|Arc|à|St.|Malo|."
    turkish = [["Ankara'da", "Ali", "'nin", "evi", "."]]
    assert cut("Ankara'da Veli'nin evi.", learn_rules(turkish)) == "Ankara'da|Veli|'nin|evi|."
    percent = [["5%", "of", "x"], ["a", "100%"]]
    assert cut("7% x", learn_rules(percent)) == "7%|x"
    assert cut("7% x") == "7|%|x"
    biomedical = [["IL", "-", "2", "gene", "/", "protein"]] * 4
    assert cut("IL-4 a/b", learn_rules(biomedical)) == "IL|-|4|a|/|b"
    assert "n't" not in learn_rules(turkish).words


def test_ordinals_are_one_word_where_the_training_data_has_them():
    german = [["Am", f"{i}.", "Mai", "kam", "er", "."] for i in (3, 17, 21)]
    german += [["Es", "waren", "12", "."], ["Im", "Jahr", "1990", "."]]
    rules = learn_rules(german)
    assert cut("Am 5. Juni 1990. Ja, 11.", rules) == "Am|5.|Juni|1990|.|Ja|,|11|."
    english = [["It", "was", str(i), ".", "He", "left", "."] for i in (3, 17, 21)]
    assert cut("It was 5. He left.", learn_rules([*english, *german])) == "It|was|5|.|He|left|."
    assert cut("List:\n1. Anna 2. Bob") == "List|:|1.|Anna|2|.|Bob"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("'’.,-$% #a北")))
def test_penn_words_are_in_order_and_cover_all_visible_characters(text):
    offsets = split_penn(text, ENGLISH)
    assert all(start < end for start, end in offsets)
    assert all(a[1] <= b[0] for a, b in zip(offsets, offsets[1:]))
    joined = "".join(text[start:end] for start, end in offsets)
    assert joined == "".join(text.split())


def test_words_are_joined_as_in_natural_text():
    words = ["The", "U.S.", "(", "and", "``", "Ali", "''", "'s", ")", "did", "n't", ":", "北", "京"]
    text, offsets = natural_text(words, ENGLISH)
    assert text == "The U.S. (and ``Ali'''s) didn't: 北京"
    assert [text[start:end] for start, end in offsets] == words


NEWS = [
    ["The", "U.S.", "'s", "Jean-Michel", "Monin", "(", "25", ")", "won", "."],
    ["He", "did", "n't", "say", ",", "\"", "Yes", "\"", "."],
]  # fmt: skip
WHITESPACE = [["The", "U.S.'s", "Jean-Michel", "(25)", "won."], ["He", "didn't", "say,", '"Yes".']]
PUNCTUATION = [["X", ".", "Y", ".", "won", "."], ["Jean", "-", "Mi", "'", "s", "1", ".", "5"]]
CHINESE = [list("我爱北京天安门。"), list("他在2019年去上海。")]


@pytest.mark.parametrize(
    ("sentences", "text", "words"),
    [
        (NEWS, "Ann's U.S. (and", "Ann|'s|U.S.|(|and"),
        (WHITESPACE, "Ann's car, (he", "Ann's|car,|(he"),
        (PUNCTUATION, "Jean-Michel's", "Jean|-|Michel|'|s"),
        (CHINESE, "在2019年", "在|2|0|1|9|年"),
    ],
)
def test_way_of_splitting_is_the_one_that_reproduces_the_words(sentences, text, words):
    split, shares = learn_split(sentences * 9)
    assert "|".join(text[start:end] for start, end in split.split(text)) == words
    assert shares[split.how] == max(shares.values()) > 0.9


def test_split_is_kept_with_the_model_as_json():
    split, _ = learn_split(NEWS)
    facts = TextForm(split, True).to_json()
    assert TextForm.from_json(facts) == TextForm(split, True)
    assert (facts["word_split"], facts["texts_are_sentences"]) == ("penn", True)
    assert TextForm.from_json({}) == TextForm(None, False)
    assert WordSplit.from_json({"word_split": "characters"}).split("ab") == [(0, 1), (1, 2)]


def test_form_is_learnt_only_from_texts_that_were_given_as_words():
    bare = TaggedText.from_spans("g", "Anna's U.S. car", [], None)
    assert learn_form([bare]).word_split is None
    assert (
        learn_form([TaggedText.from_words("g", words) for words in NEWS]).word_split.how == "penn"
    )


def test_characters_are_recognised():
    assert are_characters(CHINESE[0]) and are_characters(CHINESE[1])
    assert not are_characters(["a", "b"])
    assert not are_characters(["中国", "人民"])
    assert not are_characters([])


def test_rules_without_exceptions_split_all_punctuation():
    bare = PennRules(frozenset(), starts="", acronyms=False)
    assert cut("Mr. #x U.S. 'a'", bare) == "Mr|.|#|x|U.S|.|'|a|'"
