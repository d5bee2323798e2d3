"""Turn tagged texts into windows of wordpiece ids; each word is labelled in exactly one window.

words:          Jim        Henson      was   a     puppeteer
pieces:   [CLS] jim  hen   ##son       was   a     puppet ##eer  [SEP]
position: 0     1    2     3           4     5     6      7      8
word_positions: 1    2                 4     5     6             the first piece of each word
"""

import dataclasses
import functools
import itertools
import logging
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from finetune.data.frame import Frame, single_room
from finetune.data.row_statistics import RowStatistics, TextStatistics, text_hash
from finetune.data.rows import NO_LABEL, Spec, distinct_ids, pad
from finetune.data.tokenizer import Tokenizer
from finetune.tasks.tagging.sentences import sentence_starts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.units import Unit, units_of
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError
from finetune.util.parallel import map_chunks
from finetune.util.plurals import count
from finetune.util.progress import tracked

_log = logging.getLogger(__name__)


class Window(NamedTuple):
    """Words [start, end) of a text; [own_start, own_end) of them are labelled in this window."""

    start: int
    end: int
    own_start: int
    own_end: int


@dataclasses.dataclass(frozen=True)
class TaggingFeatures:
    """The windows of all texts, and the words labelled in them, each one after the other.

    Attributes:
      input_ids: int32 [total wordpieces], including each window's `[CLS]` and `[SEP]`.
      row_starts: int64 [windows + 1]; window i is [row_starts[i], row_starts[i + 1]) of
        `input_ids`.
      word_positions: int32 [total words], position of each word's first wordpiece in its window.
      label_ids: int32 [total words], `NO_LABEL` for a word without a label.
      word_starts: int64 [windows + 1]; window i labels the words [word_starts[i],
        word_starts[i + 1]).
      starts: int32 [windows], 1 if the first of these words is the first of its text or sentence.
      ends: int32 [windows], 1 if the last of them is the last of its text or sentence.
      statistics: Statistics for the data report.
    """

    input_ids: np.ndarray
    row_starts: np.ndarray
    word_positions: np.ndarray
    label_ids: np.ndarray
    word_starts: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    statistics: RowStatistics

    # Rank and dtype of each array of a batch.
    specs = {
        "input_ids": Spec(2, filler=0), "input_mask": Spec(2, filler=0),
        "segment_ids": Spec(2, filler=0), "word_positions": Spec(2, filler=0),
        "word_mask": Spec(2, filler=0), "label_ids": Spec(2, filler=NO_LABEL),
        "starts": Spec(1), "ends": Spec(1),
    }  # fmt: skip

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of wordpieces in each window: int [windows]."""
        return np.diff(self.row_starts)

    @property
    def occurring_ids(self) -> np.ndarray:
        """The ids in all windows, and that of the padding: int32 [K], ascending."""
        return distinct_ids(self.input_ids)

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given windows, with each array padded to the longest of them.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`: int32 [B, S]; `word_positions`, `word_mask`,
          `label_ids` (`NO_LABEL` after the last word): int32 [B, W]; `starts`, `ends`: int32 [B].
        """
        input_ids, input_mask = pad(self.input_ids, self.row_starts, rows)
        word_positions, word_mask = pad(self.word_positions, self.word_starts, rows)
        return {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": np.zeros_like(input_ids),
            "word_positions": word_positions,
            "word_mask": word_mask,
            "label_ids": pad(self.label_ids, self.word_starts, rows, NO_LABEL)[0],
            "starts": self.starts[rows],
            "ends": self.ends[rows],
        }


