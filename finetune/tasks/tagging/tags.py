"""Tag schemes, and the spans that a sequence of tags encodes in any usual scheme.

words:  Alex   flew  to  New    York   City
IOB1:   I-PER  O     O   I-LOC  I-LOC  I-LOC    B- only where two spans of a type touch
IOB2:   B-PER  O     O   B-LOC  I-LOC  I-LOC    the toolkit's own; others are converted to it
IOBES:  S-PER  O     O   B-LOC  I-LOC  E-LOC    BMES: M for I; BILOU: L for E, U for S

A span is (start, end, type), half-open. A tag without a type ("B") has the type "_", as in seqeval.
"""

import re
from typing import (
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from finetune.util.errors import InputError

Span = Tuple[int, int, str]

UNTYPED = "_"
TAG_FORM = "O, or B or I (or E, S, L, M, U) with a type, such as B-PER"
# A type contains no whitespace, which would split it into two columns, and no lone surrogate.
# A type does not contain another tag, as in B-LOC|B-GPE.
_TAG = re.compile(r"O|([BIESMLU])(?:-((?:(?![|,;](?:O$|[BIESMLU]-))[^\s\ud800-\udfff])+))?")
# Each scheme's letters, and the letters of IOBES that they stand for.
_LETTERS: Dict[str, Dict[str, str]] = {
    "IOB2": {"B": "B", "I": "I"},
    "IOB1": {"B": "B", "I": "I"},
    "IOBES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
}
SCHEMES = tuple(_LETTERS)
LENIENT = "lenient"
# For a letter of any scheme, the letter of IOBES that it stands for
IOBES_LETTERS = {**_LETTERS["BMES"], **_LETTERS["BILOU"]}


class SchemeError(NamedTuple):
    """An error in tags: word `word` of sequence `sequence` breaks the scheme for this reason."""

    sequence: int
    word: int
    reason: str


def is_tag(text: str) -> bool:
    """Returns whether a text has the form of a tag: O, a scheme's letter, or letter-type."""
    return _TAG.fullmatch(text) is not None


def split_tag(tag: str) -> Tuple[str, str]:
    """Returns a tag's letter and type: ("B", "PER") for "B-PER", ("O", "") for "O"."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise InputError(f"{tag!r} is not a tag; expected {TAG_FORM}.")
    return (match[1], match[2] or UNTYPED) if match[1] else ("O", "")


def join_tag(letter: str, kind: str) -> str:
    """Returns the tag for a letter and a type: "B-PER"; "B" for a type without a name."""
    return letter if kind == UNTYPED else f"{letter}-{kind}"


def spans_of(tags: Sequence[str]) -> List[Span]:
    """Returns the spans of a sequence of tags in any scheme; every tag except O is in one.

    A span starts at B and S, and at any other letter that does not continue a span of its type.
    conlleval.pl (Tjong Kim Sang and Buchholz 2000) reads IOB in the same way, and seqeval reads E
    and S too.
    """
    spans: List[Span] = []
    start, open_type = 0, None
    for i, tag in enumerate([*tags, "O"]):
        letter, kind = split_tag(tag)
        letter = IOBES_LETTERS.get(letter, letter)
        if open_type is not None and (letter in "BSO" or kind != open_type):
            spans.append((start, i, open_type))
            open_type = None
        if letter == "O":
            continue
        if open_type is None:
            start, open_type = i, kind
        if letter in "ES":
            spans.append((start, i + 1, open_type))
            open_type = None
    return spans


def strict_spans_of(tags: Sequence[str]) -> List[Span]:
    """Returns the spans of IOB2 tags that begin with B; an I that continues none is skipped."""
    spans: List[Span] = []
    start, open_type = 0, None
    for i, tag in enumerate([*tags, "O"]):
        letter, kind = split_tag(tag)
        if letter == "I" and kind == open_type:
            continue
        if open_type is not None:
            spans.append((start, i, open_type))
        start, open_type = i, kind if letter == "B" else None
    return spans


def tags_of(spans: Iterable[Span], length: int) -> List[str]:
    """Returns the IOB2 tags of spans over `length` words."""
    tags = ["O"] * length
    for start, end, kind in spans:
        tags[start:end] = [join_tag("I", kind)] * (end - start)
        tags[start] = join_tag("B", kind)
    return tags


def to_iob2(tags: Sequence[str]) -> List[str]:
    """Returns tags in any scheme as IOB2."""
    return tags_of(spans_of(tags), len(tags))


def label_list(types: Iterable[str]) -> List[str]:
    """Returns the labels of a tagger: O, then B and I of each type, sorted by type."""
    return ["O"] + [join_tag(letter, kind) for kind in sorted(set(types)) for letter in "BI"]


def types_of_labels(labels: Collection[str], source: str) -> Set[str]:
    """Returns the types in a list of labels, which are tags (O, B-PER, I-PER) or types (PER).

    Raises:
      InputError: There is no type, or a label is neither; the message begins with `source`.
    """
    found = [label for label in labels if label != "O"]
    if not any(map(is_tag, found)):
        found = [f"B-{label}" for label in found]
    wrong = next((label for label in found if not is_tag(label)), None)
    if wrong is not None or not found:
        raise InputError(
            f"{source}: found {wrong!r} in the list of labels; expected either only types, such as "
            "PER and LOC, or only tags, such as O, B-PER and I-PER."
            if found
            else f"{source}: the list of labels has no type; expected types, such as PER and LOC."
        )
    return {split_tag(label)[1] for label in found}


def find_scheme(sequences: Sequence[Sequence[str]]) -> str:
    """Returns the scheme whose rules the tags break least often; in a tie, the first one.

    Args:
      sequences: Sequences of tags, each valid according to `is_tag`.

    Returns:
      One of `SCHEMES`.
    """
    return min(SCHEMES, key=lambda scheme: len(scheme_errors(sequences, scheme)))


def scheme_errors(sequences: Sequence[Sequence[str]], scheme: str) -> List[SchemeError]:
    """Returns where tags break the rules of a scheme; `LENIENT` has no rules."""
    if scheme == LENIENT:
        return []
    found = []
    for number, tags in enumerate(sequences):
        before = ("", "")  # No tag
        for i, tag in enumerate(tags):
            current = split_tag(tag)
            reason = _error(scheme, before, current)
            if reason:
                found.append(SchemeError(number, i, reason))
            before = current
        if _is_open(scheme, before):
            found.append(SchemeError(number, len(tags) - 1, "the span does not end"))
    return found


def _error(scheme: str, before: Tuple[str, str], current: Tuple[str, str]) -> Optional[str]:
    """Returns why a tag (letter, type) must not follow another; None if it may."""
    letters, (letter, kind) = _LETTERS[scheme], current
    if letter != "O" and letter not in letters:
        return f"{scheme} has no {letter}"
    letter = letters.get(letter, letter)
    continues = before[1] == kind and letters.get(before[0]) in ("B", "I")
    after = join_tag(*before) if before[1] else before[0]
    if not continues and letter in ("B" if scheme == "IOB1" else "IE"):
        return f"it cannot follow {after}" if after else "it cannot be the first tag"
    if scheme == "IOB1":
        return None
    if letter in "BSO" and _is_open(scheme, before):
        return f"the span before it, {after}, does not end"
    return None


def _is_open(scheme: str, tag: Tuple[str, str]) -> bool:
    return scheme not in ("IOB1", "IOB2") and _LETTERS[scheme].get(tag[0]) in ("B", "I")


def rules_of(labels: Sequence[str]) -> Callable[[Optional[str], str], bool]:
    """Returns whether a label may follow another, or None at the start, among a tagger's labels.

    Only IOB2 has such rules here: a tagger that was trained elsewhere can have labels of any
    scheme.
    """
    kinds: Dict[str, Set[str]] = {"O": set(), "B": set(), "I": set()}
    for label in labels:
        letter, kind = split_tag(label)
        kinds.setdefault(letter, set()).add(kind)
    is_iob2 = len(kinds) == 3 and kinds["I"] <= kinds["B"]
    return may_follow if is_iob2 else lambda before, label: True


def may_follow(before: Optional[str], label: str) -> bool:
    """Returns whether an IOB2 label may follow `before`, or start a sequence if that is None."""
    letter, kind = split_tag(label)
    return letter != "I" or (before is not None and split_tag(before)[1] == kind)
