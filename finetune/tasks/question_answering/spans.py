"""Spans of wordpieces, and their scores: the logit of the first plus that of the last wordpiece."""

from typing import Callable, NamedTuple, Sequence, Tuple

import numpy as np

_LOWEST = np.finfo(np.float32).min


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
    question. Shapes: Q questions, T wordpieces of all contexts with the gaps.
    """

    def __init__(self, start: Sequence[np.ndarray], end: Sequence[np.ndarray], max_length: int):
        """Joins the logits.

        Args:
          start: For each question, the logits of each wordpiece as the start: float32 [pieces].
          end: The same, as the end.
          max_length: Maximum length of a span in wordpieces.
        """
        lengths = np.array([len(logits) for logits in start])
        self._max_length = max(1, min(max_length, int(lengths.max(initial=0))))
        gap = np.full(self._max_length, -np.inf, np.float32)
        self._start = np.concatenate([part for logits in start for part in (logits, gap)])  # [T]
        self._end = np.concatenate([part for logits in end for part in (logits, gap)])  # [T]
        self._widths = lengths + self._max_length  # [Q]
        self._ends = np.cumsum(self._widths)  # [Q]
        self._begins = self._ends - self._widths  # [Q]
        # The score of the best span that starts at each wordpiece: [T].
        self._best = self._start + _over_windows(self._end, self._max_length, np.maximum, -np.inf)

    def best(self) -> Spans:
        """Returns the best span of each question; its score is not finite if there is none: [Q].

        If several have the same score, it is the first.
        """
        highest = np.maximum.reduceat(self._best, self._begins)
        is_highest = np.flatnonzero(~(self._best < np.repeat(highest, self._widths)))
        first = is_highest[np.searchsorted(is_highest, self._begins)]
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
        floors = np.repeat(self._floors(number), self._widths)  # [T]
        first = np.flatnonzero(self._best >= floors)
        scores = self._scores_of_starts(first)
        row, length = np.nonzero(scores >= floors[first, None])
        questions = np.repeat(np.arange(len(self._widths)), self._widths)[first[row]]
        order = np.lexsort((-scores[row, length], questions))
        bounds = np.searchsorted(questions, np.arange(len(self._widths) + 1))
        rank = np.arange(len(order)) - bounds[questions]
        order = order[rank < number]
        bounds = np.append(0, np.cumsum(np.minimum(np.diff(bounds), number)))
        chosen = first[row[order]]
        begins = self._begins[questions[order]]
        return self._spans(chosen, chosen + length[order], begins), bounds

    def _floors(self, number: int) -> np.ndarray:
        """Returns a score that at least `number` spans of each question reach, if it has so many.

        The best spans of different starts are different spans.
        """
        widest = int(self._widths.max())
        grid = np.full((len(self._widths), widest), _LOWEST, self._best.dtype)  # [Q, widest]
        if widest <= number:
            return grid[:, 0]
        grid[np.arange(widest) < self._widths[:, None]] = self._best
        return np.maximum(np.partition(grid, widest - number, axis=1)[:, widest - number], _LOWEST)

    def _spans(self, first: np.ndarray, last: np.ndarray, begins: np.ndarray) -> Spans:
        """Returns spans from their places, and from where their contexts begin."""
        # Behind the last gap, all logits are -inf.
        end = self._end.take(last, mode="clip")
        return Spans(first - begins, last - begins, self._start[first], end)

    def _scores_of_starts(self, first: np.ndarray) -> np.ndarray:
        """Returns the scores of all spans that start at these places: [starts, max_length]."""
        last = first[:, None] + np.arange(self._max_length)
        return self._start[first, None] + self._end.take(last, mode="clip")

    def log_sums(self) -> np.ndarray:
        """Returns the log of the sum of exp(score) over all spans of each question: float64 [Q]."""
        starts, ends = (
            np.maximum(np.maximum.reduceat(logits, self._begins), _LOWEST).astype(np.float64)
            for logits in (self._start, self._end)
        )
        odds = np.exp(self._end - np.repeat(ends, self._widths))  # [T]
        odds = _over_windows(odds, self._max_length, np.add, 0.0)
        odds *= np.exp(self._start - np.repeat(starts, self._widths))
        with np.errstate(divide="ignore"):  # log 0 is -inf, the sum over no spans.
            return np.log(np.add.reduceat(odds, self._begins)) + starts + ends


def _over_windows(
    values: np.ndarray, length: int, combine: Callable[..., np.ndarray], neutral: float
) -> np.ndarray:
    """Combines each value with the `length` - 1 values behind it: [T].

    Windows of 1, 2, 4, … values are combined, so that this takes log2(length) steps.
    """
    window = np.pad(values, (0, length), constant_values=neutral)  # [T + length]
    result = np.full_like(values, neutral)
    size, done = 1, 0
    while done < length:
        if (length - done) & size:
            combine(result, window[done : done + len(values)], out=result)
            done += size
        combine(window[:-size], window[size:], out=window[:-size])
        size *= 2
    return result
