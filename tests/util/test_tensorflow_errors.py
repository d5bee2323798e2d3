"""The reason for a TensorFlow error, in one line."""

import errno

import pytest
import tensorflow.compat.v1 as tf

from finetune.util.files import is_full_disk
from finetune.util.tensorflow_errors import reason_of


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Checksum does not match", "Checksum does not match"),
        ("first line\nsecond line", "first line"),
        (
            "Graph execution error:\n\nDetected at node 'save'\nOut of range\n"
            "\t [[{{node save/RestoreV2}}]]\n\nmore",
            "Out of range",
        ),
    ],
)
def test_reason_of_returns_the_line_before_the_node(message, expected):
    assert reason_of(tf.errors.DataLossError(None, None, message)) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (tf.errors.InternalError(None, None, "a/train.ckpt; No space left on device"), True),
        (tf.errors.UnknownError(None, None, "a/train.ckpt; Disk quota exceeded"), True),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), False),
        (ValueError("No space left on device"), False),
    ],
)
def test_is_full_disk_recognises_both_kinds_of_error(error, expected):
    assert is_full_disk(error) is expected
