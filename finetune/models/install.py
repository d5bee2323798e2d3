"""Check a pretrained model's files, bring them into Google's form, and install them."""

import json
import logging
import os
import shutil

import numpy as np

import modeling
from finetune.models import checkpoints, hugging_face, pretrained
from finetune.util.errors import InputError, value_errors_are_the_users
from finetune.util.files import sha256_of
from tokenization import load_vocab

_log = logging.getLogger(__name__)

_CHECKPOINT = "bert_model.ckpt"
_INFO = "model_info.json"
_TOKENIZER = "tokenizer_config.json"


def install(source: str, model_dir: str, *, work: str, name: str, overwrite: bool) -> None:
    """Converts the model of a folder if need be, checks it whole, and moves it into `model_dir`.

    Args:
      source: Folder in Google's form (`bert_model.ckpt.*`, `bert_config.json`, `vocab.txt`) or in
        Hugging Face's (`model.safetensors`, `config.json`, `vocab.txt`).
      model_dir: The folder to fill.
      work: A scratch folder on the same disk.
      name: What the model is called in messages.
      overwrite: Whether another model in `model_dir` may be replaced.

    Raises:
      InputError: A file is missing or damaged, the files do not fit together, or `model_dir` holds
        another model.
    """
    staged = os.path.join(work, "staged")
    os.makedirs(staged)
    _stage_small_files(source, staged)
    if os.path.exists(os.path.join(source, _CHECKPOINT + ".index")):
        _stage_checkpoint(source, staged)
    else:
        _convert(source, staged)
    summary = _check(staged)
    hashes = {file: sha256_of(os.path.join(staged, file)) for file in sorted(os.listdir(staged))}
    with open(os.path.join(staged, _INFO), "w", encoding="utf-8") as writer:
        json.dump({"source": name, "sha256": hashes}, writer, indent=2)
    _refuse_to_replace(staged, model_dir, overwrite)
    for stale in {_INFO, _TOKENIZER} & set(os.listdir(model_dir)):
        os.remove(os.path.join(model_dir, stale))
    # The info file comes last: where it is, the rest is complete.
    for file in sorted(os.listdir(staged), key=lambda f: f == _INFO):
        os.replace(os.path.join(staged, file), os.path.join(model_dir, file))
    _log.info("%s holds %s: %s", model_dir, name, summary)


def _stage_small_files(source: str, staged: str) -> None:
    config = "bert_config.json"
    if not os.path.exists(os.path.join(source, config)):
        config = "config.json"
    for name, target in ((config, "bert_config.json"), ("vocab.txt", "vocab.txt")):
        if not os.path.exists(os.path.join(source, name)):
            raise InputError(f"{source}: {name} is missing; found {_found(source)}.")
        shutil.copyfile(os.path.join(source, name), os.path.join(staged, target))
    if os.path.exists(os.path.join(source, _TOKENIZER)):
        shutil.copyfile(os.path.join(source, _TOKENIZER), os.path.join(staged, _TOKENIZER))


def _found(folder: str) -> str:
    return ", ".join(sorted(os.listdir(folder))) or "nothing"


def _stage_checkpoint(source: str, staged: str) -> None:
    for name in os.listdir(source):
        if name.startswith((_CHECKPOINT + ".index", _CHECKPOINT + ".data-")):
            shutil.copyfile(os.path.join(source, name), os.path.join(staged, name))


def _convert(source: str, staged: str) -> None:
    path = os.path.join(source, "model.safetensors")
    if not os.path.exists(path):
        pickled = os.path.exists(os.path.join(source, "pytorch_model.bin"))
        raise InputError(
            f"{source}: neither {_CHECKPOINT}.index nor model.safetensors; found {_found(source)}."
            + (" A pickle can run code, so pytorch_model.bin is not read." if pickled else "")
        )
    arrays, left_out = hugging_face.read_weights(path)
    if left_out:
        _log.info("Not part of the encoder, left out: %s", ", ".join(left_out))
    checkpoints.write(os.path.join(staged, _CHECKPOINT), arrays)


def _check(folder: str) -> str:
    """Checks a model's files against each other; returns a summary in words."""
    vocab_file = os.path.join(folder, "vocab.txt")
    with value_errors_are_the_users():
        vocab = load_vocab(vocab_file)
        config = modeling.BertConfig.from_json_file(os.path.join(folder, "bert_config.json"))
    pretrained.check_vocabulary(vocab, config, vocab_file)
    lower_case, _ = pretrained.known_case(vocab_file, vocab)
    checkpoint = os.path.join(folder, _CHECKPOINT)
    report = checkpoints.check_encoder(checkpoint, config)
    shapes = checkpoints.read_shapes(checkpoint)
    parameters = sum(int(np.prod(shapes[name])) for name in report.matched)
    return (
        f"{config.num_hidden_layers} layers, width {config.hidden_size}, {parameters / 1e6:.1f} "
        f"million parameters in {len(report.matched)} variables, {len(vocab)} tokens, "
        + {True: "lower-cased", False: "cased", None: "of unknown case"}[lower_case]
        + (f"; without {', '.join(report.missing)}" if report.missing else "")
    )


def _refuse_to_replace(staged: str, model_dir: str, overwrite: bool) -> None:
    new, old = set(os.listdir(staged)) - {_INFO}, set(os.listdir(model_dir))
    differing = [f for f in new & old if not _same(staged, model_dir, f)]
    differing += {_TOKENIZER} & (old - new)
    if differing and not overwrite:
        verb = "differs" if len(differing) == 1 else "differ"
        raise InputError(
            f"{model_dir} holds another model ({', '.join(sorted(differing))} {verb}). Give "
            "another --model_dir, or --overwrite to replace it."
        )


def _same(folder_a: str, folder_b: str, file: str) -> bool:
    return sha256_of(os.path.join(folder_a, file)) == sha256_of(os.path.join(folder_b, file))
