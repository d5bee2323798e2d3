"""Split texts into words as in the Penn Treebank, in a graph; the results equal `penn_split`'s.

The words between two blanks follow each other without gaps, so they are known by their starts. A
place is the index of a character among all texts.

Shapes: N characters, C chunks between blanks, A active chunks.
"""

from typing import Callable, List, Tuple

import tensorflow.compat.v1 as tf

from finetune.models import code_points
from finetune.models.code_points import make_casefold_tables
from finetune.models.graph_tokenizer import Characters, has_trait, replaced
from finetune.tasks.tagging.graph_characters import following, in_ranges, is_one_of, previous
from finetune.tasks.tagging.penn_split import (
    BETWEEN_DIGITS,
    CJK_RANGES,
    EMOJI_RANGES,
    JOINER,
    MAX_ABBREVIATION,
    SKIN_TONES,
    PennRules,
    longest_of,
)

_Tensors = Tuple[tf.Tensor, ...]

# Patterns of the classes of characters: a letter, 0 digit, x other
_ACRONYM = r"a\.|(a{1,2}\.){2,}"
_ORDINAL, _SHORT_ORDINAL = r"0+\.", r"0{1,2}\."
_PERIOD_INSIDE = r".*\..+"
_ADDRESS = r"(?s)([wa]+://|www\.).*"  # w is the letter, a any other character of a word.


