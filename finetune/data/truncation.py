"""Shorten over-long texts: cut them, or split them into overlapping windows."""

import dataclasses
from typing import List, NamedTuple, Optional, Tuple

from finetune.data.frame import Frame

# Which part of an over-long text to keep. head_tail: a quarter from the start, the rest from the
# end, as in Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?" (128 + 382 of 510).
TRUNCATIONS = ("head", "tail", "head_tail")
_HEAD_SHARE = 0.25


class Pieces(NamedTuple):
    """Wordpiece ids of a text, or of the two texts of a pair."""

    a: List[int]
    b: Optional[List[int]] = None

    @property
    def is_pair(self) -> bool:
        """Whether there is a second text."""
        return self.b is not None


@dataclasses.dataclass(frozen=True)
class Cut:
    """How to shorten over-long rows.

    Attributes:
      max_seq_length: Maximum length of a row or window in wordpieces, including special tokens.
      truncation: One of `TRUNCATIONS`.
      windows: Whether an over-long text is split into windows instead.
      doc_stride: Number of wordpieces from the start of one window to the start of the next.
      max_windows: Maximum number of windows per text; the rest of the text is cut.
    """

    max_seq_length: int
    truncation: str = "head"
    windows: bool = False
    doc_stride: int = 1
    max_windows: int = 1


def cut_row(pieces: Pieces, cut: Cut, frame: Frame) -> Tuple[List[Pieces], bool]:
    """Shortens a row if necessary.

    Args:
      pieces: The row.
      cut: How to shorten it.
      frame: The special tokens of the model's inputs.

    Returns:
      The row, or its windows, and whether any wordpiece was dropped.
    """
    room = frame.room(cut.max_seq_length, pieces.is_pair)
    length_a, length_b = len(pieces.a), len(pieces.b or ())
    if length_a + length_b <= room:
        return [pieces], False
    if cut.windows and room:
        return _windows(pieces, room, cut)
    kept_a, kept_b = kept_lengths(length_a, length_b, room)
    a = _truncate(pieces.a, kept_a, cut.truncation)
    b = None if pieces.b is None else _truncate(pieces.b, kept_b, cut.truncation)
    return [Pieces(a, b)], True


def kept_lengths(length_a: int, length_b: int, room: int) -> Tuple[int, int]:
    """Returns how many wordpieces of each text to keep.

    The longer text is cut first, then both in turn, starting with text_b. The result equals that of
    `_truncate_seq_pair` in Google's run_classifier.py, which cuts wordpiece by wordpiece.
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


def head_share(truncation: str) -> float:
    """Returns the share of the kept wordpieces that is from the start of the text."""
    return {"head": 1.0, "tail": 0.0, "head_tail": _HEAD_SHARE}[truncation]


def _truncate(ids: List[int], length: int, truncation: str) -> List[int]:
    head = round(length * head_share(truncation))
    if len(ids) <= length:
        return ids
    return ids[:head] + ids[len(ids) - (length - head) :]


def _windows(pieces: Pieces, room: int, cut: Cut) -> Tuple[List[Pieces], bool]:
    """Splits the longer text into windows; the shorter text fills up to half of each window."""
    a, b = pieces.a, pieces.b or []
    longer, other = (a, b) if len(a) >= len(b) else (b, a)
    kept = other[: room // 2]
    width = room - len(kept)
    stride = max(1, min(cut.doc_stride, width))
    starts = list(range(0, max(1, len(longer) - width + stride), stride))
    is_lossy = len(starts) > cut.max_windows or len(kept) < len(other)
    parts = [longer[start : start + width] for start in starts[: cut.max_windows]]
    if pieces.b is None:
        return [Pieces(part) for part in parts], is_lossy
    if longer is a:
        return [Pieces(part, kept) for part in parts], is_lossy
    return [Pieces(kept, part) for part in parts], is_lossy
