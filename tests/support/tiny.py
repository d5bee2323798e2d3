"""A random BERT, small enough for a test, in Google's format and in Hugging Face's."""

import json
import pathlib
import string
from typing import Dict, List, Optional

import numpy as np
from safetensors.numpy import save_file

# Modules that need TensorFlow are imported where they are used, because tests of readers and of the
# tokenizer do not need it.

HIDDEN, HEADS, INTERMEDIATE, POSITIONS, SEGMENTS = 32, 4, 64, 64, 2

# The name of each weight in Google's bert_model.ckpt and in Hugging Face's model.safetensors of
# BertModel. They are written out here, independently of the code under test.
_EMBEDDINGS_AND_POOLER = {
    "bert/embeddings/word_embeddings": "embeddings.word_embeddings.weight",
    "bert/embeddings/position_embeddings": "embeddings.position_embeddings.weight",
    "bert/embeddings/token_type_embeddings": "embeddings.token_type_embeddings.weight",
    "bert/embeddings/LayerNorm/gamma": "embeddings.LayerNorm.weight",
    "bert/embeddings/LayerNorm/beta": "embeddings.LayerNorm.bias",
    "bert/pooler/dense/kernel": "pooler.dense.weight",
    "bert/pooler/dense/bias": "pooler.dense.bias",
}
_LAYER = {
    "attention/self/query/kernel": "attention.self.query.weight",
    "attention/self/query/bias": "attention.self.query.bias",
    "attention/self/key/kernel": "attention.self.key.weight",
    "attention/self/key/bias": "attention.self.key.bias",
    "attention/self/value/kernel": "attention.self.value.weight",
    "attention/self/value/bias": "attention.self.value.bias",
    "attention/output/dense/kernel": "attention.output.dense.weight",
    "attention/output/dense/bias": "attention.output.dense.bias",
    "attention/output/LayerNorm/gamma": "attention.output.LayerNorm.weight",
    "attention/output/LayerNorm/beta": "attention.output.LayerNorm.bias",
    "intermediate/dense/kernel": "intermediate.dense.weight",
    "intermediate/dense/bias": "intermediate.dense.bias",
    "output/dense/kernel": "output.dense.weight",
    "output/dense/bias": "output.dense.bias",
    "output/LayerNorm/gamma": "output.LayerNorm.weight",
    "output/LayerNorm/beta": "output.LayerNorm.bias",
}

