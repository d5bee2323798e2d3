"""The form of a tagger's training texts, which texts to predict are brought into."""

import logging
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from finetune.tasks.tagging.sentences import are_sentences
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.word_splits import WordSplit, learn_split

_log = logging.getLogger(__name__)


class TextForm(NamedTuple):
    """The form of the training texts.

    Attributes:
      word_split: How to split bare text into words like theirs; None if they were bare text.
      is_sentence: Whether each of them is one sentence.
    """

    word_split: Optional[WordSplit] = None
    is_sentence: bool = False

    def to_json(self) -> Mapping[str, Any]:
        """Returns the form as JSON values."""
        split = self.word_split.to_json() if self.word_split else {}
        return {**split, "texts_are_sentences": self.is_sentence}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "TextForm":
        """Returns the form that `to_json` returned; models trained earlier have no facts."""
        return cls(WordSplit.from_json(facts), bool(facts.get("texts_are_sentences")))


def learn_form(texts: Sequence[TaggedText]) -> TextForm:
    """Returns the form of the training texts."""
    words = [[text.word(i) for i in range(len(text.words))] for text in texts if text.is_joined]
    split = None
    if any(words):
        split, shares = learn_split(words)
        _log.info(
            "Bare text will be split into words with --word_split=%s, which reproduces the words "
            "of the training data best (%s)",
            split.how,
            ", ".join(f"{how} {share:.1%}" for how, share in shares.items()),
        )
    return TextForm(split, are_sentences(texts))
