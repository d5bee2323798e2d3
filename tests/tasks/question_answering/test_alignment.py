"""Gold answers are found where they are, repaired, or named."""

import pytest

from finetune.tasks.question_answering.alignment import align
from finetune.tasks.question_answering.question import UNKNOWN, Answer, Question
from finetune.util.errors import InputError

CONTEXT = "Ann met Bob. Ann  Lee met BOB\u00a0Ray in Caf\u00e9 \u00c9toile."


def aligned(text, start, context=CONTEXT):
    question = Question("g", "Who?", context, [Answer(text, start, UNKNOWN)], "f.json: question g")
    (answer,) = align([question])[0].gold
    return answer


def test_exact_answer_keeps_its_place():
    assert aligned("Ann", 13) == Answer("Ann", 13, 16, repaired=False)


@pytest.mark.parametrize(
    "text, start, span",
    [
        ("Ann", 12, (13, 16)),  # Off by one: the nearest occurrence, not the first
        ("Ann", 5, (0, 3)),
        ("Ann", 7, (13, 16)),
        ("Ann", 10**9, (13, 16)),  # Outside the context
        ("Ann", -7, (0, 3)),
        ("ann lee", 13, (13, 21)),  # Case and whitespace
        ("Bob Ray", 26, (26, 33)),  # A no-break space
        ("  Ray \n", 30, (30, 33)),
        ("Cafe\u0301", 37, (37, 41)),  # Unicode form
        ("CAFÉ ÉTOILE", 37, (37, 48)),
    ],
)
def test_answer_is_repaired_with_a_warning(caplog, text, start, span):
    assert aligned(text, start) == Answer(text, *span, repaired=True)
    assert "1 question has an answer not where answer_start says" in caplog.text
    assert "f.json: question g" in caplog.text


def test_answer_without_offset_is_repaired_only_if_it_occurs_twice(caplog):
    assert aligned("Lee", UNKNOWN) == Answer("Lee", 18, 21, repaired=False)
    assert not caplog.text
    assert aligned("Ann", UNKNOWN) == Answer("Ann", 0, 3, repaired=True)


def test_letter_of_a_character_with_an_accent_is_no_occurrence():
    # As a text, "Cafe" is the beginning of the decomposed "Café".
    with pytest.raises(InputError, match="does not occur"):
        aligned("Cafe", 37)
    with pytest.raises(InputError, match="does not occur"):
        aligned("Cafe", 0, context="A Cafe\u0301")


@pytest.mark.parametrize(
    "text", ["Vi\u1ec7t", "Vi\u00ea\u0323t", "Vi\u1eb9\u0302t", "Vie\u0302\u0323t"]
)
@pytest.mark.parametrize("written", ["Vi\u1ec7t", "Vi\u00ea\u0323t", "Vi\u1eb9\u0302t"])
def test_marks_of_a_letter_can_be_in_any_order(text, written):
    found = aligned(text, 3, context=f"In {written} Nam")
    assert found == Answer(text, 3, 3 + len(written), repaired=text != written)


def test_both_letters_i_of_turkish():
    context = "\u0130zmir ve ISPARTA"
    assert aligned("izmir", 1, context) == Answer("izmir", 0, 5, repaired=True)
    lower = "\u0130zmir".lower()  # The dot is a character of its own.
    assert aligned(lower, 1, context) == Answer(lower, 0, 5, repaired=True)
    assert aligned("\u0131sparta", 1, context) == Answer("\u0131sparta", 9, 16, repaired=True)


def test_emoji_and_combining_marks_at_the_edge_of_an_answer():
    context = "I \u2764\ufe0f e\u0301te\u0301!"
    assert aligned("e\u0301te\u0301", 5, context) == Answer("e\u0301te\u0301", 5, 10)
    assert aligned("\u2764\ufe0f", 2, context) == Answer("\u2764\ufe0f", 2, 4)


def test_answer_that_does_not_occur_is_named():
    message = r"^f.json: question g: the answer 'Eve' does not occur in the context, not even with"
    with pytest.raises(InputError, match=message):
        aligned("Eve", 3)


def test_empty_answer_is_named():
    with pytest.raises(InputError, match="^f.json: question g: an answer is empty; expected text"):
        aligned(" ", 3)
