"""Train only those rows of the word-embedding table whose ids occur in the training data.

All other rows have a zero gradient in every step, so they only decay. In the training graph, the
variable `bert/embeddings/word_embeddings` therefore has a row for each occurring id, and so have
its gradient and Adam's moments; the input has row numbers of this table in place of ids. Every
checkpoint contains the whole table, as if all of it had been trained.

A training run's checkpoints also contain what is needed to resume with the same bits: the table
before training, what weight decay has left of it, and the ids. The table before training is only
needed to write checkpoints, so it is kept on disk, not in memory.
"""

import dataclasses
import tempfile
from typing import List, Optional

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.training.saving.saveable_object import SaveableObject, SaveSpec

import optimization

TABLE = "bert/embeddings/word_embeddings"
INITIAL = TABLE + "/initial"
IDS = TABLE + "/occurring_ids"
# The variables of a training run's checkpoint that only serve to resume it.
RESUME_ONLY = (INITIAL, IDS, optimization.decay_product_name(TABLE))


@dataclasses.dataclass(frozen=True)
class WordRows:
    """Which rows of the table are trained.

    Attributes:
      ids: int32 [K], the ids of the trained rows, in ascending order.
      initial: float32 [V, H], the whole table before training; see `on_disk`.
      saved_ids: int32 [K'], the `ids` in the checkpoint to resume from, all of which are in `ids`;
        None if training starts at step 0.
    """

    ids: np.ndarray
    initial: np.ndarray
    saved_ids: Optional[np.ndarray] = None


def on_disk(table: np.ndarray) -> np.ndarray:
    """Returns a copy of a table in a file that disappears with the process."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        # The error of `table.tofile` does not say that a disk is full.
        file.write(np.ascontiguousarray(table).data)
        file.flush()
    except OSError as error:
        error.filename = error.filename or tempfile.gettempdir()  # The file itself has no name.
        raise
    return np.memmap(file, table.dtype, mode="r", shape=table.shape)


def initialize(rows: WordRows) -> None:
    """Sets the value from which the variable `TABLE` of the default graph starts."""
    table = _trained_table()
    start = tf.numpy_function(lambda: rows.initial[rows.ids], [], tf.float32)
    # As in `tf.train.init_from_checkpoint`, which also replaces the initializer.
    table._initializer_op = table.assign(tf.ensure_shape(start, table.shape)).op


def saveables(rows: WordRows) -> List[object]:
    """Returns what a `tf.train.Saver` of the training graph saves and restores."""
    variables = {variable.op.name: variable for variable in tf.global_variables()}
    product = variables.get(optimization.decay_product_name(TABLE))
    kept = tf.constant(1.0) if product is None else tf.cast(product, tf.float32)
    own: List[object] = [_TableSaveable(rows, variables.pop(TABLE), kept)]
    for name in (TABLE + "/adam_m", TABLE + "/adam_v"):
        own.append(_SlotSaveable(rows, variables.pop(name)))
    return own + list(variables.values())


def _trained_table() -> tf.Variable:
    (table,) = [variable for variable in tf.trainable_variables() if variable.op.name == TABLE]
    return table


class _TableSaveable(SaveableObject):
    """Saves the whole table, and restores the trained rows from it."""

    def __init__(self, rows: WordRows, trained: tf.Variable, kept: tf.Tensor):
        """Creates the object.

        Args:
          rows: Which rows are trained.
          trained: float32 [K, H]. Their variable.
          kept: float32 []. What weight decay has left of the other rows.
        """
        self._rows = rows
        with tf.device("/cpu:0"):  # A GPU need not have room for the whole table.
            initial = tf.numpy_function(lambda: rows.initial, [], tf.float32)
            initial = tf.ensure_shape(initial, rows.initial.shape)
            whole = tf.tensor_scatter_nd_update(initial * kept, rows.ids[:, None], trained)
            tensors = {TABLE: whole, INITIAL: initial, IDS: tf.constant(rows.ids)}
        specs = [SaveSpec(tensor, "", name) for name, tensor in tensors.items()]
        super().__init__(trained, specs, TABLE)

    def restore(self, restored_tensors, restored_shapes):
        return self.op.assign(tf.gather(restored_tensors[0], self._rows.ids))


class _SlotSaveable(SaveableObject):
    """Saves a slot of the trained rows; restores it, with zeros for ids that are new."""

    def __init__(self, rows: WordRows, slot: tf.Variable):
        self._rows = rows
        super().__init__(slot, [SaveSpec(slot.read_value(), "", slot.op.name)], slot.op.name)

    def restore(self, restored_tensors, restored_shapes):
        (saved,) = restored_tensors
        rows = self._rows
        if rows.saved_ids is not None and not np.array_equal(rows.saved_ids, rows.ids):
            places = np.searchsorted(rows.ids, rows.saved_ids)[:, None]
            saved = tf.scatter_nd(places, saved, self.op.shape)
        return self.op.assign(tf.reshape(saved, self.op.shape))
