"""Find the rows of the word-embedding table that a training run needs to train."""

from typing import Dict, Optional

import numpy as np

from finetune.data.row_statistics import RowStatistics
from finetune.data.rows import Rows, Spec
from finetune.models import checkpoints, word_rows
from finetune.models.word_rows import WordRows

# With more of the rows than this, leaving out the others saves less than it costs.
_MOST = 0.9


def find_word_rows(
    features: Rows, vocab_size: int, checkpoint: Optional[str]
) -> Optional[WordRows]:
    """Returns the rows that occur in the training data; None to train the whole table.

    Args:
      features: The training data.
      vocab_size: Number of rows of the whole table.
      checkpoint: The checkpoint of the training run to resume from; None if it starts at step 0.
        If its data were different, its rows stay trained, since Adam's moments still move them.
    """
    ids = features.occurring_ids
    if checkpoint is None:
        return WordRows(ids, vocab_size) if len(ids) <= _MOST * vocab_size else None
    reader = checkpoints.open_checkpoint(checkpoint)
    if word_rows.IDS not in reader.get_variable_to_shape_map():
        return None
    saved = reader.get_tensor(word_rows.IDS)
    return WordRows(np.union1d(ids, saved).astype(np.int32), vocab_size, saved_ids=saved)


class RowNumbers:
    """Training data whose `input_ids` are row numbers of the table that is trained, not ids."""

    def __init__(self, features: Rows, rows: WordRows):
        """Wraps the data.

        Args:
          features: The data.
          rows: The trained rows, among which are all ids of the data.
        """
        self._features = features
        self._number_of = np.zeros(rows.vocab_size, np.int32)
        self._number_of[rows.ids] = np.arange(len(rows.ids))

    def __len__(self) -> int:
        return len(self._features)

    @property
    def specs(self) -> Dict[str, Spec]:
        """See `Rows`. The padding is row 0, because its id is 0, too."""
        return self._features.specs

    @property
    def lengths(self) -> np.ndarray:
        """See `Rows`."""
        return self._features.lengths

    @property
    def occurring_ids(self) -> np.ndarray:
        """See `Rows`."""
        return self._number_of[self._features.occurring_ids]

    @property
    def statistics(self) -> RowStatistics:
        """See `Rows`."""
        return self._features.statistics

    def batch(self, rows: np.ndarray) -> Dict[str, np.ndarray]:
        """See `Rows`."""
        batch = self._features.batch(rows)
        return {**batch, "input_ids": self._number_of[batch["input_ids"]]}
