"""Find the best answers to a question in the logits of all its windows together.

All spans within the longest answer compete in one softmax with "no answer", so a span is found
once, however many windows contain it.
"""

import functools
import itertools
import math
import operator
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from finetune.tasks.question_answering.features import QuestionFeatures
from finetune.tasks.question_answering.question import Question
from finetune.tasks.question_answering.spans import SpanLogits, Spans
from finetune.tasks.question_answering.texts import Texts
from finetune.tasks.question_answering.window_logits import GroupLogits, join_windows

_SPANS_PER_ANSWER = 1.5  # Spans examined for each answer wanted: some have the same text.


class Candidate(NamedTuple):
    """A possible answer.

    Attributes:
      text: The slice of the context; "" for no answer.
      start: Offset of its first code point in the context.
      end: Offset after its last code point.
      probability: Its probability among all spans and no answer.
      start_logit: The logit of its start.
      end_logit: The logit of its end.
    """

    text: str
    start: int
    end: int
    probability: float
    start_logit: float
    end_logit: float

    @property
    def score(self) -> float:
        """The sum of both logits."""
        return self.start_logit + self.end_logit


class RankedAnswers(NamedTuple):
    """Several candidates, best first. Arrays are faster than an object for each.

    Attributes:
      texts: Their texts.
      columns: Their other attributes, in the order of `Candidate`, in some rows of these arrays.
      rows: These rows.
    """

    texts: Sequence[str]
    columns: Sequence[np.ndarray]
    rows: Union[slice, Sequence[int]]

    def candidates(self) -> List[Candidate]:
        """Returns an object for each candidate."""
        columns = (column[self.rows].tolist() for column in self.columns)
        return list(map(Candidate, self.texts, *columns))


class Candidates:
    """The possible answers to a question."""

    __slots__ = ("_group", "_number")

    def __init__(self, group: "_Group", number: int):
        """Stores the group of the question, and its number in the group."""
        self._group = group
        self._number = number

    @property
    def answer(self) -> Optional[Candidate]:
        """The best answer; None if the context has no wordpieces."""
        return self._group.answer(self._number)

    @property
    def no_answer(self) -> Candidate:
        """The alternative that the context contains no answer."""
        return self._group.no_answer(self._number)

    @property
    def ranked(self) -> RankedAnswers:
        """The best answers with distinct texts. They are found when first used."""
        return self._group.ranked[self._number]

    @property
    def best(self) -> List[Candidate]:
        """The best answers with distinct texts, best first; see `ranked`."""
        return self.ranked.candidates()

    @property
    def text(self) -> str:
        """The best answer, whether or not there is one."""
        return self._group.texts[self._number]

    @property
    def null_odds(self) -> float:
        """The score of no answer minus that of the best answer, as in Google's null_odds.json."""
        return self._group.null_odds[self._number]

    def choose(self, threshold: float) -> Candidate:
        """Returns the best answer, or no answer if `null_odds` exceeds the threshold."""
        answer = self.answer
        return self.no_answer if answer is None or self.null_odds > threshold else answer


def decode(
    questions: Iterable[Question],
    features: QuestionFeatures,
    outputs: Iterable[Mapping[str, np.ndarray]],
    *,
    n_best_size: int,
    max_answer_length: int,
) -> Iterator[Candidates]:
    """Yields the candidates of each question.

    Args:
      questions: The questions.
      features: Their windows.
      outputs: The model's predictions for these windows, in order.
      n_best_size: Number of distinct answers.
      max_answer_length: Maximum length of an answer in wordpieces.
    """
    contexts = map(operator.attrgetter("context"), questions)
    lengths = np.diff(features.contexts.bounds)
    max_length = max(1, min(max_answer_length, int(lengths.max(initial=0))))
    for logits in join_windows(features, outputs, gap=max_length):
        own = list(itertools.islice(contexts, len(logits.widths)))
        group = _Group(own, logits, features.contexts, n_best_size, max_length)
        yield from map(functools.partial(Candidates, group), range(len(own)))


