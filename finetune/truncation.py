"""What becomes of a text that is longer than the model takes: it is cut, or read in windows."""

import dataclasses
from typing import List, NamedTuple, Optional, Tuple

# Which part of a long text stays. head_tail: its first quarter and the rest from its end, as in
# Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?" (128 and 382 of 510).
TRUNCATIONS = ("head", "tail", "head_tail")
_HEAD_SHARE = 0.25


class Pieces(NamedTuple):
    """Wordpiece ids of a text, and of the second one in a pair."""

    a: List[int]
    b: Optional[List[int]] = None


@dataclasses.dataclass(frozen=True)
class Cut:
    """How to make rows fit.

    Attributes:
      max_seq_length: Wordpieces of a row or window at the most, special ones included.
      truncation: One of `TRUNCATIONS`.
      windows: Whether a long text becomes windows instead.
      doc_stride: Wordpieces from the beginning of a window to that of the next.
      max_windows: Windows of a text at the most; the rest is cut.
    """

    max_seq_length: int
    truncation: str = "head"
    windows: bool = False
    doc_stride: int = 1
    max_windows: int = 1


def special_tokens(pieces: Pieces) -> int:
    """Returns how many of a row's wordpieces are `[CLS]` or `[SEP]`."""
    return 2 if pieces.b is None else 3


def cut_row(pieces: Pieces, cut: Cut) -> Tuple[List[Pieces], bool]:
    """Returns a row in pieces that fit, one or, in windows, more; and whether anything is lost."""
    room = max(0, cut.max_seq_length - special_tokens(pieces))
    length_a, length_b = len(pieces.a), len(pieces.b or ())
    if length_a + length_b <= room:
        return [pieces], False
    if cut.windows and room:
        return _windows(pieces, room, cut)
    kept_a, kept_b = kept_lengths(length_a, length_b, room)
    a = _kept(pieces.a, kept_a, cut.truncation)
    b = None if pieces.b is None else _kept(pieces.b, kept_b, cut.truncation)
    return [Pieces(a, b)], True


def kept_lengths(length_a: int, length_b: int, room: int) -> Tuple[int, int]:
    """Returns how much of each text stays: the longer one is cut first, then both, text_b first.

    As `_truncate_seq_pair` of Google's run_classifier.py, which cuts one by one.
    """
    excess = length_a + length_b - room
    if excess <= 0:
        return length_a, length_b
    from_longer = min(excess, abs(length_a - length_b))
    excess -= from_longer
    if length_a > length_b:
        length_a -= from_longer
    else:
        length_b -= from_longer
    return length_a - excess // 2, length_b - (excess + 1) // 2


def _kept(ids: List[int], length: int, truncation: str) -> List[int]:
    head = {"head": length, "tail": 0, "head_tail": round(length * _HEAD_SHARE)}[truncation]
    if len(ids) <= length:
        return ids
    return ids[:head] + ids[len(ids) - (length - head) :]


def _windows(pieces: Pieces, room: int, cut: Cut) -> Tuple[List[Pieces], bool]:
    """Cuts the longer text into windows; the other is in each, or as much of it as half fills."""
    a, b = pieces.a, pieces.b or []
    longer, other = (a, b) if len(a) >= len(b) else (b, a)
    kept = other[: room // 2]
    width = room - len(kept)
    stride = max(1, min(cut.doc_stride, width))
    starts = list(range(0, max(1, len(longer) - width + stride), stride))
    lost = len(starts) > cut.max_windows or len(kept) < len(other)
    parts = [longer[start : start + width] for start in starts[: cut.max_windows]]
    if pieces.b is None:
        return [Pieces(part) for part in parts], lost
    if longer is a:
        return [Pieces(part, kept) for part in parts], lost
    return [Pieces(kept, part) for part in parts], lost
