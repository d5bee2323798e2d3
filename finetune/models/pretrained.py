"""The pretrained model's files: vocabulary, configuration, case; and whether they fit together."""

import dataclasses
import json
import os
from typing import Dict, Iterable, Optional, Tuple

import modeling
from finetune.data.frame import SPECIAL_TOKENS, Frame
from finetune.util.errors import InputError, value_errors_are_the_users
from tokenization import FullTokenizer

# Embedding tables are often padded with unused rows, to a multiple of this at the most.
_MAX_PADDING = 128
# What tokenizer_config.json may say; strip_accents may also be what do_lower_case is.
_TOKENIZER_SETTINGS = {
    "strip_accents": (None,),
    "tokenize_chinese_chars": (None, True),
    "tokenizer_class": (None, "BertTokenizer", "BertTokenizerFast"),
}


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A model's configuration and tokenizer, checked against each other."""

    bert_config: modeling.BertConfig
    tokenizer: FullTokenizer
    do_lower_case: bool
    vocab_file: str
    bert_config_file: str

    @property
    def frame(self) -> Frame:
        """The frame of the model's inputs."""
        return Frame.of(self.tokenizer.vocab)


def load(
    vocab_file: str, bert_config_file: str, do_lower_case: Optional[bool] = None
) -> Pretrained:
    """Loads a model's vocabulary and configuration.

    Args:
      vocab_file: Path of vocab.txt.
      bert_config_file: Path of bert_config.json.
      do_lower_case: What the user says of the case; None to take it from the model.

    Raises:
      InputError: A file cannot be read, they do not fit together, or `do_lower_case` contradicts
        the model.
    """
    with value_errors_are_the_users():
        bert_config = modeling.BertConfig.from_json_file(bert_config_file)
        tokenizer = FullTokenizer(vocab_file)
    check_vocabulary(tokenizer.vocab, bert_config, vocab_file)
    lower = resolve_case(vocab_file, tokenizer.vocab, do_lower_case)
    tokenizer.basic_tokenizer.do_lower_case = lower
    return Pretrained(bert_config, tokenizer, lower, vocab_file, bert_config_file)


def check_vocabulary(
    vocab: Dict[str, int], bert_config: modeling.BertConfig, vocab_file: str
) -> None:
    """Raises `InputError` if the vocabulary lacks special tokens or is not of the model's size."""
    missing = [token for token in SPECIAL_TOKENS if token not in vocab]
    if missing:
        raise InputError(
            f"{vocab_file}: {', '.join(missing)} missing; expected a BERT vocabulary, one token a "
            "line."
        )
    num_tokens = max(vocab.values()) + 1
    if not bert_config.vocab_size - _MAX_PADDING < num_tokens <= bert_config.vocab_size:
        raise InputError(
            f"{vocab_file}: {num_tokens} tokens, but the model's vocab_size is "
            f"{bert_config.vocab_size}. Give the vocab.txt that belongs to bert_config.json."
        )


def resolve_case(vocab_file: str, vocab: Iterable[str], asked: Optional[bool]) -> bool:
    """Returns whether the model's text is lower-cased, as far as `known_case`, or else as asked.

    Raises:
      InputError: `asked` contradicts what is known, or nothing is known or asked.
    """
    known, source = known_case(vocab_file, vocab)
    if known is None and asked is None:
        raise InputError(
            f"{vocab_file}: whether the model is cased cannot be told from its vocabulary. "
            "Give --do_lower_case=true or --do_lower_case=false."
        )
    if None not in (known, asked) and known != asked:
        raise InputError(
            f"--do_lower_case={str(asked).lower()} contradicts the model: by {source}, "
            f"{vocab_file} is {'lower-cased' if known else 'cased'}. Leave the flag out, or give "
            f"--do_lower_case={str(known).lower()}."
        )
    return asked if known is None else known


def known_case(vocab_file: str, vocab: Iterable[str]) -> Tuple[Optional[bool], str]:
    """Returns whether a model is known to be lower-cased, and by what.

    Known from `tokenizer_config.json` beside the vocabulary (Hugging Face's form), or from the
    vocabulary: a cased one has many tokens with capitals, a lower-cased one none. None if neither
    tells.
    """
    known, path = _case_of_tokenizer_config(vocab_file)
    return (known, path) if known is not None else (_case_of_vocabulary(vocab), "its tokens")


def _case_of_tokenizer_config(vocab_file: str) -> Tuple[Optional[bool], str]:
    path = os.path.join(os.path.dirname(vocab_file), "tokenizer_config.json")
    if not os.path.exists(path):
        return None, path
    try:
        with open(path, encoding="utf-8") as reader:
            settings = dict(json.load(reader))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not a JSON object ({error}).") from error
    value = settings.get("do_lower_case")
    for key, allowed in _TOKENIZER_SETTINGS.items():
        if settings.get(key) not in (*allowed, *([value] if key == "strip_accents" else [])):
            raise InputError(
                f"{path}: {key} is {settings[key]!r}: a tokenizer that this toolkit does not have."
            )
    return (value if isinstance(value, bool) else None), path


def _case_of_vocabulary(vocab: Iterable[str]) -> Optional[bool]:
    words = [token for token in vocab if token.isascii() and token[:1] not in ("[", "<")]
    lower = sum(token != token.upper() for token in words)
    capitals = sum(token != token.lower() for token in words)
    if capitals > 0.02 * lower:
        return False
    return True if lower and not capitals else None
