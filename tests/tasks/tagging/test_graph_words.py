"""Words, sentences and entities found in a graph are those of the modules that train with them."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.models.graph_tokenizer import GraphTokenizer
from finetune.tasks.tagging.graph_entities import GraphWords, entities_of, words_of
from finetune.tasks.tagging.graph_sentences import GraphSentences
from finetune.tasks.tagging.penn_split import ENGLISH, PennRules
from finetune.tasks.tagging.sentences import sentence_starts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import spans_of
from finetune.tasks.tagging.word_splits import WordSplit
from tests.support.fuzzing import TAGS
from tests.support.vocabulary import VOCAB
from tokenization import FullTokenizer

ODD = PennRules(
    frozenset(["'s", "n't", "l'", "stra\u00dfe", "!!", "a.b", "-x-", ":-)", "'", "$5"]),
    starts="#-$", ends="%'", cuts="-/,.", acronyms=False, ordinals=True,
)  # fmt: skip
NOTHING = PennRules(frozenset(), starts="", ends="", cuts="")
SPLITS = {
    "english": WordSplit("penn", ENGLISH), "odd": WordSplit("penn", ODD),
    "nothing": WordSplit("penn", NOTHING), "punctuation": WordSplit("punctuation"),
    "whitespace": WordSplit("whitespace"), "characters": WordSplit("characters"),
}  # fmt: skip
PARTS = [
    *"He he . ! ? ... \" '' ( ) - -- $ # @ % / , : ; 3 .5 12 123 _ ' \u2019 n't N'T 'S 've".split(),
    *"l' Mr. a.m U.S Ph.D www WWW .com http :// STRASSE !! :-) \u201d \u00bb \u201c \u203a".split(),
    *" \n\t\r\x0b\x1c\u2028\0\ufffd\u0130\u00df\u0149\u30a2\u2460\u00b2\u0663\u0301\u0903\u200d",
    *"\u2600\u4e2d\u3002\u300d\U0001f600    ", "\r\n", "x" * 45, "\u2600\ufe0f",
    "\U0001f469\u200d\U0001f469", "\U0001f44d\U0001f3fd",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PARTS), st.characters(codec="utf-8")), max_size=25)


@pytest.fixture(scope="module", params=SPLITS)
def both(request, tmp_path_factory):
    """A way of splitting, and a function that splits texts in a graph and finds sentences."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(VOCAB.split()), encoding="utf-8")
    split = SPLITS[request.param]
    with tf.Graph().as_default() as graph:
        given_texts = tf.placeholder(tf.string, [None])
        characters = GraphTokenizer(FullTokenizer(str(path))).decode(given_texts)
        sizes = tf.math.bincount(characters.texts, minlength=tf.size(given_texts))
        words = words_of(characters, split)
        sentences = GraphSentences(characters, tf.cumsum(sizes, exclusive=True), words)
        outputs = (words, sentences.starts())
        tables = tf.tables_initializer()
    with tf.Session(graph=graph) as session:
        session.run(tables)
        yield split, lambda values: session.run(outputs, {given_texts: values})


def check(both, values):
    split, in_graph = both
    words, is_start = in_graph(np.array([text.encode() for text in values], object))
    for number, text in enumerate(values):
        expected = TaggedText.from_spans("", text, None, word_split=split)
        own = words.texts == number
        assert list(zip(words.starts[own], words.ends[own])) == expected.words, text
        assert np.flatnonzero(is_start[own]).tolist() == sentence_starts(expected), text


@settings(deadline=None, max_examples=30)
@given(values=st.lists(texts.map("".join), max_size=30))
def test_words_and_sentences_of_any_texts(both, values):
    check(both, values)


def test_words_and_sentences_of_written_texts(both):
    check(
        both,
        [
            "Mr. Waugh's visit (U.S.) cost $3.5m, didn't it? \"Yes!\" he said. See www.a.com/b,c.",
            "A title\n\nThe first line of a text that was wrapped here\nand its last line\nNext",
            "1. One\n2. They'd've gone on 3. Oktober... 1,000 and 2:29.34! \u201eJa\u201c ...",
            "\u00bbNein\u00ab, \u4e2d\u6587\u3002\u597d \u4e2d",
            "", " ", ".", "'" * 9, "a" * 300 + ".", "-5 +3 .5 -x #tag @me 5% --- ... ?!?! end.",
        ],
    )  # fmt: skip


def test_words_are_literal():
    """Penn Treebank's rules, as in its tokenizer.sed."""
    split = SPLITS["english"]
    text = "Dr. Lee can't go to Washington, D.C."
    words = [text[start:end] for start, end in split.split(text)]
    assert words == "Dr.|Lee|ca|n't|go|to|Washington|,|D.C.".split("|")


@settings(deadline=None, max_examples=15)
@given(rows=st.lists(st.lists(TAGS, max_size=7), min_size=1, max_size=5))
def test_entities_of_any_tags(rows):
    labels = sorted({"O", *(tag for row in rows for tag in row)})
    flat = [(number, i, labels.index(tag)) for number, row in enumerate(rows)
            for i, tag in enumerate(row)]  # fmt: skip
    columns = np.array(flat, np.int32).reshape(-1, 3).T
    texts, places, ids = map(np.ascontiguousarray, columns)
    probabilities = np.linspace(0.25, 1.0, len(flat)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        words = GraphWords(*map(tf.constant, (texts, places * 3, places * 3 + 2)))
        found = session.run(entities_of(words, labels, tf.constant(ids), probabilities))
    spans = [(number, *span) for number, row in enumerate(rows) for span in spans_of(row)]
    kinds = [kind.decode() for kind in found.types]
    rows_found = zip(found.spans.texts, found.spans.starts, found.spans.ends, kinds)
    assert list(rows_found) == [(n, 3 * a, 3 * b - 1, kind) for n, a, b, kind in spans]
    offsets = np.cumsum([0, *map(len, rows)])
    means = [probabilities[offsets[n] + a : offsets[n] + b].mean() for n, a, b, _ in spans]
    np.testing.assert_allclose(found.scores, means, rtol=1e-6)
