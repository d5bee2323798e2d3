"""Check a pretrained model's files, convert them to Google's format, and install them."""

import json
import logging
import os
from typing import Callable

import numpy as np

import modeling
from finetune.models import (
    checkpoints,
    foreign,
    hugging_face,
    names,
    pretrained,
    tokenizer_files,
    weight_files,
)
from finetune.util import signals
from finetune.util.errors import InputError, as_input_errors
from finetune.util.files import (
    check_free_space,
    check_link,
    copy_file,
    list_folder,
    sha256_of,
)

# A model has one of them.
_VOCABULARIES = (names.VOCABULARY, names.TOKENIZER)

_log = logging.getLogger(__name__)

_CHECKPOINT_INDEX = f"{names.CHECKPOINT}.index"


def install(source: str, model_dir: str, *, work: str, name: str, overwrite: bool) -> None:
    """Converts a model if necessary, checks all its files, and moves them into `model_dir`.

    Args:
      source: Folder in Google's format (`bert_model.ckpt.*`, `bert_config.json`, `vocab.txt`) or in
        Hugging Face's format; see `hugging_face.stage`.
      model_dir: The folder to fill.
      work: A scratch folder on the same disk.
      name: Name of the model in messages.
      overwrite: Whether to replace a different model in `model_dir`.

    Raises:
      InputError: A file is missing or damaged, the files do not belong together, or `model_dir`
        contains a different model.
    """
    staged = os.path.join(work, "staged")
    os.makedirs(staged)
    _check_format(source)
    if os.path.exists(os.path.join(source, _CHECKPOINT_INDEX)):
        _stage_google(source, staged, work)
    else:
        # minilm keeps Google's number, which it has had since it became the default model.
        longest_word = None if name == "minilm" else hugging_face.LONGEST_WORD
        hugging_face.stage(source, staged, with_head=False, longest_word=longest_word)
    summary = check(staged)
    hashes = {file: sha256_of(os.path.join(staged, file)) for file in sorted(os.listdir(staged))}
    with open(os.path.join(staged, names.INFO), "w", encoding="utf-8") as writer:
        json.dump({"source": name, "sha256": hashes}, writer, indent=2)
    _check_replaceable(staged, model_dir, overwrite)
    with signals.ignored():  # Half a model would be worse than a late end.
        _move_files(staged, model_dir)
    _log.info("%s now contains %s: %s", model_dir, name, summary)


def _check_format(source: str) -> None:
    """Raises `InputError` if a folder contains a model in a format that is not read."""
    what = foreign.describe(source)
    is_read = os.path.exists(os.path.join(source, _CHECKPOINT_INDEX)) or weight_files.find(source)
    if what is not None and not is_read:
        raise InputError(f"{source} is {what}")


def _move_files(staged: str, model_dir: str) -> None:
    for stale in {names.INFO, names.TOKENIZER_CONFIG, *_VOCABULARIES} & set(os.listdir(model_dir)):
        os.remove(os.path.join(model_dir, stale))
    # The info file comes last: if it exists, the installation is complete.
    for file in sorted(os.listdir(staged), key=lambda f: f == names.INFO):
        os.replace(os.path.join(staged, file), os.path.join(model_dir, file))


def _stage_google(source: str, staged: str, work: str) -> None:
    for name in (names.BERT_CONFIG, names.VOCABULARY):
        check_link(os.path.join(source, name))
        if not os.path.exists(os.path.join(source, name)):
            raise InputError(f"{source}: {name} is missing; found {list_folder(source)}.")
        copy_file(os.path.join(source, name), os.path.join(staged, name))
    tokenizer_files.read(source)  # Checks also the files that are not copied.
    tokenizer_config = os.path.join(source, names.TOKENIZER_CONFIG)
    if os.path.exists(tokenizer_config):
        copy_file(tokenizer_config, os.path.join(staged, names.TOKENIZER_CONFIG))
    start = (names.CHECKPOINT + ".index", names.CHECKPOINT + ".data-")
    files = [name for name in os.listdir(source) if name.startswith(start)]
    if source.startswith(os.path.join(work, "")):  # It was unpacked, so it need not be copied.
        stage: Callable[[str, str], None] = os.replace
    else:
        size = sum(os.path.getsize(os.path.join(source, name)) for name in files)
        check_free_space(staged, size, f"copying the model of {source}")
        stage = copy_file
    for name in files:
        stage(os.path.join(source, name), os.path.join(staged, name))


def check(folder: str) -> str:
    """Checks a model's files against each other, and returns a summary for the log."""
    config_file = os.path.join(folder, names.BERT_CONFIG)
    with as_input_errors(modeling.ConfigError):
        config = modeling.BertConfig.from_json_file(config_file)
    num_tokens, case = pretrained.describe_vocabulary(pretrained.vocabulary_in(folder), config)
    checkpoint = os.path.join(folder, names.CHECKPOINT)
    report = checkpoints.check_encoder(checkpoint, config)
    shapes = checkpoints.read_shapes(checkpoint)
    parameters = sum(int(np.prod(shapes[name])) for name in report.matched)
    return (
        f"{config.num_hidden_layers} layers, width {config.hidden_size}, {parameters / 1e6:.1f} "
        f"million parameters in {len(report.matched)} variables, {num_tokens} tokens, "
        + case
        + (f"; without {', '.join(report.missing)}" if report.missing else "")
    )


def _check_replaceable(staged: str, model_dir: str, overwrite: bool) -> None:
    """Raises `InputError` if `model_dir` contains a different model that must be kept."""
    new, old = set(os.listdir(staged)) - {names.INFO}, set(os.listdir(model_dir))
    differing = [f for f in new & old if not _is_same_file(staged, model_dir, f)]
    differing += {names.TOKENIZER_CONFIG, *_VOCABULARIES} & (old - new)
    if differing and not overwrite:
        verb = "differs" if len(differing) == 1 else "differ"
        raise InputError(
            f"{model_dir} contains a different model ({', '.join(sorted(differing))} {verb}). Set "
            "another --model_dir, or --overwrite to replace the model."
        )


def _is_same_file(folder_a: str, folder_b: str, file: str) -> bool:
    return sha256_of(os.path.join(folder_a, file)) == sha256_of(os.path.join(folder_b, file))
