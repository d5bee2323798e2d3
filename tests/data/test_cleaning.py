"""Each cleaning step separately, and all of them together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.cleaning import STEPS, clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see http://example.org now", "see now"),
        ("see HTTPS://Example.org/a?b=c#d,e now", "see now"),
        ("www.example.org/a first", "first"),
        ("WWW.example.org", ""),
        ("one https://a.b/c\ntwo", "one two"),
        ("(http://a.b)", "("),  # A link ends at the next whitespace.
        ("http is no link, nor is http:/a", "http is no link, nor is http:/a"),
        ("example.org", "example.org"),
    ],
)
def test_step_links_removes_links(text, expected):
    assert clean(text, ["links"]) == expected


def test_words_that_only_resemble_links_are_kept():
    assert clean("Awww... so cute", ["links"]) == "Awww... so cute"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail a.b+c-d@mail.example.org now", "mail now"),
        ("mail me@example.org.", "mail ."),
        ("(me@a-b.de)", "( )"),
        ("@user and user@host", "@user and user@host"),
    ],
)
def test_step_emails_removes_addresses(text, expected):
    assert clean(text, ["emails"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("naïve 博士 😀 ok", "na ve ok"),
        ("plain ~ text\x7f", "plain ~ text\x7f"),
        ("a\u00a0b\u2026", "a b"),
    ],
)
def test_step_non_ascii_removes_other_characters(text, expected):
    assert clean(text, ["non_ascii"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it's (well-known): #1, @you!!", "it s well known 1 you"),
        ('[a] {b} \\c/ <d> ^e` $5 100% x=y+z*2 a&b|c~"q"?;.', "a b c d e 5 100 x y z 2 a b c q"),
        ("snake_case stays, with “these”", "snake_case stays with “these”"),
    ],
)
def test_step_punctuation_removes_marks(text, expected):
    assert clean(text, ["punctuation"]) == expected


def test_step_underscores_replaces_them_by_spaces():
    assert clean("_snake__case_ and-so_on", ["underscores"]) == "snake case and-so on"


def test_step_case_lower_cases_the_text():
    assert clean("The ÄPFEL of NASA", ["case"]) == "the äpfel of nasa"


def test_links_are_removed_before_punctuation_whatever_the_order_of_steps():
    text = "Write to A_B@x.org or https://x.org/a_b!\tNow, naïve_one"
    assert clean(text, ["punctuation", "links", "emails"]) == "Write to or Now naïve_one"
    for steps in (STEPS, STEPS[::-1]):
        assert clean(text, steps) == "write to or now na ve one"
    # Removing only punctuation would leave parts of the link.
    assert clean(text, ["punctuation", "underscores"]) == (
        "Write to A B x org or https x org a b Now naïve one"
    )


def test_without_steps_a_text_is_unchanged():
    assert clean("  Two  spaces,\n\ta line ", []) == "  Two  spaces,\n\ta line "


def test_every_step_collapses_whitespace():
    assert clean("  Two  spaces,\n\ta line ", ["emails"]) == "Two spaces, a line"


@given(st.text(), st.lists(st.sampled_from(STEPS), min_size=1))
def test_cleaned_text_contains_nothing_that_was_to_be_removed(text, steps):
    once = clean(text, steps)
    assert clean(once, steps) == once
    assert once == " ".join(once.split())
    if "non_ascii" in steps:
        assert once.isascii()
    if "punctuation" in steps:
        assert set(once).isdisjoint("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~")
    if "underscores" in steps:
        assert "_" not in once


@given(
    st.text(st.characters(codec="ascii")),
    st.sets(st.sampled_from(["links", "emails", "non_ascii"])),
)
def test_plain_words_are_kept(text, steps):
    words = [word for word in text.split() if word.isalnum()]
    kept = " ".join(words)
    assert clean(kept, steps) == kept
