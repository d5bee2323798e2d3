"""Byte-level BPE and Unigram tokenizers, from the optional package `tokenizers`."""

from typing import Any, Dict, List

from finetune.util.errors import InputError
from tokenization import Token


class LibraryTokenizer:
    """The tokenizer of a tokenizer.json, with the interface of `tokenization.FullTokenizer`.

    Unlike BERT's, it does not treat the words of a text separately: the wordpieces of a word depend
    on the space before it.
    """

    def __init__(self, path: str):
        """Loads a tokenizer.json.

        Raises:
          InputError: The package is not installed, or the file is damaged.
        """
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise InputError(
                f"{path}: reading this model's tokenizer requires an optional package. Run: "
                "pip install -c constraints.txt -r requirements-tokenizers.txt"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_file(path)
        except Exception as error:  # The package raises nothing more specific.
            raise InputError(f"{path}: not a tokenizer ({error}). Download it again.") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.vocab: Dict[str, int] = self._tokenizer.get_vocab()

    def tokenize_to_ids(self, text: str) -> List[int]:
        """Returns the ids of the wordpieces of a text, without special tokens."""
        return self._encode(text).ids

    def tokenize_with_offsets(self, text: str) -> List[Token]:
        """Returns the wordpieces of a text, with half-open spans in its code points."""
        found = self._encode(text)
        pieces = map(self._tokenizer.id_to_token, found.ids)  # Not the text itself, if unknown
        return [Token(piece, *span) for piece, span in zip(pieces, found.offsets)]

    def _encode(self, text: str) -> Any:
        # The package rejects lone surrogates, which are not characters.
        if not text.isascii():
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._tokenizer.encode(text, add_special_tokens=False)
