"""A trained model that predicts one chunk of rows after another in one session."""

from typing import Dict, Iterator, Mapping, Optional, Sequence

import numpy as np

from finetune.data import row_order
from finetune.data.batches import padded_batch
from finetune.data.rows import Rows, Spec
from finetune.runs.prediction_session import HasModelFn, PredictionSession
from finetune.runs.resolve import Run


class ChunkModel:
    """The trained model, which computes one chunk after another in one session."""

    def __init__(self, run: Run, task: HasModelFn, checkpoint: str, *, packs_weights: bool = False):
        self._packs_weights = packs_weights
        self._run = run
        self._task = task
        self._checkpoint = checkpoint
        self._batch_size = run.config.predict_batch_size
        self._session: Optional[PredictionSession] = None

    def start(self, specs: Mapping[str, Spec]) -> PredictionSession:
        """Starts the session if it has not been started; `outputs` otherwise does so.

        Args:
          specs: Those of the rows.
        """
        if self._session is None:
            self._session = PredictionSession(
                self._run, self._task, specs, self._checkpoint, self._packs_weights
            )
        return self._session

    def outputs(self, chunk: Rows, is_all: bool = False) -> Dict[str, np.ndarray]:
        """Returns the model's predictions for a chunk, in its order.

        Args:
          chunk: The rows.
          is_all: Whether the chunk is all there is to predict. Then its rows are computed in the
            same batches as those of a file, so that their predictions have the same bits.
        """
        lengths, size = chunk.lengths, self._batch_size
        if is_all:
            batches = list(row_order.in_pool_order(lengths, size))
        else:
            order = row_order.longest_first(lengths)
            batches = [order[start : start + size] for start in range(0, len(order), size)]
        outputs = self._computed(chunk, batches)
        return row_order.restored(outputs, np.concatenate(batches), size)

    def _computed(
        self, chunk: Rows, batches: Sequence[np.ndarray]
    ) -> Iterator[Dict[str, np.ndarray]]:
        session = self.start(chunk.specs)
        return (session.outputs(padded_batch(chunk, rows, self._run.pad_to)) for rows in batches)

    def close(self) -> None:
        """Ends the session."""
        if self._session is not None:
            self._session.close()
            self._session = None
