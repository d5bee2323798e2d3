"""Spans of wordpieces, and their scores: the logit of the first plus that of the last wordpiece."""

import math
from typing import NamedTuple, Tuple

import numpy as np

_LOWEST = np.finfo(np.float32).min
_BEST_STARTS = 8  # The best spans usually begin at no more wordpieces than these.


class Spans(NamedTuple):
    """Some spans; [N] each.

    Attributes:
      first: The number of the first wordpiece in its context.
      last: The number of the last wordpiece.
      start: The logit of the first wordpiece as the start.
      end: The logit of the last wordpiece as the end.
    """

    first: np.ndarray
    last: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The sums of both logits."""
        return self.start + self.end


class SpanLogits:
    """The logits of several questions, which are computed together because that is faster.

    The logits of a question are followed by a gap of -inf, so that no span reaches into the next
    question. Shapes: Q questions, T wordpieces of all contexts and gaps.
    """

    def __init__(self, start: np.ndarray, end: np.ndarray, widths: np.ndarray, max_length: int):
        """Scores the best span from each wordpiece.

        Args:
          start: The logits of each wordpiece as the start: float32 [T].
          end: The same, as the end.
          widths: Number of wordpieces of each question and its gap: int [Q].
          max_length: Maximum length of a span in wordpieces; a gap has so many, or more.
        """
        self._max_length = max_length
        self._start, self._end, self._widths = start, end, widths
        self._begins = np.cumsum(widths) - widths  # [Q]
        behind = np.full(self._max_length - 1, -np.inf, np.float32)
        # The logits of the ends of all spans that start at each wordpiece: [T, max_length].
        self._ends_of_starts = np.lib.stride_tricks.sliding_window_view(
            np.append(self._end, behind), self._max_length
        )
        # The score of the best span that starts at each wordpiece: [T].
        self._best = self._start + _highest_of_windows(self._end, self._max_length)

    def best(self) -> Spans:
        """Returns the best span of each question; its score is not finite if there is none: [Q].

        If several have the same score, it is the first.
        """
        first = first_highest(self._best, self._widths)
        last = first + self._scores_of_starts(first).argmax(axis=1)
        return self._spans(first, last, self._begins)

    def ranked(self, number: int) -> Tuple[Spans, np.ndarray]:
        """Finds the best spans of each question.

        Args:
          number: Maximum number of spans of a question.

        Returns:
          The spans, ordered by question, best first; of equal scores, the first span first. And
          where those of each question begin, and the last ones end: int [Q + 1].
        """
        floors = self._floors(number)  # [Q]
        first = np.flatnonzero(self._best >= np.repeat(floors, self._widths))
        questions = np.searchsorted(self._begins, first, side="right") - 1  # [starts]
        scores = self._scores_of_starts(first)
        is_best = np.flatnonzero(scores >= floors[questions, None])
        row, length = np.divmod(is_best, self._max_length)
        questions = questions[row]
        order = _ranking(scores.ravel()[is_best], questions)
        bounds = np.searchsorted(questions, np.arange(len(floors) + 1))
        rank = np.arange(len(order)) - bounds[questions]
        order = order[rank < number]
        bounds = np.append(0, np.cumsum(np.minimum(np.diff(bounds), number)))
        chosen = first[row[order]]
        begins = self._begins[questions[order]]
        return self._spans(chosen, chosen + length[order], begins), bounds

    def _floors(self, number: int) -> np.ndarray:
        """Returns a score that at least `number` spans of each question reach, if it has so many.

        So many reach it of the spans that begin at one of the question's best starts: [Q].
        """
        half = (self._max_length + 1) // 2
        few = _BEST_STARTS + math.ceil(number / half)
        quarter = -(-int(self._widths.max()) // 4)
        if quarter <= few:
            return np.full(len(self._widths), _LOWEST)
        grid = np.full((len(self._widths), 4 * quarter), -np.inf, np.float32)
        grid[np.arange(4 * quarter) < self._widths[:, None]] = self._best
        grid = grid.reshape(-1, 4, quarter)
        # Of starts that are a quarter apart, only the best is considered, which is faster.
        columns = np.argpartition(grid.max(axis=1), quarter - few, axis=1)[:, None, -few:]
        starts = np.take_along_axis(grid, columns, axis=2).argmax(axis=1) * quarter + columns[:, 0]
        # Those in no question are moved into the gap behind theirs.
        starts = self._begins[:, None] + np.minimum(starts, self._widths[:, None] - 1)  # [Q, few]
        scores = self._scores_of_starts(starts.ravel())  # [Q * few, max_length]
        # In the same way, of two spans that differ by half of the longest, only the better.
        best = scores[:, :half].copy()
        other = best[:, : self._max_length - half]
        np.maximum(other, scores[:, half:], out=other)
        best = best.reshape(len(starts), -1)
        place = best.shape[1] - number
        return np.maximum(np.partition(best, place, axis=1)[:, place], _LOWEST)

    def _spans(self, first: np.ndarray, last: np.ndarray, begins: np.ndarray) -> Spans:
        """Returns spans from their places, and from where their contexts begin."""
        # Behind the last gap, all logits are -inf.
        end = self._end.take(last, mode="clip")
        return Spans(first - begins, last - begins, self._start[first], end)

    def _scores_of_starts(self, first: np.ndarray) -> np.ndarray:
        """Returns the scores of all spans that start at these places: [starts, max_length]."""
        return self._start[first, None] + self._ends_of_starts[first]

    def log_sums(self) -> np.ndarray:
        """Returns the log of the sum of exp(score) over all spans of each question: float64 [Q]."""
        starts, ends = (
            np.maximum(np.maximum.reduceat(logits, self._begins), _LOWEST).astype(np.float64)
            for logits in (self._start, self._end)
        )
        odds = np.exp(self._end - np.repeat(ends, self._widths))  # [T]
        odds = _sums_of_windows(odds, self._max_length)
        odds *= np.exp(self._start - np.repeat(starts, self._widths))
        with np.errstate(divide="ignore"):  # log 0 is -inf, the sum over no spans.
            return np.log(np.add.reduceat(odds, self._begins)) + starts + ends


def _highest_of_windows(values: np.ndarray, length: int) -> np.ndarray:
    """Returns the highest of each value and the `length` - 1 values behind it: [T].

    Windows of 1, 2, 4, … values are combined, so that this takes log2(length) steps. The last two
    windows overlap.
    """
    window = np.append(values, np.full(length, -np.inf, values.dtype))  # [T + length]
    size = 1
    while 2 * size <= length:
        window = np.maximum(window[:-size], window[size:])
        size *= 2
    rest = length - size
    return np.maximum(window[: len(values)], window[rest : rest + len(values)])


def _sums_of_windows(values: np.ndarray, length: int) -> np.ndarray:
    """Returns the sum of each value and the `length` - 1 values behind it: [T].

    Windows of 1, 2, 4, … values are combined, as in `_highest_of_windows`, but do not overlap.
    """
    window = np.append(values, np.zeros(length, values.dtype))  # [T + length]
    sums = np.zeros_like(values)
    size, done = 1, 0
    while True:
        if (length - done) & size:
            sums += window[done : done + len(values)]
            done += size
        if done == length:
            return sums
        window = window[:-size] + window[size:]
        size *= 2


def _ranking(scores: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """Returns the order by question and descending score; equal ones keep theirs: int [N].

    Args:
      scores: float32 [N].
      questions: int [N].
    """
    # 0.0 makes -0.0 equal to 0.0. The bits of a negative number grow as it falls.
    keys = (0.0 - scores).view(np.int32).astype(np.int64)
    keys ^= (keys >> 31) & 0x7FFFFFFF
    # NumPy sorts whole numbers much faster than it finds the order of numbers.
    keys = (keys << 32) | np.arange(len(keys))
    keys.sort()
    order = keys & 0xFFFFFFFF
    questions = questions.astype(np.min_scalar_type(questions.max(initial=0)))
    return order[np.argsort(questions[order], kind="stable")]


def first_highest(values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Returns the place of the highest value of each part, the first of equal ones: int [parts].

    Args:
      values: float [N].
      widths: Number of values of each part, at least 1: int [parts].
    """
    begins = np.cumsum(widths) - widths
    highest = np.maximum.reduceat(values, begins)
    is_highest = np.flatnonzero(~(values < np.repeat(highest, widths)))
    return is_highest[np.searchsorted(is_highest, begins)]
