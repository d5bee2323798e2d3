"""Find the sentences of texts in a graph; the results equal those of `sentences.sentence_starts`.

Shapes: B texts, N characters of all texts, V words of all texts.
"""

import tensorflow.compat.v1 as tf

from finetune.models import code_points
from finetune.models.graph_tokenizer import Characters, has_trait
from finetune.tasks.tagging import sentences
from finetune.tasks.tagging.graph_characters import following, in_ranges, is_one_of, previous
from finetune.tasks.tagging.graph_entities import GraphWords
from finetune.tasks.tagging.word_splits import UNSPACED_RANGES

_PERIOD, _RETURN, _NEWLINE = map(ord, ".\r\n")


class GraphSentences:
    """The sentences of texts that are split into words.

    Attributes:
      is_first: bool [V], whether each word is the first of its text.
    """

    def __init__(self, characters: Characters, text_starts: tf.Tensor, words: GraphWords):
        """Stores the texts.

        Args:
          characters: Their characters, with a space after each text.
          text_starts: int32 [B], the place of each text's first character.
          words: Their words.
        """
        self._characters = characters
        self._num_texts = tf.size(text_starts)
        shift = tf.gather(text_starts, words.texts)
        self._starts, self._ends = shift + words.starts, shift + words.ends  # [V], places
        self._texts = words.texts
        self.is_first = tf.not_equal(words.texts, previous(words.texts, -1))  # In its text
        # No gap is before a word that follows the one before immediately.
        touches = tf.equal(self._starts, previous(self._ends, -1))
        self._gap_before = ~touches | self.is_first  # [V]

    def starts(self) -> tf.Tensor:
        """Returns whether a sentence starts at each word, bool [V]."""
        is_end = self._consists_of(sentences.END)
        closes = self._closes()
        # The last word before each that does not close a quotation decides.
        stays = ~closes | self.is_first
        places = tf.cast(tf.where(stays)[:, 0], tf.int32)
        number = tf.cumsum(tf.cast(stays, tf.int32), exclusive=True)  # [V]
        last = tf.gather(tf.concat([[0], places], axis=0), number)
        ended = tf.gather(is_end, last) & ~self.is_first
        is_lower = has_trait(tf.gather(self._characters.traits, self._starts), code_points.LOWER)
        is_period = tf.equal(self._ends - self._starts, 1) & tf.equal(
            tf.gather(self._characters.codes, self._starts), _PERIOD
        )
        after_gap = self._gap_before | ~previous(is_period, False)
        begins = ~(is_lower | is_end | closes) & after_gap
        return self.is_first | self._separated(is_lower) | (ended & begins)

    def _consists_of(self, chars: str) -> tf.Tensor:
        """Returns whether all characters of each word are among some, bool [V]."""
        is_one = tf.cast(is_one_of(self._characters.codes, chars), tf.int32)
        before = tf.concat([[0], tf.cumsum(is_one)], axis=0)
        found = tf.gather(before, self._ends) - tf.gather(before, self._starts)
        return tf.equal(found, self._ends - self._starts)

    def _closes(self) -> tf.Tensor:
        """Returns whether each word closes a quotation or brackets that the word before is in."""
        is_closing = self._consists_of(sentences.CLOSING)
        is_other = self._consists_of(sentences.OTHER_QUOTES)
        is_other &= tf.equal(self._ends - self._starts, 1)
        next_gap = tf.concat([self._gap_before[1:], [True]], axis=0)[: tf.size(is_other)]
        next_closing = tf.concat([is_closing[1:], [False]], axis=0)[: tf.size(is_other)]
        return ~self._gap_before & (is_closing | (is_other & (next_gap | next_closing)))

    def _separated(self, is_lower: tf.Tensor) -> tf.Tensor:
        """Returns whether each word begins a line that does not continue the one before."""
        codes, traits = self._characters.codes, self._characters.traits
        ends_line = has_trait(traits, code_points.LINE_END)
        ends_line &= ~(tf.equal(codes, _RETURN) & tf.equal(following(codes, 0), _NEWLINE))
        starts_line = previous(ends_line, True) | tf.equal(self._characters.sources, 0)
        line = tf.cumsum(tf.cast(starts_line, tf.int32)) - 1  # [N], from 0
        line_starts = tf.cast(tf.where(starts_line)[:, 0], tf.int32)
        fill = tf.range(1, tf.size(codes) + 1) - tf.gather(line_starts, line)  # [N]
        is_blank = has_trait(traits, code_points.BLANK)
        widths = tf.math.unsorted_segment_max(
            tf.where_v2(is_blank, 0, fill), self._characters.texts, self._num_texts
        )
        width = tf.gather(widths, self._texts)  # [V]
        blanks = tf.cast(tf.where(is_blank)[:, 0], tf.int32)
        num_blanks = tf.cumsum(tf.cast(is_blank, tf.int32), exclusive=True)
        next_blank = tf.gather(blanks, tf.gather(num_blanks, self._starts))
        last = tf.maximum(previous(self._ends, 1) - 1, 0)  # The last place of the word before
        breaks = tf.gather(line, self._starts) - tf.gather(line, last)
        length = tf.gather(fill, last)
        fits = length + 1 + next_blank - self._starts <= tf.maximum(sentences.MIN_WIDTH, width)
        least = tf.cast(tf.maximum(sentences.MIN_WIDTH // 2, width), tf.float64)
        is_short = tf.cast(length, tf.float64) < sentences.MIN_FILL * least
        ends_short = tf.where_v2(
            in_ranges(tf.gather(codes, self._starts), UNSPACED_RANGES), is_short, fits
        )
        return (breaks > 1) | (tf.equal(breaks, 1) & ~is_lower & ends_short)
