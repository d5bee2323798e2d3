"""Tag schemes, compared with literal sentences, encoders defined here, and seqeval's readers."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval import scheme as seqeval_schemes
from seqeval.metrics.sequence_labeling import get_entities

from finetune.tasks.tagging.tags import (
    LENIENT,
    SCHEMES,
    SchemeError,
    find_scheme,
    is_tag,
    join_tag,
    label_list,
    may_follow,
    scheme_errors,
    spans_of,
    split_tag,
    strict_spans_of,
    tags_of,
    to_iob2,
    types_of_labels,
)
from finetune.util.errors import InputError

TYPES = ("PER", "creative-work", "_")
# The letters of a span's first, inner and last words, and of the only word of a span.
LETTERS = {
    "IOB1": "IIII",
    "IOB2": "BIIB",
    "IOBES": "BIES",
    "BMES": "BMES",
    "BILOU": "BILU",
    "IOE1": "IIII",
    "IOE2": "IIEE",
}
# A place, New York City; a time, Monday; and two adjacent people, Kim and Alex Lee.
LITERAL = {
    "IOB1": "O I-LOC I-LOC I-LOC I-TIME I-PER B-PER I-PER",
    "IOB2": "O B-LOC I-LOC I-LOC B-TIME B-PER B-PER I-PER",
    "IOBES": "O B-LOC I-LOC E-LOC S-TIME S-PER B-PER E-PER",
    "BMES": "O B-LOC M-LOC E-LOC S-TIME S-PER B-PER E-PER",
    "BILOU": "O B-LOC I-LOC L-LOC U-TIME U-PER B-PER L-PER",
}
# "In early trading in Hong Kong Monday , gold was quoted at $ 366.50 an ounce ." in base noun
# phrases, worked out by hand.
TRADING = {
    "IOB1": "O I I O I I B O I O O O I I B I O",
    "IOB2": "O B I O B I B O B O O O B I B I O",
    "IOE1": "O I I O I E I O I O O O I E I I O",
    "IOE2": "O I E O I E E O E O O O I E I E O",
    "IOBES": "O B E O B E S O S O O O B E B E O",
    "BILOU": "O B L O B L U O U O O O B L B L O",
}
checked = settings(max_examples=80, deadline=None, database=None, derandomize=True)


def encode(spans, length, scheme):
    """Returns the tags of spans, following the definition of the scheme."""
    first, inside, last, alone = LETTERS[scheme]
    tags = ["O"] * length
    for start, end, kind in spans:
        letters = [first, *inside * (end - start - 2), last] if end - start > 1 else [alone]
        if scheme == "IOB1" and any(other[1:] == (start, kind) for other in spans):
            letters[0] = "B"
        if scheme == "IOE1" and any(other[::2] == (end, kind) for other in spans):
            letters[-1] = "E"
        tags[start:end] = [letter if kind == "_" else f"{letter}-{kind}" for letter in letters]
    return tags


def lay_out(pieces, rest):
    """Lays out pieces (preceding O words, words, type); returns the spans and the text's length."""
    spans, end = [], 0
    for outside, words, kind in pieces:
        spans.append((end + outside, end + outside + words, kind))
        end += outside + words
    return spans, end + rest


# A text is represented by its spans and its length; many spans touch.
texts = st.lists(
    st.builds(
        lay_out,
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)), max_size=5
        ),
        st.integers(0, 2),
    ),
    max_size=2,
)


def any_tags(letters):
    """Returns a strategy for tags with these letters, in any order."""
    tags = [join_tag(letter, kind) for letter in letters for kind in TYPES if letter != "O"]
    return st.lists(st.sampled_from(["O", *tags]), max_size=12)


def read_by_seqeval(tags, scheme):
    """Returns the spans that seqeval finds in strict mode for a scheme."""
    (entities,) = seqeval_schemes.Entities([tags], getattr(seqeval_schemes, scheme)).entities
    return [(entity.start, entity.end, entity.tag) for entity in entities]


def as_iobes(tags):
    return [tag[0].translate(str.maketrans("MLU", "IES")) + tag[1:] for tag in tags]


