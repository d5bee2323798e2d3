"""What a tokenizer.json does: whether this toolkit's own tokenizer does the same.

transformers ignores the normaliser in the tokenizer.json of a BERT and makes one from
tokenizer_config.json, unless its tokenizer_class says that the tokenizer.json is all there is.
"""

from typing import Any, Dict, Mapping

# Classes of transformers (4 and 5) that take a tokenizer.json as it is.
_GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")
_BERT_TOKENS = frozenset(("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"))
# The keys of a BertNormalizer, by those of tokenizer_config.json, with the defaults of
# transformers' BertTokenizer.
_NORMALIZER = {
    "do_lower_case": ("lowercase", True),
    "strip_accents": ("strip_accents", None),
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
}


def is_generic(config: Mapping[str, Any]) -> bool:
    """Returns whether a tokenizer_config.json leaves everything to the tokenizer.json."""
    return config.get("tokenizer_class") in _GENERIC


def is_bert(parts: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Returns whether `tokenization.FullTokenizer` does what a tokenizer does.

    Args:
      parts: The content of its tokenizer.json.
      config: The content of its tokenizer_config.json; empty if there is none.
    """
    normalizer, model = _normalizer_of(parts, config), parts.get("model") or {}
    strips = normalizer.get("strip_accents")
    before = parts.get("pre_tokenizer") or {}
    return (
        model.get("type", "WordPiece") == "WordPiece"
        and model.get("continuing_subword_prefix", "##") == "##"
        and {token.get("content") for token in parts.get("added_tokens") or ()} <= _BERT_TOKENS
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text", True)
        and normalizer.get("handle_chinese_chars", True)
        and (strips is None or strips == normalizer.get("lowercase"))
        and (not is_generic(config) or before.get("type") == "BertPreTokenizer")
    )


def as_transformers_loads(parts: Mapping[str, Any], config: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns a tokenizer.json with the normaliser that transformers uses."""
    content = {**parts, "normalizer": _normalizer_of(parts, config) or None}
    if config and not is_generic(config):
        content["pre_tokenizer"] = {"type": "BertPreTokenizer"}
    return content


def settings_of(parts: Mapping[str, Any], config: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the content of the tokenizer_config.json for `tokenization.FullTokenizer`."""
    settings = dict(config)
    if not parts:
        return settings
    normalizer = _normalizer_of(parts, config)
    for ours, (theirs, _) in _NORMALIZER.items():
        if theirs in normalizer:
            settings[ours] = normalizer[theirs]
    if is_generic(config):
        del settings["tokenizer_class"]
    return settings


def _normalizer_of(parts: Mapping[str, Any], config: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the normaliser that transformers uses."""
    normalizer = dict(parts.get("normalizer") or {})
    if not config or is_generic(config):
        return normalizer
    settings = {theirs: config.get(ours, value) for ours, (theirs, value) in _NORMALIZER.items()}
    return {"type": "BertNormalizer", "clean_text": True, **settings}
