"""Build a tokenizer.json from the files that older models have instead, as transformers does."""

import os
from typing import Any, Dict, List, Mapping, Tuple

from finetune.models import names, sentencepiece_model
from finetune.models.families import Family
from finetune.util.errors import InputError
from finetune.util.json_files import read_json_object

# RoBERTa's special tokens, whose ids are in vocab.json.
_BPE_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
# The pieces that transformers puts before those of a sentencepiece.bpe.model, instead of its first
# pieces, so many. The ids are those of fairseq, with which the models were trained.
_FAIRSEQ: Dict[str, Tuple[List[Tuple[str, float]], int]] = {
    "xlm-roberta": ([("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)], 3),
    "camembert": (
        [
            *(("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0)),
            ("<unk>NOTUSED", -100.0),
        ],
        1,
    ),
}
_UNKNOWN_ID = 3
_ROLES = (
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token"),
    "mask_token",
)
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def build(source: str, target: str, family: Family) -> List[str]:
    """Writes a tokenizer.json that does what the tokenizer of transformers does.

    Args:
      source: The model's folder.
      target: The path of the tokenizer.json to write.
      family: The model's family.

    Returns:
      The names of the files that were read; empty if the folder does not have what the family
      needs: `vocab.json` and `merges.txt`, or `sentencepiece.bpe.model`.

    Raises:
      InputError: A file is damaged, or the package `tokenizers` is not installed.
    """
    needed = names.BPE_FILES if family.model_type == "roberta" else (names.SENTENCEPIECE,)
    if not all(os.path.exists(os.path.join(source, name)) for name in needed):
        return []
    settings = _read_if_any(source, names.TOKENIZER_CONFIG)
    try:
        make = _byte_level_bpe if needed == names.BPE_FILES else _unigram
        tokenizer, special = make(source, family, settings)
    except ImportError as error:
        raise InputError(
            f"{source}: reading this model's tokenizer requires an optional package. Run: "
            "pip install -c constraints.txt -r requirements-tokenizers.txt"
        ) from error
    _add_tokens(tokenizer, {**special, **_added_tokens(source, settings)}, source)
    tokenizer.save(target)
    optional = (names.TOKENIZER_CONFIG, names.ADDED_TOKENS)
    return [*needed, *(n for n in optional if os.path.exists(os.path.join(source, n)))]


def _byte_level_bpe(source: str, family: Family, settings: Mapping[str, Any]) -> Tuple[Any, dict]:
    """Returns the tokenizer of a RoBERTa, and its special tokens with their flags."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    del family
    paths = [os.path.join(source, name) for name in names.BPE_FILES]
    prefix_space = settings.get("add_prefix_space") is True
    try:
        tokenizer = Tokenizer(models.BPE.from_file(*paths))
    except Exception as error:  # The package raises nothing more specific.
        raise InputError(f"{paths[0]}: not a vocabulary of byte-level BPE ({error}).") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>") or 2),
        ("<s>", tokenizer.token_to_id("<s>") or 0),
        trim_offsets=settings.get("trim_offsets") is not False,
        add_prefix_space=prefix_space,
    )
    known = [token for token in _BPE_SPECIAL if tokenizer.token_to_id(token) is not None]
    return tokenizer, {token: {"special": True} for token in known}


def _unigram(source: str, family: Family, settings: Mapping[str, Any]) -> Tuple[Any, dict]:
    """Returns the tokenizer of an XLM-RoBERTa or CamemBERT, and its special tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    path = os.path.join(source, names.SENTENCEPIECE)
    found = sentencepiece_model.read(path)
    first, num_replaced = _FAIRSEQ[family.model_type]
    pieces = [*first, *found.pieces[num_replaced:], ("<mask>", 0.0)]
    try:
        tokenizer = Tokenizer(models.Unigram(pieces, _UNKNOWN_ID, byte_fallback=False))
        if found.charsmap:
            tokenizer.normalizer = normalizers.Precompiled(found.charsmap)
    except Exception as error:  # The package raises nothing more specific.
        raise InputError(f"{path}: not a model of this kind ({error}).") from error
    scheme = "never" if settings.get("add_prefix_space") is False else "always"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme=scheme)]
    )
    ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    if None in dict(ids).values():
        raise InputError(f"{path}: <s> or </s> missing; expected the file of this model.")
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", ids
    )
    special: Dict[str, Dict[str, bool]] = {
        token: {"special": True} for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    }
    special["<mask>"]["lstrip"] = family.model_type == "camembert"
    special.update({token: {"special": False} for token in found.user_defined})
    return tokenizer, special


def _added_tokens(source: str, settings: Mapping[str, Any]) -> Dict[str, Dict[str, Any]]:
    """Returns the tokens that a model adds to its vocabulary, in the order of their ids.

    Each has the flags that it has in tokenizer_config.json, and its id.
    """
    path = os.path.join(source, names.TOKENIZER_CONFIG)
    by_id: Dict[int, Tuple[str, Dict[str, Any]]] = {}
    try:
        for token, token_id in _read_if_any(source, names.ADDED_TOKENS).items():
            by_id[int(token_id)] = token, {"normalized": True}
        for token_id, entry in (settings.get("added_tokens_decoder") or {}).items():
            by_id[int(token_id)] = entry["content"], dict(entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its added tokens, or those of {names.ADDED_TOKENS}, are not tokens with ids. "
            "Copy or download both files again."
        ) from error
    tokens = {by_id[i][0]: {**by_id[i][1], "id": i} for i in sorted(by_id)}
    for role in _ROLES:
        entry = settings.get(role)
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            known = tokens.get(entry["content"], {})
            tokens[entry["content"]] = {**known, **entry, "special": True}
    return tokens


def _add_tokens(tokenizer: Any, tokens: Mapping[str, Mapping[str, Any]], source: str) -> None:
    from tokenizers import AddedToken

    for token, settings in tokens.items():
        flags = {name: settings.get(name) is True for name in _FLAGS}
        tokenizer.add_tokens([AddedToken(token, **flags)])
        found = tokenizer.token_to_id(token)
        if settings.get("id", found) != found:
            raise InputError(
                f"{source}: the id of the added token {token!r:.80} is {settings['id']}, but the "
                f"vocabulary gives it {found}. Use tokenizer files that belong together."
            )


def _read_if_any(source: str, name: str) -> Dict[str, Any]:
    path = os.path.join(source, name)
    if not os.path.exists(path):
        return {}
    advice = "Copy or download it again."
    return read_json_object(path, kind="a tokenizer's file", advice=advice)
