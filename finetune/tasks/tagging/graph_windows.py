"""Windows of words in a graph; the results equal those of `features.windows`.

Shapes: V words of all texts, G segments (texts or sentences), P wordpieces of all words, R rows.
"""

from typing import NamedTuple, Tuple

import tensorflow.compat.v1 as tf

_State = Tuple[tf.Tensor, ...]


class GraphRows(NamedTuple):
    """The windows that label words; each word is labelled in one.

    Attributes:
      piece_starts: int32 [R], the first wordpiece of each, counted in all words.
      piece_ends: int32 [R], the wordpiece after the last one.
      row_of: int32 [V], the row that labels each word.
      number_of: int32 [V], the number of the word among those that the row labels.
      counts: int32 [R], how many words each row labels.
      starts: int32 [R], 1 if the first of them is the first of its segment.
      ends: int32 [R], 1 if the last of them is the last of its segment.
    """

    piece_starts: tf.Tensor
    piece_ends: tf.Tensor
    row_of: tf.Tensor
    number_of: tf.Tensor
    counts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor


def make_rows(
    bounds: tf.Tensor, segment_starts: tf.Tensor, segment_ends: tf.Tensor, room: int, stride: int
) -> GraphRows:
    """Splits segments into overlapping windows, at word boundaries; see `features.windows`.

    Args:
      bounds: int32 [V + 1]; word v has the wordpieces [bounds[v], bounds[v + 1]), at least one and
        at most `room`.
      segment_starts: int32 [G], the first word of each segment that has words.
      segment_ends: int32 [G], the word after its last one.
      room: Number of wordpieces that fit into a window.
      stride: Minimum number of wordpieces from the start of one window to the start of the next.
    """
    segments, starts, ends = _bounds(bounds, segment_starts, segment_ends, room, stride)  # [M]
    owners = _owners(bounds, starts, ends)  # [V]
    windows, row_of = tf.unique(owners)  # [R], [V]; owners are in order.
    counts = tf.math.bincount(row_of, minlength=tf.size(windows), maxlength=tf.size(windows))
    firsts = tf.cumsum(counts, exclusive=True)  # [R], each row's first word
    starts, ends, segments = (tf.gather(each, windows) for each in (starts, ends, segments))
    return GraphRows(
        piece_starts=tf.gather(bounds, starts),
        piece_ends=tf.gather(bounds, ends),
        row_of=row_of,
        number_of=tf.range(tf.size(row_of)) - tf.gather(firsts, row_of),
        counts=counts,
        starts=tf.cast(tf.equal(firsts, tf.gather(segment_starts, segments)), tf.int32),
        ends=tf.cast(tf.equal(firsts + counts, tf.gather(segment_ends, segments)), tf.int32),
    )


def _bounds(
    bounds: tf.Tensor, segment_starts: tf.Tensor, segment_ends: tf.Tensor, room: int, stride: int
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the segment, the first word and the end of each window, int32 [M], in order."""

    def step(segments: tf.Tensor, starts: tf.Tensor, *found: tf.Tensor) -> _State:
        """Adds a window of each segment that is not finished, and finds the next starts."""
        lasts = tf.gather(segment_ends, segments)
        begins = tf.gather(bounds, starts)
        ends = tf.minimum(tf.searchsorted(bounds, begins + room, side="right") - 1, lasts)
        after = tf.maximum(tf.searchsorted(bounds, begins + stride), starts + 1)
        goes_on = ends < lasts
        more = (tf.concat(pair, axis=0) for pair in zip(found, (segments, starts, ends)))
        return (
            tf.boolean_mask(segments, goes_on),
            tf.boolean_mask(tf.minimum(after, ends), goes_on),
            *more,
        )

    none = tf.zeros([0], tf.int32)
    state = (tf.range(tf.size(segment_starts)), segment_starts, none, none, none)
    _, _, *found = tf.while_loop(
        lambda segments, *_: tf.size(segments) > 0,
        step,
        state,
        shape_invariants=(tf.TensorShape([None]),) * len(state),
    )
    order = tf.argsort(found[0], stable=True)
    segments, starts, ends = (tf.gather(each, order) for each in found)
    return segments, starts, ends


def _owners(bounds: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Returns the window in which each word has the most context, int32 [V]; see `windows`."""
    sizes = ends - starts  # [M]
    window = tf.repeat(tf.range(tf.size(sizes)), sizes)  # [N], for N places in all windows
    firsts = tf.cumsum(sizes, exclusive=True)
    word = tf.gather(starts - firsts, window) + tf.range(tf.size(window))  # [N]
    before = tf.gather(bounds, word) - tf.gather(bounds, tf.gather(starts, window))
    after = tf.gather(bounds, tf.gather(ends, window)) - tf.gather(bounds, word + 1)
    # In a tie, the first window has the largest key.
    num_windows = tf.size(sizes, out_type=tf.int64)
    context = tf.cast(tf.minimum(before, after), tf.int64)
    key = (context + 1) * num_windows - tf.cast(window, tf.int64)  # [N]
    best = tf.math.unsorted_segment_max(key, word, tf.size(bounds) - 1)  # [V]
    return tf.cast(-best % num_windows, tf.int32)
