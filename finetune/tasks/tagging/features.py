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

from finetune.data.frame import Frame
from finetune.data.row_statistics import RowStatistics, TextStatistics, text_hash
from finetune.data.rows import NO_LABEL, Spec, pad
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError
from finetune.util.parallel import map_chunks
from finetune.util.plurals import count
from finetune.util.progress import tracked
from tokenization import FullTokenizer

_log = logging.getLogger(__name__)


class Window(NamedTuple):
    """Words [start, end) of a text; [own_start, own_end) of them are labelled in this window."""

    start: int
    end: int
    own_start: int
    own_end: int


@dataclasses.dataclass(frozen=True)
class TaggingFeatures:
    """The windows of all texts, one after the other; likewise the words, in their order.

    Attributes:
      input_ids: int32 [total wordpieces], including each window's `[CLS]` and `[SEP]`.
      row_starts: int64 [windows + 1]; window i is [row_starts[i], row_starts[i + 1]) of the ids.
      word_positions: int32 [total words], position of each word's first wordpiece in its window.
      label_ids: int32 [total words], `NO_LABEL` for a word without a label.
      word_starts: int64 [windows + 1]; the same as row_starts, for the words labelled in a window.
      begins: int32 [windows], 1 if the first of these words is the first of its text.
      ends: int32 [windows], 1 if the last of them is the last of its text.
      statistics: Numbers for the data report.
    """

    input_ids: np.ndarray
    row_starts: np.ndarray
    word_positions: np.ndarray
    label_ids: np.ndarray
    word_starts: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    statistics: RowStatistics

    # Rank and number type of each array of a batch.
    specs = {
        "input_ids": Spec(2, filler=0), "input_mask": Spec(2, filler=0),
        "segment_ids": Spec(2, filler=0), "word_positions": Spec(2, filler=0),
        "word_mask": Spec(2, filler=0), "label_ids": Spec(2, filler=NO_LABEL),
        "begins": Spec(1), "ends": Spec(1),
    }  # fmt: skip

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Wordpieces of each window: int [windows]."""
        return np.diff(self.row_starts)

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given windows, each array padded to the longest of them.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`: int32 [B, S]; `word_positions`, `word_mask`,
          `label_ids` (`NO_LABEL` after the last word): int32 [B, W]; `begins`, `ends`: int32 [B].
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
            "begins": self.begins[rows],
            "ends": self.ends[rows],
        }


def encode_texts(
    texts: Sequence[TaggedText],
    *,
    labels: Optional[Sequence[str]],
    max_seq_length: int,
    doc_stride: int,
    tokenizer: FullTokenizer,
    what: str = "Reading: ",
) -> TaggingFeatures:
    """Tokenizes texts word by word, splits long ones into windows and looks up the tags.

    Large data sets are tokenized in several processes.

    Args:
      texts: The texts; if labels are given, they have tags in IOB2.
      labels: The label list; None: no word has a label.
      max_seq_length: Maximum wordpieces per window, including `[CLS]` and `[SEP]`.
      doc_stride: Wordpieces from the start of one window to the start of the next.
      tokenizer: The model's tokenizer.
      what: Title of the progress line.

    Raises:
      InputError: A tag is not in the list.
    """
    room = Frame.room(max_seq_length)
    input_ids, positions = GrowingArray(np.int32), GrowingArray(np.int32)
    row_starts, word_starts = GrowingArray(np.int64, [0]), GrowingArray(np.int64, [0])
    begins, ends = GrowingArray(np.int32), GrowingArray(np.int32)
    shortened: List[str] = []
    statistics = RowStatistics()
    for text in texts:
        statistics.add_answer(text.tags)
    encode = functools.partial(_encode_windows, tokenizer, room, doc_stride)
    read = tracked(texts, what, total=len(texts))
    for chunk in map_chunks(encode, read, lambda text: len(text.text)):
        row_starts.extend(len(input_ids) + np.cumsum(chunk.row_lengths, dtype=np.int64))
        word_starts.extend(len(positions) + np.cumsum(chunk.word_counts, dtype=np.int64))
        input_ids.extend(chunk.input_ids)
        positions.extend(chunk.word_positions)
        begins.extend(chunk.begins)
        ends.extend(chunk.ends)
        statistics.extend(chunk.statistics)
        shortened += chunk.shortened
    _warn_of_shortened(shortened, room)
    return TaggingFeatures(
        input_ids=input_ids.to_numpy(),
        row_starts=row_starts.to_numpy(),
        word_positions=positions.to_numpy(),
        label_ids=_label_ids(texts, labels, len(positions)),
        word_starts=word_starts.to_numpy(),
        begins=begins.to_numpy(),
        ends=ends.to_numpy(),
        statistics=statistics,
    )


class _EncodedWindows(NamedTuple):
    """The same as in `TaggingFeatures`, for some texts: arrays of int32.

    `shortened` has the places of words with more wordpieces than fit into a window.
    """

    input_ids: np.ndarray
    row_lengths: np.ndarray
    word_positions: np.ndarray
    word_counts: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    statistics: TextStatistics
    shortened: List[str]


def _encode_windows(
    tokenizer: FullTokenizer, room: int, doc_stride: int, texts: Sequence[TaggedText]
) -> _EncodedWindows:
    frame = Frame.of(tokenizer.vocab)
    input_ids: List[int] = []
    positions: List[int] = []
    row_lengths, word_counts, begins, ends, statistics = [], [], [], [], []
    shortened: List[str] = []
    for text in texts:
        pieces = _pieces(text, tokenizer, frame, room, shortened)
        ids = list(itertools.chain.from_iterable(pieces))
        statistics.append(
            (
                text_hash([text.text]),
                len(ids) + frame.num_special(is_pair=False),
                len(ids),
                ids.count(frame.unknown_id),
                False,
            )
        )
        for window in windows([len(p) for p in pieces], room, doc_stride):
            row, _ = frame.build([*itertools.chain(*pieces[window.start : window.end])])
            input_ids += row
            row_lengths.append(len(row))
            positions += _first_positions(window, pieces)
            word_counts.append(window.own_end - window.own_start)
            begins.append(window.own_start == 0)
            ends.append(window.own_end == len(pieces))
    arrays = (input_ids, row_lengths, positions, word_counts, begins, ends)
    return _EncodedWindows(
        *(np.array(a, np.int32) for a in arrays), TextStatistics.of(statistics), shortened
    )


def _first_positions(window: Window, pieces: Sequence[Sequence[int]]) -> List[int]:
    """Returns the position of the first wordpiece of each word that a window labels."""
    lengths = map(len, pieces[window.start : window.end])
    firsts = list(itertools.accumulate(lengths, initial=Frame.start_of_a))
    return firsts[window.own_start - window.start : window.own_end - window.start]


def _warn_of_shortened(places: Sequence[str], room: int) -> None:
    if places:
        _log.warning(
            "%s longer than %d wordpieces: only the first ones are used (%s). A higher "
            "--max_seq_length fits more.",
            count(len(places), "word"),
            room,
            ", ".join(places[:3]) + (", …" if len(places) > 3 else ""),
        )


def _pieces(
    text: TaggedText, tokenizer: FullTokenizer, frame: Frame, room: int, shortened: List[str]
) -> List[List[int]]:
    """Returns the wordpiece ids of each word; a word without any is `[UNK]`."""
    pieces = []
    for i in range(len(text.words)):
        ids = tokenizer.tokenize_to_ids(text.word(i)) or [frame.unknown_id]
        if len(ids) > room:
            shortened.append(text.place_of_word(i))
        pieces.append(ids[:room])
    return pieces


def _label_ids(
    texts: Sequence[TaggedText], labels: Optional[Sequence[str]], num_words: int
) -> np.ndarray:
    if labels is None:
        return np.full(num_words, NO_LABEL, np.int32)
    ids = {label: i for i, label in enumerate(labels)}
    for text in texts:
        for i, tag in enumerate(text.tags):
            if tag not in ids:
                raise InputError(
                    f"{text.place_of_word(i)}: unknown tag {tag!r}; expected one of "
                    f"{', '.join(ids)}. The tags are those of the training data, or of the task's "
                    "class in processors.py."
                )
    return np.array([ids[tag] for text in texts for tag in text.tags], np.int32)


def windows(lengths: Sequence[int], room: int, stride: int) -> List[Window]:
    """Splits a text into overlapping windows, at word boundaries.

    Each word is labelled in the window in which it has the most context, that is, in which the
    smaller of the numbers of wordpieces before and after it is largest; ties go to the first. A
    window that labels no word is left out.

    Args:
      lengths: Wordpieces of each word, each at most `room`.
      room: Wordpieces that fit into a window.
      stride: Minimum wordpieces from the start of one window to the start of the next; fewer only
        where a word between them would be left out.

    Returns:
      The windows in order; the words they label, one after the other, are all words.
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
