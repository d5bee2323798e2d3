"""Stage the tokenizer of a model in Hugging Face's format as the toolkit's files."""

import json
import os
from typing import Any, Dict, List, Mapping, Optional

from finetune.models import build_tokenizer, library_parts, names, tokenizer_files
from finetune.models.families import Family
from finetune.util.errors import InputError
from finetune.util.files import copy_file, list_folder
from finetune.util.json_files import read_json_object

# The number of characters up to which transformers' tokenizers do not replace a word by [UNK].
LONGEST_WORD = 100


def stage(source: str, staged: str, family: Family, longest_word: Optional[int]) -> List[str]:
    """Writes the tokenizer of a model to a folder.

    Args:
      source: The model's folder.
      staged: The folder to write to: vocab.txt and tokenizer_config.json, or tokenizer.json.
      family: The model's family.
      longest_word: The number of characters up to which a word is split into wordpieces, unless a
        tokenizer.json says it; None for Google's number.

    Returns:
      The names of the files that were read.

    Raises:
      InputError: The tokenizer is missing, or of a kind that the toolkit cannot use.
    """
    files = set(os.listdir(source))
    parts: Dict[str, Any] = _read(source, names.TOKENIZER) if names.TOKENIZER in files else {}
    if not family.positions_after_padding:  # BERT's tokenizer; the others have RoBERTa's.
        return _stage_wordpieces(source, staged, parts, longest_word)
    if parts:
        copy_file(os.path.join(source, names.TOKENIZER), os.path.join(staged, names.TOKENIZER))
        return [names.TOKENIZER]
    used = build_tokenizer.build(source, os.path.join(staged, names.TOKENIZER), family)
    if not used:
        raise InputError(f"{source}: {names.TOKENIZER} is missing; found {list_folder(source)}.")
    return used


def _stage_wordpieces(
    source: str, staged: str, parts: Mapping[str, Any], longest_word: Optional[int]
) -> List[str]:
    config = {}
    if os.path.exists(os.path.join(source, names.TOKENIZER_CONFIG)):
        config = _read(source, names.TOKENIZER_CONFIG)
    if parts and not library_parts.is_bert(parts, config):
        if not library_parts.is_generic(config):
            path = os.path.join(source, names.TOKENIZER_CONFIG)
            tokenizer_files.check_class(path, config.get("tokenizer_class"))
        content = library_parts.as_transformers_loads(parts, config)
        with open(os.path.join(staged, names.TOKENIZER), "w", encoding="utf-8") as writer:
            json.dump(content, writer, ensure_ascii=False)
        return [names.TOKENIZER, *([names.TOKENIZER_CONFIG] if config else [])]
    if not library_parts.is_generic(config):
        tokenizer_files.read(source)  # Checks also the files that are not copied.
    model = parts.get("model") or {}
    used = [names.TOKENIZER] if parts else []
    target = os.path.join(staged, names.VOCABULARY)
    if os.path.exists(os.path.join(source, names.VOCABULARY)):
        copy_file(os.path.join(source, names.VOCABULARY), target)
        used.append(names.VOCABULARY)
    elif isinstance(model.get("vocab"), dict) and model.get("type") == "WordPiece":
        with open(target, "w", encoding="utf-8", newline="") as writer:
            writer.writelines(token + "\n" for token in _in_order(model["vocab"], source))
    else:
        raise InputError(f"{source}: {names.VOCABULARY} is missing; found {list_folder(source)}.")
    settings = library_parts.settings_of(parts, config)
    used += [names.TOKENIZER_CONFIG] if config else []
    if longest_word is not None:
        settings[names.LONGEST_WORD] = model.get(names.LONGEST_WORD, longest_word)
    if not settings:
        return used
    with open(os.path.join(staged, names.TOKENIZER_CONFIG), "w", encoding="utf-8") as writer:
        json.dump(settings, writer, indent=2, ensure_ascii=False)
    return used


def _in_order(vocab: Mapping[str, int], source: str) -> List[str]:
    tokens = sorted(vocab, key=lambda token: vocab[token])
    if [vocab[token] for token in tokens] != list(range(len(tokens))):
        raise InputError(f"{source}: the ids in {names.TOKENIZER} have gaps; expected 0, 1, 2, …")
    return tokens


def _read(source: str, name: str) -> Dict[str, Any]:
    advice = "Copy or download it again."
    return read_json_object(os.path.join(source, name), kind="a tokenizer's file", advice=advice)
