"""The machinery behind the scripts; docs/architecture.md shows what is in which folder."""

import importlib
import os
from typing import TYPE_CHECKING, Any, Mapping, Optional, Union

if TYPE_CHECKING:  # Importing this package must be fast.
    from finetune.runs.loaded_model import LoadedModel

__version__ = "0.2.0"


def load(
    output_dir: Union[str, "os.PathLike[str]"],
    processors: Optional[Mapping[str, type]] = None,
    packed_weights: bool = False,
    **flags: Any,
) -> "LoadedModel":
    """Loads a trained model; see docs/python.md.

    Args:
      output_dir: The output directory of a training run.
      processors: `PROCESSORS` of your own; by default, those of processors.py.
      packed_weights: Whether to predict one short text sooner, with a second copy of the weights.
      flags: Flags of the script that trained the model, such as `predict_batch_size=64`.

    Raises:
      finetune.util.errors.InputError: The directory contains no trained model.
    """
    from finetune.util.quick_imports import import_tensorflow

    import_tensorflow()
    from finetune.runs import loaded_model
    from finetune.util.paths import local_path

    if processors is None:
        # A program may have processors.py of its own, so the package does not depend on it.
        processors = importlib.import_module("processors").PROCESSORS
    folder = local_path(os.fspath(output_dir))
    return loaded_model.load(folder, processors, packed_weights, **flags)
