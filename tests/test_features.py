"""Examples to ids: special tokens, segments, cutting, labels, padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.features import encode_examples, truncate_pair
from processors import InputExample
from tokenization import FullTokenizer


@pytest.fixture
def tokenizer(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "no", "it", "is", "##n", "##t"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    return FullTokenizer(str(tmp_path / "vocab.txt"))


def encode(tokenizer, examples, labels=None, max_seq_length=11):
    return encode_examples(
        examples, labels=labels, max_seq_length=max_seq_length, tokenizer=tokenizer
    )


def test_single_text_and_pair_are_laid_out_as_bert_has_them(tokenizer):
    # By hand from Devlin et al. 2018, figure 2.
    examples = [InputExample("a", "it is"), InputExample("b", "no", "it isn")]
    batch = encode(tokenizer, examples).batch(np.array([0, 1]))
    assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 0, 0, 0], [2, 4, 3, 5, 6, 7, 3]]
    assert batch["input_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1]]


def test_a_batch_is_padded_to_its_own_longest_row(tokenizer):
    texts = ["it", "it is no it is", "no no"]
    features = encode(tokenizer, [InputExample(str(i), t) for i, t in enumerate(texts)])
    assert features.batch(np.array([2, 0]))["input_ids"].tolist() == [[2, 4, 4, 3], [2, 5, 3, 0]]


def test_empty_second_text_still_makes_a_pair(tokenizer):
    features = encode(tokenizer, [InputExample("a", "no", "")])
    assert features.input_ids.tolist() == [2, 4, 3, 3]
    assert features.segment_ids.tolist() == [0, 0, 0, 1]


def test_long_texts_are_cut_at_their_end_and_counted(tokenizer):
    examples = [InputExample("a", "it is no it"), InputExample("b", "it is")]
    features = encode(tokenizer, examples, max_seq_length=5)
    assert features.batch(np.array([0]))["input_ids"].tolist() == [[2, 5, 6, 4, 3]]
    assert features.num_truncated == 1


@given(st.integers(0, 17), st.integers(0, 17), st.integers(0, 23))
def test_truncate_pair_is_that_of_google(length_a, length_b, max_length):
    # Google's rule (run_classifier.py): drop the last token of the longer one, b's on a tie.
    expected_a, expected_b = length_a, length_b
    while expected_a + expected_b > max_length:
        if expected_a > expected_b:
            expected_a -= 1
        else:
            expected_b -= 1
    tokens_a, tokens_b = list(range(length_a)), list(range(length_b))
    cut = truncate_pair(tokens_a, tokens_b, max_length)
    assert tokens_a == list(range(expected_a))
    assert tokens_b == list(range(expected_b))
    assert cut == (length_a + length_b > max_length)


def test_labels_become_ids_in_the_order_of_the_list(tokenizer):
    examples = [InputExample("a", "no", None, "spam"), InputExample("b", "it", None, "ham")]
    assert encode(tokenizer, examples, ["ham", "spam"]).label_ids.tolist() == [1, 0]
    assert encode(tokenizer, examples, None).label_ids.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (InputExample("g", "no", None, "egg", "f.tsv:9"), r"f\.tsv:9: unknown label 'egg'; expec"),
        (InputExample("g", "no", None, " ", "f.tsv:9"), r"f\.tsv:9: the row has no label"),
        (InputExample("g", "no", None, None), "example g: the row has no label; .*'ham', 'spam'"),
        (InputExample("g", None, None, "ham"), "example g: the text is None; expected a string"),
    ],
)
def test_wrong_rows_are_refused_with_their_place(tokenizer, example, message):
    with pytest.raises(ValueError, match=message):
        encode(tokenizer, [example], ["ham", "spam"])
