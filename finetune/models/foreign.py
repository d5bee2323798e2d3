"""Recognise models in formats that this toolkit does not read, and say what to do about each."""

import os
import re
from typing import Collection, Optional

from finetune.data.file_kinds import HDF5
from finetune.models import names

# A variable of every object-based checkpoint, as `tf.train.Checkpoint` and Keras write them.
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")

_EXPECTED = (
    "This toolkit reads TensorFlow 1 checkpoints (bert_model.ckpt) and Hugging Face's "
    "model.safetensors or pytorch_model.bin. Get the model in one of these formats: "
    "`python prepare_model.py --help` lists those that it downloads"
)
_PREPARE = "Convert it with `python prepare_model.py FOLDER`, where FOLDER is the file's folder."


def describe(path: str) -> Optional[str]:
    """Describes a file or folder that is not a TensorFlow 1 checkpoint.

    Args:
      path: The file or folder.

    Returns:
      Sentences that say what it is and what to do; None if it is missing or unknown.
    """
    if os.path.isdir(path):
        return _describe_folder(path)
    if not os.path.isfile(path):
        return None
    if _PART.search(path):
        prefix = _PART.sub("", path)
        return f"one of several files of a checkpoint. Specify their common name: {prefix}."
    with open(path, "rb") as reader:
        head = reader.read(len(HDF5))
    if head == HDF5 or path.endswith(".keras"):
        return f"a Keras model (HDF5 weights). {_EXPECTED}."
    if path.endswith((".pb", ".pbtxt")):
        return f"a TensorFlow graph. {_EXPECTED}."
    if path.endswith((".safetensors", ".bin", ".pt", ".pth")):
        return f"a file of PyTorch or Hugging Face, not a TensorFlow checkpoint. {_PREPARE}"
    return None


def _describe_folder(folder: str) -> Optional[str]:
    found = set(os.listdir(folder))
    if f"{names.CHECKPOINT}.index" in found:
        return f"a folder. Specify the checkpoint in it: {os.path.join(folder, names.CHECKPOINT)}."
    if names.HUGGING_FACE_WEIGHTS in found:
        return "a folder with a Hugging Face model. Convert it with `python prepare_model.py`."
    if names.TF_HUB_MODULE in found:
        return f"a TF-Hub module. {_EXPECTED}."
    if names.SAVED_MODEL in found:
        kind = "a SavedModel (the format of TensorFlow 2, Keras and TF-Hub)"
        return f"{kind}, not a checkpoint. {_EXPECTED}."
    if names.HUGGING_FACE_HDF5 in found:
        return f"a Hugging Face model with TensorFlow 2 weights. {_EXPECTED}."
    return None


def describe_variables(variables: Collection[str]) -> Optional[str]:
    """Describes a checkpoint whose variables are not named as in TensorFlow 1, or returns None."""
    if _OBJECT_GRAPH not in variables:
        return None
    what = "an object-based checkpoint of TensorFlow 2, whose variables have other names"
    return f"{what}. {_EXPECTED}."
