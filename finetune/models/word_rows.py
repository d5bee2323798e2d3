"""Train only those rows of the word-embedding table whose ids occur in the training data.

All other rows have a zero gradient in every step, so they only decay. In the training graph, the
variable `bert/embeddings/word_embeddings` therefore has a row for each occurring id, and so have
its gradient and Adam's moments; the input has row numbers of this table in place of ids. Every
checkpoint contains the whole table, as if all of it had been trained.

A training run's checkpoints also contain what is needed to resume with the same bits: the table
before training, what weight decay has left of it, and the ids.
"""

import dataclasses
from typing import List, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.training.saving.saveable_object import SaveableObject, SaveSpec

import optimization

TABLE = "bert/embeddings/word_embeddings"
_INITIAL = TABLE + "/initial"
IDS = TABLE + "/occurring_ids"
# The variables of a training run's checkpoint that only serve to resume it.
RESUME_ONLY = (_INITIAL, IDS, optimization.decay_product_name(TABLE))


@dataclasses.dataclass(frozen=True)
class WordRows:
    """Which rows of the table are trained.

    Attributes:
      ids: int32 [K], the ids of the trained rows, in ascending order.
      vocab_size: Number of rows V of the whole table.
      saved_ids: int32 [K'], the `ids` in the checkpoint to resume from, all of which are in `ids`;
        None if training starts at step 0.
    """

    ids: np.ndarray
    vocab_size: int
    saved_ids: Optional[np.ndarray] = None


class WordTable:
    """The whole word-embedding table of a training graph that trains only some of its rows."""

    def __init__(self, rows: WordRows, init_checkpoint: Optional[str]):
        """Adds the table to the default graph, which must contain the variable `TABLE`.

        Args:
          rows: Which rows are trained.
          init_checkpoint: Checkpoint that contains the table before training; None if training
            resumes, in which case the saver restores it.
        """
        self._rows = rows
        (self._trained,) = [var for var in tf.trainable_variables() if var.op.name == TABLE]
        shape = [rows.vocab_size, self._trained.shape[1]]
        initial = tf.zeros(shape) if init_checkpoint is None else _read(init_checkpoint, shape)
        self._initial = tf.get_variable(
            _INITIAL, shape, initializer=lambda *_, **__: initial, trainable=False
        )
        # As in `tf.train.init_from_checkpoint`, which also replaces the initializer.
        self._trained._initializer_op = self._trained.assign(tf.gather(initial, rows.ids)).op

    def saveables(self) -> List[object]:
        """Returns what a `tf.train.Saver` of the training graph saves and restores."""
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        product = variables.get(optimization.decay_product_name(TABLE))
        kept = tf.constant(1.0) if product is None else tf.cast(product, tf.float32)
        own: List[object] = [_TableSaveable(self._rows, self._trained, self._initial * kept)]
        del variables[TABLE]
        for name in (TABLE + "/adam_m", TABLE + "/adam_v"):
            own.append(_SlotSaveable(self._rows, variables.pop(name)))
        return own + list(variables.values())


class _TableSaveable(SaveableObject):
    """Saves the whole table, and restores the trained rows from it."""

    def __init__(self, rows: WordRows, trained: tf.Variable, decayed: tf.Tensor):
        self._rows = rows
        whole = tf.tensor_scatter_nd_update(decayed, rows.ids[:, None], trained)
        specs = [SaveSpec(whole, "", TABLE), SaveSpec(tf.constant(rows.ids), "", IDS)]
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


def _read(checkpoint: str, shape: Sequence[int]) -> tf.Tensor:
    (table,) = tf.raw_ops.RestoreV2(
        prefix=checkpoint, tensor_names=[TABLE], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return tf.ensure_shape(table, shape)
