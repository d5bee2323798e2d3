"""Turn examples into wordpiece ids, kept end to end in flat arrays.

tokens:      [CLS] is this jack ##son ##ville ? [SEP] no it is not . [SEP]
segment_ids: 0     0  0    0    0     0      0 0     1  1  1  1   1 1
"""

import dataclasses
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from processors import InputExample
from tokenization import FullTokenizer

NO_LABEL = -1


@dataclasses.dataclass(frozen=True)
class Features:
    """Wordpiece ids of all rows of a data set; row i is [row_starts[i], row_starts[i + 1]).

    Attributes:
      input_ids: int32 [total wordpieces], `[CLS]` and `[SEP]` included.
      segment_ids: int32 [total wordpieces], 1 in the second text of a pair.
      row_starts: int64 [rows + 1].
      label_ids: int32 [rows], `NO_LABEL` where there is none.
      num_truncated: Rows that were cut at `max_seq_length`.
    """

    input_ids: np.ndarray
    segment_ids: np.ndarray
    row_starts: np.ndarray
    label_ids: np.ndarray
    num_truncated: int

    # Rank of each array of a batch.
    ranks = {"input_ids": 2, "input_mask": 2, "segment_ids": 2, "label_ids": 1}

    def __len__(self) -> int:
        return len(self.label_ids)

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns the given rows, padded with zeros to the longest of them.

        Returns:
          `input_ids`, `input_mask`, `segment_ids`: int32 [B, S]; `label_ids`: int32 [B].
        """
        input_ids, input_mask = pad(self.input_ids, self.row_starts, rows)
        return {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": pad(self.segment_ids, self.row_starts, rows)[0],
            "label_ids": self.label_ids[rows],
        }


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
    examples: Sequence[InputExample],
    *,
    labels: Optional[Sequence[str]],
    max_seq_length: int,
    tokenizer: FullTokenizer,
) -> Features:
    """Tokenizes examples and looks their labels up.

    Args:
      examples: The rows.
      labels: The label list; None leaves all rows without a label.
      max_seq_length: Wordpieces of a row at the most; longer texts are cut at their ends.
      tokenizer: The model's tokenizer.

    Raises:
      ValueError: A label is missing or not in the list, or a text is not a string.
    """
    label_ids = {label: i for i, label in enumerate(labels or ())}
    ids: List[int] = []
    segments: List[int] = []
    row_starts = [0]
    row_labels = []
    num_truncated = 0
    for example in examples:
        row_ids, row_segments, truncated = _encode(example, max_seq_length, tokenizer)
        ids += row_ids
        segments += row_segments
        row_starts.append(len(ids))
        row_labels.append(_label_id(example, label_ids) if labels is not None else NO_LABEL)
        num_truncated += truncated
    return Features(
        input_ids=np.array(ids, np.int32),
        segment_ids=np.array(segments, np.int32),
        row_starts=np.array(row_starts, np.int64),
        label_ids=np.array(row_labels, np.int32),
        num_truncated=num_truncated,
    )


def _encode(
    example: InputExample, max_seq_length: int, tokenizer: FullTokenizer
) -> Tuple[List[int], List[int], bool]:
    tokens_a = _tokenize(example, example.text_a, tokenizer)
    tokens_b = []
    if example.text_b is not None:
        tokens_b = _tokenize(example, example.text_b, tokenizer)
    special = 2 if example.text_b is None else 3
    truncated = truncate_pair(tokens_a, tokens_b, max_seq_length - special)
    tokens = ["[CLS]", *tokens_a, "[SEP]"]
    segment_ids = [0] * len(tokens)
    if example.text_b is not None:
        tokens += [*tokens_b, "[SEP]"]
        segment_ids += [1] * (len(tokens_b) + 1)
    return tokenizer.convert_tokens_to_ids(tokens), segment_ids, truncated


def _tokenize(example: InputExample, text: str, tokenizer: FullTokenizer) -> List[str]:
    if not isinstance(text, str):
        raise ValueError(
            f"{place(example)}: the text is {text!r}; expected a string (see processors.py)."
        )
    return tokenizer.tokenize(text)


def truncate_pair(tokens_a: List[str], tokens_b: List[str], max_length: int) -> bool:
    """Cuts tokens off the end of the longer list, in place, until both fit.

    Returns:
      Whether anything was cut.
    """
    excess = len(tokens_a) + len(tokens_b) - max_length
    if excess <= 0:
        return False
    # Cut the longer one down to the other; then both alike, text_b first.
    longer, shorter = (
        (tokens_a, tokens_b) if len(tokens_a) > len(tokens_b) else (tokens_b, tokens_a)
    )
    from_longer = min(excess, len(longer) - len(shorter))
    del longer[len(longer) - from_longer :]
    excess -= from_longer
    del tokens_b[len(tokens_b) - (excess + 1) // 2 :]
    del tokens_a[len(tokens_a) - excess // 2 :]
    return True


def _label_id(example: InputExample, label_ids: Dict[str, int]) -> int:
    if example.label is None or not str(example.label).strip():
        raise ValueError(f"{place(example)}: the row has no label; expected {_known(label_ids)}.")
    if example.label not in label_ids:
        raise ValueError(
            f"{place(example)}: unknown label {example.label!r}; expected {_known(label_ids)}. "
            "The labels are those of the training data, or of the task's class in processors.py."
        )
    return label_ids[example.label]


def _known(label_ids: Dict[str, int]) -> str:
    known = ", ".join(repr(label) for label in list(label_ids)[:20])
    return f"one of {known}" + (" …" if len(label_ids) > 20 else "")


def place(example: InputExample) -> str:
    """Returns where an example stands, for messages."""
    return example.where or f"example {example.guid}"
