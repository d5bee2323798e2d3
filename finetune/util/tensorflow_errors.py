"""The reason of a TensorFlow error, in one line."""

import errno
import re

import tensorflow.compat.v1 as tf


def reason_of(error: tf.errors.OpError) -> str:
    """Returns the reason, which TensorFlow puts before the node's name."""
    stated = re.search(r"([^\n]+)\n\s*\[\[\{\{node", error.message)
    return (stated.group(1) if stated else error.message).split("\n")[0]


def is_full_disk(error: BaseException) -> bool:
    """Returns whether an error means that a disk, or a user's quota of it, is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    message = getattr(error, "message", None) or ""
    return "No space left on device" in message or "Disk quota exceeded" in message
