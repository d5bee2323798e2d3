"""Read a Hugging Face tokenizer's settings and added tokens, and reject unsupported ones."""

import dataclasses
import os
from typing import Any, Dict, Iterable, List, Optional, Union

from finetune.models import names
from finetune.util.errors import InputError
from finetune.util.json_files import SchemaError, parse, read_json_object, shown
from finetune.util.plurals import count

_ADVICE = "Copy or download it again, or delete it if it does not belong to the model."


@dataclasses.dataclass(frozen=True)
class _AddedToken:
    content: str


_Token = Union[str, _AddedToken]


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """The settings of tokenizer_config.json and special_tokens_map.json that affect the tokens."""

    do_lower_case: Optional[bool] = None
    strip_accents: Optional[bool] = None
    tokenize_chinese_chars: Optional[bool] = None
    tokenizer_class: Optional[str] = None
    do_basic_tokenize: Optional[bool] = None
    never_split: Optional[List[str]] = None
    added_tokens_decoder: Optional[Dict[str, _AddedToken]] = None
    additional_special_tokens: Optional[List[_Token]] = None
    unk_token: Optional[_Token] = None
    sep_token: Optional[_Token] = None
    pad_token: Optional[_Token] = None
    cls_token: Optional[_Token] = None
    mask_token: Optional[_Token] = None
    max_input_chars_per_word: Optional[int] = None  # Up to this length, a word is split

    @property
    def extra_tokens(self) -> List[str]:
        """The tokens that are kept whole wherever they occur in a text."""
        tokens: List[_Token] = [*(self.added_tokens_decoder or {}).values()]
        return [_content(t) for t in (*tokens, *(self.additional_special_tokens or []))]


_CLASSES = (
    None,
    *("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"),
    *("BertTokenizerFast", "DistilBertTokenizerFast", "ElectraTokenizerFast"),
)
# The values of settings that `FullTokenizer` implements. strip_accents can also equal
# do_lower_case.
_SUPPORTED: Dict[str, tuple] = {
    "strip_accents": (None,),
    "tokenize_chinese_chars": (None, True),
    "tokenizer_class": _CLASSES,
    "do_basic_tokenize": (None, True),
    "unk_token": (None, "[UNK]"),
    "sep_token": (None, "[SEP]"),
    "pad_token": (None, "[PAD]"),
    "cls_token": (None, "[CLS]"),
    "mask_token": (None, "[MASK]"),
}
_BERT_TOKENS = frozenset(("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"))


def read(folder: str) -> TokenizerConfig:
    """Reads the tokenizer's files in a folder.

    Returns:
      The settings of tokenizer_config.json; defaults if there is no such file.

    Raises:
      InputError: A file is damaged, or has a setting or a token that `FullTokenizer` does not
        support.
    """
    path = os.path.join(folder, names.SPECIAL_TOKENS_MAP)
    _check(path, _read_config(path))
    path = os.path.join(folder, names.ADDED_TOKENS)
    _check_tokens(path, _read(path, Dict[str, int]) or {})
    path = os.path.join(folder, names.TOKENIZER_CONFIG)
    config = _read_config(path)
    _check(path, config)
    return config


def _read_config(path: str) -> TokenizerConfig:
    return _read(path, TokenizerConfig) or TokenizerConfig()


def _read(path: str, schema: Any) -> Any:
    if not os.path.exists(path):
        return None
    kind = "a tokenizer's configuration"
    content = read_json_object(path, kind=kind, advice=_ADVICE)
    try:
        return parse(content, schema)
    except SchemaError as error:
        raise InputError(f"{path}: not {kind} ({error}). {_ADVICE}") from error


def check_class(path: str, name: Any) -> None:
    """Raises `InputError` if a tokenizer_class of transformers is not that of a BERT."""
    _check(path, TokenizerConfig(tokenizer_class=name))


def _check(path: str, config: TokenizerConfig) -> None:
    for key, supported in _SUPPORTED.items():
        value = _content(getattr(config, key))
        if key == "strip_accents":
            supported = (*supported, config.do_lower_case)
        if value not in supported:
            raise InputError(
                f"{path}: {key} is {shown(value)}, which this toolkit's tokenizer does not support."
            )
    _check_tokens(path, config.extra_tokens)
    _check_tokens(path, config.never_split or (), key="never_split")


def _check_tokens(path: str, tokens: Iterable[str], key: str = "") -> None:
    """Raises `InputError` if there are tokens other than BERT's to keep whole."""
    extra = [token for token in dict.fromkeys(tokens) if token not in _BERT_TOKENS]
    if extra:
        others = f" and {count(len(extra) - 1, 'other token')}" if len(extra) > 1 else ""
        verb = f"{key} contains" if key else "adds"
        raise InputError(
            f"{path}: {verb} {shown(extra[0])}{others}, which this toolkit's tokenizer splits. "
            "If your texts do not contain such tokens, delete them from the file."
        )


def _content(token: Any) -> Any:
    return token.content if isinstance(token, _AddedToken) else token
