"""Split texts into words, and find entities in words' labels, in a graph.

The results equal those of `word_splits`, `tags` and `predictions`.

Shapes: B texts, N characters of all texts, V words of all texts, E entities.
"""

from typing import Dict, NamedTuple, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.models import code_points
from finetune.models.graph_tokenizer import Characters, cleaned, has_trait, split_words
from finetune.tasks.tagging.graph_characters import previous
from finetune.tasks.tagging.graph_penn_split import GraphPennSplit
from finetune.tasks.tagging.tags import IOBES_LETTERS, split_tag
from finetune.tasks.tagging.word_splits import WordSplit


class GraphWords(NamedTuple):
    """The words of texts, int32 [V] each.

    Attributes:
      texts: The text of each.
      starts: Offset of its first code point in the text.
      ends: Offset after its last code point.
    """

    texts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor


def words_of(characters: Characters, split: WordSplit) -> GraphWords:
    """Returns the words of texts; see `WordSplit.split`.

    Args:
      characters: The characters, with a space after each text.
      split: How to split them.
    """
    if split.how == "punctuation":
        kept, bounds = split_words(cleaned(characters))
        firsts, lasts = bounds[:-1], bounds[1:] - 1
    else:
        is_blank = has_trait(characters.traits, code_points.BLANK)
        kept = characters.masked(~is_blank)
        if split.how == "penn":
            begins = GraphPennSplit(characters, split.rules).word_starts()
        elif split.how == "whitespace":
            begins = previous(is_blank, True)
        else:
            begins = tf.ones_like(is_blank)
        firsts = tf.cast(tf.where(tf.boolean_mask(begins, ~is_blank))[:, 0], tf.int32)
        lasts = tf.concat([firsts[1:], [tf.size(kept.codes)]], axis=0)[: tf.size(firsts)] - 1
    return GraphWords(
        texts=tf.gather(kept.texts, firsts),
        starts=tf.gather(kept.sources, firsts),
        ends=tf.gather(kept.sources, lasts) + 1,
    )


def substrings(
    characters: Characters, text_starts: tf.Tensor, spans: GraphWords
) -> tf.RaggedTensor:
    """Returns the code points of spans of texts: ragged int32 [spans, (code points)].

    Args:
      characters: The characters, with a space after each text.
      text_starts: int32 [B], the place of each text's first character.
      spans: The spans.
    """
    shift = tf.gather(text_starts, spans.texts)
    places = tf.ragged.range(shift + spans.starts, shift + spans.ends, row_splits_dtype=tf.int32)
    return places.with_values(tf.gather(characters.codes, places.values))


class GraphEntities(NamedTuple):
    """The entities of texts, [E] each, in order.

    Attributes:
      types: string.
      spans: Where they are.
      scores: float64, the mean probability of the labels of their words.
    """

    types: tf.Tensor
    spans: GraphWords
    scores: tf.Tensor


def entities_of(
    words: GraphWords, labels: Sequence[str], label_ids: tf.Tensor, probabilities: tf.Tensor
) -> GraphEntities:
    """Returns the entities that labels mark; see `tags.spans_of`.

    Args:
      words: The words.
      labels: The label list, in any scheme.
      label_ids: int32 [V].
      probabilities: float32 [V].
    """
    table = _label_table(labels)
    kinds = tf.gather(tf.constant(table.kinds), label_ids)  # [V]
    inside, continues, begins = (
        tf.gather(tf.constant(column), label_ids)
        for column in (table.is_inside, table.continues, table.begins)
    )
    # A word that begins no entity continues the one before, if that has its type and is not closed.
    goes_on = ~begins[1:] & continues[:-1] & tf.equal(kinds[1:], kinds[:-1])
    goes_on &= tf.equal(words.texts[1:], words.texts[:-1])
    goes_on = tf.concat([[False], goes_on], axis=0)[: tf.size(label_ids)]
    is_first = tf.boolean_mask(~goes_on, inside)
    number = tf.cumsum(tf.cast(is_first, tf.int32)) - 1  # The entity of each word in one
    place = tf.cast(tf.where(inside)[:, 0], tf.int32)
    firsts = tf.boolean_mask(place, is_first)  # [E]
    lasts = tf.math.segment_max(place, number)  # [E]
    exact = tf.cast(tf.boolean_mask(probabilities, inside), tf.float64)
    return GraphEntities(
        types=tf.gather(tf.constant(table.types), tf.gather(kinds, firsts)),
        spans=GraphWords(
            texts=tf.gather(words.texts, firsts),
            starts=tf.gather(words.starts, firsts),
            ends=tf.gather(words.ends, lasts),
        ),
        scores=tf.math.segment_mean(exact, number),
    )


class _LabelTable(NamedTuple):
    """What each label says, [L] each.

    Attributes:
      types: The types, of which `kinds` are the numbers.
      kinds: int32.
      is_inside: Whether a word with the label is part of an entity.
      continues: Whether the next word can be part of the same entity.
      begins: Whether the label always begins an entity.
    """

    types: Sequence[str]
    kinds: np.ndarray
    is_inside: np.ndarray
    continues: np.ndarray
    begins: np.ndarray


def _label_table(labels: Sequence[str]) -> _LabelTable:
    parts = [split_tag(label) for label in labels]
    letters = [IOBES_LETTERS.get(letter, letter) for letter, _ in parts]
    numbers: Dict[str, int] = {}
    kinds = [numbers.setdefault(kind, len(numbers)) for _, kind in parts]
    return _LabelTable(
        types=list(numbers),
        kinds=np.array(kinds, np.int32),
        is_inside=np.array([letter != "O" for letter in letters]),
        continues=np.array([letter in "BI" for letter in letters]),
        begins=np.array([letter in "BSO" for letter in letters]),
    )
