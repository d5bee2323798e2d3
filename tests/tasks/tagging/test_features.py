"""Windows over long texts, and word ids: each word is labelled once, at its first piece."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.frame import single_room
from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.errors import InputError
from tests.support import tiny
from tokenization import FullTokenizer

VOCABULARY = tiny.vocabulary()
LABELS = ["O", "B-PER", "I-PER"]


def ids(tokens):
    return [VOCABULARY.index(token) for token in tokens.split()]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("".join(token + "\n" for token in VOCABULARY))
    return FullTokenizer(str(path))


def encode(tokenizer, texts, labels=LABELS, max_seq_length=16, doc_stride=7):
    return encode_texts(
        texts,
        labels=labels,
        max_seq_length=max_seq_length,
        doc_stride=doc_stride,
        tokenizer=tokenizer,
    )


def text_of(words, tags=None, where="f.txt:11"):
    tags = tags.split() if isinstance(tags, str) else tags
    words = words.split() if isinstance(words, str) else words
    return TaggedText.from_words("g", words, tags, where, word_a_line=True)


def all_rows(features):
    return features.batch(np.arange(len(features)))


def first_pieces(batch):
    """Returns the ids at the words' positions, row by row."""
    return [
        [row[p] for p, here in zip(positions, mask) if here]
        for row, positions, mask in zip(
            batch["input_ids"].tolist(),
            batch["word_positions"].tolist(),
            batch["word_mask"].tolist(),
        )
    ]


# Wordpiece ids.


def test_sentence_has_berts_layout(tokenizer):
    # The ids in the tiny vocabulary: "a" is 10, "##b" 79, [UNK] 6, [CLS] 7, [SEP] 8.
    assert (VOCABULARY[10], VOCABULARY[79], VOCABULARY[6:9]) == (
        "a",
        "##b",
        ["[UNK]", "[CLS]", "[SEP]"],
    )
    features = encode(tokenizer, [text_of("Ab a é BB", "B-PER I-PER O O")])
    batch = all_rows(features)
    assert batch["input_ids"].tolist() == [[7, 10, 79, 10, 14, 11, 79, 8]]
    assert batch["input_mask"].tolist() == [[1] * 8]
    assert batch["segment_ids"].tolist() == [[0] * 8]
    assert batch["word_positions"].tolist() == [[1, 3, 4, 5]]
    assert batch["word_mask"].tolist() == [[1] * 4]
    assert batch["label_ids"].tolist() == [[1, 2, 0, 0]]
    seen = {name: (array.ndim, array.dtype.name) for name, array in batch.items()}
    assert seen == {name: (spec.rank, spec.dtype) for name, spec in features.specs.items()}
    assert {dtype for _, dtype in seen.values()} == {"int32"}


def test_each_label_is_at_the_first_wordpiece_of_its_word(tokenizer):
    text = text_of(["Peters", "lives", "in", "New York", "un.re"], "B-PER O O I-PER B-PER")
    batch = all_rows(encode(tokenizer, [text]))
    expected = "[CLS] peter ##s lives in new y ##o ##r ##k un . re [SEP]"
    assert batch["input_ids"].tolist() == [ids(expected)]
    assert first_pieces(batch) == [ids("peter lives in new un")]
    assert batch["label_ids"].tolist() == [[1, 0, 0, 2, 1]]


@pytest.mark.parametrize("word", ["\u200e", "\u00ad", "\u0301", "\u00a0", "\ufffd\x07", "☃"])
def test_word_without_wordpieces_is_unknown_and_keeps_its_label(tokenizer, word):
    batch = all_rows(encode(tokenizer, [text_of(["the", word, "city"], "O B-PER I-PER")]))
    assert batch["input_ids"].tolist() == [ids("[CLS] the [UNK] city [SEP]")]
    assert batch["word_positions"].tolist() == [[1, 2, 3]]
    assert batch["label_ids"].tolist() == [[0, 1, 2]]


def test_over_long_word_is_cut_with_a_warning(tokenizer, caplog):
    text = text_of("the zzzzzzzz city zzzz", "O B-PER I-PER O")
    with caplog.at_level(logging.WARNING):
        features = encode(tokenizer, [text], max_seq_length=6, doc_stride=2)
    batch = all_rows(features)
    assert batch["input_ids"].tolist() == [
        ids("[CLS] the [SEP] [PAD] [PAD] [PAD]"),
        ids("[CLS] z ##z ##z ##z [SEP]"),
        ids("[CLS] city [SEP] [PAD] [PAD] [PAD]"),
        ids("[CLS] z ##z ##z ##z [SEP]"),
    ]
    assert batch["label_ids"].tolist() == [[0], [1], [2], [0]]
    (record,) = caplog.records
    message = record.getMessage()
    assert "1 word longer than 4 wordpieces" in message
    assert "(f.txt:12)" in message and "--max_seq_length" in message


def test_warning_names_the_first_three_cut_words(tokenizer, caplog):
    texts = [text_of(["zzzz", "ab"] * 2, where="f.txt:1"), text_of(["zzzz"] * 2, where="f.txt:9")]
    with caplog.at_level(logging.WARNING):
        encode(tokenizer, texts, None, max_seq_length=5, doc_stride=1)
    (record,) = caplog.records
    assert "4 words" in record.getMessage()
    assert "(f.txt:1, f.txt:3, f.txt:9, …)" in record.getMessage()


