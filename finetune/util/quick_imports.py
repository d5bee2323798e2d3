"""Import TensorFlow faster, without packages that no module of this project uses.

This module itself imports only what takes milliseconds.
"""

import contextlib
import gc
import importlib
import sys
import warnings
from typing import Iterator

# Keras is a tenth of the modules that TensorFlow imports. TensorFlow imports this one in advance,
# for the optimizers in SavedModels of Keras, and does without if it is missing.
_KERAS = "keras.src.optimizers"


def import_tensorflow() -> None:
    """Imports TensorFlow, unless it is imported already.

    Python's garbage collector, which finds no garbage among new modules, waits until the end. The
    two packages that are left out, Keras and setuptools, are imported when they are used.
    """
    if "tensorflow" in sys.modules:
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with _without_setuptools(), _without_keras():
            importlib.import_module("tensorflow.compat.v1")
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Keeps TensorFlow from importing Keras in advance; `tf.keras` imports it when it is used."""
    if _KERAS in sys.modules:
        yield
        return
    # The import system raises ModuleNotFoundError for a module that is None.
    sys.modules[_KERAS] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_KERAS]


@contextlib.contextmanager
def _without_setuptools() -> Iterator[None]:
    """Lets `import distutils` return Python's own package.

    Where setuptools is installed, it substitutes a copy, for which it imports itself. TensorFlow
    asks the package only whether it knows one more path.
    """
    shim = sys.modules.get("_distutils_hack")
    if shim is None or "distutils" in sys.modules:
        yield
        return
    shim.remove_shim()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 removed it.
            importlib.import_module("distutils")
        yield
    finally:
        # setuptools warns if it is imported after Python's own package.
        for name in [name for name in sys.modules if name.split(".")[0] == "distutils"]:
            del sys.modules[name]
        shim.add_shim()