@pytest.mark.parametrize("scheme", LITERAL)
def test_each_scheme_is_detected_and_converted_to_iob2(scheme):
    tags = LITERAL[scheme].split()
    assert find_scheme([tags]) == scheme
    assert to_iob2(tags) == LITERAL["IOB2"].split()
    assert spans_of(tags) == [(1, 4, "LOC"), (4, 5, "TIME"), (5, 6, "PER"), (6, 8, "PER")]
    # No other scheme fits.
    assert [other for other in SCHEMES if not scheme_errors([tags], other)] == [scheme]


@pytest.mark.parametrize("scheme", TRADING)
def test_untyped_tags_of_each_scheme_yield_the_same_spans(scheme):
    spans = [(1, 3), (4, 6), (6, 7), (8, 9), (12, 14), (14, 16)]
    assert spans_of(TRADING[scheme].split()) == [(*span, "_") for span in spans]
    assert to_iob2(TRADING[scheme].split()) == TRADING["IOB2"].split()


def test_scheme_with_fewer_errors_is_detected():
    good, stray = ["B-PER", "I-PER"], ["I-PER", "O"]
    assert find_scheme([good, good, stray]) == "IOB2"
    assert find_scheme([good, stray, stray]) == "IOB1"
    assert find_scheme([good, stray]) == "IOB2"  # Both schemes have equally many errors.
    assert find_scheme([]) == find_scheme([[]]) == find_scheme([["O", "O"]]) == "IOB2"


def test_scheme_is_detected_despite_some_other_letters():
    assert find_scheme([["U-PER", "B-PER", "L-PER", "O", "S-PER"]]) == "BILOU"
    good, bad = ["B-PER", "M-PER", "E-PER"], ["B-PER", "I-PER", "E-PER"]
    assert find_scheme([good, good, bad]) == "BMES"
    # IOBES and BMES are the same if no span has three words.
    assert find_scheme([["B-PER", "E-PER", "S-PER"]]) == "IOBES"


@pytest.mark.parametrize("scheme", SCHEMES)
@checked
@given(texts=texts)
@example(texts=[])
@example(texts=[([], 0), ([], 3)])
@example(texts=[([(0, 4, "PER")], 4)])
@example(texts=[([(0, 1, "PER"), (1, 2, "PER"), (2, 5, "PER"), (5, 8, "PER")], 8)])
@example(texts=[([(0, 2, "_"), (2, 3, "_"), (3, 5, "PER"), (5, 6, "creative-work")], 6)])
def test_valid_tags_yield_their_spans(scheme, texts):
    sequences = [encode(*text, scheme) for text in texts]
    for (spans, length), tags in zip(texts, sequences):
        assert spans_of(tags) == spans
        assert to_iob2(tags) == tags_of(spans, length) == encode(spans, length, "IOB2")
        peer = "IOBES" if scheme == "BMES" else scheme  # seqeval does not support M.
        assert read_by_seqeval(as_iobes(tags) if scheme == "BMES" else tags, peer) == spans
    assert scheme_errors(sequences, scheme) == []
    lengths = [end - start for spans, _ in texts for start, end, _ in spans]
    if not lengths:
        assert find_scheme(sequences) == "IOB2"
    elif scheme == "BMES" and max(lengths) < 3:
        assert find_scheme(sequences) == "IOBES"  # The tags are the same in both schemes.
    else:
        assert find_scheme(sequences) == scheme


@pytest.mark.parametrize("scheme", ["IOE1", "IOE2"])
@checked
@given(texts=texts)
def test_schemes_that_mark_span_ends_are_read(scheme, texts):
    for spans, length in texts:
        tags = encode(spans, length, scheme)
        assert spans_of(tags) == spans
        if scheme == "IOE2":  # seqeval's own comments call its IOE1 reader incomplete.
            assert read_by_seqeval(tags, scheme) == spans


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_have_no_errors_exactly_if_they_encode_their_spans(scheme):
    # These are all sequences of up to four words: 7381 if the scheme has four letters.
    letters = {*LETTERS[scheme], "B"}
    tags = ["O", *(f"{letter}-{kind}" for letter in sorted(letters) for kind in "XY")]
    for length in range(5):
        for sequence in map(list, itertools.product(tags, repeat=length)):
            valid = encode(spans_of(sequence), length, scheme) == sequence
            assert (scheme_errors([sequence], scheme) == []) == valid, sequence


