"""BERT's tokenizer as part of a TensorFlow graph.

TensorFlow Text's own BERT tokenizers differ from ours in many characters. This one looks up each
code point in tables made from ours (see `code_points`); only wordpieces are TensorFlow Text's.

All texts of a batch are processed as one flat array, in which a space follows each text.

Shapes: B texts, N code points or characters, W words, P wordpieces.
"""

from typing import Dict, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.models import code_points
from finetune.models.code_points import PAGE_BITS, CodePoints, PagedTable
from finetune.util.errors import InputError
from tokenization import FullTokenizer

_SPACE = 0x20
_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2
_MAX_BYTES_PER_CODE_POINT = 4


class Characters(NamedTuple):
    """Characters of texts, int32 [N] each.

    Attributes:
      codes: Their code points.
      traits: The bits of `code_points` for them.
      texts: The number of the text that contains each.
      sources: The index of each in its text, in code points.
    """

    codes: tf.Tensor
    traits: tf.Tensor
    texts: tf.Tensor
    sources: tf.Tensor

    def masked(self, mask: tf.Tensor) -> "Characters":
        """Returns those for which a mask, bool [N], is true."""
        return Characters(*(tf.boolean_mask(values, mask) for values in self))

    def gathered(self, indices: tf.Tensor) -> "Characters":
        """Returns those at the given indices."""
        return Characters(*(tf.gather(values, indices) for values in self))


class GraphPieces(NamedTuple):
    """The wordpieces of texts, in order: int32 [P] each, unless noted.

    Attributes:
      ids: Their ids.
      texts: The number of the text that contains each.
      starts: Index of the first code point of the text that each was made from.
      ends: Index after the last one.
      lengths: Number of wordpieces in each text, int32 [B].
    """

    ids: tf.Tensor
    texts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    lengths: tf.Tensor


class GraphTokenizer:
    """Adds the operations of a tokenizer to the default graph."""

    def __init__(self, tokenizer: FullTokenizer):
        """Makes the tables.

        Raises:
          InputError: TensorFlow Text is not installed.
        """
        try:
            from tensorflow_text import WordpieceTokenizer
        except ImportError as error:
            raise InputError(
                "A tokenizer in the graph requires an optional package. Run: "
                "pip install -c constraints.txt -r requirements-export.txt"
            ) from error
        self._tables = code_points.make_tables(bool(tokenizer.basic_tokenizer.do_lower_case))
        self._lower_case = bool(tokenizer.basic_tokenizer.do_lower_case)
        self._longest_word = tokenizer.wordpiece_tokenizer.max_input_chars_per_word
        self._unknown_id = tokenizer.vocab[tokenizer.wordpiece_tokenizer.unk_token]
        self._piece_lengths = _piece_lengths(tokenizer.vocab)
        keys, ids = list(tokenizer.vocab), list(tokenizer.vocab.values())
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant(keys), tf.constant(ids, tf.int64)
        )
        self._wordpieces = WordpieceTokenizer(
            tf.lookup.StaticHashTable(initializer, default_value=-1),
            unknown_token=tokenizer.wordpiece_tokenizer.unk_token,
            max_bytes_per_word=_MAX_BYTES_PER_CODE_POINT * self._longest_word,
            token_out_type=tf.int64,
        )

    def decode(self, texts: tf.Tensor) -> Characters:
        """Returns the characters of texts, string [B] in UTF-8, with a space after each text.

        Invalid bytes are dropped.
        """
        return _decode(texts, self._tables.traits)

    def tokenize(self, texts: tf.Tensor) -> GraphPieces:
        """Returns the wordpieces of texts, string [B] in UTF-8."""
        with tf.name_scope("tokenizer"):
            return self.tokenize_characters(self.decode(texts), tf.size(texts))

    def tokenize_codes(self, codes: tf.RaggedTensor) -> GraphPieces:
        """Returns the wordpieces of texts, given as code points, ragged int32 [B, (codes)]."""
        return self.tokenize_characters(_separated(codes, self._tables.traits), codes.nrows())

    def tokenize_characters(self, characters: Characters, num_texts: tf.Tensor) -> GraphPieces:
        """Returns the wordpieces of decoded texts, with a space after each; see `decode`."""
        characters = cleaned(characters)
        if self._lower_case:
            characters = self._lowered(characters)
        return self._pieces(*split_words(characters), num_texts)

    def _lowered(self, characters: Characters) -> Characters:
        """Lower-cases characters and strips their accents."""
        codes = _with_final_sigmas(characters)
        characters = replaced(characters._replace(codes=codes), self._tables)
        characters = _in_canonical_order(characters)
        return characters.masked(~has_trait(characters.traits, code_points.MARK))

    def _pieces(
        self, characters: Characters, word_starts: tf.Tensor, num_texts: tf.Tensor
    ) -> GraphPieces:
        """Returns the wordpieces of words.

        Args:
          characters: The characters of all words.
          word_starts: int32 [W + 1]; word w is [word_starts[w], word_starts[w + 1]).
          num_texts: B.
        """
        lengths = word_starts[1:] - word_starts[:-1]  # [W]
        ragged = tf.RaggedTensor.from_row_splits(characters.codes, word_starts, validate=False)
        words = tf.strings.unicode_encode(ragged, "UTF-8")  # [W]
        # Most words recur, and looking up wordpieces is slow.
        different, which = tf.unique(words)
        of_different = self._wordpieces.tokenize(different).with_row_splits_dtype(tf.int32)
        pieces = tf.gather(of_different, which)  # [W, (pieces)]
        unknown = tf.fill([tf.size(lengths), 1], tf.constant(self._unknown_id, tf.int64))
        too_long = lengths > self._longest_word
        pieces = tf.ragged.boolean_mask(
            tf.concat([pieces, unknown], axis=1),
            _either(too_long, of_first=pieces.row_lengths()),
        )
        return self._located(pieces, characters, word_starts, num_texts)

    def _located(
        self,
        pieces: tf.RaggedTensor,
        characters: Characters,
        word_starts: tf.Tensor,
        num_texts: tf.Tensor,
    ) -> GraphPieces:
        """Returns the wordpieces of words, int64 [W, (pieces)], with their spans."""
        ids = tf.cast(pieces.values, tf.int32)  # [P]
        words = pieces.value_rowids()  # [P]
        sizes = tf.gather(tf.constant(self._piece_lengths), ids)  # [P]
        word_sizes = tf.gather(word_starts[1:] - word_starts[:-1], words)  # [P]
        # An unknown word is one piece.
        sizes = tf.where_v2(tf.equal(ids, self._unknown_id), word_sizes, sizes)
        ends = tf.cumsum(sizes)  # [P]; each character belongs to one piece.
        splits = tf.concat([[0], ends], axis=0)
        sources = tf.RaggedTensor.from_row_splits(characters.sources, splits, validate=False)
        texts = tf.gather(characters.texts, tf.gather(word_starts, words))  # [P]
        return GraphPieces(
            ids=ids,
            texts=texts,
            # The sources may be out of order: canonical ordering swaps combining characters.
            starts=tf.reduce_min(sources, axis=1),
            ends=tf.reduce_max(sources, axis=1) + 1,
            lengths=tf.math.bincount(texts, minlength=num_texts, maxlength=num_texts),
        )