def encode_texts(
    texts: Sequence[TaggedText],
    *,
    labels: Optional[Sequence[str]],
    max_seq_length: int,
    doc_stride: int,
    tokenizer: Tokenizer,
    by_sentence: bool = False,
    what: str = "Reading: ",
    may_fork: bool = True,
) -> TaggingFeatures:
    """Tokenizes texts word by word, splits long ones into windows and looks up the tags.

    Large data sets are tokenized in several processes.

    Args:
      texts: The texts; they have IOB2 tags unless `labels` is None.
      labels: The label list; None if no word has a label.
      max_seq_length: Maximum number of wordpieces per window, including `[CLS]` and `[SEP]`.
      doc_stride: Number of wordpieces from the start of one window to the start of the next.
      tokenizer: The model's tokenizer.
      by_sentence: Whether each sentence of a text has windows of its own.
      what: Title of the progress line; "" for none.
      may_fork: See `map_chunks`.

    Raises:
      InputError: A tag is not in the list.
    """
    room = single_room(max_seq_length)
    collected = _CollectedWindows()
    shortened: List[str] = []
    for text in texts:
        collected.statistics.add_label(text.tags)
    encode = functools.partial(_encode_windows, tokenizer, room, doc_stride, by_sentence)
    read = tracked(texts, what, total=len(texts)) if what else texts
    for chunk in map_chunks(encode, read, lambda text: len(text.text), may_fork=may_fork):
        collected.extend(chunk)
        shortened += chunk.shortened
    _warn_of_shortened(shortened, room)
    return collected.with_labels(_label_ids(texts, labels, len(collected.word_positions)))


class _EncodedWindows(NamedTuple):
    """Arrays of int32 like those of `TaggingFeatures`, for some of the texts.

    `shortened` contains the places of words with more wordpieces than fit into a window.
    """

    input_ids: np.ndarray
    row_lengths: np.ndarray
    word_positions: np.ndarray
    word_counts: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    statistics: TextStatistics
    shortened: List[str]


class _CollectedWindows:
    """The arrays of `TaggingFeatures`, except for the labels, for the texts read so far."""

    def __init__(self) -> None:
        self.input_ids = GrowingArray(np.int32)
        self.row_starts = GrowingArray(np.int64, [0])
        self.word_positions = GrowingArray(np.int32)
        self.word_starts = GrowingArray(np.int64, [0])
        self.starts = GrowingArray(np.int32)
        self.ends = GrowingArray(np.int32)
        self.statistics = RowStatistics()

    def extend(self, chunk: _EncodedWindows) -> None:
        """Adds the windows of the next texts."""
        row_ends = len(self.input_ids) + np.cumsum(chunk.row_lengths, dtype=np.int64)
        word_ends = len(self.word_positions) + np.cumsum(chunk.word_counts, dtype=np.int64)
        self.row_starts.extend(row_ends)
        self.word_starts.extend(word_ends)
        self.input_ids.extend(chunk.input_ids)
        self.word_positions.extend(chunk.word_positions)
        self.starts.extend(chunk.starts)
        self.ends.extend(chunk.ends)
        self.statistics.extend(chunk.statistics)

    def with_labels(self, label_ids: np.ndarray) -> TaggingFeatures:
        """Returns the features with the given labels, int32 [total words]."""
        return TaggingFeatures(
            input_ids=self.input_ids.to_numpy(),
            row_starts=self.row_starts.to_numpy(),
            word_positions=self.word_positions.to_numpy(),
            label_ids=label_ids,
            word_starts=self.word_starts.to_numpy(),
            starts=self.starts.to_numpy(),
            ends=self.ends.to_numpy(),
            statistics=self.statistics,
        )


def _encode_windows(
    tokenizer: Tokenizer,
    room: int,
    doc_stride: int,
    by_sentence: bool,
    texts: Sequence[TaggedText],
) -> _EncodedWindows:
    frame = Frame.of(tokenizer.vocab)
    input_ids: List[int] = []
    positions: List[int] = []
    row_lengths, word_counts, starts, ends, statistics = [], [], [], [], []
    shortened: List[str] = []
    for text in texts:
        units = _units_that_fit(text, tokenizer, frame, room, shortened)
        ids = list(itertools.chain.from_iterable(unit.ids for unit in units))
        statistics.append(
            (
                text_hash([text.text]),
                len(ids) + frame.num_special(is_pair=False),
                len(ids),
                ids.count(frame.unknown_id),
                False,
            )
        )
        first_words = itertools.accumulate((len(unit.firsts) for unit in units), initial=0)
        sentences = set(sentence_starts(text) if by_sentence else [0])
        bounds = [i for i, word in enumerate(first_words) if word in sentences and i < len(units)]
        for first, last in zip(bounds, [*bounds[1:], len(units)]):
            sentence = units[first:last]
            for window in windows([len(unit.ids) for unit in sentence], room, doc_stride):
                inside = (unit.ids for unit in sentence[window.start : window.end])
                row, _ = frame.build(list(itertools.chain.from_iterable(inside)))
                input_ids += row
                row_lengths.append(len(row))
                own = _first_positions(window, sentence)
                positions += own
                word_counts.append(len(own))
                starts.append(window.own_start == 0)
                ends.append(window.own_end == len(sentence))
    return _EncodedWindows(
        input_ids=np.array(input_ids, np.int32),
        row_lengths=np.array(row_lengths, np.int32),
        word_positions=np.array(positions, np.int32),
        word_counts=np.array(word_counts, np.int32),
        starts=np.array(starts, np.int32),
        ends=np.array(ends, np.int32),
        statistics=TextStatistics.of(statistics),
        shortened=shortened,
    )