@pytest.mark.parametrize(
    ("scheme", "sequences", "expected"),
    [
        ("IOB2", ["B-PER I-PER", "O I-PER"], [(1, 1, "it cannot follow O")]),
        ("IOB2", ["B-PER I-LOC"], [(0, 1, "it cannot follow B-PER")]),
        ("IOB2", ["B I-PER"], [(0, 1, "it cannot follow B")]),
        ("IOB2", ["O E-PER"], [(0, 1, "IOB2 has no E")]),
        ("IOB1", ["O B-PER"], [(0, 1, "it cannot follow O")]),
        ("IOB1", ["I-LOC B-PER"], [(0, 1, "it cannot follow I-LOC")]),
        ("IOB1", ["I-PER B-PER", "I-PER S-PER"], [(1, 1, "IOB1 has no S")]),
        ("IOBES", ["B-PER O"], [(0, 1, "the span before it, B-PER, does not end")]),
        ("IOBES", ["B-PER I-PER B-PER E-PER"], [(0, 2, "the span before it, I-PER, does not end")]),
        ("IOBES", ["S-PER", "", "B-PER I-PER"], [(2, 1, "the span does not end")]),
        ("IOBES", ["O E-PER"], [(0, 1, "it cannot follow O")]),
        ("IOBES", ["B-PER E-LOC"], [(0, 1, "it cannot follow B-PER")]),
        (
            "IOBES",
            ["S-PER I-PER"],
            [
                (0, 1, "it cannot follow S-PER"),
                (0, 1, "the span does not end"),
            ],
        ),
        (
            "BMES",
            ["B-PER I-PER E-PER"],
            [(0, 1, "BMES has no I"), (0, 2, "it cannot follow I-PER")],
        ),
        ("BMES", ["E-PER M-PER"], [(0, 0, None), (0, 1, None), (0, 1, None)]),
        ("BMES", ["E-PER"], [(0, 0, "it cannot be the first tag")]),
        ("IOB1", ["B-PER"], [(0, 0, "it cannot be the first tag")]),
        ("IOB1", ["B-PER I-PER"], [(0, 0, None)]),
        ("IOB2", ["I-PER I-PER"], [(0, 0, None)]),
        ("BILOU", ["U-PER S-PER"], [(0, 1, "BILOU has no S")]),
        ("BILOU", ["B-PER U-PER"], [(0, 1, "the span before it, B-PER, does not end")]),
        ("BILOU", ["L-PER", "I-PER L-PER"], [(0, 0, None), (1, 0, None)]),
    ],
)
def test_scheme_errors_have_a_word_and_a_reason(scheme, sequences, expected):
    # Where the expected reason is None, the reason is not compared.
    sequences = [tags.split() for tags in sequences]
    found = scheme_errors(sequences, scheme)
    assert [fault[:2] for fault in found] == [fault[:2] for fault in expected]
    for fault, (*_, reason) in zip(found, expected):
        assert isinstance(fault, SchemeError)
        assert fault.reason if reason is None else fault.reason == reason
    assert scheme_errors(sequences, LENIENT) == []


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-PER I-PER O I-LOC", [(0, 2, "PER"), (3, 4, "LOC")]),
        ("B-PER I-LOC I-PER", [(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "PER")]),
        ("B-PER O I-PER", [(0, 1, "PER"), (2, 3, "PER")]),
        ("B-PER B-PER I-PER", [(0, 1, "PER"), (1, 3, "PER")]),
        ("I-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("E-PER E-PER I-PER", [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER")]),
        ("B-PER S-PER I-PER E-PER", [(0, 1, "PER"), (1, 2, "PER"), (2, 4, "PER")]),
        ("B-PER E-LOC", [(0, 1, "PER"), (1, 2, "LOC")]),
        ("B I-PER I I", [(0, 1, "_"), (1, 2, "PER"), (2, 4, "_")]),
        ("", []),
    ],
)
def test_invalid_tags_still_yield_spans(tags, spans):
    assert spans_of(tags.split()) == spans


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-PER I-PER O B-LOC I-LOC", [(3, 5, "LOC")]),
        ("B-PER I-LOC I-PER", [(0, 1, "PER")]),
        ("B-PER O I-PER B-PER B-PER", [(0, 1, "PER"), (3, 4, "PER"), (4, 5, "PER")]),
        ("B I I-PER I", [(0, 2, "_")]),
    ],
)
def test_strict_spans_begin_with_b(tags, spans):
    assert strict_spans_of(tags.split()) == spans


