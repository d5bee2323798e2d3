"""The tokenizer in a graph gives the wordpieces and spans of tokenization.py, for any text."""

import itertools
import unicodedata

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.models import code_points
from finetune.models.graph_tokenizer import GraphTokenizer
from tests.support.fuzzing import TEXTS
from tests.support.vocabulary import IDS, VOCAB
from tokenization import FullTokenizer

PLAIN = ("Lo", "Cn", "Co")
# The longest word is short, so that the rule is tested.
LONGEST = 8


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def both(request, tmp_path_factory):
    """The tokenizer of tokenization.py, and the same in a graph, as a function of texts."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(VOCAB.split()), encoding="utf-8")
    tokenizer = FullTokenizer(str(path), do_lower_case=request.param)
    tokenizer.wordpiece_tokenizer.max_input_chars_per_word = LONGEST
    with tf.Graph().as_default() as graph:
        texts = tf.placeholder(tf.string, [None])
        pieces = GraphTokenizer(tokenizer).tokenize(texts)
        tables = tf.tables_initializer()
    with tf.Session(graph=graph) as session:
        session.run(tables)
        yield tokenizer, lambda given: _rows(session.run(pieces, {texts: given}))


def _rows(pieces):
    """Returns (id, start, end) of each wordpiece, in a list per text."""
    ends = np.cumsum(pieces.lengths)
    rows = list(zip(pieces.ids.tolist(), pieces.starts.tolist(), pieces.ends.tolist()))
    texts = np.repeat(np.arange(len(ends)), pieces.lengths)
    np.testing.assert_array_equal(texts, pieces.texts)
    return [rows[end - length : end] for end, length in zip(ends, pieces.lengths)]


def check(both, texts):
    """Asserts that both tokenizers agree on texts, which are strings or bytes."""
    tokenizer, in_graph = both
    as_bytes = [text.encode() if isinstance(text, str) else text for text in texts]
    expected = [
        [(IDS[token.text], token.start, token.end) for token in row]
        for row in map(tokenizer.tokenize_with_offsets, texts)
    ]
    assert in_graph(np.array(as_bytes, object)) == expected


def test_wordpieces_and_spans_are_literal(both):
    _, in_graph = both
    un, want, ed = IDS["un"], IDS["##want"], IDS["##ed"]
    assert in_graph([b"", b"unwanted,\xff un"]) == [
        [],
        [(un, 0, 2), (want, 2, 6), (ed, 6, 8), (IDS[","], 8, 9), (un, 10, 12)],
    ]


def test_no_text_gives_no_wordpieces(both):
    assert both[1](np.array([], object)) == []


def test_each_character_between_two_letters(both):
    planes = range(0x30000)  # All assigned planes but those of tags and private use
    others = [0xE0001, 0xE01EF, 0xF0000, 0x10FFFF]
    chars = [chr(cp) for cp in itertools.chain(planes, others) if not 0xD800 <= cp < 0xE000]
    # Of the letters, which are mostly ideographs and syllables, every 50th is tested.
    odd = [c for i, c in enumerate(chars) if i % 50 == 0 or unicodedata.category(c) not in PLAIN]
    assert len(odd) > 10000
    check(both, [f"a{c}b" for c in odd])


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(TEXTS, max_size=20))
def test_any_texts(both, texts):
    check(both, [text.encode("utf-8", "ignore").decode() for text in texts])


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(st.binary(max_size=12), max_size=20))
def test_any_bytes(both, texts):
    check(both, texts)


@pytest.mark.parametrize(
    "text",
    [
        # The final sigma's rule: letters before and after it, ignored characters, ends of words
        "ΟΔΟΣ ΟΔΟΣΑ Σ .ΑΣ Α.Σ ΑΣ. ΑΣ.Α Α\u0301Σ ΣΣ ΑΣ\u0301 Α\u00adΣ Α'Σ'Α ΑΣ博Α 博Σ ΑΣ\u2028Α ªΣ",
        # Canonical order: classes 216 and 224, across marks, controls and base letters
        "b\u302e\U0001d165 b\u302e\u0301\U0001d165 b\u302e\0\U0001d165 \u302e \U0001d165",
        "b\u302e\u0904\U0001d165 b\u302eb\U0001d165 b\u302e\u093a\U0001d165 \u302e\u302f\u302e",
        "\U0001d15e\u302e\U0001d165 \uf900\U0002f800\u2260\u037e\u1fef\u0344",
        "[UNK] [CLS] [SEP][PAD] [unused0] ##ed # #",
        "a" * LONGEST + " " + "a" * (LONGEST + 1) + " \u0130" * 2 + "a\u0301" * LONGEST,
        "\u00df \ufb01 \uff21 \u2026 \ue000 \U0001f468\u200d\U0001f469 \u0085 \u001c \u200b\ufeff",
    ],
)
def test_what_other_tokenizers_get_wrong(both, text):
    check(both, [text, f"un {text}", text[::-1]])


def test_table_of_traits_has_every_kind():
    """Values from Unicode's data files, and from BERT's rules in tokenization.py."""
    traits = code_points.make_tables(True).traits.full()
    assert traits.shape == (0x110000,)
    blank = code_points.SPACE | code_points.BLANK
    symbol = code_points.ALONE | code_points.SYMBOL
    letter = code_points.ALPHANUMERIC
    expected = {
        " ": blank,
        "\u2028": blank | code_points.LINE_END,
        "\x1c": code_points.DROPPED | code_points.BLANK | code_points.LINE_END,
        "\0": code_points.DROPPED,
        "\ufffd": code_points.DROPPED | code_points.SYMBOL,
        "$": symbol,
        "'": symbol | code_points.IGNORED,
        "\u4e00": code_points.ALONE | letter,
        "\u3042": letter,
        "\u0301": code_points.MARK | code_points.COMBINES | code_points.IGNORED | 230 << 16,
        "\u302e": code_points.COMBINES | 224 << 16,
        "A": code_points.CASED | letter,
        "a": code_points.CASED | code_points.LOWER | letter,
        "5": code_points.DIGIT | code_points.DECIMAL | letter,
        "\u00b2": code_points.DIGIT | letter,
    }
    assert {char: traits[ord(char)] for char in expected} == expected
