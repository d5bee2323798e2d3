"""Explain TensorFlow errors in one line."""

import re

import tensorflow.compat.v1 as tf


def reason_of(error: tf.errors.OpError) -> str:
    """Returns the reason for an error: the line before the one that names the graph node."""
    match = re.search(r"([^\n]+)\n\s*\[\[\{\{node", error.message)
    return (match.group(1) if match else error.message).split("\n")[0]