class _Group:
    """Questions that are decoded together, which is faster.

    Attributes:
      texts: The best answer to each question; "" if the context has no wordpieces.
      null_odds: See `Candidates`.
    """

    def __init__(
        self,
        contexts: Sequence[str],
        logits: GroupLogits,
        pieces: Texts,
        n_best_size: int,
        max_length: int,
    ):
        self._contexts = contexts
        self._logits = logits
        self._pieces = pieces
        self._number = n_best_size
        self._spans = SpanLogits(logits.start, logits.end, logits.widths, max_length)
        null_scores = logits.null.sum(axis=1)
        self._log_totals = np.logaddexp(self._spans.log_sums(), null_scores)
        self._no_answer = np.exp(null_scores - self._log_totals).tolist()
        spans = self._spans.best()
        is_answer = np.isfinite(spans.scores)
        columns = self._columns(spans, logits.offsets, self._log_totals)
        starts, ends, *_ = self._answers = [column.tolist() for column in columns]
        self._is_answer = is_answer.tolist()
        self.texts = [
            context[start:end] if exists else ""
            for context, start, end, exists in zip(contexts, starts, ends, self._is_answer)
        ]
        scores = np.where(is_answer, spans.start.astype(np.float64) + spans.end, 0.0)
        self.null_odds: List[float] = (null_scores - scores).tolist()

    def answer(self, number: int) -> Optional[Candidate]:
        """Returns the best answer to a question; None if the context has no wordpieces."""
        if not self._is_answer[number]:
            return None
        return Candidate(self.texts[number], *(column[number] for column in self._answers))

    def no_answer(self, number: int) -> Candidate:
        """Returns the alternative that a question has no answer."""
        start, end = self._logits.null[number].tolist()
        return Candidate("", 0, 0, self._no_answer[number], start, end)

    @functools.cached_property
    def ranked(self) -> List[RankedAnswers]:
        """The best answers to each question, with distinct texts."""
        spans, bounds = self._spans.ranked(math.ceil(_SPANS_PER_ANSWER * self._number))
        counts = np.diff(bounds)
        offsets = np.repeat(self._logits.offsets, counts)
        columns = self._columns(spans, offsets, np.repeat(self._log_totals, counts))
        starts, ends = columns[0].tolist(), columns[1].tolist()
        found = []
        for context, first, end in zip(self._contexts, bounds.tolist(), bounds[1:].tolist()):
            last = min(end, first + self._number)
            texts = [context[i:j] for i, j in zip(starts[first:last], ends[first:last])]
            rows: Union[slice, List[int]] = slice(first, last)
            if len(set(texts)) < last - first:
                texts = [context[i:j] for i, j in zip(starts[first:end], ends[first:end])]
                row_of = dict(zip(reversed(texts), range(end - 1, first - 1, -1)))
                rows = sorted(row_of.values())[: self._number]
                texts = [texts[row - first] for row in rows]
            found.append(RankedAnswers(texts, columns, rows))
        return found

    def _columns(
        self, spans: Spans, offsets: np.ndarray, log_totals: np.ndarray
    ) -> List[np.ndarray]:
        """Returns the columns of `Candidate` but the text, for some spans.

        Args:
          spans: The spans: [N].
          offsets: Where the context of each begins in `QuestionFeatures.contexts`: int [N].
          log_totals: The log of the sum of exp(score) of all spans and no answer: float [N].
        """
        return [
            _take(self._pieces.starts, offsets + spans.first),
            _take(self._pieces.ends, offsets + spans.last),
            np.exp(spans.scores.astype(np.float64) - log_totals),
            spans.start,
            spans.end,
        ]


def _take(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the values at the places; any value for a place behind the last one."""
    return values.take(places, mode="clip") if len(values) else np.zeros_like(places)
