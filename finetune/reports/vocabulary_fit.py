"""Find out whether a vocabulary fits the language of the texts, and which released model would."""

import collections
import itertools
import re
from typing import Iterable, List, Optional

from finetune.data.processor import Example
from finetune.data.tokenizer import Tokenizer

_MAX_ROWS = 1000
_MIN_WORDS = 100
# With the vocabulary of uncased English models, English texts have 1.06 to 1.16 wordpieces per
# word; French ones have 1.4, German ones 2.3.
_MANY_PIECES = 1.35
_MULTILINGUAL_TOKENS = 100_000  # A vocabulary of this size is for many languages.
# From the start of a word only: otherwise, a long word would take quadratic time.
_NO_PROSE = re.compile(r"(?<!\S)\S*(?:://|www\.|@)\S*|#\S+")
_LATIN_WORD = re.compile(r"(?<![\w'’-])[A-Za-z\u00c0-\u024f\u1e00-\u1eff]{2,}(?![\w'’-])")
_HAN = re.compile("[\u3400-\u9fff]")
_KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")


def sample(examples: Iterable[Example]) -> List[str]:
    """Returns the texts of the first rows."""
    return [text for row in itertools.islice(examples, _MAX_ROWS) for text in row.texts]


def pieces_per_word(texts: Iterable[str], tokenizer: Tokenizer) -> Optional[float]:
    """Returns the mean number of wordpieces of words in Latin script; None if there are few."""
    words = collections.Counter(
        word for text in texts for word in _LATIN_WORD.findall(_NO_PROSE.sub(" ", text))
    )
    if sum(words.values()) < _MIN_WORDS:
        return None
    # Byte-level tokenizers know words with the space before them.
    pieces = sum(len(tokenizer.tokenize_to_ids(f" {word}")) * n for word, n in words.items())
    return pieces / sum(words.values())


def fitting_model(texts: Iterable[str], tokenizer: Tokenizer) -> str:
    """Returns the command that installs a model for the language of texts.

    It is "" if the tokenizer's vocabulary is that of a model for many languages.
    """
    if len(tokenizer.vocab) >= _MULTILINGUAL_TOKENS:
        return ""
    joined = " ".join(texts)
    letters = sum(char.isalpha() for char in joined)
    is_chinese = 2 * len(_HAN.findall(joined)) > letters and not _KANA_OR_HANGUL.search(joined)
    name = "bert-base-chinese" if is_chinese else "bert-base-multilingual-cased"
    return f"`python prepare_model.py {name}`"


def problem_with_vocabulary(texts: List[str], tokenizer: Tokenizer) -> Optional[str]:
    """Returns a warning if most words of a language in Latin script are not in the vocabulary."""
    ratio = pieces_per_word(texts, tokenizer)
    command = fitting_model(texts, tokenizer)
    if ratio is None or ratio < _MANY_PIECES or not command:
        return None
    return (
        f"{ratio:.1f} wordpieces per word: the vocabulary seems to be for a different language or "
        f"domain. {command} installs a model for 104 languages"
    )
