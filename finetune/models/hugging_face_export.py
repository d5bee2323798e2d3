"""Write a model in Hugging Face's format: config.json, model.safetensors and tokenizer files."""

import errno
import json
import os
import shutil
from typing import Any, Dict, List, Mapping

import numpy as np

import modeling
from finetune.data.frame import special_tokens
from finetune.models import checkpoints, names
from finetune.models.families import FAMILIES, SEQUENCE, Family
from finetune.models.pretrained import Pretrained
from finetune.util.errors import InputError
from finetune.util.files import make_readable
from tokenization import FullTokenizer

# This toolkit's names of activations that Hugging Face does not know, by its own.
_ACTIVATIONS = {"gelu_tanh": "gelu_pytorch_tanh", "": "linear", None: "linear"}
_WORDPIECE_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_ROBERTA_TOKENS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")


def family_of(bert_config: modeling.BertConfig) -> Family:
    """Returns the family of a model."""
    return FAMILIES[bert_config.family]


def input_names(bert_config: modeling.BertConfig) -> List[str]:
    """Returns the names of a model's inputs: one without several segments has no segment ids."""
    names = ["input_ids", "attention_mask"]
    return [*names, "token_type_ids"] if bert_config.type_vocab_size > 1 else names


def read_tensors(
    checkpoint: str, bert_config: modeling.BertConfig, head: str
) -> Dict[str, np.ndarray]:
    """Returns the tensors of a trained model under Hugging Face's names and in its layouts.

    Args:
      checkpoint: Path (prefix) of the checkpoint.
      bert_config: The model's configuration.
      head: The kind of the model's head.

    Raises:
      InputError: The checkpoint lacks a tensor, or is damaged.
    """
    saved = checkpoints.read_shapes(checkpoint)
    wanted = family_of(bert_config).names(bert_config.num_hidden_layers, head)
    if head != SEQUENCE:  # Other heads use no pooler, and transformers creates none for them.
        wanted = {google: name for google, name in wanted.items() if "/pooler/" not in google}
    optional = ("bert/embeddings_project/", "bert/embeddings/token_type_embeddings")
    missing = [name for name in wanted if name not in saved and not name.startswith(optional)]
    if missing:
        raise InputError(
            f"{checkpoint}: {', '.join(missing[:3])} missing: the model is incomplete."
        )
    arrays = checkpoints.read_tensors(checkpoint, [name for name in wanted if name in saved])
    return {
        wanted[google]: np.ascontiguousarray(array.T if google.endswith("/kernel") else array)
        for google, array in arrays
    }


def write_weights(tensors: Mapping[str, np.ndarray], folder: str) -> None:
    """Writes model.safetensors."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path = os.path.join(folder, names.HUGGING_FACE_WEIGHTS)
    try:
        save_file(dict(tensors), path, {"format": "pt"})  # transformers requires the format
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path) from error
    make_readable(path)  # The package creates files that only their owner can read.


def config_json(model: Pretrained, head: str, labels: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the content of config.json.

    Args:
      model: The model.
      head: The kind of its head.
      labels: The keys for the labels and the problem type.
    """
    bert_config = model.bert_config
    family = family_of(bert_config)
    own = {"family", "pooler_act", "position_offset", *family.fixed}
    values = {key: value for key, value in bert_config.__dict__.items() if key not in own}
    values["hidden_act"] = _ACTIVATIONS.get(values["hidden_act"], values["hidden_act"])
    values["max_position_embeddings"] += bert_config.position_offset
    if values["embedding_size"] is None:
        del values["embedding_size"]
    if family.config_names and values["classifier_dropout"] is None:
        values["classifier_dropout"] = bert_config.hidden_dropout_prob
    vocab = model.tokenizer.vocab
    tokens = _tokens_of(model)
    config = {
        "architectures": [family.class_name + head],
        "model_type": family.model_type,
        **{family.config_names.get(key, key): value for key, value in values.items()},
        "pad_token_id": vocab.get(tokens["pad_token"], 0),
        "dtype": "float32",
        **labels,
    }
    if family.positions_after_padding:
        config["pad_token_id"] = bert_config.position_offset - 1
        cls_token, sep_token = tokens["cls_token"], tokens["sep_token"]
        config["bos_token_id"], config["eos_token_id"] = vocab[cls_token], vocab[sep_token]
    return config


def _tokens_of(model: Pretrained) -> Dict[str, str]:
    is_bert = special_tokens(model.tokenizer.vocab)[0] in _WORDPIECE_TOKENS
    return dict(zip(_ROLES, _WORDPIECE_TOKENS if is_bert else _ROBERTA_TOKENS))


def write_tokenizer(model: Pretrained, folder: str) -> None:
    """Writes the tokenizer's files, so that transformers gives the ids that the toolkit gives."""
    tokens = {k: token for k, token in _tokens_of(model).items() if token in model.tokenizer.vocab}
    settings: Dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.bert_config.max_position_embeddings,
        **tokens,
    }
    inputs = input_names(model.bert_config)
    if "token_type_ids" not in inputs:
        settings["model_input_names"] = inputs
    if isinstance(model.tokenizer, FullTokenizer):
        settings["tokenizer_class"] = "BertTokenizer"
        settings["do_lower_case"] = model.do_lower_case
        shutil.copyfile(model.vocab_file, os.path.join(folder, names.VOCABULARY))
        content = _wordpiece_json(model.tokenizer, model.do_lower_case, list(tokens.values()))
        write_json(os.path.join(folder, names.TOKENIZER), content)
    else:
        settings["bos_token"], settings["eos_token"] = tokens["cls_token"], tokens["sep_token"]
        shutil.copyfile(model.vocab_file, os.path.join(folder, names.TOKENIZER))
    write_json(os.path.join(folder, names.TOKENIZER_CONFIG), settings)


def _wordpiece_json(
    tokenizer: FullTokenizer, lower_case: bool, special: List[str]
) -> Dict[str, Any]:
    """Returns a tokenizer.json, which can say more than vocab.txt: how long a word can be."""
    vocab = tokenizer.vocab
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": vocab[t], "content": t, **flags, "special": True} for t in special]

    def token(name: str, segment: int) -> Dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": segment}}

    first = [token("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]", 0)]
    second = [{"Sequence": {"id": "B", "type_id": 1}}, token("[SEP]", 1)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(added, key=lambda entry: entry["id"]),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": first,
            "pair": first + second,
            "special_tokens": {
                t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": tokenizer.wordpiece_tokenizer.max_input_chars_per_word,
            "vocab": dict(vocab),
        },
    }


def write_json(path: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file."""
    with open(path, "w", encoding="utf-8") as writer:
        json.dump(content, writer, indent=2, ensure_ascii=False)
        writer.write("\n")
