"""What TensorFlow's errors say, in one line."""

import re

import tensorflow.compat.v1 as tf


def reason_of(error: tf.errors.OpError) -> str:
    """Returns what is wrong, which stands amid the graph's history, before the name of the node."""
    stated = re.search(r"([^\n]+)\n\s*\[\[\{\{node", error.message)
    return (stated.group(1) if stated else error.message).split("\n")[0]
