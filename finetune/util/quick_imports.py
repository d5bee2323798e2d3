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
# Keras and TensorFlow's old copy of it do without, except to transform images.
_SCIPY = "scipy"


def import_tensorflow() -> None:
    """Imports TensorFlow, unless it is imported already.

    Keras and setuptools are left out. They are imported when they are used.
    """
    if "tensorflow" in sys.modules:
        return
    with _no_garbage_collection(), _without_setuptools(), _without(_KERAS), _without(_SCIPY):
        importlib.import_module("tensorflow.compat.v1")


def import_estimator() -> None:
    """Imports `tf.estimator` and what it needs of Keras.

    For processes of this project only: Keras then cannot transform images, for which it needs
    SciPy.
    """
    if "tensorflow_estimator" in sys.modules:
        return
    with _no_garbage_collection(), _without(_SCIPY):
        importlib.import_module("tensorflow_estimator")


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Stops Python's garbage collector, which finds no garbage among new modules."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # Makes the new objects old ones, which the collector otherwise would all visit now.
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Makes a module appear to be missing, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    # The import system raises ModuleNotFoundError for a module that is None.
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


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
