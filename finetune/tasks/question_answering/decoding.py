"""Find the best answers to a question in the logits of all its windows together.

Where windows overlap, each wordpiece is judged in the window in which it has the most context. All
spans within the longest answer compete in one softmax with "no answer", so a span is found once,
however many windows contain it.
"""

import functools
import itertools
import math
from typing import (
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from finetune.tasks.question_answering.features import QuestionFeatures, Window
from finetune.tasks.question_answering.question import Question
from finetune.tasks.question_answering.spans import SpanLogits, Spans
from finetune.tasks.question_answering.texts import Texts

_SPANS_PER_ANSWER = 1.5  # Spans examined for each answer wanted: some have the same text.
_MAX_GROUP = 1 << 15  # Wordpieces of contexts that are decoded together, unless one has more


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


class Candidates:
    """The possible answers to a question.

    Attributes:
      answer: The best answer; None if the context has no wordpieces.
      no_answer: The alternative that the context contains no answer.
    """

    def __init__(
        self, group: "_Group", number: int, answer: Optional[Candidate], no_answer: Candidate
    ):
        self.answer = answer
        self.no_answer = no_answer
        self._group = group
        self._number = number

    @functools.cached_property
    def best(self) -> List[Candidate]:
        """The best answers with distinct texts, best first. They are found when first used."""
        return self._group.ranked(self._number) if self.answer else []

    @property
    def text(self) -> str:
        """The best answer, whether or not there is one."""
        return self.answer.text if self.answer else ""

    @property
    def null_odds(self) -> float:
        """The score of no answer minus that of the best answer, as in Google's null_odds.json."""
        return self.no_answer.score - (self.answer.score if self.answer else 0.0)

    def choose(self, threshold: float) -> Candidate:
        """Returns the best answer, or no answer if `null_odds` exceeds the threshold."""
        if self.answer is None or self.null_odds > threshold:
            return self.no_answer
        return self.answer


class _Logits(NamedTuple):
    """The logits of one question, from all of its windows.

    Attributes:
      context: The context of the question.
      offset: The place of its first wordpiece in `QuestionFeatures.contexts`.
      start: float32 [pieces], for each wordpiece of the context as the start of the answer.
      end: float32 [pieces], as the end.
      null: The logits of no answer.
    """

    context: str
    offset: int
    start: np.ndarray
    end: np.ndarray
    null: Tuple[float, float]


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
    group: List[_Logits] = []
    size = 0
    for logits in _logits_of_questions(questions, features, outputs):
        group.append(logits)
        size += len(logits.start) + max_answer_length
        if size > _MAX_GROUP:
            yield from _Group(group, features.contexts, n_best_size, max_answer_length).decoded()
            group, size = [], 0
    if group:
        yield from _Group(group, features.contexts, n_best_size, max_answer_length).decoded()


def _logits_of_questions(
    questions: Iterable[Question],
    features: QuestionFeatures,
    outputs: Iterable[Mapping[str, np.ndarray]],
) -> Iterator[_Logits]:
    rows = (row for batch in outputs for row in _rows_of(batch))
    windows = iter(features.windows)
    counts = np.bincount([window.question for window in features.windows])
    bounds = features.contexts.bounds.tolist()
    positions = features.starts_of_contexts.tolist()
    columns = (questions, features.context_of.tolist(), positions, counts.tolist())
    for question, text, position, count in zip(*columns):
        offset, num_pieces = bounds[text], bounds[text + 1] - bounds[text]
        if count == 1:
            next(windows)
            start, end, *null = next(rows)
            inside = slice(position, position + num_pieces)
            yield _Logits(question.context, offset, start[inside], end[inside], (null[0], null[1]))
            continue
        own = [(next(windows), *next(rows)) for _ in range(count)]
        start, end = _join([parts[:3] for parts in own], position, num_pieces)
        no_answer = min((parts[3:] for parts in own), key=sum)
        yield _Logits(question.context, offset, start, end, no_answer)


def _rows_of(
    batch: Mapping[str, np.ndarray],
) -> Iterable[Tuple[np.ndarray, np.ndarray, float, float]]:
    """Returns the logits of start and end for each window, and those at [CLS] as numbers."""
    start, end = batch["start_logits"], batch["end_logits"]
    return zip(start, end, start[:, 0].tolist(), end[:, 0].tolist())


def _join(
    windows: Sequence[Tuple[Window, np.ndarray, np.ndarray]], position: int, num_pieces: int
) -> np.ndarray:
    """Returns the logits of the context's wordpieces, float32 [2, pieces].

    Each is from the window where the smaller of the numbers of wordpieces before and after it is
    largest; in a tie, from the first such window.

    Args:
      windows: The windows and their logits of start and end, float [S].
      position: The position of a window's first wordpiece of the context.
      num_pieces: Number of wordpieces in the context.
    """
    logits = np.empty((2, num_pieces), np.float32)
    context = np.full(num_pieces, -1)
    for (_, start, end), start_logits, end_logits in windows:
        indexes = np.arange(end - start)
        own = np.minimum(indexes, indexes[::-1])
        better = own > context[start:end]
        context[start:end][better] = own[better]
        inside = slice(position, position + end - start)
        logits[0, start:end][better] = start_logits[inside][better]
        logits[1, start:end][better] = end_logits[inside][better]
    return logits


class _Group:
    """Questions that are decoded together, which is faster."""

    def __init__(
        self, questions: Sequence[_Logits], texts: Texts, n_best_size: int, max_length: int
    ):
        self._questions = questions
        self._texts = texts
        self._number = n_best_size
        self._spans = SpanLogits(
            [each.start for each in questions], [each.end for each in questions], max_length
        )
        null = np.array([sum(each.null) for each in questions])
        self._log_totals = np.logaddexp(self._spans.log_sums(), null)
        self._null = np.exp(null - self._log_totals)

    def decoded(self) -> Iterator[Candidates]:
        """Yields the candidates of each question."""
        offsets = np.array([each.offset for each in self._questions])
        spans = self._spans.best()
        columns = self._columns(offsets, spans, self._log_totals)
        answers = zip(*columns, np.isfinite(spans.scores).tolist(), self._null.tolist())
        for number, (each, answer) in enumerate(zip(self._questions, answers)):
            start, end, *values, is_answer, null = answer
            best = Candidate(each.context[start:end], start, end, *values) if is_answer else None
            yield Candidates(self, number, best, Candidate("", 0, 0, null, *each.null))

    @functools.cached_property
    def _ranked(self) -> Tuple[List[List], List[int]]:
        """The columns of the best spans, and where those of each question begin."""
        spans, bounds = self._spans.ranked(math.ceil(_SPANS_PER_ANSWER * self._number))
        counts = np.diff(bounds)
        offsets = np.repeat([each.offset for each in self._questions], counts)
        return self._columns(offsets, spans, np.repeat(self._log_totals, counts)), bounds.tolist()

    def ranked(self, number: int) -> List[Candidate]:
        """Returns the best candidates of a question with distinct texts."""
        each = self._questions[number]
        all_columns, bounds = self._ranked
        columns = [column[bounds[number] : bounds[number + 1]] for column in all_columns]
        texts = [each.context[start:end] for start, end in zip(*columns[:2])]
        seen: Dict[str, int] = {}
        is_first = [seen.setdefault(text, i) == i for i, text in enumerate(texts)]
        distinct = itertools.compress(zip(texts, *columns), is_first)
        return list(map(Candidate._make, itertools.islice(distinct, self._number)))

    def _columns(
        self, offset: Union[int, np.ndarray], spans: Spans, log_total: np.ndarray
    ) -> List[List]:
        """Returns the columns of `Candidate` but the text, for some spans."""
        starts, ends = self._texts.starts, self._texts.ends
        columns = (
            _take(starts, offset + spans.first),
            _take(ends, offset + spans.last),
            np.exp(spans.scores.astype(np.float64) - log_total),
            spans.start,
            spans.end,
        )
        return [column.tolist() for column in columns]


def _take(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the values at the places; any value for a place behind the last one."""
    return values.take(places, mode="clip") if len(values) else np.zeros_like(places)
