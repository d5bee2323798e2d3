"""Turn examples into wordpiece ids, kept end to end in flat arrays.

tokens:      [CLS] is this jack ##son ##ville ? [SEP] no it is not . [SEP]
segment_ids: 0     0  0    0    0     0      0 0     1  1  1  1   1 1
"""

import dataclasses
import functools
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from finetune.arrays import GrowingArray
from finetune.cleaning import clean
from finetune.parallel import map_chunks
from finetune.survey import Survey, TextFacts, text_hash
from finetune.truncation import Cut, Pieces, cut_row, special_tokens
from processors import InputExample
from tokenization import FullTokenizer

NO_LABEL = -1


class Spec(NamedTuple):
    """Rank and number type of one array of a batch."""

    rank: int
    dtype: str = "int32"
    filler: Optional[int] = None  # What stands behind a row's end, of arrays that are padded


class Targets(Protocol):
    """The right answers of a data set, as `finetune.targets` has them."""

    specs: Dict[str, Spec]

    def add(self, example: InputExample) -> object:
        """Adds an example's and returns it; raises `ValueError` if it has none that is fit."""

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given rows' as arrays."""


@dataclasses.dataclass(frozen=True)
class Features:
    """Wordpiece ids of all rows of a data set, each in one or more windows.

    Window i is [window_starts[i], window_starts[i + 1]) of the ids; row i has the windows
    [row_windows[i], row_windows[i + 1]).

    Attributes:
      input_ids: int32 [total wordpieces], `[CLS]` and `[SEP]` included.
      window_starts: int64 [windows + 1].
      second_starts: int32 [windows], where in the window the second text begins, or its length.
      row_windows: int64 [rows + 1].
      targets: The right answers; None in data to predict.
      pooled: Whether batches say which row each window is of.
      num_truncated: Rows of which something was cut.
      survey: What the data report needs.
    """

    input_ids: np.ndarray
    window_starts: np.ndarray
    second_starts: np.ndarray
    row_windows: np.ndarray
    targets: Optional[Targets]
    pooled: bool
    num_truncated: int
    survey: Survey

    @property
    def specs(self) -> Dict[str, Spec]:
        """Rank and number type of each array of a batch."""
        names = ("input_ids", "input_mask", "segment_ids")
        specs = {name: Spec(2, filler=0) for name in names}
        if self.pooled:
            specs["window_rows"] = Spec(1)
        return {**specs, **(self.targets.specs if self.targets else {})}

    def __len__(self) -> int:
        return len(self.row_windows) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Wordpieces of each row, of all its windows: int [rows]."""
        return np.diff(self.window_starts[self.row_windows])

    def has_pairs(self) -> bool:
        """Returns whether some row has a second text."""
        return bool(np.any(self.second_starts < np.diff(self.window_starts)))

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the windows of the given rows, padded with zeros to the longest of them.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`: int32 [W, S], W windows; if these are to be
          pooled, `window_rows`: int32 [W], the place in the batch of each window's row; and what
          the targets have. Without pooling, W is B.
        """
        counts = self.row_windows[rows + 1] - self.row_windows[rows]  # [B]
        window_rows = np.repeat(np.arange(len(rows), dtype=np.int32), counts)  # [W]
        firsts = np.cumsum(counts) - counts  # [B], place of each row's first window
        windows = self.row_windows[rows][window_rows] + np.arange(len(window_rows))
        windows -= firsts[window_rows]  # [W]
        input_ids, input_mask = pad(self.input_ids, self.window_starts, windows)
        positions = np.arange(input_ids.shape[1])  # [S]
        second = positions >= self.second_starts[windows][:, None]  # [W, S]
        batch = {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": np.where(second, input_mask, 0).astype(np.int32),
        }
        if self.pooled:
            batch["window_rows"] = window_rows
        return {**batch, **(self.targets.batch(rows) if self.targets else {})}


