"""Examples to ids: special tokens, segments, truncation, windows, labels and padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.truncation import Cut
from finetune.tasks.classification.features import encode_examples
from finetune.tasks.classification.targets import LabelIds, Numbers
from finetune.util.errors import InputError
from processors import InputExample
from tokenization import FullTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "no", "it", "is", "##n", "##t"]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(words) + "\n")
    return FullTokenizer(str(path))


def encode(tokenizer, examples, targets=None, max_seq_length=11, clean_steps=(), **cut):
    return encode_examples(
        examples,
        targets=targets,
        cut=Cut(max_seq_length, **cut),
        tokenizer=tokenizer,
        clean_steps=clean_steps,
    )


def texts(*some):
    return [InputExample(str(i), text) for i, text in enumerate(some)]


def test_single_text_and_pair_have_berts_layout(tokenizer):
    # Worked out by hand, following figure 2 of Devlin et al. 2018.
    examples = [InputExample("a", "it is"), InputExample("b", "no", "it isn")]
    batch = encode(tokenizer, examples).batch(np.array([0, 1]))
    assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 0, 0, 0], [2, 4, 3, 5, 6, 7, 3]]
    assert batch["input_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1]]


def test_batch_is_padded_to_its_longest_row(tokenizer):
    features = encode(tokenizer, texts("it", "it is no it is", "no no"))
    assert features.batch(np.array([2, 0]))["input_ids"].tolist() == [[2, 4, 4, 3], [2, 5, 3, 0]]


def test_empty_second_text_still_makes_a_pair(tokenizer):
    features = encode(tokenizer, [InputExample("a", "no", "")])
    batch = features.batch(np.array([0]))
    assert batch["input_ids"].tolist() == [[2, 4, 3, 3]]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 1]]
    assert features.has_pairs()


def test_features_have_pairs_if_any_row_is_a_pair(tokenizer):
    assert not encode(tokenizer, texts("no", "")).has_pairs()
    assert encode(tokenizer, [*texts("no", ""), InputExample("b", "it", "is")]).has_pairs()


@pytest.mark.parametrize(
    ("truncation", "kept"),
    [("head", [5, 6, 4, 5]), ("tail", [4, 5, 6, 6]), ("head_tail", [5, 5, 6, 6])],
)
def test_long_texts_are_truncated_and_counted(tokenizer, truncation, kept):
    # Four of the six wordpieces fit. The head is a quarter of these four: one wordpiece.
    features = encode(
        tokenizer, texts("it is no it is is", "it is"), max_seq_length=6, truncation=truncation
    )
    assert features.batch(np.array([0]))["input_ids"].tolist() == [[2, *kept, 3]]
    assert features.batch(np.array([1]))["input_ids"].tolist() == [[2, 5, 6, 3]]
    assert features.num_truncated == 1


def test_longer_text_of_a_pair_is_truncated(tokenizer):
    examples = [InputExample("a", "it is no it is", "no no")]
    batch = encode(tokenizer, examples, max_seq_length=8).batch(np.array([0]))
    assert batch["input_ids"].tolist() == [[2, 5, 6, 4, 3, 4, 4, 3]]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]]


def test_texts_are_cleaned_before_tokenization(tokenizer):
    examples = [InputExample("a", "no http://no.no it", "it is is.no")]
    plain = encode(tokenizer, examples, max_seq_length=17)
    cleaned = encode(tokenizer, examples, max_seq_length=17, clean_steps=["links"])
    assert cleaned.input_ids.tolist() == [2, 4, 5, 3, 5, 6, 6, 1, 4, 3]
    # Between the two words of the first text: http, :, /, /, no, ., no.
    assert plain.input_ids.tolist() == [2, 4, 1, 1, 1, 1, 4, 1, 4, 5, 3, 5, 6, 6, 1, 4, 3]


# Windows.


def windows_of(tokenizer, examples, targets=None, max_windows=7):
    return encode(
        tokenizer,
        examples,
        targets,
        max_seq_length=5,
        windows=True,
        doc_stride=2,
        max_windows=max_windows,
    )


def test_batch_contains_the_row_number_of_each_window(tokenizer):
    targets = Numbers()
    examples = [InputExample("a", "no it is isn it", None, "7"), InputExample("b", "it", None, "3")]
    features = windows_of(tokenizer, examples, targets)
    assert len(features) == 2
    assert features.num_truncated == 0
    batch = features.batch(np.array([1, 0]))
    assert batch["input_ids"].tolist() == [
        [2, 5, 3, 0, 0],  # it
        [2, 4, 5, 6, 3],  # no it is
        [2, 6, 6, 7, 3],  # is is ##n
        [2, 7, 5, 3, 0],  # ##n it
    ]
    assert batch["input_mask"].tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0],
    ]
    assert batch["segment_ids"].tolist() == [[0] * 5] * 4
    assert batch["window_rows"].tolist() == [0, 1, 1, 1]
    assert batch["label_ids"].tolist() == [3.0, 7.0]


def test_windows_of_a_pair_have_segment_ids(tokenizer):
    features = encode(
        tokenizer,
        [InputExample("a", "no", "it is it is")],
        max_seq_length=6,
        windows=True,
        doc_stride=1,
        max_windows=3,
    )
    batch = features.batch(np.array([0]))
    assert batch["input_ids"].tolist() == [
        [2, 4, 3, 5, 6, 3],
        [2, 4, 3, 6, 5, 3],
        [2, 4, 3, 5, 6, 3],
    ]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 1, 1, 1]] * 3
    assert features.has_pairs()


def test_windows_beyond_the_maximum_are_dropped_and_the_text_is_counted(tokenizer):
    features = windows_of(tokenizer, texts("no it is isn it", "it"), max_windows=2)
    assert features.batch(np.array([0]))["input_ids"].tolist() == [[2, 4, 5, 6, 3], [2, 6, 6, 7, 3]]
    assert features.num_truncated == 1


def test_window_rows_are_present_even_with_one_window_per_text(tokenizer):
    batch = windows_of(tokenizer, texts("no", "it")).batch(np.array([0, 1, 0]))
    assert batch["window_rows"].tolist() == [0, 1, 2]
    assert "window_rows" not in encode(tokenizer, texts("no", "it")).batch(np.array([0, 1]))


@settings(deadline=None)
@given(st.lists(st.integers(0, 13), min_size=1, max_size=7), st.data())
def test_batch_contains_the_windows_of_each_row_in_order(tokenizer, lengths, data):
    features = windows_of(
        tokenizer, texts(*(" ".join((["no", "it", "is"] * 5)[:n]) for n in lengths))
    )
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=11))
    batch = features.batch(np.array(rows))
    alone = [features.batch(np.array([row])) for row in rows]
    counts = [len(one["input_ids"]) for one in alone]
    # 3 wordpieces fit, and the stride is 2: one window for up to 3 wordpieces, then one per 2 more.
    assert counts == [max(1, -(-(lengths[row] - 3) // 2) + 1) for row in rows]
    assert batch["window_rows"].tolist() == np.repeat(np.arange(len(rows)), counts).tolist()
    unpadded = [
        [ids[: mask.sum()].tolist() for ids, mask in zip(b["input_ids"], b["input_mask"])]
        for b in (batch, *alone)
    ]
    assert unpadded[0] == [window for one in unpadded[1:] for window in one]


def test_specs_match_the_batch(tokenizer):
    examples = [InputExample("a", "no it is isn it", None, "3")]
    for features in (
        encode(tokenizer, examples),
        encode(tokenizer, examples, LabelIds(["3"])),
        windows_of(tokenizer, examples),
        windows_of(tokenizer, examples, Numbers()),
    ):
        batch = features.batch(np.array([0, 0]))
        seen = {name: (array.ndim, array.dtype.name) for name, array in batch.items()}
        assert seen == {name: (spec.rank, spec.dtype) for name, spec in features.specs.items()}
        padded = {name for name, spec in features.specs.items() if spec.filler is not None}
        assert padded == {"input_ids", "input_mask", "segment_ids"}
    assert seen["label_ids"] == (1, "float32")
    assert seen["window_rows"] == (1, "int32")


# Labels and statistics.


def test_label_ids_follow_the_label_list(tokenizer):
    examples = [InputExample("a", "no", None, "spam"), InputExample("b", "it", None, "ham")]
    both = np.array([0, 1])
    batch = encode(tokenizer, examples, LabelIds(["ham", "spam"])).batch(both)
    assert batch["label_ids"].tolist() == [1, 0]
    assert "label_ids" not in encode(tokenizer, examples).batch(both)


def test_statistics_describe_rows_before_truncation(tokenizer):
    examples = [InputExample("a", "it is what isn"), InputExample("b", "so", "no  no")]
    statistics = encode(tokenizer, examples, max_seq_length=4).statistics
    assert len(statistics) == 2
    assert statistics.lengths.tolist() == [7, 6]  # With [CLS] and [SEP]
    assert statistics.pieces.tolist() == [5, 3]
    assert statistics.unknown.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (InputExample("g", "no", None, "egg", "f.tsv:9"), r"f\.tsv:9: unknown label 'egg'; expec"),
        (InputExample("g", "no", None, " ", "f.tsv:9"), r"f\.tsv:9: the row has no label"),
        (InputExample("g", "no", None, None), "example g: the row has no label; .*'ham', 'spam'"),
        (InputExample("g", None, None, "ham"), "example g: the text is None; expected a string"),
        (InputExample("g", "no", 5, "ham", "f:2"), "f:2: the text is 5; expected a string"),
    ],
)
def test_invalid_rows_raise_an_error_with_their_place(tokenizer, example, message):
    with pytest.raises(InputError, match=message):
        encode(tokenizer, [example], LabelIds(["ham", "spam"]))
