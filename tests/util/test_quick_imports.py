"""TensorFlow is imported without Keras and setuptools, and both can be imported afterwards."""

import subprocess
import sys

from tests.support import ROOT

CHECKS = """
import gc
import sys

from finetune.util.quick_imports import import_estimator, import_tensorflow

# By default, setuptools substitutes distutils from version 60 on.
substituted = ["distutils"] if "_distutils_hack" in sys.modules else []

import_tensorflow()
assert "tensorflow.compat.v1" in sys.modules
unwanted = ["keras", "setuptools", "scipy", *substituted]
imported = [name for name in unwanted if name in sys.modules]
assert not imported, imported
assert gc.isenabled()

# What a prediction imports.
from finetune.runs import loaded_model
from finetune.tasks.question_answering import task
from finetune.tasks.tagging import task

unused = [name for name in ("keras", "tensorflow_estimator", "sklearn") if name in sys.modules]
assert not unused, unused

import_estimator()
assert "tensorflow_estimator" in sys.modules
assert gc.isenabled() and not gc.get_freeze_count()

import scipy.ndimage
import tensorflow as tf
from tensorflow.keras import layers

assert tf.keras.layers.Dense is layers.Dense
assert tf.compat.v1.estimator.Estimator

import warnings

warnings.simplefilter("error")
import distutils

assert not substituted or "setuptools" in distutils.__file__, distutils.__file__
import setuptools
"""


def test_what_is_left_out_can_be_imported_later():
    command = [sys.executable, "-W", "error::DeprecationWarning:tensorflow", "-c", CHECKS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
