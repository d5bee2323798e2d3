"""Load checkpoints into the graph of a prediction, one after another."""

from typing import Dict, Sequence, Set, Tuple

import tensorflow.compat.v1 as tf

from finetune.models.checkpoints import load_report, saved_values


class Restorer:
    """Loads trained variables in a session, and frees their memory."""

    def __init__(self, needed: Set[str]):
        """Creates a restorer of the default graph's trainable variables.

        Args:
          needed: The names of the variables that a checkpoint must contain; they may include those
            of other operations. The others stay uninitialised if a checkpoint lacks them.
        """
        self._variables = {variable.op.name: variable for variable in tf.trainable_variables()}
        self._shapes = {name: var.shape.as_list() for name, var in self._variables.items()}
        self._needed = needed
        self._checkpoint = tf.placeholder(tf.string, [])
        self._restore_ops: Dict[Tuple[str, ...], tf.Operation] = {}
        destroy = tf.raw_ops.DestroyResourceOp
        self._free = tf.group(*[destroy(resource=v.handle) for v in self._variables.values()])

    def restore(self, session: tf.Session, checkpoint: str) -> None:
        """Loads a checkpoint.

        Raises:
          InputError: The encoder does not match, or a required variable is missing.
        """
        report = load_report(self._shapes, checkpoint)
        report.check_encoder()
        report.check_trained(self._needed)
        names = tuple(report.matched)
        if names not in self._restore_ops:
            self._restore_ops[names] = self._restore_op(names)
        session.run(self._restore_ops[names], {self._checkpoint: checkpoint})

    def free(self, session: tf.Session) -> None:
        """Frees the memory of all variables, which then must be restored to be used."""
        session.run(self._free)

    def _restore_op(self, names: Sequence[str]) -> tf.Operation:
        variables = [self._variables[name] for name in names]
        # A `tf.train.Saver` would add twice as many ops.
        values = saved_values(self._checkpoint, variables)
        return tf.group(*[v.assign(value, read_value=False) for v, value in zip(variables, values)])
