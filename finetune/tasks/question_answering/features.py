"""Turn questions and contexts into windows of wordpiece ids.

A context is tokenized once, whichever number of questions share it.

window:    [CLS] who made it [SEP] pablo picasso painted guernica [SEP]
segment:   0     0   0    0  0     1     1       1       1        1
answerable 1     0   0    0  0     1     1       1       1        0      `answer_mask`
position:  0     1   2    3  4     5     6       7       8        9

The label of an answer is the position of its first and last wordpiece, here [5, 6]. The label
[0, 0] means that the window contains no answer.
"""

import dataclasses
import functools
import itertools
import logging
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from finetune.data.frame import Frame
from finetune.data.row_statistics import RowStatistics, TextStatistics, text_hash
from finetune.data.rows import NO_LABEL, Spec, distinct_ids
from finetune.data.tokenizer import Tokenizer
from finetune.tasks.question_answering.question import Question
from finetune.tasks.question_answering.texts import Texts, count_in, encode_texts, number_texts
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)
_MAX_PLACES = 3

ANSWERS = ("all", "first")
WINDOWS_WITHOUT_ANSWER = ("no_answer", "skip")


class Cut(NamedTuple):
    """How long inputs can be.

    Attributes:
      max_seq_length: Maximum length of a window in wordpieces, including special tokens.
      max_query_length: Maximum length of a question in wordpieces; the rest of it is cut.
      doc_stride: Wordpieces of the context from the start of one window to the start of the next.
    """

    max_seq_length: int
    max_query_length: int
    doc_stride: int


