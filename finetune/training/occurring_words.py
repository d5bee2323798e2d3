"""Find the rows of the word-embedding table that a training run needs to train."""

from typing import Dict, Optional

import numpy as np

from finetune.data.row_statistics import RowStatistics
from finetune.data.rows import Rows, Spec
from finetune.models import checkpoints, word_rows
from finetune.models.word_rows import WordRows, on_disk

# With more of the rows than this, leaving out the others saves less than it costs.
_MOST = 0.9


def find_word_rows(
    features: Rows, init_checkpoint: Optional[str], resumed: Optional[str]
) -> Optional[WordRows]:
    """Returns the rows that occur in the training data; None to train the whole table.

    Args:
      features: The training data.
      init_checkpoint: The checkpoint of the pretrained model; None if training is from scratch.
      resumed: The checkpoint of the training run to resume; None if it starts at step 0. If its
        data were different, its rows stay trained, since Adam's moments still move them.
    """
    ids = features.occurring_ids
    if resumed is not None:
        reader = checkpoints.open_checkpoint(resumed)
        if word_rows.IDS not in reader.get_variable_to_shape_map():
            return None
        saved = reader.get_tensor(word_rows.IDS)
        initial = on_disk(reader.get_tensor(word_rows.INITIAL))
        return WordRows(np.union1d(ids, saved).astype(np.int32), initial, saved)
    if init_checkpoint is None:
        return None
    initial = checkpoints.open_checkpoint(init_checkpoint).get_tensor(word_rows.TABLE)
    return WordRows(ids, on_disk(initial)) if len(ids) <= _MOST * len(initial) else None


class RowNumbers:
    """Training data whose `input_ids` are row numbers of the table that is trained, not ids."""

    def __init__(self, features: Rows, rows: WordRows):
        """Wraps the data.

        Args:
          features: The data.
          rows: The trained rows, among which are all ids of the data.
        """
        self._features = features
        self._number_of = np.zeros(len(rows.initial), np.int32)
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
