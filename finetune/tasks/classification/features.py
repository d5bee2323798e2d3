"""Turn examples into wordpiece ids, stored one after the other in flat arrays.

tokens:      [CLS] is this jack ##son ##ville ? [SEP] no it is not . [SEP]
segment_ids: 0     0  0    0    0     0      0 0     1  1  1  1   1 1
"""

import dataclasses
import functools
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from finetune.data.cleaning import clean
from finetune.data.frame import Frame
from finetune.data.processor import InputExample
from finetune.data.row_statistics import RowErrors, RowStatistics, TextStatistics, text_hash
from finetune.data.rows import Spec, distinct_ids, pad
from finetune.data.tokenizer import Tokenizer
from finetune.data.truncation import Cut, Pieces, cut_row
from finetune.util.arrays import GrowingArray
from finetune.util.errors import InputError
from finetune.util.parallel import map_chunks


class Targets(Protocol):
    """The gold labels of a data set; see `finetune.tasks.classification.targets`."""

    specs: Dict[str, Spec]

    def add(self, example: InputExample) -> object:
        """Adds an example's label and returns it; raises `InputError` if it is not valid."""

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the labels of the given rows as arrays."""


@dataclasses.dataclass(frozen=True)
class Features:
    """Wordpiece ids of all rows of a data set, each in one or more windows.

    Window i is [window_starts[i], window_starts[i + 1]) of `input_ids`; row i has the windows
    [row_windows[i], row_windows[i + 1]).

    Attributes:
      input_ids: int32 [total wordpieces], including `[CLS]` and `[SEP]`.
      window_starts: int64 [windows + 1].
      second_starts: int32 [windows], where the second text begins in the window; without one, the
        window's length.
      row_windows: int64 [rows + 1].
      targets: The gold labels; None in data to predict.
      pooled: Whether batches contain the row number of each window.
      num_truncated: Number of truncated rows.
      statistics: Statistics for the data report.
      segment_of_b: Segment id of a second text.
    """

    input_ids: np.ndarray
    window_starts: np.ndarray
    second_starts: np.ndarray
    row_windows: np.ndarray
    targets: Optional[Targets]
    pooled: bool
    num_truncated: int
    statistics: RowStatistics
    segment_of_b: int = 1

    @property
    def specs(self) -> Dict[str, Spec]:
        """Rank and dtype of each array of a batch."""
        names = ("input_ids", "input_mask", "segment_ids")
        specs = {name: Spec(2, filler=0) for name in names}
        if self.pooled:
            specs["window_rows"] = Spec(1)
        return {**specs, **(self.targets.specs if self.targets else {})}

    def __len__(self) -> int:
        return len(self.row_windows) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of wordpieces in all windows of each row: int [rows]."""
        return np.diff(self.window_starts[self.row_windows])

    def has_pairs(self) -> bool:
        """Returns whether any row has a second text."""
        return bool(np.any(self.second_starts < np.diff(self.window_starts)))

    @property
    def occurring_ids(self) -> np.ndarray:
        """The ids in all windows, and that of the padding: int32 [K], ascending."""
        return distinct_ids(self.input_ids)

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the windows of the given rows, padded with zeros to the longest window.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`: int32 [W, S], for W windows; the arrays of the
          targets; and, if the windows are to be pooled, `window_rows`: int32 [W], the index of each
          window's row in the batch. Without pooling, W is B.
        """
        counts = self.row_windows[rows + 1] - self.row_windows[rows]  # [B]
        window_rows = np.repeat(np.arange(len(rows), dtype=np.int32), counts)  # [W]
        firsts = np.cumsum(counts) - counts  # [B], index of each row's first window
        windows = self.row_windows[rows][window_rows] + np.arange(len(window_rows))
        windows -= firsts[window_rows]  # [W]
        input_ids, input_mask = pad(self.input_ids, self.window_starts, windows)
        positions = np.arange(input_ids.shape[1])  # [S]
        is_second = positions >= self.second_starts[windows][:, None]  # [W, S]
        batch = {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": np.where(is_second, input_mask * self.segment_of_b, 0).astype(np.int32),
        }
        if self.pooled:
            batch["window_rows"] = window_rows
        return {**batch, **(self.targets.batch(rows) if self.targets else {})}


def encode_examples(
    examples: Iterable[InputExample],
    *,
    targets: Optional[Targets],
    cut: Cut,
    tokenizer: Tokenizer,
    clean_steps: Sequence[str] = (),
    errors: Optional[RowErrors] = None,
    may_fork: bool = True,
) -> Features:
    """Tokenizes examples and looks up their labels.

    Large data sets are tokenized in several processes.

    Args:
      examples: The rows.
      targets: Collects the gold labels; None if the rows have none.
      cut: How to treat over-long texts.
      tokenizer: The model's tokenizer.
      clean_steps: Cleaning steps for the texts, from `cleaning.STEPS`.
      errors: Collects the errors in labels; if None, the first one is raised.
      may_fork: See `map_chunks`.

    Raises:
      InputError: A label is missing or unknown, or a text is not a string.
    """
    input_ids = GrowingArray(np.int32)
    window_starts = GrowingArray(np.int64, [0])
    second_starts = GrowingArray(np.int32)
    row_windows = GrowingArray(np.int64, [0])
    statistics = RowStatistics()
    encode = functools.partial(_encode_rows, tokenizer, cut, clean_steps)
    texts = _collect_labels(examples, targets, statistics, errors)
    for rows in map_chunks(encode, texts, lambda row: sum(map(len, row)), may_fork=may_fork):
        window_starts.extend(len(input_ids) + np.cumsum(rows.window_lengths, dtype=np.int64))
        row_windows.extend(len(second_starts) + np.cumsum(rows.window_counts, dtype=np.int64))
        input_ids.extend(rows.input_ids)
        second_starts.extend(rows.second_starts)
        statistics.extend(rows.statistics)
    return Features(
        input_ids=input_ids.to_numpy(),
        window_starts=window_starts.to_numpy(),
        second_starts=second_starts.to_numpy(),
        row_windows=row_windows.to_numpy(),
        targets=targets,
        pooled=cut.windows,
        num_truncated=int(statistics.cut.sum()),
        statistics=statistics,
        segment_of_b=Frame.of(tokenizer.vocab).segment_of_b,
    )


def _collect_labels(
    examples: Iterable[InputExample],
    targets: Optional[Targets],
    statistics: RowStatistics,
    errors: Optional[RowErrors],
) -> Iterator[List[str]]:
    """Yields the examples' texts; adds their labels to the targets and the statistics."""
    for example in examples:
        texts = texts_of(example)
        statistics.add_label(None if targets is None else _add_label(targets, example, errors))
        yield texts


def _add_label(targets: Targets, example: InputExample, errors: Optional[RowErrors]) -> object:
    """Adds an example's label to the targets and returns it; None if it is invalid."""
    try:
        return targets.add(example)
    except InputError as error:
        if errors is None:
            raise
        errors.add(str(error), example.place)
        return None


class _EncodedRows(NamedTuple):
    """Arrays of int32 like those of `Features`, for some of the rows."""

    input_ids: np.ndarray
    window_lengths: np.ndarray
    second_starts: np.ndarray
    window_counts: np.ndarray
    statistics: TextStatistics


def _encode_rows(
    tokenizer: Tokenizer, cut: Cut, clean_steps: Sequence[str], rows: Iterable[Sequence[str]]
) -> _EncodedRows:
    frame = Frame.of(tokenizer.vocab)
    input_ids: List[int] = []
    window_lengths, second_starts, window_counts, statistics = [], [], [], []
    for texts in rows:
        texts = [clean(text, clean_steps) for text in texts]
        pieces = Pieces(*map(tokenizer.tokenize_to_ids, texts))
        windows, is_cut = cut_row(pieces, cut, frame)
        for window in windows:
            ids, second_start = frame.build(window.a, window.b)
            input_ids += ids
            window_lengths.append(len(ids))
            second_starts.append(second_start)
        window_counts.append(len(windows))
        ids = [*pieces.a, *(pieces.b or ())]
        length = len(ids) + frame.num_special(pieces.is_pair)
        num_unknown = ids.count(frame.unknown_id)
        statistics.append((text_hash(texts), length, len(ids), num_unknown, is_cut))
    return _EncodedRows(
        input_ids=np.array(input_ids, np.int32),
        window_lengths=np.array(window_lengths, np.int32),
        second_starts=np.array(second_starts, np.int32),
        window_counts=np.array(window_counts, np.int32),
        statistics=TextStatistics.of(statistics),
    )


def texts_of(example: InputExample, clean_steps: Sequence[str] = ()) -> List[str]:
    """Returns the text of an example, or both texts of a pair, as the model sees them.

    Raises:
      InputError: A text is not a string.
    """
    for text in example.texts:
        if not isinstance(text, str):
            raise InputError(
                f"{example.place}: the text is {text!r}; expected a string (see processors.py)."
            )
    return [clean(text, clean_steps) for text in example.texts]
