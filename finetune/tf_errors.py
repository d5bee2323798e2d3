"""What TensorFlow's errors say, in one line."""

import errno
import re

import tensorflow.compat.v1 as tf


def reason_of(error: tf.errors.OpError) -> str:
    """Returns what is wrong, which stands amid the graph's history, before the name of the node."""
    stated = re.search(r"([^\n]+)\n\s*\[\[\{\{node", error.message)
    return (stated.group(1) if stated else error.message).split("\n")[0]


def is_full_disk(error: BaseException) -> bool:
    """Returns whether an error is that a disk, or a user's share of it, is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    said = getattr(error, "message", None) or ""
    return "No space left on device" in said or "Disk quota exceeded" in said