def pad(
    values: np.ndarray, row_starts: np.ndarray, rows: np.ndarray, filler: int = 0
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns rows of a flat array as a rectangle, and which of it is theirs.

    Args:
      values: int32 [total].
      row_starts: int64 [rows + 1]; row i is [row_starts[i], row_starts[i + 1]).
      rows: int [B], the rows wanted.
      filler: What stands behind a row's end.

    Returns:
      The values and the mask (1: the row's, 0: filler), both int32 [B, S].
    """
    starts = row_starts[rows]
    lengths = row_starts[rows + 1] - starts
    positions = np.arange(lengths.max(initial=0))  # [S]
    mask = positions < lengths[:, None]  # [B, S]
    places = np.where(mask, starts[:, None] + positions, 0)  # [B, S]
    return np.where(mask, values[places], filler).astype(np.int32), mask.astype(np.int32)


def encode_examples(
    examples: Iterable[InputExample],
    *,
    targets: Optional[Targets],
    cut: Cut,
    tokenizer: FullTokenizer,
    clean_steps: Sequence[str] = (),
) -> Features:
    """Tokenizes examples, in several processes if they are many, and looks their labels up.

    Args:
      examples: The rows.
      targets: Takes the right answers; None leaves all rows without one.
      cut: What becomes of long texts.
      tokenizer: The model's tokenizer.
      clean_steps: What is taken out of the texts, of `cleaning.STEPS`.

    Raises:
      ValueError: A label is missing or unknown, or a text is not a string.
    """
    input_ids = GrowingArray(np.int32)
    window_starts = GrowingArray(np.int64, [0])
    second_starts = GrowingArray(np.int32)
    row_windows = GrowingArray(np.int64, [0])
    survey = Survey()
    encode = functools.partial(_encode_rows, tokenizer, cut, clean_steps)
    texts = _texts_alone(examples, targets, survey)
    for rows in map_chunks(encode, texts, lambda row: sum(map(len, row))):
        window_starts.extend(len(input_ids) + np.cumsum(rows.window_lengths, dtype=np.int64))
        row_windows.extend(len(second_starts) + np.cumsum(rows.window_counts, dtype=np.int64))
        input_ids.extend(rows.input_ids)
        second_starts.extend(rows.second_starts)
        survey.extend(rows.facts)
    return Features(
        input_ids=input_ids.to_numpy(),
        window_starts=window_starts.to_numpy(),
        second_starts=second_starts.to_numpy(),
        row_windows=row_windows.to_numpy(),
        targets=targets,
        pooled=cut.windows,
        num_truncated=int(survey.cut.sum()),
        survey=survey,
    )


def _texts_alone(
    examples: Iterable[InputExample], targets: Optional[Targets], survey: Survey
) -> Iterator[List[str]]:
    """Yields the examples' texts; their answers are added to the targets and the survey."""
    for example in examples:
        texts = texts_of(example)
        survey.add_answer(None if targets is None else targets.add(example))
        yield texts


class _EncodedRows(NamedTuple):
    """What `Features` has, of some rows: arrays of int32."""

    input_ids: np.ndarray
    window_lengths: np.ndarray
    second_starts: np.ndarray
    window_counts: np.ndarray
    facts: TextFacts


def _encode_rows(
    tokenizer: FullTokenizer, cut: Cut, clean_steps: Sequence[str], rows: Iterable[Sequence[str]]
) -> _EncodedRows:
    unknown_id = tokenizer.vocab["[UNK]"]
    input_ids: List[int] = []
    window_lengths, second_starts, window_counts, facts = [], [], [], []
    for texts in rows:
        texts = [clean(text, clean_steps) for text in texts]
        pieces = Pieces(*map(tokenizer.tokenize_to_ids, texts))
        windows, truncated = cut_row(pieces, cut)
        for window in windows:
            ids, second_start = _with_special_tokens(window, tokenizer)
            input_ids += ids
            window_lengths.append(len(ids))
            second_starts.append(second_start)
        window_counts.append(len(windows))
        ids = [*pieces.a, *(pieces.b or ())]
        length = len(ids) + special_tokens(pieces)
        facts.append((text_hash(texts), length, len(ids), ids.count(unknown_id), truncated))
    arrays = (input_ids, window_lengths, second_starts, window_counts)
    return _EncodedRows(*(np.array(each, np.int32) for each in arrays), TextFacts.of(facts))


def _with_special_tokens(window: Pieces, tokenizer: FullTokenizer) -> Tuple[List[int], int]:
    """Returns a window's ids and where the second text begins in it."""
    cls_id, sep_id = tokenizer.vocab["[CLS]"], tokenizer.vocab["[SEP]"]
    ids = [cls_id, *window.a, sep_id]
    second_start = len(ids)
    if window.b is not None:
        ids += [*window.b, sep_id]
    return ids, second_start


def texts_of(example: InputExample, clean_steps: Sequence[str] = ()) -> List[str]:
    """Returns the text of an example, or both texts of a pair, as the model is to see them.

    Raises:
      ValueError: A text is not a string.
    """
    texts = [example.text_a] if example.text_b is None else [example.text_a, example.text_b]
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(
                f"{place(example)}: the text is {text!r}; expected a string (see processors.py)."
            )
    return [clean(text, clean_steps) for text in texts]


def place(example: InputExample) -> str:
    """Returns where an example stands, for messages."""
    return example.where or f"example {example.guid}"