_SPECIAL = ["[PAD]", *(f"[unused{i}]" for i in range(5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = """the of and to in a is was for on with as by at from it this that not are be have good
bad great film movie book very much but or an he she they we you one two three new old city world
people time day year said went came lives works company paris london france germany anna peter
##s ##ed ##ing ##er ##ly ##est ##ion un re"""


def vocabulary(lower_case: bool = True) -> List[str]:
    """Returns special tokens, words, and each ASCII character with and without "##"."""
    letters = string.ascii_lowercase if lower_case else string.ascii_letters
    characters = [*letters, *string.digits, *string.punctuation]
    words = _WORDS.split()
    if not lower_case:
        words += [word.title() for word in words if word.isalpha()]
    return list(dict.fromkeys([*_SPECIAL, *characters, *("##" + c for c in characters), *words]))


def config(vocab_size: int, num_layers: int = 2) -> Dict[str, object]:
    """Returns the values of bert_config.json."""
    return {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": num_layers,
        "type_vocab_size": SEGMENTS,
        "vocab_size": vocab_size,
    }


def shapes(vocab_size: int, num_layers: int = 2) -> Dict[str, List[int]]:
    """Returns the shapes of a checkpoint by Google's names, as a released one of this size has."""
    h, i = HIDDEN, INTERMEDIATE
    table = {
        "bert/embeddings/word_embeddings": [vocab_size, h],
        "bert/embeddings/position_embeddings": [POSITIONS, h],
        "bert/embeddings/token_type_embeddings": [SEGMENTS, h],
        "bert/embeddings/LayerNorm/beta": [h],
        "bert/embeddings/LayerNorm/gamma": [h],
        "bert/pooler/dense/kernel": [h, h],
        "bert/pooler/dense/bias": [h],
    }
    for layer in range(num_layers):
        scope = f"bert/encoder/layer_{layer}/"
        for dense, fan_in, fan_out in (
            ("attention/self/query", h, h),
            ("attention/self/key", h, h),
            ("attention/self/value", h, h),
            ("attention/output/dense", h, h),
            ("intermediate/dense", h, i),
            ("output/dense", i, h),
        ):
            table[f"{scope}{dense}/kernel"] = [fan_in, fan_out]
            table[f"{scope}{dense}/bias"] = [fan_out]
        for norm in ("attention/output/LayerNorm", "output/LayerNorm"):
            table[f"{scope}{norm}/beta"] = [h]
            table[f"{scope}{norm}/gamma"] = [h]
    return table


def google_arrays(vocab_size: int, num_layers: int = 2, seed: int = 0) -> Dict[str, np.ndarray]:
    """Returns random float32 weights by Google's names."""
    random = np.random.RandomState(seed)
    arrays = {}
    for name, shape in shapes(vocab_size, num_layers).items():
        values = random.normal(0.0, 0.02, shape) + name.endswith("gamma")
        arrays[name] = values.astype(np.float32)
    return arrays


def hugging_face_names(num_layers: int = 2) -> Dict[str, str]:
    """Returns Hugging Face's names of the weights by Google's."""
    names = dict(_EMBEDDINGS_AND_POOLER)
    for i in range(num_layers):
        for google, hugging_face in _LAYER.items():
            names[f"bert/encoder/layer_{i}/{google}"] = f"encoder.layer.{i}.{hugging_face}"
    return names


def write_google_model(
    folder: str, *, lower_case: bool = True, num_layers: int = 2, seed: int = 0
) -> Dict[str, np.ndarray]:
    """Writes vocab.txt, bert_config.json and bert_model.ckpt.* to a folder, which it creates.

    Returns:
      The weights, keyed by Google's variable names.
    """
    from finetune.models import checkpoints
    from tests.support import tensorflow_v1  # noqa: F401

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = _write_vocabulary(folder, lower_case)
    (folder / "bert_config.json").write_text(json.dumps(config(len(tokens), num_layers), indent=2))
    arrays = google_arrays(len(tokens), num_layers, seed)
    checkpoints.write(str(folder / "bert_model.ckpt"), arrays)
    return arrays


def write_hugging_face_model(
    folder: str,
    arrays: Dict[str, np.ndarray],
    *,
    prefix: str = "",
    dtype: type = np.float32,
    extra: Optional[Dict[str, np.ndarray]] = None,
    old_norm: bool = False,
) -> pathlib.Path:
    """Writes a model of two layers in Hugging Face's format, with a vocabulary.

    Args:
      folder: The folder to write to; it is created if missing.
      arrays: The weights by Google's names.
      prefix: The prefix of each name in the file, for example "bert.".
      dtype: The dtype of the weights in the file.
      extra: Further tensors to write.
      old_norm: Whether layer norms have gamma and beta, as in the files of the first models.

    Returns:
      The folder.
    """
    names = hugging_face_names(num_layers=2)
    tensors = dict(extra or {})
    for google, array in arrays.items():
        key = prefix + names[google]
        if old_norm:
            key = key.replace("LayerNorm.weight", "LayerNorm.gamma")
            key = key.replace("LayerNorm.bias", "LayerNorm.beta")
        # torch.nn.Linear keeps its weight as [out_features, in_features].
        array = array.T if google.endswith("kernel") else array
        tensors[key] = np.ascontiguousarray(array.astype(dtype))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    about = {"architectures": ["BertModel"], "model_type": "bert", "transformers_version": "4.41.0"}
    values = {**config(len(_write_vocabulary(folder, lower_case=True))), **about}
    (folder / "config.json").write_text(json.dumps(values, indent=2))
    return folder


def _write_vocabulary(folder: pathlib.Path, lower_case: bool) -> List[str]:
    tokens = vocabulary(lower_case)
    text = "".join(token + "\n" for token in tokens)
    (folder / "vocab.txt").write_bytes(text.encode("utf-8"))
    return tokens


def weights(folder: str) -> Dict[str, np.ndarray]:
    """Returns the weights of the newest checkpoint in a folder, by name."""
    from tests.support.tensorflow_v1 import tf

    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
