"""Load a pretrained model's vocabulary and configuration, and check them against each other."""

import dataclasses
import os
from typing import Any, Dict, Iterable, Optional, Tuple, Union

import modeling
from finetune.data.frame import Frame, special_tokens
from finetune.models import names, tokenizer_files
from finetune.models.library_tokenizer import LibraryTokenizer
from finetune.util.errors import InputError, as_input_errors
from finetune.util.files import check_not_special
from tokenization import FullTokenizer, VocabularyError, load_vocab

# Embedding tables are often padded with unused rows to a multiple of a number, at most this one.
_MAX_PADDING = 128
# A vocabulary is cased if the number of tokens with capitals exceeds this share of those with
# lower-case letters.
_CASED_SHARE = 0.02
_LONGEST_WORD = 200  # Google's number of characters up to which a word is split


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A model's configuration and tokenizer, checked against each other."""

    bert_config: modeling.BertConfig
    tokenizer: Union[FullTokenizer, LibraryTokenizer]
    do_lower_case: bool
    vocab_file: str
    bert_config_file: str

    @property
    def frame(self) -> Frame:
        """The frame of the model's inputs."""
        return Frame.of(self.tokenizer.vocab)

    @property
    def tokenizer_settings(self) -> Dict[str, Any]:
        """The content of the tokenizer_config.json that belongs to the model."""
        settings: Dict[str, Any] = {"do_lower_case": self.do_lower_case}
        if isinstance(self.tokenizer, LibraryTokenizer):
            return {}
        longest = self.tokenizer.wordpiece_tokenizer.max_input_chars_per_word
        if longest != _LONGEST_WORD:
            settings[names.LONGEST_WORD] = longest
        return settings


def load(
    vocab_file: str, bert_config_file: str, do_lower_case: Optional[bool] = None
) -> Pretrained:
    """Loads a model's vocabulary and configuration.

    Args:
      vocab_file: Path of vocab.txt, or of tokenizer.json if the tokenizer is not BERT's.
      bert_config_file: Path of bert_config.json.
      do_lower_case: Whether the model is uncased, according to the user; None to detect it.

    Raises:
      InputError: A file cannot be read, the files do not belong together, or `do_lower_case`
        contradicts the model.
    """
    for path in (vocab_file, bert_config_file):
        check_not_special(path)
    with as_input_errors(modeling.ConfigError, VocabularyError):
        bert_config = modeling.BertConfig.from_json_file(bert_config_file)
        if vocab_file.endswith(".json"):
            return _load_with_library(vocab_file, bert_config_file, bert_config, do_lower_case)
        tokenizer = FullTokenizer(vocab_file)
    check_vocabulary(tokenizer.vocab, bert_config, vocab_file)
    longest = tokenizer_files.read(os.path.dirname(vocab_file)).max_input_chars_per_word
    if longest is not None:
        tokenizer.wordpiece_tokenizer.max_input_chars_per_word = longest
    lower = resolve_case(vocab_file, tokenizer.vocab, do_lower_case)
    tokenizer.basic_tokenizer.do_lower_case = lower
    return Pretrained(bert_config, tokenizer, lower, vocab_file, bert_config_file)


def _load_with_library(
    path: str, bert_config_file: str, bert_config: modeling.BertConfig, lower: Optional[bool]
) -> Pretrained:
    if lower:
        raise InputError(f"--do_lower_case=true: {path} determines the case. Omit the flag.")
    tokenizer = LibraryTokenizer(path)
    check_vocabulary(tokenizer.vocab, bert_config, path)
    return Pretrained(bert_config, tokenizer, False, path, bert_config_file)