class Window(NamedTuple):
    """The wordpieces [start, end) of a question's context, as one input."""

    question: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class QuestionFeatures:
    """The windows of all questions.

    Attributes:
      questions: The wordpieces of the questions, cut at `max_query_length`.
      contexts: The wordpieces of the contexts, each stored once.
      context_of: int32 [questions], the index of each question's context in `contexts`.
      windows: The windows, ordered by question.
      labels: For each window, the answers that it contains, [first, last] positions; [[0, 0]] if it
        contains none. None in data to predict.
      cut_answers: int64, the questions none of whose answers is inside one window.
      frame: The special tokens.
      statistics: Statistics of each question, for the data report.
      context_hashes: uint64 [contexts], equal for equal contexts.
    """

    questions: Texts
    contexts: Texts
    context_of: np.ndarray
    windows: Sequence[Window]
    labels: Optional[Sequence[Sequence[Tuple[int, int]]]]
    cut_answers: np.ndarray
    frame: Frame
    statistics: RowStatistics
    context_hashes: np.ndarray

    # Rank and dtype of each array of a batch.
    specs = {
        "input_ids": Spec(2, filler=0), "input_mask": Spec(2, filler=0),
        "segment_ids": Spec(2, filler=0), "answer_mask": Spec(2, filler=0), "label_ids": Spec(3),
    }  # fmt: skip

    def __len__(self) -> int:
        return len(self.windows)

    @functools.cached_property
    def window_array(self) -> np.ndarray:
        """The windows as an array: int64 [windows, 3]."""
        return np.array(self.windows, np.int64).reshape(-1, 3)

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Number of wordpieces in each window: int [windows]."""
        question, start, end = self.window_array.T
        return self.starts_of_contexts[question] + end - start + 1

    @functools.cached_property
    def starts_of_contexts(self) -> np.ndarray:
        """The position of each question's first wordpiece of the context: int64 [questions]."""
        return np.diff(self.questions.bounds) + self.frame.num_special(is_pair=True) - 1

    @property
    def occurring_ids(self) -> np.ndarray:
        """The ids in all questions and contexts, of the frame and of the padding: int32 [K]."""
        frame = np.array([self.frame.cls_id, self.frame.sep_id], np.int32)
        return distinct_ids(self.questions.ids, self.contexts.ids, frame)

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given windows, with each array padded to the longest of them.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`, `answer_mask` (1 where an answer can be, and at
          `[CLS]`): int32 [B, S]; `label_ids`: int32 [B, A, 2], `NO_LABEL` after the last answer.
        """
        shape = len(rows), int(self.lengths[rows].max(initial=0))
        names = ("input_ids", "input_mask", "segment_ids", "answer_mask")
        batch = {name: np.zeros(shape, np.int32) for name in names}
        labels = [self.labels[row] if self.labels is not None else () for row in rows]
        most = max(map(len, labels), default=0)
        batch["label_ids"] = np.full((len(rows), max(1, most), 2), NO_LABEL, np.int32)
        for i, row in enumerate(rows):
            window = self.windows[row]
            context = self.contexts.slice_of(self.context_of[window.question]).start
            ids, start_of_b = self.frame.build(
                self.questions.ids[self.questions.slice_of(window.question)].tolist(),
                self.contexts.ids[context + window.start : context + window.end].tolist(),
            )
            batch["input_ids"][i, : len(ids)] = ids
            batch["input_mask"][i, : len(ids)] = 1
            batch["segment_ids"][i, start_of_b : len(ids)] = self.frame.segment_of_b
            batch["answer_mask"][i, start_of_b : len(ids) - 1] = 1
            batch["answer_mask"][i, 0] = 1
            batch["label_ids"][i, : len(labels[i])] = np.reshape(labels[i], (-1, 2))
        return batch


class _Windows:
    """Collects the windows of questions, and their labels; see `QuestionFeatures`.

    Attributes:
      windows: The windows.
      labels: Their labels, if there are any.
      cut_answers: The questions none of whose answers is inside one window.
    """

    def __init__(self, skips: bool):
        """Stores whether to leave out windows without an answer of their question."""
        self.windows: List[Window] = []
        self.labels: List[List[Tuple[int, int]]] = []
        self.cut_answers: List[int] = []
        self._skips = skips

    def add(
        self,
        windows: Sequence[Window],
        spans: Optional[Sequence[Tuple[int, int]]],
        start_of_b: int,
    ) -> None:
        """Adds the windows of a question.

        Args:
          windows: The windows.
          spans: The first and last wordpiece of each answer; None in data to predict.
          start_of_b: The position of the context's first wordpiece.
        """
        if spans is not None:
            inside = [_inside(window, spans, start_of_b) for window in windows]
            if spans and not any(inside):
                self.cut_answers.append(windows[0].question)
            if spans and self._skips:
                windows = list(itertools.compress(windows, inside))
                inside = list(filter(None, inside))
            self.labels += [found or [(0, 0)] for found in inside]
        self.windows += windows

    def check(self, questions: Sequence[Question]) -> None:
        """Raises `InputError` if all windows are left out, so that there is nothing to train on."""
        if questions and not self.windows:
            raise InputError(
                f"{questions[0].place}: no window contains an answer, neither of this question nor "
                "of any other. Raise --max_seq_length, or use --windows_without_answer=no_answer."
            )


def _inside(
    window: Window, spans: Sequence[Tuple[int, int]], start_of_b: int
) -> List[Tuple[int, int]]:
    """Returns the positions of the answers that are wholly inside a window."""
    shift = start_of_b - window.start
    return [
        (first + shift, last + shift)
        for first, last in spans
        if window.start <= first and last < window.end
    ]


def encode_questions(
    questions: Sequence[Question],
    *,
    tokenizer: Tokenizer,
    cut: Cut,
    with_answers: bool = True,
    answers: str = "all",
    windows_without_answer: str = "no_answer",
    what: str = "Reading: ",
) -> QuestionFeatures:
    """Tokenizes questions and contexts, and splits long contexts into windows.

    Args:
      questions: The questions, with aligned answers if `with_answers` is true.
      tokenizer: The model's tokenizer.
      cut: How long inputs can be.
      with_answers: Whether the windows get labels.
      answers: "all", or "first" to use only the first answer of each question.
      windows_without_answer: How to treat the windows that do not contain an answer of their
        question, which has one: "no_answer" labels them so, "skip" leaves them out.
      what: Title of the progress line; "" for none.

    Raises:
      InputError: An answer has no wordpieces.
    """
    frame = Frame.of(tokenizer.vocab)
    contexts, context_of = number_texts(question.context for question in questions)
    encoded = encode_texts(tokenizer, contexts, what and f"{what}contexts: ")
    asked = encode_texts(tokenizer, [question.question for question in questions], what)
    short = _cut_questions(asked, questions, cut, frame)
    starts_of_b = np.diff(short.bounds) + frame.num_special(is_pair=True) - 1
    found = _Windows(skips=windows_without_answer == "skip")
    for i, (question, start_of_b) in enumerate(zip(questions, starts_of_b.tolist())):
        pieces = encoded.slice_of(context_of[i])
        room = max(1, cut.max_seq_length - start_of_b - 1)
        windows = list(_windows(i, pieces.stop - pieces.start, room, cut.doc_stride))
        spans = _spans(question, encoded, pieces, answers) if with_answers else None
        found.add(windows, spans, start_of_b)
    found.check(questions)
    return QuestionFeatures(
        questions=short,
        contexts=encoded,
        context_of=context_of,
        windows=found.windows,
        labels=found.labels if with_answers else None,
        cut_answers=np.array(found.cut_answers, np.int64),
        frame=frame,
        statistics=_statistics(questions, asked, encoded, context_of, frame),
        context_hashes=np.array([text_hash([context]) for context in contexts], np.uint64),
    )


def with_labels(features: QuestionFeatures, questions: Sequence[Question]) -> QuestionFeatures:
    """Returns data to predict with the labels of its gold answers, all of which count.

    Raises:
      InputError: An answer has no wordpieces.
    """
    contexts = features.contexts
    spans = [
        _spans(question, contexts, contexts.slice_of(context), "all")
        for question, context in zip(questions, features.context_of)
    ]
    starts_of_b = features.starts_of_contexts.tolist()
    inside = (
        _inside(each, spans[each.question], starts_of_b[each.question]) for each in features.windows
    )
    return dataclasses.replace(features, labels=[found or [(0, 0)] for found in inside])


def _cut_questions(asked: Texts, questions: Sequence[Question], cut: Cut, frame: Frame) -> Texts:
    """Returns the wordpieces of the questions without those behind the maximum length."""
    longest = min(cut.max_query_length, frame.room(cut.max_seq_length, is_pair=True) - 1)
    lengths = np.diff(asked.bounds)
    too_long = np.nonzero(lengths > longest)[0]
    if not len(too_long):
        return asked
    _log.warning(
        "%s cut at --max_query_length=%d (%s)",
        count(len(too_long), "question is", "questions are"),
        longest,
        "; ".join(questions[i].place for i in too_long[:_MAX_PLACES])
        + ("; …" if len(too_long) > _MAX_PLACES else ""),
    )
    kept = np.concatenate(
        [start + np.arange(min(n, longest)) for start, n in zip(asked.bounds, lengths)]
    )
    bounds = np.concatenate([[0], np.cumsum(np.minimum(lengths, longest))])
    return Texts(asked.ids[kept], asked.starts[kept], asked.ends[kept], bounds)


def _windows(question: int, length: int, room: int, stride: int) -> Iterator[Window]:
    """Yields the windows of a context of `length` wordpieces, as Google's run_squad.py does."""
    start = 0
    while True:
        end = min(length, start + room)
        yield Window(question, start, end)
        if end == length:
            return
        start += min(room, stride)


def _spans(
    question: Question, contexts: Texts, pieces: slice, answers: str
) -> List[Tuple[int, int]]:
    """Returns the first and last wordpiece of each distinct answer."""
    starts, ends = contexts.starts[pieces], contexts.ends[pieces]
    spans = set()
    for answer in question.gold[: None if answers == "all" else 1]:
        first = int(np.searchsorted(ends, answer.start, side="right"))
        last = int(np.searchsorted(starts, answer.end, side="left")) - 1
        if first > last:
            raise InputError(
                f"{question.place}: the answer {answer.text!r:.80} has no wordpieces: it consists "
                "of characters that the model ignores. Correct or remove it."
            )
        spans.add((first, last))
    return sorted(spans)


def _statistics(
    questions: Sequence[Question],
    asked: Texts,
    contexts: Texts,
    context_of: np.ndarray,
    frame: Frame,
) -> RowStatistics:
    statistics = RowStatistics()
    for question in questions:
        statistics.add_label(sorted({answer.text for answer in question.answers or ()}))
    pieces = np.diff(asked.bounds) + np.diff(contexts.bounds)[context_of]
    unknown = count_in(asked, frame.unknown_id) + count_in(contexts, frame.unknown_id)[context_of]
    hashes = np.array([text_hash(question.texts) for question in questions], np.uint64)
    lengths = pieces + frame.num_special(is_pair=True)
    counts = (lengths, pieces, unknown, np.zeros_like(pieces))
    statistics.extend(TextStatistics(hashes, *(each.astype(np.int32) for each in counts)))
    return statistics
