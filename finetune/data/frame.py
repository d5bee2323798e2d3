"""The special tokens around the texts of an input.

                BERT, DistilBERT, ELECTRA         RoBERTa, XLM-RoBERTa, CamemBERT
a single text:  [CLS] A [SEP]                     <s> A </s>
a pair:         [CLS] A [SEP] B [SEP]             <s> A </s></s> B </s>
segment ids:    1 for B and its [SEP], else 0     0
"""

import dataclasses
from typing import ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple

_BERT, _ROBERTA = ("[UNK]", "[CLS]", "[SEP]"), ("<unk>", "<s>", "</s>")
MIN_LENGTH = 3  # The length of a single text of one wordpiece, in all frames
MIN_PAIR_LENGTH = 5  # The length of a pair of one wordpiece each, in BERT's frame


def special_tokens(vocab: Mapping[str, int]) -> Tuple[str, ...]:
    """Returns the special tokens that a vocabulary must contain: unknown word, start and end."""
    return _ROBERTA if "<s>" in vocab and "[CLS]" not in vocab else _BERT


def single_room(max_seq_length: int) -> int:
    """Returns the maximum number of wordpieces of a single text, the same in all frames."""
    return max(0, max_seq_length - 2)


def pair_room(max_seq_length: int) -> int:
    """Returns the maximum number of wordpieces of a pair in BERT's frame (RoBERTa: one less)."""
    return max(0, max_seq_length - 3)


@dataclasses.dataclass(frozen=True)
class Frame:
    """Adds the special tokens to wordpiece ids.

    Attributes:
      cls_id: Id of the token before the first text.
      sep_id: Id of the token after each text.
      unknown_id: Id of the token for a word that the vocabulary cannot spell.
      num_between: Number of tokens between the texts of a pair.
      segment_of_b: Segment id of a pair's second text.
    """

    cls_id: int
    sep_id: int
    unknown_id: int
    num_between: int = 1
    segment_of_b: int = 1

    start_of_a: ClassVar[int] = 1  # Index of the first text's first wordpiece

    @classmethod
    def of(cls, vocab: Dict[str, int]) -> "Frame":
        """Returns the frame for a vocabulary that contains its `special_tokens`."""
        tokens = special_tokens(vocab)
        unknown_id, cls_id, sep_id = (vocab[token] for token in tokens)
        if tokens == _ROBERTA:
            return cls(cls_id, sep_id, unknown_id, num_between=2, segment_of_b=0)
        return cls(cls_id, sep_id, unknown_id)

    def num_special(self, is_pair: bool) -> int:
        """Returns the number of special tokens in an input."""
        return 2 + (self.num_between if is_pair else 0)

    def room(self, max_seq_length: int, is_pair: bool = False) -> int:
        """Returns the maximum number of wordpieces of the texts in an input."""
        return max(0, max_seq_length - self.num_special(is_pair))

    def min_length(self, is_pair: bool = False) -> int:
        """Returns the length of an input with one wordpiece per text."""
        return self.num_special(is_pair) + (2 if is_pair else 1)

    def build(self, a: Sequence[int], b: Optional[Sequence[int]] = None) -> Tuple[List[int], int]:
        """Returns an input's ids, and the index at which the second text starts.

        Without a second text, that index is the number of ids.
        """
        ids = [self.cls_id, *a, self.sep_id]
        if b is None:
            return ids, len(ids)
        ids += [self.sep_id] * (self.num_between - 1)
        return [*ids, *b, self.sep_id], len(ids)
