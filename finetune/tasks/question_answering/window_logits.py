"""Join the logits of all windows of a question.

Where windows overlap, each wordpiece is judged in the window in which it has the most context.

Questions are joined in groups, because that is faster. Shapes: Q questions, W windows, T wordpieces
of the contexts of a group and the gaps behind them.
"""

import itertools
from typing import Iterable, Iterator, Mapping, NamedTuple, Tuple

import numpy as np

from finetune.tasks.question_answering.features import QuestionFeatures
from finetune.tasks.question_answering.spans import first_highest

_MAX_GROUP = 1 << 15  # Wordpieces of windows that are joined together, unless a question has more

# The logits of start and end in a window, float [S] each, and those at [CLS] as numbers
_Row = Tuple[np.ndarray, np.ndarray, float, float]


class GroupLogits(NamedTuple):
    """The logits of a group of questions.

    The logits of a question are followed by a gap of -inf, so that no span reaches into the next
    question.

    Attributes:
      offsets: int64 [Q], where each context begins in the arrays of `QuestionFeatures.contexts`.
      widths: int64 [Q], number of wordpieces of each context, and in the gap behind it.
      start: float32 [T], for each wordpiece of the contexts as the start of the answer.
      end: float32 [T], as the end.
      null: float64 [Q, 2], start and end of no answer, from the window with the lowest sum.
    """

    offsets: np.ndarray
    widths: np.ndarray
    start: np.ndarray
    end: np.ndarray
    null: np.ndarray


def join_windows(
    features: QuestionFeatures, outputs: Iterable[Mapping[str, np.ndarray]], gap: int
) -> Iterator[GroupLogits]:
    """Yields the logits of all questions, in groups.

    Args:
      features: The windows.
      outputs: The model's predictions for these windows, in order.
      gap: The width of the gap behind each question, at least 1.
    """
    rows = itertools.chain.from_iterable(map(_rows_of, outputs))
    windows = features.window_array
    numbers = np.arange(len(features.context_of) + 1)
    bounds = np.searchsorted(windows[:, 0], numbers)
    sizes = np.append(0, np.cumsum(windows[:, 2] - windows[:, 1]))[bounds] + gap * numbers
    for first, end in _groups(sizes):
        group = slice(first, end)
        offsets = features.contexts.bounds[features.context_of[group]]
        widths = features.contexts.bounds[features.context_of[group] + 1] - offsets + gap
        own = windows[bounds[first] : bounds[end]] - (first, 0, 0)
        start, end_logits, null = _join(rows, own, features.starts_of_contexts[group], widths)
        null = null[first_highest(-null.sum(axis=1), np.diff(bounds[first : end + 1]))]
        yield GroupLogits(offsets, widths, start, end_logits, null)


def _rows_of(batch: Mapping[str, np.ndarray]) -> Iterable[_Row]:
    start, end = batch["start_logits"], batch["end_logits"]
    return zip(start, end, start[:, 0].tolist(), end[:, 0].tolist())


def _groups(sizes: np.ndarray) -> Iterator[Tuple[int, int]]:
    """Yields the first question of each group, and the first after it.

    Args:
      sizes: The sum of the sizes of all questions before each question, and of all: [questions + 1]
    """
    first = 0
    while first + 1 < len(sizes):
        end = int(np.searchsorted(sizes, sizes[first] + _MAX_GROUP, side="right")) - 1
        yield first, max(first + 1, end)
        first = max(first + 1, end)


def _join(
    rows: Iterator[_Row], windows: np.ndarray, positions: np.ndarray, widths: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joins the logits of the next windows.

    Args:
      rows: The logits of all windows; those of these windows are taken.
      windows: Question, start and end of each window: int64 [W, 3].
      positions: The position of each question's first wordpiece of the context: int64 [Q].
      widths: See `GroupLogits`.

    Returns:
      The logits of start and end, float32 [T] each, and those of no answer, float64 [W, 2].
    """
    start, end = np.full((2, widths.sum()), -np.inf, np.float32)  # [T] each
    question, first, last = windows.T
    begins = (np.cumsum(widths) - widths)[question] + first
    is_only = np.bincount(question)[question] == 1
    columns = (begins, last - first, positions[question], is_only)
    most_context = np.full(0 if is_only.all() else len(start), -1)
    null = []
    for begin, length, position, is_only_one, (starts, ends, *no_answer) in zip(
        *(column.tolist() for column in columns), rows
    ):
        null.append(no_answer)
        here, inside = slice(begin, begin + length), slice(position, position + length)
        if is_only_one:
            start[here], end[here] = starts[inside], ends[inside]
            continue
        indexes = np.arange(length)
        context = np.minimum(indexes, indexes[::-1])
        better = context > most_context[here]  # In a tie, the first window counts.
        for values, own in ((most_context, context), (start, starts[inside]), (end, ends[inside])):
            values[here][better] = own[better]
    return start, end, np.array(null, np.float64)
