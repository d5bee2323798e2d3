"""Any sequence of tags: parsing, spans, and the detection of the scheme."""

from hypothesis import given
from hypothesis import strategies as st

from finetune.tasks.tagging import tags as tag_lib
from finetune.util.errors import InputError
from tests.support.fuzzing import ANY_TEXT, TAGS, TYPES, fuzz

SEQUENCES = st.lists(TAGS, max_size=12)


@fuzz
@given(
    st.lists(
        st.sampled_from([*"OBIESMLUX", "-", "PER", " ", "\n", "\u3000", "\0", "\ud800", "é"]),
        max_size=4,
    ).map("".join)
    | TAGS
    | ANY_TEXT
)
def test_text_is_a_tag_that_round_trips_or_is_rejected(text):
    try:
        letter, kind = tag_lib.split_tag(text)
    except InputError as error:
        assert not tag_lib.is_tag(text)
        assert repr(text) in str(error)
        return
    assert tag_lib.is_tag(text)
    assert letter in "OBIESMLU"
    if letter == "O":
        assert (text, kind) == ("O", "")
    else:
        assert tag_lib.join_tag(letter, kind) == text.removesuffix("-_") or kind != tag_lib.UNTYPED
        assert tag_lib.split_tag(tag_lib.join_tag(letter, kind)) == (letter, kind)
        assert text in (tag_lib.join_tag(letter, kind), f"{letter}-{kind}")


@fuzz
@given(SEQUENCES)
def test_spans_cover_each_tagged_word_once_and_round_trip(tags):
    spans = tag_lib.spans_of(tags)
    covered = [i for start, end, _ in spans for i in range(start, end)]
    assert covered == [i for i, tag in enumerate(tags) if tag != "O"]
    for start, end, kind in spans:
        assert {tag_lib.split_tag(tag)[1] for tag in tags[start:end]} == {kind}
    iob2 = tag_lib.tags_of(spans, len(tags))
    assert iob2 == tag_lib.to_iob2(tags) == tag_lib.to_iob2(iob2)
    assert tag_lib.spans_of(iob2) == tag_lib.strict_spans_of(iob2) == spans
    assert set(tag_lib.strict_spans_of(tag_lib.to_iob2(tags))) == set(spans)
    labels = tag_lib.label_list(kind for _, _, kind in spans)
    assert set(iob2) <= set(labels)
    assert len(set(labels)) == len(labels)


@fuzz
@given(st.lists(SEQUENCES, max_size=4))
def test_detected_scheme_has_the_fewest_errors_and_each_error_names_a_word(sequences):
    found = {scheme: tag_lib.scheme_errors(sequences, scheme) for scheme in tag_lib.SCHEMES}
    assert len(found[tag_lib.find_scheme(sequences)]) == min(map(len, found.values()))
    for errors in found.values():
        places = [(error.sequence, error.word) for error in errors]
        assert places == sorted(places)
        assert all(0 <= word < len(sequences[sequence]) for sequence, word in places)
        assert all(error.reason for error in errors)
    assert tag_lib.scheme_errors(sequences, tag_lib.LENIENT) == []


@fuzz
@given(st.lists(st.one_of(st.just("O"), st.builds(tag_lib.join_tag, st.sampled_from("BI"), TYPES))))
def test_iob2_errors_are_the_forbidden_transitions(tags):
    forbidden = [
        i for i, tag in enumerate(tags) if not tag_lib.may_follow(tags[i - 1] if i else None, tag)
    ]
    assert [error.word for error in tag_lib.scheme_errors([tags], "IOB2")] == forbidden
