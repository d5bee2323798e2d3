# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""BERT's tokenizer: cleaning, lower-casing, punctuation splitting, then wordpieces.

Names, signatures and results follow Google's `tokenization.py` (PyPI `bert-tensorflow` 1.0.4).
Additions: `FullTokenizer.tokenize_with_offsets`, which returns each token's span in the original
text, and `FullTokenizer.tokenize_to_ids`. Wordpieces: Wu et al. 2016,
https://arxiv.org/abs/1609.08144, section 4.1.
"""

import collections
import functools
import io
import itertools
import re
import unicodedata

from absl import flags

FLAGS = flags.FLAGS

# Google's tokenization.py declares this flag, too, and its users set it from the shell. With
# `allow_override`, one program can import both modules, in either order.
flags.DEFINE_bool(
    "preserve_unused_tokens",
    False,
    "Keep words of the form [unusedN] whole if they are in the vocabulary.",
    allow_override=True,
)

_UNUSED_TOKEN_RE = re.compile(r"^\[unused\d+\]$")

# Characters that end a word: tab, line feed, carriage return, Unicode's space separators (Zs), and
# the line and paragraph separators. `str.split()` also splits at U+001C to U+001F and U+0085, which
# BERT drops as control characters.
_WHITE_SPACE_RE = re.compile(
    "[\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]", re.UNICODE
)
# The words and punctuation marks of printable ASCII text without whitespace.
_ASCII_WORD_RE = re.compile("[0-9A-Za-z]+|[^0-9A-Za-z]")
# The blocks of Google's `_is_chinese_char`: CJK ideographs, but not Hangul, Hiragana or Katakana.
# The group makes `split` keep them.
_CJK_RE = re.compile(
    "([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002b73f"
    "\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\U0002f800-\U0002fa1f])"
)
# Most words of a data set recur, so their wordpieces are cached. Long words rarely recur, so they
# are not. A full cache of tokens takes about 40 MB.
_CACHED_WORDS = 100000
_CACHED_WORD_LENGTH = 64

# A wordpiece and its half-open code-point span in the original text.
Token = collections.namedtuple("Token", ["text", "start", "end"])
# Makes a `Token` from a tuple, in half the time of `Token(text, start, end)`.
_to_token = functools.partial(tuple.__new__, Token)

# A word being normalised: its characters, and the index of each in the original text.
_Word = collections.namedtuple("_Word", ["text", "sources"])


def preserve_token(token, vocab):
    """Returns whether the token is an [unusedN] in the vocabulary, to be kept whole."""
    return _preserves_unused() and token in vocab and bool(_UNUSED_TOKEN_RE.search(token))


def _preserves_unused():
    # Attributes of FLAGS cannot be read before the command line is parsed; items can.
    return FLAGS["preserve_unused_tokens"].value


# Directory names of Google's released models.
_LOWER_CASED_MODELS = (
    "uncased_L-24_H-1024_A-16",
    "uncased_L-12_H-768_A-12",
    "multilingual_L-12_H-768_A-12",
    "chinese_L-12_H-768_A-12",
)
_CASED_MODELS = (
    "cased_L-12_H-768_A-12",
    "cased_L-24_H-1024_A-16",
    "multi_cased_L-12_H-768_A-12",
)


def validate_case_matches_checkpoint(do_lower_case, init_checkpoint):
    """Checks `do_lower_case` if the checkpoint's directory is named after one of Google's models.

    Args:
      do_lower_case: bool.
      init_checkpoint: string path of a checkpoint, or None.

    Raises:
      ValueError: `do_lower_case` contradicts the model.
    """
    match = re.match(r"^.*?([A-Za-z0-9_-]+)/bert_model.ckpt", init_checkpoint or "")
    if match is None:
        return
    name = match.group(1)
    expected = {
        **dict.fromkeys(_LOWER_CASED_MODELS, True),
        **dict.fromkeys(_CASED_MODELS, False),
    }.get(name)
    if expected is not None and expected != bool(do_lower_case):
        raise ValueError(
            "--do_lower_case=%s contradicts the model: %s is %s. Use --do_lower_case=%s."
            % (bool(do_lower_case), name, "uncased" if expected else "cased", expected)
        )


def convert_to_unicode(text):
    """Returns `text` as `str`. Decodes bytes as UTF-8, dropping invalid ones."""
    if isinstance(text, str):
        return text
    if isinstance(text, bytes):
        return text.decode("utf-8", "ignore")
    raise ValueError("Unsupported string type: %s." % type(text))


def printable_text(text):
    """Returns `text` as a printable `str`; same as `convert_to_unicode`."""
    return convert_to_unicode(text)


class VocabularyError(ValueError):
    """A vocabulary file cannot be read."""


def load_vocab(vocab_file):
    """Reads a vocabulary, one token per line.

    Returns:
      OrderedDict from token to id. The id is the line number, counted from 0.

    Raises:
      VocabularyError: The file cannot be read or is not UTF-8.
    """
    vocab = collections.OrderedDict()
    try:
        # Lines end only at "\n": vocabularies contain tokens such as U+2028.
        with io.open(vocab_file, encoding="utf-8", newline="\n") as reader:
            for index, line in enumerate(reader):
                vocab[line.strip()] = index
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError("%s: the vocabulary cannot be read (%s)." % (vocab_file, error))
    return vocab


def convert_by_vocab(vocab, items):
    """Returns `vocab[item]` for each item, as a list."""
    return [vocab[item] for item in items]


def convert_tokens_to_ids(vocab, tokens):
    """Returns the ids of the tokens, as a list."""
    return convert_by_vocab(vocab, tokens)


def convert_ids_to_tokens(inv_vocab, ids):
    """Returns the tokens of the ids, as a list."""
    return convert_by_vocab(inv_vocab, ids)


def whitespace_tokenize(text):
    """Returns the words of `text`, split at whitespace."""
    return text.split()


class FullTokenizer(object):
    """Turns text into wordpieces and their ids.

    Results for words are cached, within bounds. Between texts, you can change settings, and extend
    or replace `vocab`. After any other change to `vocab`, make a new tokenizer.
    """

    def __init__(self, vocab_file, do_lower_case=True):
        """Loads the vocabulary.

        Args:
          vocab_file: string. Path of the vocabulary, one token per line.
          do_lower_case: bool. Lower-case the text and strip its accents.
        """
        self.vocab = load_vocab(vocab_file)
        self.inv_vocab = {v: k for k, v in self.vocab.items()}
        self.basic_tokenizer = BasicTokenizer(do_lower_case=do_lower_case, vocab=self.vocab)
        self.wordpiece_tokenizer = WordpieceTokenizer(vocab=self.vocab)
        self._caches = None

    # Caches belong to one tokenizer and cannot be pickled, so copies start without them.
    def __getstate__(self):
        return {**self.__dict__, "_caches": None}

    def tokenize(self, text):
        """Returns the wordpieces of `text`: list of strings."""
        tokens = self._current_caches().tokens
        return list(itertools.chain.from_iterable(map(tokens.__getitem__, _split_text(text))))

    def tokenize_to_ids(self, text):
        """Returns the ids of the wordpieces of `text`, without special tokens: list of ints.

        Equal to `convert_tokens_to_ids(tokenize(text))`, but faster.

        Raises:
          KeyError: `text` contains an unknown word, and the vocabulary lacks `[UNK]`.
        """
        ids = self._current_caches().ids
        return list(itertools.chain.from_iterable(map(ids.__getitem__, _split_text(text))))

    def tokenize_with_offsets(self, text):
        """Returns the wordpieces of `text` with their spans.

        A token's span runs from the first to the last character of `text` that the token was made
        from by cleaning, lower-casing and accent stripping. Dropped characters at either end are
        outside the span.

        Args:
          text: string, or UTF-8 bytes. For bytes, spans count decoded code points.

        Returns:
          list of `Token(text, start, end)`: half-open spans in code points of `text`.
        """
        rows = _join(_split_text(text), self._current_caches().rows.__getitem__, gap=1)
        return list(map(_to_token, rows))

    def convert_tokens_to_ids(self, tokens):
        """Returns the ids of the tokens, as a list."""
        return convert_by_vocab(self.vocab, tokens)

    def convert_ids_to_tokens(self, ids):
        """Returns the tokens of the ids, as a list."""
        return convert_by_vocab(self.inv_vocab, ids)

    def _current_caches(self):
        """Returns the caches, emptied if a setting that affects their contents has changed."""
        basic, wordpiece = self.basic_tokenizer, self.wordpiece_tokenizer
        settings = (
            _preserves_unused(),
            basic,
            basic.do_lower_case,
            wordpiece,
            wordpiece.unk_token,
            wordpiece.max_input_chars_per_word,
            id(self.vocab),
            len(self.vocab),
        )
        if self._caches is None or self._caches.settings != settings:
            self._caches = _Caches(settings, self._split, self.vocab)
        return self._caches

    def _split(self, run):
        """Returns the rows (piece, start, end) of a text without whitespace."""
        plain = type(self.basic_tokenizer) is BasicTokenizer and not _preserves_unused()
        if plain and run.isascii() and run.isprintable():
            # The common case: no characters to drop, and no words to keep whole.
            words = self.basic_tokenizer.split_ascii(run)
            return _join(words, self.wordpiece_tokenizer.split, gap=0)
        parts = _CJK_RE.split(run)
        if len(run) > 1 and len(parts) > 1:
            # Each ideograph is a word. Ideographs recur, unlike runs of them, so cache them singly.
            return _join(parts, self._caches.rows.__getitem__, gap=0)
        rows = []
        for word, sources in self.basic_tokenizer.split(run):
            if preserve_token(word, self.vocab):
                pieces = [(word, 0, len(word))]
            else:
                pieces = self.wordpiece_tokenizer.split(word)
            for piece, start, end in pieces:
                # The sources may be out of order: canonical ordering swaps combining characters.
                sources_of_piece = sources[start:end]
                rows.append((piece, min(sources_of_piece), max(sources_of_piece) + 1))
        return rows


class _Caches(object):
    """Cached results for runs of text without whitespace: one cache per kind of result."""

    def __init__(self, settings, split, vocab):
        """Creates empty caches.

        Args:
          settings: tuple of all values that the results depend on.
          split: function from a run to its rows (piece, start, end).
          vocab: dict from token to id.
        """
        self.settings = settings
        self.rows = _Cache(split)
        self.tokens = _Cache(lambda run: [piece for piece, _, _ in split(run)])
        self.ids = _Cache(lambda run: [vocab[piece] for piece, _, _ in split(run)])


class _Cache(dict):
    """A dict that computes missing values. It is emptied when full, which bounds its memory."""

    def __init__(self, compute):
        super(_Cache, self).__init__()
        self._compute = compute

    def __missing__(self, run):
        result = tuple(self._compute(run))
        if len(run) <= _CACHED_WORD_LENGTH:
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[run] = result
        return result


def _split_text(text):
    """Splits at each whitespace character; between two adjacent ones is an empty string."""
    text = convert_to_unicode(text)
    if not text.isprintable():  # The only printable whitespace is " ".
        text = _WHITE_SPACE_RE.sub(" ", text)
    return text.split(" ")


def _join(parts, rows_of, gap):
    """Joins the rows (piece, start, end) of the parts of a text, shifting their spans.

    Args:
      parts: list of strings, in the order of the text.
      rows_of: function from a part to its rows.
      gap: int. Number of characters between two parts.
    """
    rows = []
    shift = 0
    for part in parts:
        for piece, start, end in rows_of(part):
            rows.append((piece, shift + start, shift + end))
        shift += len(part) + gap
    return rows


class BasicTokenizer(object):
    """Cleans text and splits it into words and punctuation marks."""

    def __init__(self, do_lower_case=True, vocab=()):
        """Stores the settings.

        Args:
          do_lower_case: bool. Lower-case the text and strip its accents.
          vocab: container of tokens, for `preserve_token`.
        """
        self.do_lower_case = do_lower_case
        self.vocab = vocab

    def tokenize(self, text):
        """Returns the words of `text`: list of strings."""
        return [word.text for word in self.split(convert_to_unicode(text))]

    def split(self, text):
        """Yields the words of `text` as `_Word` objects."""
        start = 0
        for run in _split_text(text):
            for word in self._split_cjk(_clean(run, start)):
                if preserve_token(word.text, self.vocab):
                    yield word
                    continue
                if self.do_lower_case:
                    word = _strip_accents(_lower(word))
                yield from self._split_punctuation(word)
            start += len(run) + 1

    def split_ascii(self, text):
        """Returns the words of printable ASCII text without whitespace: list of strings.

        Equal to the words of `split`, but faster; ignores `preserve_token`. The words are adjacent
        in `text`.
        """
        return _ASCII_WORD_RE.findall(text.lower() if self.do_lower_case else text)

    def _split_cjk(self, word):
        """Yields CJK ideographs one by one, and the text between them."""
        start = 0
        for match in _CJK_RE.finditer(word.text):
            if match.start() > start:
                yield _slice(word, start, match.start())
            yield _slice(word, match.start(), match.end())
            start = match.end()
        if start < len(word.text):
            yield _slice(word, start, len(word.text))

    def _split_punctuation(self, word):
        """Yields punctuation marks one by one, and the text between them."""
        start = 0
        for i, char in enumerate(word.text):
            if _is_punctuation(char):
                if i > start:
                    yield _slice(word, start, i)
                yield _slice(word, i, i + 1)
                start = i + 1
        if start < len(word.text):
            yield _slice(word, start, len(word.text))


def _clean(text, shift):
    """Drops NUL, U+FFFD and control characters; adds `shift` to the source offsets."""
    if text.isprintable() and "\ufffd" not in text:  # Control characters and NUL are not printable.
        return _Word(text, range(shift, shift + len(text)))
    kept = [
        (char, shift + i)
        for i, char in enumerate(text)
        if char not in "\0\ufffd" and not _is_control(char)
    ]
    return _to_word(kept)


def _lower(word):
    lowered = word.text.lower()
    if len(lowered) == len(word.text):
        return _Word(lowered, word.sources)
    # One character can become several (U+0130). Lower-casing depends on adjacent characters only
    # for the Greek final sigma, which is one character in either form.
    sources = [s for char, s in zip(word.text, word.sources) for _ in char.lower()]
    return _Word(lowered, sources)


def _strip_accents(word):
    """Decomposes characters canonically (NFD), then drops nonspacing marks (Mn)."""
    if not _has_accents(word.text):
        return word
    pairs = [
        (part, source)
        for char, source in zip(word.text, word.sources)
        for part in unicodedata.normalize("NFD", char)
    ]
    pairs = _canonical_order(pairs)
    return _to_word([pair for pair in pairs if unicodedata.category(pair[0]) != "Mn"])


def _has_accents(text):
    if text.isascii():
        return False
    return not unicodedata.is_normalized("NFD", text) or any(
        unicodedata.category(char) == "Mn" for char in text
    )


def _canonical_order(pairs):
    """Sorts each run of combining characters by combining class, as in NFD (Unicode 15, D109)."""
    ordered, run = [], []
    for pair in pairs:
        if unicodedata.combining(pair[0]):
            run.append(pair)
            continue
        ordered += sorted(run, key=lambda p: unicodedata.combining(p[0])) + [pair]
        run = []
    return ordered + sorted(run, key=lambda p: unicodedata.combining(p[0]))


def _to_word(pairs):
    return _Word("".join(char for char, _ in pairs), [source for _, source in pairs])


def _slice(word, start, end):
    return _Word(word.text[start:end], word.sources[start:end])


class WordpieceTokenizer(object):
    """Splits words into the longest wordpieces in the vocabulary, from the left."""

    def __init__(self, vocab, unk_token="[UNK]", max_input_chars_per_word=200):
        """Stores the settings.

        Args:
          vocab: container of tokens. Those that continue a word begin with "##".
          unk_token: string. Token for a word that the vocabulary cannot spell.
          max_input_chars_per_word: int. Longer words become `unk_token`.
        """
        self.vocab = vocab
        self.unk_token = unk_token
        self.max_input_chars_per_word = max_input_chars_per_word

    def tokenize(self, text):
        """Splits words into wordpieces, e.g. "unaffable" => ["un", "##aff", "##able"].

        Args:
          text: string of words separated by whitespace, as from `BasicTokenizer`.

        Returns:
          list of strings.
        """
        words = whitespace_tokenize(convert_to_unicode(text))
        return [piece for word in words for piece, _, _ in self.split(word)]

    def split(self, word):
        """Returns [(piece, start, end)] for one word, with half-open spans in its code points."""
        if len(word) > self.max_input_chars_per_word:
            return [(self.unk_token, 0, len(word))]
        pieces = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            rest = prefix + word[start:]
            for length in range(len(rest), len(prefix), -1):
                if rest[:length] in self.vocab:
                    break
            else:
                return [(self.unk_token, 0, len(word))]
            end = start + length - len(prefix)
            pieces.append((rest[:length], start, end))
            start = end
        return pieces


def _is_whitespace(char):
    """Returns whether BERT treats the character as whitespace."""
    return char in " \t\n\r" or unicodedata.category(char) == "Zs"


def _is_control(char):
    """Returns whether BERT treats the character as a control character, which it drops."""
    return char not in "\t\n\r" and unicodedata.category(char) in ("Cc", "Cf")


@functools.lru_cache(4096)
def _is_punctuation(char):
    """Returns whether BERT treats the character as punctuation, which is a word of its own.

    Besides Unicode's punctuation (P), these are all printable ASCII characters except letters,
    digits and the space: "^", "$" and "`" are symbols in Unicode.
    """
    cp = ord(char)
    if 33 <= cp <= 47 or 58 <= cp <= 64 or 91 <= cp <= 96 or 123 <= cp <= 126:
        return True
    return unicodedata.category(char).startswith("P")