def _piece_lengths(vocab: Dict[str, int]) -> np.ndarray:
    """Returns the number of characters of each wordpiece, int32 [ids]."""
    lengths = np.zeros(max(vocab.values()) + 1, np.int32)
    for token, token_id in vocab.items():
        # No word starts with "##", because each "#" is a word of its own.
        lengths[token_id] = len(token[2:] if token.startswith("##") else token)
    return lengths


def _look_up(table: PagedTable, codes: tf.Tensor) -> tf.Tensor:
    """Returns the numbers of code points, int32 [N]."""
    pages = tf.gather(tf.constant(table.pages), tf.bitwise.right_shift(codes, PAGE_BITS))
    low = tf.bitwise.bitwise_and(codes, (1 << PAGE_BITS) - 1)
    return tf.gather(tf.constant(table.values), tf.bitwise.left_shift(pages, PAGE_BITS) + low)


def has_trait(traits: tf.Tensor, bit: int) -> tf.Tensor:
    """Returns whether characters have a trait of `code_points`, bool [N]."""
    return tf.not_equal(tf.bitwise.bitwise_and(traits, bit), 0)


def _decode(texts: tf.Tensor, traits: PagedTable) -> Characters:
    """Returns the code points of texts, string [B], with a space after each text."""
    decoded = tf.strings.unicode_decode(texts, "UTF-8", errors="ignore")
    return _separated(decoded.with_row_splits_dtype(tf.int32), traits)


def _separated(codes: tf.RaggedTensor, traits: PagedTable) -> Characters:
    """Returns the characters of texts, ragged [B, (code points)], with a space after each text."""
    ends = tf.fill([codes.nrows(), 1], _SPACE)
    codes = tf.concat([codes, ends], axis=1)
    rows = codes.value_rowids()
    sources = tf.range(tf.size(rows)) - tf.gather(codes.row_starts(), rows)
    return Characters(codes.values, _look_up(traits, codes.values), rows, sources)


