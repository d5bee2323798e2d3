"""Set TensorFlow up as the scripts do, and make the project importable."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_v2_behavior()
tf.enable_resource_variables()