@pytest.mark.parametrize("letters", ["BIO", "BIOES", "BIOESMLU"])
@checked
@given(data=st.data())
def test_spans_of_any_tags_match_seqeval(letters, data):
    tags = data.draw(any_tags(letters))
    peer = [(start, end + 1, kind) for kind, start, end in get_entities(as_iobes(tags))]
    assert spans_of(tags) == peer
    # After conversion to IOB2, the tags yield the same spans.
    assert spans_of(to_iob2(tags)) == peer
    assert scheme_errors([to_iob2(tags)], "IOB2") == []


@checked
@given(tags=any_tags("BIO"))
def test_strict_spans_match_seqeval(tags):
    assert strict_spans_of(tags) == read_by_seqeval(tags, "IOB2")


@checked
@given(tags=any_tags("BIO"))
def test_strict_spans_of_valid_iob2_are_all_spans(tags):
    valid = to_iob2(tags)
    assert strict_spans_of(valid) == spans_of(valid)


def test_tag_is_split_at_its_first_hyphen():
    assert split_tag("B-creative-work") == ("B", "creative-work")
    assert split_tag("M") == ("M", "_")
    assert split_tag("O") == ("O", "")
    assert join_tag("I", "creative-work") == "I-creative-work"
    assert join_tag("I", "_") == "I"


@pytest.mark.parametrize("text", ["", "B-", "b-PER", "X-PER", "O-PER", "PER", "BPER", "B- x", "0"])
def test_splitting_a_text_that_is_not_a_tag_raises_an_error(text):
    assert not is_tag(text)
    with pytest.raises(InputError, match="is not a tag; expected O, or B or I"):
        split_tag(text)


def test_label_list_is_o_then_b_and_i_of_each_type():
    assert label_list(["PER", "LOC", "PER"]) == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert label_list("fedbca")[1::2] == ["B-a", "B-b", "B-c", "B-d", "B-e", "B-f"]
    assert label_list(["_"]) == ["O", "B", "I"]
    assert label_list([]) == ["O"]


def test_i_may_follow_only_its_own_type():
    labels = ["O", "B-X", "I-X", "B-Y", "I-Y", "B", "I"]
    after = {
        label: [before for before in [None, *labels] if may_follow(before, label)]
        for label in labels
    }
    everything = [None, *labels]
    assert after == {
        "O": everything,
        "B-X": everything,
        "I-X": ["B-X", "I-X"],
        "B-Y": everything,
        "I-Y": ["B-Y", "I-Y"],
        "B": everything,
        "I": ["B", "I"],
    }


@pytest.mark.parametrize(
    "labels", [["PER", "LOC"], ["O", "PER", "LOC"], ["O", "B-PER", "I-PER", "I-LOC"]]
)
def test_labels_are_types_or_tags(labels):
    assert types_of_labels(labels, "--labels") == {"PER", "LOC"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "^--labels: the list of labels has no type"),
        (["O"], "^--labels: the list of labels has no type"),
        (["B-PER", "LOC"], "^--labels: found 'LOC' in the list of labels; expected either"),
        (["PER", "big place"], "^--labels: found 'B-big place' in the list of labels"),
    ],
)
def test_wrong_lists_of_labels_raise_an_error(labels, message):
    with pytest.raises(InputError, match=message):
        types_of_labels(labels, "--labels")