def _with_final_sigmas(characters: Characters) -> tf.Tensor:
    """Returns the code points, with a small final sigma for each capital that ends a word.

    The rule is that of Unicode (3.13, Final_Sigma): a cased letter comes before it and none after
    it, apart from characters that are ignored.
    """
    is_seen = ~has_trait(characters.traits, code_points.IGNORED)
    # A space at either end, so that every sigma has a character before and after it.
    is_cased = tf.boolean_mask(has_trait(characters.traits, code_points.CASED), is_seen)
    is_cased = tf.concat([[False], is_cased, [False]], axis=0)
    number = tf.cumsum(tf.cast(is_seen, tf.int32))  # [N], from 1; that of a sigma counts itself
    is_final = tf.gather(is_cased, number - tf.cast(is_seen, tf.int32)) & ~tf.gather(
        is_cased, number + 1
    )
    is_sigma = tf.equal(characters.codes, _SIGMA)
    return tf.where_v2(is_sigma & is_final, _FINAL_SIGMA, characters.codes)


def replaced(characters: Characters, tables: CodePoints) -> Characters:
    """Returns the replacements of the characters, each with the source of its character."""
    rows = _look_up(tables.replacement, characters.codes)  # [N]
    is_same = tf.equal(rows, 0)
    starts = tf.constant(tables.starts)
    row_starts, row_ends = tf.gather(starts, rows), tf.gather(starts, rows + 1)
    counts = tf.where_v2(is_same, 1, row_ends - row_starts)  # [N]
    origin = tf.repeat(tf.range(tf.size(rows)), counts)  # [new N]
    firsts = tf.cumsum(counts, exclusive=True)  # [N]
    offsets = tf.range(tf.size(origin)) - tf.gather(firsts, origin)
    others = tf.gather(tf.constant(tables.replacements), tf.gather(row_starts, origin) + offsets)
    same = tf.gather(is_same, origin)
    codes = tf.where_v2(same, tf.gather(characters.codes, origin), others)
    return characters.gathered(origin)._replace(codes=codes, traits=_look_up(tables.traits, codes))


def _in_canonical_order(characters: Characters) -> Characters:
    """Sorts each run of combining characters by combining class (Unicode, D109)."""
    classes = tf.bitwise.right_shift(characters.traits, code_points.COMBINING_SHIFT)  # [N]
    is_starter = tf.equal(classes, 0)
    runs = tf.cumsum(tf.cast(is_starter, tf.int32))
    # Marks are dropped later, and their order does not matter.
    matters = ~is_starter & ~has_trait(characters.traits, code_points.MARK)

    def in_order() -> Tuple[tf.Tensor, ...]:
        keys = tf.cast(runs, tf.int64) * 256 + tf.cast(classes, tf.int64)
        return tuple(characters.gathered(tf.argsort(keys, stable=True)))

    return Characters(*tf.cond(tf.reduce_any(matters), in_order, lambda: tuple(characters)))


def cleaned(characters: Characters) -> Characters:
    """Returns the characters without those that the tokenizer drops."""
    return characters.masked(~has_trait(characters.traits, code_points.DROPPED))


def split_words(characters: Characters) -> Tuple[Characters, tf.Tensor]:
    """Splits cleaned characters into words, at whitespace, punctuation and ideographs.

    Returns:
      The characters except spaces, and the start of each word among them, int32 [W + 1]; the last
      one is their number.
    """
    is_space = has_trait(characters.traits, code_points.SPACE)
    is_alone = has_trait(characters.traits, code_points.ALONE)
    ends_word = tf.concat([[True], (is_space | is_alone)[:-1]], axis=0)[: tf.size(is_space)]
    starts_word = tf.boolean_mask(ends_word | is_alone, ~is_space)
    kept = characters.masked(~is_space)
    starts = tf.cast(tf.where(starts_word)[:, 0], tf.int32)
    return kept, tf.concat([starts, [tf.size(kept.codes)]], axis=0)


def _either(is_second: tf.Tensor, of_first: tf.Tensor) -> tf.RaggedTensor:
    """Returns a mask of rows that contain the parts of a first list, and then one more element.

    Args:
      is_second: bool [W], whether to take only the last element.
      of_first: int32 [W], the number of elements in the first list.
    """
    first = tf.repeat(~is_second, of_first)
    first = tf.RaggedTensor.from_row_lengths(first, of_first, validate=False)
    return tf.concat([first, is_second[:, tf.newaxis]], axis=1)