def check_vocabulary(
    vocab: Dict[str, int], bert_config: modeling.BertConfig, vocab_file: str
) -> None:
    """Raises `InputError` if the vocabulary lacks special tokens or does not fit the model."""
    missing = [token for token in special_tokens(vocab) if token not in vocab]
    if missing:
        raise InputError(
            f"{vocab_file}: {', '.join(missing)} missing; expected a BERT vocabulary, one token "
            "per line, or the tokenizer.json of a RoBERTa model."
        )
    # RoBERTa's positions start after the id of <pad>, and a token of that id has none.
    last_unused = bert_config.position_offset - 1
    if last_unused >= 0 and vocab.get("<pad>", last_unused) != last_unused:
        raise InputError(
            f"{vocab_file}: the id of <pad> is {vocab['<pad>']}, but the model's pad_token_id is "
            f"{last_unused}. Use the tokenizer that belongs to the model."
        )
    num_tokens = max(vocab.values()) + 1
    if not bert_config.vocab_size - _MAX_PADDING < num_tokens <= bert_config.vocab_size:
        raise InputError(
            f"{vocab_file}: {num_tokens} tokens, but the model's vocab_size is "
            f"{bert_config.vocab_size}. Use the {names.VOCABULARY} that belongs to "
            f"{names.BERT_CONFIG}."
        )


def vocabulary_in(folder: str) -> str:
    """Returns the path of the vocabulary in a model's folder: vocab.txt or tokenizer.json."""
    tokenizer = os.path.join(folder, names.TOKENIZER)
    vocabulary = os.path.join(folder, names.VOCABULARY)
    return vocabulary if os.path.exists(vocabulary) or not os.path.exists(tokenizer) else tokenizer


def describe_vocabulary(vocab_file: str, bert_config: modeling.BertConfig) -> Tuple[int, str]:
    """Checks a vocabulary; returns its number of tokens, and whether it is cased, in words."""
    if vocab_file.endswith(".json"):
        vocab = LibraryTokenizer(vocab_file).vocab
        check_vocabulary(vocab, bert_config, vocab_file)
        return len(vocab), "cased"
    with as_input_errors(VocabularyError):
        vocab = load_vocab(vocab_file)
    check_vocabulary(vocab, bert_config, vocab_file)
    lower_case, _ = detect_case(vocab_file, vocab)
    words = {True: "uncased", False: "cased", None: "of unknown case"}
    return len(vocab), words[lower_case]


def resolve_case(vocab_file: str, vocab: Iterable[str], requested: Optional[bool]) -> bool:
    """Returns whether to lower-case text, as the model requires or, if unknown, as requested.

    Raises:
      InputError: `requested` contradicts the model, or neither is known.
    """
    detected, source = detect_case(vocab_file, vocab)
    if detected is None:
        if requested is None:
            raise InputError(
                f"{vocab_file}: the vocabulary does not show whether the model is cased. "
                "Set --do_lower_case=true or --do_lower_case=false."
            )
        return requested
    if requested is not None and requested != detected:
        raise InputError(
            f"--do_lower_case={str(requested).lower()} contradicts the model: according to "
            f"{source}, {vocab_file} is {'uncased' if detected else 'cased'}. Omit the flag, "
            f"or set --do_lower_case={str(detected).lower()}."
        )
    return detected


def detect_case(vocab_file: str, vocab: Iterable[str]) -> Tuple[Optional[bool], str]:
    """Detects whether a model is uncased.

    If there is a `tokenizer_config.json` beside the vocabulary (Hugging Face's format), its
    `do_lower_case` decides. Otherwise, the vocabulary does: a cased one has many tokens with
    capitals, an uncased one has none.

    Returns:
      Whether the model is uncased, or None if unknown; and the source, for messages.
    """
    detected, path = _case_of_tokenizer_config(vocab_file)
    return (detected, path) if detected is not None else (_case_of_vocabulary(vocab), "its tokens")


def _case_of_tokenizer_config(vocab_file: str) -> Tuple[Optional[bool], str]:
    folder = os.path.dirname(vocab_file)
    lower_case = tokenizer_files.read(folder).do_lower_case
    return lower_case, os.path.join(folder, names.TOKENIZER_CONFIG)


def _case_of_vocabulary(vocab: Iterable[str]) -> Optional[bool]:
    words = [token for token in vocab if token.isascii() and token[:1] not in ("[", "<")]
    num_lower = sum(token != token.upper() for token in words)
    num_capital = sum(token != token.lower() for token in words)
    if num_capital > _CASED_SHARE * num_lower:
        return False
    return True if num_lower and not num_capital else None
