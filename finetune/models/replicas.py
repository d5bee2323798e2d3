"""Sums over the replicas of a model that `tf.distribute` trains on several devices."""

from typing import Callable, TypeVar

import tensorflow.compat.v1 as tf

Built = TypeVar("Built")


def count() -> int:
    """Returns the number of replicas on all devices of all processes; 1 without `tf.distribute`."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def total(value: tf.Tensor) -> tf.Tensor:
    """Returns the sum of a Tensor over all replicas; without `tf.distribute`, the Tensor.

    Call it in each replica.
    """
    if not tf.distribute.has_strategy():
        return value

    def add(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
        return strategy.extended.reduce_to(tf.distribute.ReduceOp.SUM, values, values)

    return tf.distribute.get_replica_context().merge_call(add, args=(value,))


def once(build: Callable[[], Built]) -> Built:
    """Calls a function that adds ops to the graph, but only once for all replicas.

    Inside, variables have the names that they have in checkpoints. Call it in each replica.

    Returns:
      What the function returns; no Tensor.
    """
    if not tf.distribute.has_strategy():
        return build()
    return tf.distribute.get_replica_context().merge_call(lambda strategy: build())
