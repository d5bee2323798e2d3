"""The interface of tokenizers: `tokenization.FullTokenizer` and `LibraryTokenizer` have it."""

from typing import Dict, List, Protocol

from tokenization import Token


class Tokenizer(Protocol):
    """Turns texts into wordpieces."""

    vocab: Dict[str, int]

    def tokenize_to_ids(self, text: str) -> List[int]:
        """Returns the ids of the wordpieces of a text, without special tokens."""

    def tokenize_with_offsets(self, text: str) -> List[Token]:
        """Returns the wordpieces of a text, with half-open spans in its code points."""