def test_words_that_fit_cause_no_warning(tokenizer, caplog):
    encode(tokenizer, [text_of("zzzz zzzz")], None, max_seq_length=6, doc_stride=2)
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            text_of("the city is", "O B-PER B-LOC"),
            r"^f\.txt:13: unknown tag 'B-LOC'; expected one of O, B-PER, I-PER\.",
        ),
        (
            TaggedText("g", "a b", [(0, 1), (2, 3)], ["O", "B-X"], "f.jsonl:4"),
            r"^f\.jsonl:4, word 2: unknown tag 'B-X'",
        ),
        (text_of("a b", "O I-per", where=None), r"^g, word 2: unknown tag 'I-per'"),
    ],
)
def test_unknown_tag_raises_an_error_with_its_place(tokenizer, text, message):
    with pytest.raises(InputError, match=message):
        encode(tokenizer, [text_of("a", "O"), text])


def test_words_have_no_labels_without_a_label_list(tokenizer):
    texts = [text_of("a b", "B-LOC O"), text_of("the")]
    features = encode(tokenizer, texts, None)
    assert features.label_ids.tolist() == [-1, -1, -1]
    assert all_rows(features)["word_mask"].tolist() == [[1, 1], [1, 0]]


def test_batch_is_padded_to_its_longest_row_and_most_words(tokenizer):
    texts = [
        text_of("abc", "I-PER"),
        text_of("the city is", "O B-PER O"),
        text_of("abcdefg a", "O O"),
    ]
    features = encode(tokenizer, texts)
    batch = features.batch(np.array([1, 0]))
    assert batch["input_ids"].tolist() == [
        ids("[CLS] the city is [SEP]"),
        ids("[CLS] a ##b ##c [SEP]"),
    ]
    assert batch["input_mask"].tolist() == [[1] * 5, [1] * 5]
    assert batch["word_positions"].tolist() == [[1, 2, 3], [1, 0, 0]]
    assert batch["word_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["label_ids"].tolist() == [[0, 1, 0], [2, -1, -1]]
    batch = features.batch(np.array([0, 2]))
    assert batch["input_ids"][0].tolist() == ids("[CLS] a ##b ##c [SEP]") + [0] * 5
    assert batch["input_mask"].tolist() == [[1] * 5 + [0] * 5, [1] * 10]
    assert batch["label_ids"].tolist() == [[2, -1], [0, 0]]


def test_texts_without_words_have_no_window(tokenizer):
    texts = [text_of([], []), text_of("a", "O"), text_of([], []), text_of("b", "B-PER")]
    features = encode(tokenizer, texts)
    assert len(features) == 2
    assert all_rows(features)["label_ids"].tolist() == [[0], [1]]
    assert len(encode(tokenizer, [text_of([], [])])) == 0


def test_words_of_a_long_text_are_labelled_near_the_middle_of_a_window(tokenizer):
    text = text_of("a b c d e f g h i j", ["O"] * 10)
    features = encode(tokenizer, [text], max_seq_length=6, doc_stride=2)
    batch = all_rows(features)
    assert batch["input_ids"].tolist() == [
        ids("[CLS] a b c d [SEP]"),
        ids("[CLS] c d e f [SEP]"),
        ids("[CLS] e f g h [SEP]"),
        ids("[CLS] g h i j [SEP]"),
    ]
    assert first_pieces(batch) == [ids("a b c"), ids("d e"), ids("f g"), ids("h i j")]


# Words and their wordpieces in the tiny vocabulary, worked out by hand.
PIECES = {
    "the": "the", "Paris": "paris", "Peters": "peter ##s", "uned": "un ##ed", "zab": "z ##a ##b",
    "a-b": "a - b", "\u200e": "[UNK]", "companyinged": "company ##ing ##ed",
}  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(sorted(PIECES)), st.sampled_from(LABELS)), max_size=30),
        max_size=4,
    ),
    st.integers(3, 12),
    st.data(),
)
def test_windows_contain_whole_words(tokenizer, sentences, max_seq_length, data):
    stride = data.draw(st.integers(1, single_room(max_seq_length)))
    texts = [text_of([w for w, _ in s], [t for _, t in s]) for s in sentences]
    features = encode(tokenizer, texts, LABELS, max_seq_length, stride)
    pairs = [pair for sentence in sentences for pair in sentence]
    assert features.label_ids.tolist() == [LABELS.index(tag) for _, tag in pairs]
    assert features.word_starts[-1] == len(features.word_positions) == len(pairs)
    if not pairs:
        return
    batch = all_rows(features)
    assert batch["input_ids"].shape[1] <= max_seq_length
    own = iter(pairs)
    for row, mask, positions, labels in zip(
        batch["input_ids"],
        batch["input_mask"],
        batch["word_positions"],
        batch["label_ids"],
    ):
        row = row[: mask.sum()].tolist()
        assert (row[0], row[-1]) == (7, 8) and not row.count(0)
        for position, label in zip(positions.tolist(), labels.tolist()):
            if label != -1:
                word, tag = next(own)
                pieces = ids(PIECES[word])[: single_room(max_seq_length)]
                assert row[position : position + len(pieces)] == pieces
                assert LABELS[label] == tag
    assert next(own, None) is None


def test_5000_words_are_each_labelled_once_whatever_the_order_of_rows(tokenizer):
    random = np.random.RandomState(1)
    words = random.choice(sorted(PIECES), size=5000).tolist()
    tags = random.choice(LABELS, size=5000).tolist()
    features = encode(tokenizer, [text_of(words, tags)], LABELS, max_seq_length=128, doc_stride=63)
    assert len(features) > 5000 // 126
    order = random.permutation(len(features))
    batch = features.batch(order)
    assert batch["input_ids"].shape[1] <= 128
    assert batch["word_mask"].sum() == 5000
    rows = np.argsort(order)
    firsts = first_pieces(batch)
    assert [i for row in rows for i in firsts[row]] == [ids(PIECES[w])[0] for w in words]
    labels = [label for row in rows for label in batch["label_ids"][row] if label != -1]
    assert labels == [LABELS.index(tag) for tag in tags]
