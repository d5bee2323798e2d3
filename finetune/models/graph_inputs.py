"""Special tokens, truncation and windows as part of a TensorFlow graph.

The results equal those of `finetune.data.truncation` and `finetune.data.frame`.

Shapes: B rows, W windows (B if each row is one window), S wordpieces in the longest window.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from finetune.data.frame import Frame
from finetune.data.truncation import Cut, head_share
from finetune.models.graph_tokenizer import GraphPieces


class Range(NamedTuple):
    """Part [start, end) of the wordpieces of each row or window, int32 [W] each."""

    start: tf.Tensor
    end: tf.Tensor

    @property
    def lengths(self) -> tf.Tensor:
        """The number of wordpieces, int32 [W]."""
        return self.end - self.start


class Windows(NamedTuple):
    """Windows of rows.

    Attributes:
      a: Parts of the first text, in order.
      b: Parts of the second text, in order.
      rows: int32 [W], the row of each window.
    """

    a: Sequence[Range]
    b: Sequence[Range]
    rows: tf.Tensor


def framed(
    a: GraphPieces, b: Optional[GraphPieces], cut: Cut, frame: Frame
) -> Dict[str, tf.Tensor]:
    """Returns the inputs of a model for texts, or for pairs of texts.

    Args:
      a: The wordpieces of the first texts.
      b: Those of the second texts; None if there are none.
      cut: How to shorten long rows.
      frame: The special tokens of the model's inputs.

    Returns:
      `input_ids`, `input_mask`, `segment_ids`: int32 [W, S]; `window_rows`: int32 [W].
    """
    room = frame.room(cut.max_seq_length, is_pair=b is not None)
    length_b = tf.zeros_like(a.lengths) if b is None else b.lengths
    if cut.windows and room:
        kept = _windows(a.lengths, length_b, room, cut)
    else:
        kept = _truncated(a.lengths, length_b, room, cut.truncation)
    return assembled(a, b, kept, frame)


def assembled(
    a: GraphPieces, b: Optional[GraphPieces], kept: Windows, frame: Frame
) -> Dict[str, tf.Tensor]:
    """Returns the inputs of a model for windows of texts; see `framed`."""
    num_windows = tf.size(kept.rows)
    cls, sep = (tf.fill([num_windows, 1], token) for token in (frame.cls_id, frame.sep_id))
    parts = [cls, *_gathered(a, kept.a, kept.rows), sep]
    second_starts = sum(part.lengths for part in kept.a) + 2  # [W]
    if b is not None:
        parts += [sep] * (frame.num_between - 1)
        parts += [*_gathered(b, kept.b, kept.rows), sep]
        second_starts += frame.num_between - 1
    ragged = tf.concat(parts, axis=1)  # [W, (wordpieces)]
    input_ids = ragged.to_tensor()  # [W, S]
    # Without rows, S would be 0, but heads use the first position.
    input_ids = tf.pad(input_ids, [[0, 0], [0, tf.maximum(1 - tf.shape(input_ids)[1], 0)]])
    positions = tf.range(tf.shape(input_ids)[1])  # [S]
    is_real = positions < tf.cast(ragged.row_lengths(), tf.int32)[:, tf.newaxis]
    is_second = is_real & (positions >= second_starts[:, tf.newaxis])  # [W, S]
    return {
        "input_ids": input_ids,
        "input_mask": tf.cast(is_real, tf.int32),
        "segment_ids": tf.cast(is_second, tf.int32) * frame.segment_of_b,
        "window_rows": kept.rows,
    }


def _gathered(
    pieces: GraphPieces, parts: Sequence[Range], rows: tf.Tensor
) -> List[tf.RaggedTensor]:
    """Returns the ids of parts of the rows: ragged int32 [W, (wordpieces)] each."""
    row_starts = tf.gather(tf.cumsum(pieces.lengths, exclusive=True), rows)  # [W]
    gathered = []
    for part in parts:
        indices = tf.ragged.range(row_starts + part.start, row_starts + part.end)
        gathered.append(indices.with_values(tf.gather(pieces.ids, indices.values)))
    return gathered


def _truncated(length_a: tf.Tensor, length_b: tf.Tensor, room: int, truncation: str) -> Windows:
    kept_a, kept_b = _kept_lengths(length_a, length_b, room)
    return Windows(
        a=_ends_of(length_a, kept_a, truncation),
        b=_ends_of(length_b, kept_b, truncation),
        rows=tf.range(tf.size(length_a)),
    )


def _kept_lengths(
    length_a: tf.Tensor, length_b: tf.Tensor, room: int
) -> Tuple[tf.Tensor, tf.Tensor]:
    """See `truncation.kept_lengths`."""
    excess = tf.maximum(length_a + length_b - room, 0)
    from_longer = tf.minimum(excess, tf.abs(length_a - length_b))
    excess -= from_longer
    is_a = length_a > length_b
    return (
        tf.where_v2(is_a, length_a - from_longer, length_a) - excess // 2,
        tf.where_v2(is_a, length_b, length_b - from_longer) - (excess + 1) // 2,
    )


def _ends_of(length: tf.Tensor, kept: tf.Tensor, truncation: str) -> Sequence[Range]:
    """Returns the start and the end of texts that are kept."""
    # `tf.round` rounds halves to even, as Python does.
    share = head_share(truncation)
    head = tf.cast(tf.round(tf.cast(kept, tf.float64) * share), tf.int32)
    is_whole = length <= kept
    head = tf.where_v2(is_whole, length, head)
    tail = tf.where_v2(is_whole, 0, kept - head)
    return [Range(tf.zeros_like(head), head), Range(length - tail, length)]


def _windows(length_a: tf.Tensor, length_b: tf.Tensor, room: int, cut: Cut) -> Windows:
    """See `truncation.cut_row`."""
    fits = length_a + length_b <= room  # [B]
    longer, other = tf.maximum(length_a, length_b), tf.minimum(length_a, length_b)
    kept = tf.where_v2(fits, other, tf.minimum(other, room // 2))
    width = tf.where_v2(fits, longer, room - kept)
    stride = tf.maximum(1, tf.minimum(cut.doc_stride, width))
    counts = (tf.maximum(1, longer - width + stride) + stride - 1) // stride
    counts = tf.where_v2(fits, 1, tf.minimum(counts, cut.max_windows))
    rows = tf.repeat(tf.range(tf.size(counts)), counts)  # [W]
    numbers = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(counts, exclusive=True), rows)
    starts = numbers * tf.gather(stride, rows)
    ends = tf.minimum(starts + tf.gather(width, rows), tf.gather(longer, rows))
    of_other = Range(tf.zeros_like(starts), tf.gather(kept, rows))
    is_a = tf.gather(length_a >= length_b, rows)
    return Windows(
        a=[_chosen(is_a, Range(starts, ends), of_other)],
        b=[_chosen(is_a, of_other, Range(starts, ends))],
        rows=rows,
    )


def _chosen(condition: tf.Tensor, first: Range, second: Range) -> Range:
    return Range(*(tf.where_v2(condition, *pair) for pair in zip(first, second)))
