"""Neighbours of characters, and sets of characters, in a graph."""

import tensorflow.compat.v1 as tf


def previous(values: tf.Tensor, first: object) -> tf.Tensor:
    """Returns the value before each; `first` before the first."""
    before = tf.concat([tf.constant([first], values.dtype), values[:-1]], axis=0)
    return before[: tf.size(values)]


def following(values: tf.Tensor, last: object) -> tf.Tensor:
    """Returns the value after each; `last` after the last."""
    after = tf.concat([values[1:], tf.constant([last], values.dtype)], axis=0)
    return after[: tf.size(values)]


def is_one_of(codes: tf.Tensor, chars: str) -> tf.Tensor:
    """Returns whether code points are among some characters."""
    wanted = tf.constant(list(map(ord, chars)), codes.dtype, [len(chars)])
    return tf.reduce_any(tf.equal(codes[:, tf.newaxis], wanted), axis=1)


def in_ranges(codes: tf.Tensor, ranges: str) -> tf.Tensor:
    """Returns whether code points are in ranges such as "a-zA-Z"."""
    found = tf.zeros_like(codes, tf.bool)
    for first, last in zip(ranges[::3], ranges[2::3]):
        found |= (codes >= ord(first)) & (codes <= ord(last))
    return found