class GraphPennSplit:
    """Splits texts."""

    def __init__(self, characters: Characters, rules: PennRules):
        """Finds the chunks between blanks.

        Args:
          characters: The characters of texts, with a space after each text.
          rules: The rules of the training data.
        """
        self._characters, self._rules = characters, rules
        self._codes = characters.codes
        self._longest = longest_of(rules.words)
        words = sorted(rules.words) or [" "]
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant(words), tf.ones([len(words)], tf.int32)
        )
        self._table = tf.lookup.StaticHashTable(initializer, default_value=0)
        self._is_word = ~self._has(code_points.SYMBOL)
        self._is_blank = self._has(code_points.BLANK)
        self._make_marks()
        self._make_chunks()

    def _has(self, trait: int) -> tf.Tensor:
        return has_trait(self._characters.traits, trait)

    def _make_marks(self) -> None:
        """Finds where runs of equal characters and of attached characters begin and end."""
        attached = self._has(code_points.COMBINES) | is_one_of(self._codes, SKIN_TONES + JOINER)
        is_base = ~(attached | tf.equal(previous(self._codes, 0), ord(JOINER)))
        self._base_before, self._base_from = _nearest(is_base)
        is_first = tf.not_equal(self._codes, previous(self._codes, -1))
        self._run_start, next_run = _nearest(is_first)
        self._run_end = following(next_run, 0)
        size = tf.size(self._codes)
        self._run_end = tf.where_v2(tf.equal(tf.range(size), size - 1), size, self._run_end)

    def _make_chunks(self) -> None:
        begins = ~self._is_blank & previous(self._is_blank, True)
        ends = self._is_blank & ~previous(self._is_blank, True)
        self._starts, self._ends = (_places(each) for each in (begins, ends))  # [C]
        texts = tf.gather(self._characters.texts, self._starts)
        self._is_last = tf.not_equal(texts, following(texts, -1))
        is_line_end = tf.cast(tf.equal(self._codes, ord("\n")), tf.int32)
        num_lines = tf.cumsum(is_line_end, exclusive=True)
        at_start = tf.gather(num_lines, self._starts)
        is_later = at_start > previous(tf.gather(num_lines, self._ends), 0)
        self._begins_line = is_later | tf.not_equal(texts, previous(texts, -1))

    def word_starts(self) -> tf.Tensor:
        """Returns whether each character is the first of a word, bool [N]."""
        starts, first_marks = self._without_first_marks()
        ends, last_marks = self._without_last_marks(starts)
        cuts = [self._starts, first_marks, starts, last_marks, *self._cuts_inside(starts, ends)]
        places = tf.concat(cuts, axis=0)
        size = tf.size(self._codes)
        # At the end of a chunk is a blank.
        num_cuts = tf.math.bincount(places, minlength=size, maxlength=size)
        return (num_cuts > 0) & ~self._is_blank

    # Punctuation at the edges

    def _without_first_marks(self) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns the starts of the chunks without the marks before them, and of these marks."""

        def step(chunks: tf.Tensor, starts: tf.Tensor) -> _Tensors:
            ends = tf.gather(self._ends, chunks)
            goes_on = (starts < ends) & self._starts_with_mark(starts, ends)
            return goes_on, self._end_of_mark(starts, ends), starts

        return _strip(self._starts, step)

    def _without_last_marks(self, starts: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns the ends of the chunks without the marks behind them, and where these begin."""

        def step(chunks: tf.Tensor, ends: tf.Tensor) -> _Tensors:
            first = tf.gather(starts, chunks)
            goes_on = (first < ends) & self._ends_with_mark(chunks, first, ends)
            stops = self._start_of_mark(first, ends)
            return goes_on, stops, stops

        return _strip(self._ends, step)

    def _starts_with_mark(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        char = tf.gather(self._codes, starts)
        # Behind the start is at least the space after the text, unless the chunk is stripped.
        after = tf.minimum(starts + 1, tf.size(self._codes) - 1)
        is_sign = is_one_of(char, "-+.") & tf.gather(self._has(code_points.DIGIT), after)
        stays = is_one_of(char, self._rules.starts) | is_sign
        is_mark = ~tf.gather(self._is_word, starts) & ~self._is_listed(starts, ends)
        return is_mark & (tf.equal(ends, starts + 1) | ~stays)

    def _ends_with_mark(self, chunks: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        base = self._base_of_last(starts, ends)
        char = tf.gather(self._codes, base)
        is_word = tf.gather(self._is_word, base)
        before = tf.gather(self._codes, tf.maximum(base - 1, 0))
        is_period = tf.equal(char, ord(".")) & tf.not_equal(before, ord("."))
        stays = is_one_of(char, self._rules.ends) | self._is_listed(starts, ends)
        inside = tf.where_v2(is_period, ~self._keeps_period(chunks, starts, ends), ~stays)
        return ~is_word & (tf.equal(base, starts) | inside)

    def _keeps_period(self, chunks: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        """Returns whether the period belongs to the word; see `penn_split`."""
        longest = max(self._longest, MAX_ABBREVIATION)
        is_short = ends - starts <= longest
        classes = self._strings(self._classes(), starts, tf.where_v2(is_short, ends, starts))
        is_abbreviation = self._is_listed(starts, ends)
        if self._rules.acronyms:
            is_abbreviation |= tf.strings.regex_full_match(classes, _ACRONYM)
        at_end = is_abbreviation & tf.strings.regex_full_match(classes, _PERIOD_INSIDE)
        is_ordinal = tf.strings.regex_full_match(classes, _ORDINAL)
        is_number = tf.gather(self._begins_line, chunks) & (ends - starts <= 4) & is_ordinal
        if self._rules.ordinals:
            is_number |= tf.strings.regex_full_match(classes, _SHORT_ORDINAL)
        is_last = tf.gather(self._is_last, chunks)
        return is_short & tf.where_v2(is_last, at_end, is_number | is_abbreviation)

    def _end_of_mark(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        last = tf.size(self._codes) - 1
        stops = tf.minimum(tf.gather(self._run_end, tf.minimum(starts, last)), ends)
        further = tf.minimum(tf.gather(self._base_from, tf.minimum(stops, last)), ends)
        return tf.where_v2(stops < ends, further, stops)

    def _base_of_last(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        last = tf.maximum(ends - 1, 0)
        return tf.maximum(tf.gather(self._base_before, last), starts)

    def _start_of_mark(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        base = self._base_of_last(starts, ends)
        of_run = tf.maximum(tf.gather(self._run_start, base), starts)
        return tf.where_v2(tf.equal(base, ends - 1), of_run, base)

    # Inside

    def _cuts_inside(self, starts: tf.Tensor, ends: tf.Tensor) -> List[tf.Tensor]:
        """Returns the places inside chunks at which words begin."""
        is_address = tf.strings.regex_full_match(
            self._strings(self._address_classes(), starts, ends), _ADDRESS
        )
        is_open = (starts < ends) & ~self._is_listed(starts, ends) & ~is_address
        starts, ends = (tf.boolean_mask(each, is_open) for each in (starts, ends))
        ragged = _ranges(starts, ends)
        places, chunks = ragged.values, ragged.value_rowids()
        first, end = tf.gather(starts, chunks), tf.gather(ends, chunks)
        codes = tf.gather(self._codes, places)
        is_cjk, is_emoji = in_ranges(codes, CJK_RANGES), in_ranges(codes, EMOJI_RANGES)
        is_digit = self._has(code_points.DIGIT)
        in_number = is_one_of(self._codes, BETWEEN_DIGITS) & previous(is_digit, False)
        in_number &= following(is_digit, False)
        is_cut = is_one_of(codes, self._rules.cuts) & (first < places) & (places < end - 1)
        is_cut &= ~tf.gather(in_number, places)
        begins = tf.boolean_mask(places, is_cjk | is_emoji | is_cut)
        behind = tf.boolean_mask(places, is_cjk | is_cut) + 1
        behind_emoji = tf.boolean_mask(self._end_of_mark(places, end), is_emoji)
        is_apostrophe = is_one_of(codes, "'’")
        clitics = self._clitic_cuts(
            starts, ends, tf.boolean_mask(places, is_apostrophe),
            tf.boolean_mask(chunks, is_apostrophe),
        )  # fmt: skip
        return [begins, behind, behind_emoji, clitics]

    def _clitic_cuts(
        self, starts: tf.Tensor, ends: tf.Tensor, places: tf.Tensor, chunks: tf.Tensor
    ) -> tf.Tensor:
        """Returns the places at which clitics are cut off: "they|'d|'ve", "l'|homme".

        Args:
          starts: int32 [A], the start of each chunk.
          ends: int32 [A].
          places: The apostrophes in the chunks.
          chunks: The chunk of each.
        """
        num_chunks = tf.size(starts)
        counts = tf.math.bincount(chunks, minlength=num_chunks, maxlength=num_chunks)  # [A]
        behind = tf.cumsum(counts)  # [A], the number of the apostrophe behind a chunk's last one
        has_nt = "n't" in self._rules.words

        def step(number: tf.Tensor, ends: tf.Tensor, found: tf.Tensor) -> _Tensors:
            """Looks at the apostrophe of each chunk that has this number, from the right."""
            active = _places(counts > number)
            at = tf.gather(places, tf.gather(behind, active) - 1 - number)
            first, end = tf.gather(starts, active), tf.gather(ends, active)
            is_end = self._is_clitic(at, end)
            is_nt = tf.zeros_like(is_end)
            if has_nt:
                is_nt = ~is_end & (at - first > 1) & tf.equal(end, at + 2)
                is_nt &= is_one_of(tf.gather(self._codes, tf.maximum(at - 1, 0)), "nN")
                is_nt &= is_one_of(tf.gather(self._codes, at + 1), "tT")
            is_start = ~is_end & ~is_nt & self._is_clitic(first, at + 1)
            new_end = tf.where_v2(is_end, at, tf.where_v2(is_nt, at - 1, end))
            cut = tf.boolean_mask(new_end, is_end | is_nt)
            more = tf.concat([found, cut, tf.boolean_mask(at + 1, is_start)], axis=0)
            return number + 1, tf.tensor_scatter_nd_update(ends, active[:, None], new_end), more

        state = (tf.constant(0), ends, tf.zeros([0], tf.int32))
        shapes = (tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None]))
        most = tf.reduce_max(tf.concat([counts, [0]], axis=0))
        return tf.while_loop(lambda number, *_: number < most, step, state, shapes)[2]

    def _is_clitic(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        ends = tf.where_v2(ends - starts > self._longest, starts, ends)
        plain = tf.where_v2(tf.equal(self._codes, ord("’")), ord("'"), self._codes)
        ranges = _ranges(starts, ends)
        codes = tf.gather(plain, ranges.values)
        unused = tf.zeros_like(codes)
        folded = replaced(
            Characters(codes, unused, ranges.value_rowids(), unused), make_casefold_tables()
        )
        folded = tf.RaggedTensor.from_value_rowids(
            folded.codes, folded.texts, nrows=ranges.nrows(), validate=False
        )
        return self._is_in_table(ranges.with_values(codes)) | self._is_in_table(folded)

    # Words as strings

    def _is_listed(self, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        """Returns whether the text between places is one of the words of the rules."""
        ends = tf.where_v2(ends - starts > self._longest, starts, ends)
        ranges = _ranges(starts, ends)
        return self._is_in_table(ranges.with_values(tf.gather(self._codes, ranges.values)))

    def _is_in_table(self, codes: tf.RaggedTensor) -> tf.Tensor:
        return tf.equal(self._table.lookup(tf.strings.unicode_encode(codes, "UTF-8")), 1)

    @staticmethod
    def _strings(codes: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        ranges = _ranges(starts, ends)
        codes = tf.gather(codes, ranges.values)
        return tf.strings.unicode_encode(ranges.with_values(codes), "UTF-8")

    def _classes(self) -> tf.Tensor:
        """Returns the class of each character for `_ACRONYM` and the like, as a code point."""
        is_decimal = self._has(code_points.DECIMAL)
        is_letter = self._has(code_points.ALPHANUMERIC) & ~is_decimal
        others = tf.where_v2(is_one_of(self._codes, "."), ord("."), ord("x"))
        return tf.where_v2(is_letter, ord("a"), tf.where_v2(is_decimal, ord("0"), others))

    def _address_classes(self) -> tf.Tensor:
        """Returns the class of each character for `_ADDRESS`, as a code point."""
        is_word = self._has(code_points.ALPHANUMERIC) | is_one_of(self._codes, "_")
        others = tf.where_v2(is_one_of(self._codes, ":/."), self._codes, ord("x"))
        classes = tf.where_v2(is_word, ord("a"), others)
        return tf.where_v2(is_one_of(self._codes, "wW"), ord("w"), classes)


def _strip(
    edges: tf.Tensor, step: Callable[[tf.Tensor, tf.Tensor], _Tensors]
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Moves the edges of chunks as long as a function says so.

    Args:
      edges: int32 [C].
      step: From some chunks and their edges, returns whether each edge moves, where to, and the
        place to note if it does.

    Returns:
      The edges, int32 [C], and the places.
    """

    def body(
        chunks: tf.Tensor, edges: tf.Tensor, done: tf.Tensor, final: tf.Tensor, notes: tf.Tensor
    ) -> _Tensors:
        goes_on, moved, noted = step(chunks, edges)
        return (
            tf.boolean_mask(chunks, goes_on),
            tf.boolean_mask(moved, goes_on),
            tf.concat([done, tf.boolean_mask(chunks, ~goes_on)], axis=0),
            tf.concat([final, tf.boolean_mask(edges, ~goes_on)], axis=0),
            tf.concat([notes, tf.boolean_mask(noted, goes_on)], axis=0),
        )

    none = tf.zeros([0], tf.int32)
    state = (tf.range(tf.size(edges)), edges, none, none, none)
    shapes = (tf.TensorShape([None]),) * len(state)
    *_, done, final, notes = tf.while_loop(
        lambda chunks, *_: tf.size(chunks) > 0, body, state, shapes
    )
    return tf.scatter_nd(done[:, tf.newaxis], final, tf.shape(edges)), notes


def _places(mask: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.where(mask)[:, 0], tf.int32)


def _nearest(mask: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the nearest place at or before each one, and at or after it, where a mask is true.

    The results are 0 or N if there is none.
    """
    places, size = _places(mask), tf.size(mask)
    number = tf.cumsum(tf.cast(mask, tf.int32))
    before = tf.gather(tf.concat([[0], places], axis=0), number)
    after = tf.gather(tf.concat([places, [size]], axis=0), number - tf.cast(mask, tf.int32))
    return before, after


def _ranges(starts: tf.Tensor, ends: tf.Tensor) -> tf.RaggedTensor:
    return tf.ragged.range(starts, ends, row_splits_dtype=tf.int32)
