"""The windows of any tagged texts."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.frame import single_room
from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import label_list, spans_of, to_iob2
from finetune.tasks.tagging.word_splits import WORD_SPLITS, split_words
from tests.support.fuzzing import TAGS, TEXTS, fuzz


@fuzz
@given(
    st.lists(
        st.tuples(TEXTS, st.sampled_from(WORD_SPLITS), st.lists(TAGS, min_size=1, max_size=12)),
        max_size=3,
    ),
    st.integers(3, 12),
    st.data(),
)
def test_each_word_is_labelled_in_exactly_one_window_and_spans_round_trip(
    tokenizers, cases, max_seq_length, data
):
    tokenizer, texts, tags, kinds = tokenizers[0], [], [], set()
    for text, word_split, cycle in cases:
        words = split_words(text, word_split)
        texts.append(TaggedText("g", text, words, to_iob2((cycle * len(words))[: len(words)])))
        tags += texts[-1].tags
        kinds |= {kind for _, _, kind in spans_of(cycle)}
    labels = label_list(kinds)
    room = single_room(max_seq_length)
    features = encode_texts(
        texts,
        labels=labels,
        max_seq_length=max_seq_length,
        doc_stride=data.draw(st.integers(1, room)),
        tokenizer=tokenizer,
    )
    assert len(features) >= sum(bool(text.words) for text in texts)
    pieces = [
        (tokenizer.tokenize_to_ids(text.word(i)) or [tokenizer.vocab["[UNK]"]])[:room]
        for text in texts
        for i in range(len(text.words))
    ]
    order = data.draw(st.permutations(range(len(features))))
    found = {}
    for row in order:
        batch = features.batch(np.array([row]))
        ids, positions = batch["input_ids"][0].tolist(), batch["word_positions"][0].tolist()
        assert len(ids) <= max_seq_length
        first = int(features.word_starts[row])
        for word, (position, label) in enumerate(zip(positions, batch["label_ids"][0]), first):
            assert word not in found
            assert ids[position : position + len(pieces[word])] == pieces[word]
            found[word] = labels[label]
    assert len(found) == len(tags)
    restored = iter(found[word] for word in range(len(found)))
    for text in texts:
        labels_of_text = list(itertools.islice(restored, len(text.words)))
        assert spans_of(labels_of_text) == spans_of(text.tags)
