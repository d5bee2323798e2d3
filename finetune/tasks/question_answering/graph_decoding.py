"""Find the best answers in a graph; the results equal those of `decoding`.

Shapes: B questions, W windows, S positions of a window, P wordpieces of all contexts.
"""

from typing import NamedTuple, Tuple

import tensorflow.compat.v1 as tf

_NO_SPAN = float("-inf")


class GraphWindows(NamedTuple):
    """The windows of contexts, int32 [W] each.

    Attributes:
      rows: The question of each.
      starts: The first wordpiece of the context.
      ends: The wordpiece after the last one.
      positions: The position of that first wordpiece in the window.
    """

    rows: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    positions: tf.Tensor


class GraphAnswers(NamedTuple):
    """The answers to questions, [B] each.

    Attributes:
      is_answer: bool, whether there is one.
      first: int32, its first wordpiece, counted in all contexts; any number if there is none.
      last: int32, its last wordpiece.
      probability: float64, that of the answer, or of no answer if there is none.
      no_answer_probability: float64.
    """

    is_answer: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    probability: tf.Tensor
    no_answer_probability: tf.Tensor


class _Spans(NamedTuple):
    """The best span of each question, [B] each.

    Attributes:
      first, last: See `GraphAnswers`.
      score: float32, the sum of both logits; -inf if the context has no wordpieces.
      log_sum: float64, the log of the sum of exp(score) over all spans.
    """

    first: tf.Tensor
    last: tf.Tensor
    score: tf.Tensor
    log_sum: tf.Tensor


def decode(
    start_logits: tf.Tensor,
    end_logits: tf.Tensor,
    windows: GraphWindows,
    lengths: tf.Tensor,
    *,
    max_answer_length: int,
    threshold: float,
) -> GraphAnswers:
    """Returns the answers to questions.

    Args:
      start_logits: float32 [W, S].
      end_logits: float32 [W, S].
      windows: The windows.
      lengths: int32 [B], number of wordpieces in each context.
      max_answer_length: Maximum length of an answer in wordpieces.
      threshold: The score of no answer minus that of the best answer above which there is none.
    """
    joined = _joined(tf.stack([start_logits, end_logits], axis=2), windows, lengths)  # [P, 2]
    spans = _best_spans(joined, lengths, max_answer_length)
    at_cls = tf.cast(start_logits[:, 0], tf.float64) + tf.cast(end_logits[:, 0], tf.float64)
    null = tf.math.segment_min(at_cls, windows.rows)  # [B]
    log_total = tf.reduce_logsumexp(tf.stack([spans.log_sum, null]), axis=0)  # [B]
    score = tf.cast(spans.score, tf.float64)
    no_answer = tf.exp(null - log_total)  # [B]
    is_answer = (lengths > 0) & (null - score <= threshold)
    return GraphAnswers(
        is_answer=is_answer,
        first=spans.first,
        last=spans.last,
        probability=tf.where_v2(is_answer, tf.exp(score - log_total), no_answer),
        no_answer_probability=no_answer,
    )


def _joined(logits: tf.Tensor, windows: GraphWindows, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the logits of all contexts' wordpieces, float32 [P, 2], from windows [W, S, 2].

    Each is from the window where the smaller of the numbers of wordpieces before and after it is
    largest; in a tie, from the first such window.
    """
    counts = windows.ends - windows.starts  # [W]
    window = tf.repeat(tf.range(tf.size(counts)), counts)  # [M], for M places in all windows
    index = tf.range(tf.size(window)) - tf.gather(tf.cumsum(counts, exclusive=True), window)
    own = tf.minimum(index, tf.gather(counts, window) - 1 - index)  # [M]
    offsets = tf.gather(tf.cumsum(lengths, exclusive=True), windows.rows) + windows.starts  # [W]
    piece = tf.gather(offsets, window) + index  # [M]
    num_windows = tf.size(counts, out_type=tf.int64)
    key = (tf.cast(own, tf.int64) + 1) * num_windows - tf.cast(window, tf.int64)  # [M]
    best = tf.math.unsorted_segment_max(key, piece, tf.reduce_sum(lengths))  # [P]
    is_best = tf.equal(key, tf.gather(best, piece))
    place = tf.stack([window, tf.gather(windows.positions, window) + index], axis=1)  # [M, 2]
    own_logits = tf.gather_nd(logits, tf.boolean_mask(place, is_best))  # [P, 2]
    order = tf.boolean_mask(piece, is_best)[:, tf.newaxis]
    return tf.scatter_nd(order, own_logits, tf.shape(own_logits))


def _best_spans(logits: tf.Tensor, lengths: tf.Tensor, max_length: int) -> _Spans:
    """Returns the best span of each question, from the logits of wordpieces, float32 [P, 2]."""
    num_questions, num_pieces = tf.size(lengths), tf.shape(logits)[0]
    rows = tf.repeat(tf.range(num_questions), lengths)  # [P]
    starts, ends = logits[:, 0], logits[:, 1]
    last = tf.range(num_pieces)[:, tf.newaxis] + tf.range(max_length)  # [P, max_length]
    is_inside = last < tf.gather(tf.cumsum(lengths), rows)[:, tf.newaxis]
    end_logits = tf.gather(ends, tf.minimum(last, num_pieces - 1))
    scores = tf.where_v2(is_inside, starts[:, tf.newaxis] + end_logits, _NO_SPAN)
    best = tf.reduce_max(scores, axis=1)  # [P]
    highest = tf.math.unsorted_segment_max(best, rows, num_questions)  # [B]
    first, offset = _first_highest(scores, best, highest, rows)
    # As in `decoding`, in 64 bits.
    peak = tf.cast(highest, tf.float64)
    exact = tf.cast(starts, tf.float64)[:, tf.newaxis] + tf.cast(end_logits, tf.float64)
    odds = tf.exp(exact - tf.gather(peak, rows)[:, tf.newaxis])
    odds = tf.reduce_sum(tf.where_v2(is_inside, odds, tf.zeros_like(odds)), axis=1)  # [P]
    total = tf.math.unsorted_segment_sum(odds, rows, num_questions)  # [B]
    return _Spans(first, first + offset, highest, peak + tf.math.log(total))


def _first_highest(
    scores: tf.Tensor, best: tf.Tensor, highest: tf.Tensor, rows: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the first wordpiece of each question's best span, and the span's length - 1: [B]."""
    num_pieces = tf.size(best)
    is_highest = tf.equal(best, tf.gather(highest, rows))  # [P]
    place = tf.where_v2(is_highest, tf.range(num_pieces), num_pieces)
    first = tf.math.unsorted_segment_min(place, rows, tf.size(highest))  # [B]
    # One more row, for questions whose contexts have no wordpieces.
    padded = tf.pad(scores, [[0, 1], [0, 0]])
    first = tf.minimum(first, num_pieces)
    return first, tf.argmax(tf.gather(padded, first), axis=1, output_type=tf.int32)
