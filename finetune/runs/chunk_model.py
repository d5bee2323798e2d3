"""A trained model that predicts one chunk of rows after another in one session."""

import queue
from typing import Dict, Generator, Iterator, Optional, Tuple

import numpy as np

from finetune.data import row_order
from finetune.data.batches import make_chunks_input_fn
from finetune.data.rows import Rows
from finetune.runs.estimators import HasModelFn, predicted_batches
from finetune.runs.resolve import Run

_Chunk = Tuple[Rows, np.ndarray]  # The rows of a chunk, and the order in which to compute them


class ChunkModel:
    """The trained model, which computes one chunk after another in one session."""

    def __init__(self, run: Run, task: HasModelFn, checkpoint: str):
        self._run = run
        self._task = task
        self._checkpoint = checkpoint
        self._batch_size = run.config.predict_batch_size
        # The input pipeline's thread takes the chunks; None ends it.
        self._chunks: "queue.SimpleQueue[Optional[_Chunk]]" = queue.SimpleQueue()
        self._batches: Optional[Generator[Dict[str, np.ndarray], None, None]] = None

    def outputs(self, chunk: Rows, is_all: bool = False) -> Dict[str, np.ndarray]:
        """Returns the model's predictions for a chunk, in its order.

        Args:
          chunk: The rows.
          is_all: Whether the chunk is all there is to predict. Then its rows are computed in the
            same batches as those of a file, so that their predictions have the same bits.
        """
        order = self._order_of_file(chunk) if is_all else row_order.longest_first(chunk.lengths)
        self._chunks.put((chunk, order))
        if self._batches is None:
            input_fn = make_chunks_input_fn(
                self._taken_chunks,
                chunk.specs,
                batch_size=self._batch_size,
                pad_to=self._run.pad_to,
            )
            self._batches = predicted_batches(self._run, self._task, input_fn, self._checkpoint)
        return row_order.restored(self._batches, order, self._batch_size)

    def _order_of_file(self, rows: Rows) -> np.ndarray:
        lengths, size = rows.lengths, self._batch_size
        pools = range(row_order.num_pools(len(lengths), size))
        orders = [row_order.pool_order(lengths, batch_size=size, pool=pool) for pool in pools]
        return np.concatenate(orders)

    def _taken_chunks(self) -> Iterator[_Chunk]:
        while True:
            chunk = self._chunks.get()
            if chunk is None:
                return
            yield chunk

    def end_input(self) -> None:
        """Ends the input pipeline, whose thread otherwise waits for chunks."""
        self._chunks.put(None)

    def close(self) -> None:
        """Ends the session."""
        self.end_input()
        if self._batches is not None:
            self._batches.close()
