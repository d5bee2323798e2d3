"""The frame of an input: which special tokens stand around its texts, and how much fits between.

a single text:  [CLS] A [SEP]            segment ids 0 …
a pair:         [CLS] A [SEP] B [SEP]    segment ids 0 up to the first [SEP], then 1
"""

import dataclasses
from typing import Dict, List, Optional, Sequence, Tuple

SPECIAL_TOKENS = ("[UNK]", "[CLS]", "[SEP]")


@dataclasses.dataclass(frozen=True)
class Frame:
    """The frame of BERT's inputs.

    Attributes:
      first_id: Id of the token before the first text.
      end_id: Id of the token after each text.
      unknown_id: Id of a word that the vocabulary cannot spell.
    """

    first_id: int
    end_id: int
    unknown_id: int

    # Where the first text begins.
    start_of_a = 1

    @classmethod
    def of(cls, vocab: Dict[str, int]) -> "Frame":
        """Returns the frame of a vocabulary that has the `SPECIAL_TOKENS`."""
        return cls(vocab["[CLS]"], vocab["[SEP]"], vocab["[UNK]"])

    @staticmethod
    def num_special(is_pair: bool) -> int:
        """Returns how many special tokens an input has."""
        return 3 if is_pair else 2

    @classmethod
    def room(cls, max_seq_length: int, is_pair: bool = False) -> int:
        """Returns how many wordpieces of the texts fit into an input."""
        return max(0, max_seq_length - cls.num_special(is_pair))

    @classmethod
    def least_length(cls, is_pair: bool = False) -> int:
        """Returns the length of the shortest input that holds a wordpiece of each text."""
        return cls.num_special(is_pair) + (2 if is_pair else 1)

    def build(self, a: Sequence[int], b: Optional[Sequence[int]] = None) -> Tuple[List[int], int]:
        """Returns an input's ids, and where in them segment 1 begins (their number, without B)."""
        ids = [self.first_id, *a, self.end_id]
        start_of_b = len(ids)
        if b is not None:
            ids += [*b, self.end_id]
        return ids, start_of_b