def _first_positions(window: Window, units: Sequence[Unit]) -> List[int]:
    """Returns the position of the first wordpiece of each word that a window labels."""
    lengths = (len(unit.ids) for unit in units[window.start : window.own_end])
    starts = list(itertools.accumulate(lengths, initial=Frame.start_of_a))
    own = range(window.own_start, window.own_end)
    return [starts[i - window.start] + first for i in own for first in units[i].firsts]


def _warn_of_shortened(places: Sequence[str], room: int) -> None:
    if places:
        _log.warning(
            "%s longer than %d wordpieces: only the first wordpieces are used (%s). A higher "
            "--max_seq_length fits more.",
            count(len(places), "word"),
            room,
            ", ".join(places[:3]) + (", …" if len(places) > 3 else ""),
        )


def _units_that_fit(
    text: TaggedText, tokenizer: Tokenizer, frame: Frame, room: int, shortened: List[str]
) -> List[Unit]:
    """Returns the units of a text, with those cut that are longer than a window."""
    units = units_of(text, tokenizer, frame)
    num_words = 0
    for i, unit in enumerate(units):
        if len(unit.ids) > room:
            shortened.append(text.place_of_word(num_words))
            units[i] = Unit(unit.ids[:room], [min(first, room - 1) for first in unit.firsts])
        num_words += len(unit.firsts)
    return units


def _label_ids(
    texts: Sequence[TaggedText], labels: Optional[Sequence[str]], num_words: int
) -> np.ndarray:
    if labels is None:
        return np.full(num_words, NO_LABEL, np.int32)
    ids = {label: i for i, label in enumerate(labels)}
    for text in texts:
        for i, tag in enumerate(text.gold_tags):
            if tag not in ids:
                raise InputError(
                    f"{text.place_of_word(i)}: unknown tag {tag!r}; expected one of "
                    f"{', '.join(ids)}. The tags are those of the training data; to train with "
                    "others as well, list all types in --labels."
                )
    return np.array([ids[tag] for text in texts for tag in text.gold_tags], np.int32)


def windows(lengths: Sequence[int], room: int, stride: int) -> List[Window]:
    """Splits a text into overlapping windows, at word boundaries.

    Each word is labelled in the window where it has the most context, which is the smaller of the
    numbers of wordpieces before and after it. In a tie, the first window labels the word. A window
    that labels no word is omitted.

    Args:
      lengths: Number of wordpieces in each word, at most `room`.
      room: Number of wordpieces that fit into a window.
      stride: Minimum number of wordpieces from the start of one window to the start of the next. It
        is smaller only where a word would otherwise be skipped.

    Returns:
      The windows in order; together, they label each word once, in order.
    """
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])  # [words + 1]
    bounds = list(_bounds(ends, room, stride))
    best = np.full(len(lengths), -1)
    owner = np.zeros(len(lengths), np.int64)
    for number, (start, end) in enumerate(bounds):
        before = ends[start:end] - ends[start]
        after = ends[end] - ends[start + 1 : end + 1]
        context = np.minimum(before, after)
        better = context > best[start:end]
        best[start:end][better] = context[better]
        owner[start:end][better] = number
    own_starts = np.searchsorted(owner, np.arange(len(bounds) + 1))
    return [
        Window(start, end, int(own_start), int(own_end))
        for (start, end), own_start, own_end in zip(bounds, own_starts, own_starts[1:])
        if own_start < own_end
    ]


def _bounds(ends: np.ndarray, room: int, stride: int) -> Iterator[Tuple[int, int]]:
    start, last = 0, len(ends) - 1
    while start < last:
        end = int(np.searchsorted(ends, ends[start] + room, side="right")) - 1
        yield start, end
        if end == last:
            return
        start = min(max(int(np.searchsorted(ends, ends[start] + stride)), start + 1), end)
