"""The options of reading a tagger's files."""

from typing import FrozenSet, NamedTuple, Optional, Sequence, Union

from finetune.tasks.tagging.word_splits import WordSplit


class TagFormat(NamedTuple):
    """How to read a file.

    Attributes:
      word_column: The column of the word in CoNLL columns: 1 is the first, -1 the last; None: to
        be detected.
      tag_column: The column of the tag; 0 if there is none; None: to be detected.
      word_split: How bare text is split into words: one of `WORD_SPLITS`, or with learnt rules.
      need_tags: Whether a text without tags is an error.
      is_of_columns: Whether the model was trained on columns.
      known_types: The types of entities that the model knows, if known.
      overlaps: How to treat spans that share words: one of `tagged_text.OVERLAPS`.
      labels: The tags, by the numbers that stand for them in JSON lines.
    """

    word_column: Optional[int] = None
    tag_column: Optional[int] = None
    word_split: Union[str, WordSplit] = "punctuation"
    need_tags: bool = True
    is_of_columns: bool = False
    known_types: FrozenSet[str] = frozenset()
    overlaps: str = "error"
    labels: Sequence[str] = ()

    @property
    def split(self) -> WordSplit:
        """How bare text is split into words."""
        return WordSplit(self.word_split) if isinstance(self.word_split, str) else self.word_split
