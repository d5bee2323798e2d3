"""Convert weights and configurations between Hugging Face's names and layouts and Google's."""

import json
import logging
import os
import re
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional

import numpy as np

from finetune.models import checkpoints, convert_tokenizer, names, weight_files
from finetune.models.convert_tokenizer import LONGEST_WORD
from finetune.models.families import (
    LAST_LAYERS,
    NO_HEAD,
    SEQUENCE,
    Family,
    family_of,
    head_of,
    num_layers_in,
)
from finetune.util.errors import InputError
from finetune.util.files import check_free_space, list_folder
from finetune.util.json_files import read_json_object

_log = logging.getLogger(__name__)


class Converted(NamedTuple):
    """Weights by Google's names, float32, and the names of the tensors that are left out."""

    arrays: Dict[str, np.ndarray]
    left_out: List[str]


def read_weights(path: str, family: Family, head: str) -> Converted:
    """Reads the weights of a model.

    Args:
      path: See `weight_files.find`.
      family: The model's family.
      head: The kind of the model's head.

    Raises:
      InputError: A file is missing or damaged, or contains no encoder.
    """
    tensors = weight_files.read(path)
    google_names = google_names_of(tensors, family, head)
    arrays: Dict[str, np.ndarray] = {}
    left_out = [key for key in tensors if key not in google_names]
    for key, name in google_names.items():
        tensor = tensors[key]
        # PyTorch's dense layers are [out, in], TensorFlow's kernels [in, out].
        tensor = tensor.T if name.endswith("/kernel") else tensor
        arrays[name] = np.ascontiguousarray(tensor, np.float32)
    if not arrays:
        raise InputError(
            f"{path}: contains no encoder weights, only "
            f"{', '.join(left_out)[:200] or 'nothing'}; expected those of a {family.model_type}."
        )
    return Converted(arrays, left_out)


def google_names_of(keys: Collection[str], family: Family, head: str) -> Dict[str, str]:
    """Returns Google's name for each tensor of a model, without those that the model does not need.

    Names with and without the encoder's prefix are known, as are the LayerNorm's gamma and beta of
    2018.

    Args:
      keys: The tensors' names in the file.
      family: The model's family.
      head: The kind of the model's head.
    """
    names_of = {name: google for google, name in family.names(num_layers_in(keys), head).items()}
    usual = {key: _usual_name(key, family, names_of) for key in keys}
    return {key: names_of[name] for key, name in usual.items() if name in names_of}


def _usual_name(key: str, family: Family, known: Mapping[str, str]) -> str:
    """Returns the name that newer versions give a tensor, with the encoder's prefix."""
    key = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", key))
    return key if key in known else family.prefix + key


def bert_config_of(config: Mapping[str, Any], path: str) -> Dict[str, Any]:
    """Returns the content of bert_config.json for a config.json.

    Raises:
      InputError: The family is not supported, or a setting is missing.
    """
    family = family_of(config, path)
    if family.model_type == "bert":
        return dict(config)
    renamed = {theirs: ours for ours, theirs in family.config_names.items()}
    values = {renamed.get(key, key): value for key, value in config.items()}
    values.update(family.fixed, family=family.model_type)
    del values["model_type"]
    values.setdefault("transformers_version", "")  # So that keys of their own are accepted
    missing = [name for name in family.required if name not in values]
    if missing:
        named = ", ".join(family.config_names.get(name, name) for name in missing)
        raise InputError(f"{path}: {named} missing; expected the config.json of a complete model.")
    if family.positions_after_padding:
        offset = _number(values, "pad_token_id", path) + 1
        values["position_offset"] = offset
        positions = _number(values, "max_position_embeddings", path)
        values["max_position_embeddings"] = positions - offset
    return values


def _number(values: Mapping[str, Any], name: str, path: str) -> int:
    if type(values.get(name)) is not int:
        raise InputError(f"{path}: {name} is {values.get(name)!r}; expected a number.")
    return int(values[name])


class Staged(NamedTuple):
    """A model that `stage` has converted.

    Attributes:
      config: The content of its config.json.
      family: Its family.
      head: The kind of its head.
      architecture: The name of its architecture.
      files: The names of the files that were read.
    """

    config: Dict[str, Any]
    family: Family
    head: str
    architecture: str
    files: List[str]


def stage(
    source: str, staged: str, *, with_head: bool, longest_word: Optional[int] = LONGEST_WORD
) -> Staged:
    """Converts a model in Hugging Face's format to the toolkit's files.

    Args:
      source: Folder with `config.json`, the weights (`model.safetensors`, `pytorch_model.bin`, or
        either in shards) and the tokenizer's files.
      staged: The folder to write to.
      with_head: Whether the checkpoint includes the model's head.
      longest_word: See `convert_tokenizer.stage`.

    Raises:
      InputError: A file is missing or damaged, or the model is not supported.
    """
    path = os.path.join(source, names.HUGGING_FACE_CONFIG)
    if not os.path.exists(path):
        raise InputError(
            f"{source}: contains neither {names.CHECKPOINT}.index (Google's format) nor "
            f"{names.HUGGING_FACE_CONFIG} (Hugging Face's); found {list_folder(source)}."
        )
    config = read_json_object(path, kind="a model's configuration", advice="Download it again.")
    family = family_of(config, path)
    head, architecture = head_of(config)
    if with_head and head == NO_HEAD:
        raise InputError(
            f"{path}: its architecture is {architecture or 'unknown'}, which has no head for "
            f"labels or answers; expected one that ends in {', '.join(LAST_LAYERS)}. To train a "
            "head, install the model with --model_dir."
        )
    weights = weight_files.find(source)
    if not weights:
        raise InputError(
            f"{source}: contains neither {names.HUGGING_FACE_WEIGHTS} nor "
            f"{names.HUGGING_FACE_PICKLE}; found {list_folder(source)}."
        )
    with open(os.path.join(staged, names.BERT_CONFIG), "w", encoding="utf-8") as writer:
        json.dump(bert_config_of(config, path), writer, indent=2)
    size = sum(os.path.getsize(os.path.join(source, part)) for part in weight_files.parts(weights))
    check_free_space(staged, size, f"converting {weights}")
    tokenizer_parts = convert_tokenizer.stage(source, staged, family, longest_word)
    arrays, left_out = read_weights(weights, family, head if with_head else NO_HEAD)
    if left_out:
        _log.info("Skipped, because the model does not need them: %s", ", ".join(left_out))
    if with_head:
        _check_head(arrays, weights, head, architecture)
        arrays["global_step"] = np.array(0, np.int64)
    checkpoints.write(os.path.join(staged, names.CHECKPOINT), arrays)
    used = [names.HUGGING_FACE_CONFIG, *weight_files.parts(weights), *tokenizer_parts]
    return Staged(config, family, head, architecture, used)


def _check_head(arrays: Mapping[str, np.ndarray], path: str, head: str, architecture: str) -> None:
    """Raises `InputError` if a layer is missing that predictions need."""
    needed = [f"{LAST_LAYERS[head]}_{name}" for name in ("weights", "bias")]
    needed += ["bert/pooler/dense/kernel", "bert/pooler/dense/bias"] if head == SEQUENCE else []
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise InputError(
            f"{path}: config.json says that this is a {architecture}, but {', '.join(missing)} "
            "missing. Download the model again."
        )
