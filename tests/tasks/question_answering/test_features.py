"""Windows over contexts, and the labels of the answers inside them."""

import json

import numpy as np
import pytest

from finetune.tasks.question_answering.features import Cut, encode_questions
from finetune.tasks.question_answering.question import Answer, Question
from finetune.util.errors import InputError
from tests.support import ROOT, tiny
from tokenization import FullTokenizer

VOCABULARY = tiny.vocabulary()
CONTEXT = "anna lives in paris and peter works in london"  # Nine wordpieces


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("".join(token + "\n" for token in VOCABULARY))
    return FullTokenizer(str(path))


def question(*answers, asked="in", context=CONTEXT):
    spans = [Answer(a, context.index(a), context.index(a) + len(a)) for a in answers]
    return Question("g", asked, context, spans, "f.json: question g")


def encode(tokenizer, questions, max_seq_length=64, max_query_length=8, doc_stride=3, **options):
    cut = Cut(max_seq_length, max_query_length, doc_stride)
    return encode_questions(questions, tokenizer=tokenizer, cut=cut, **options)


def rows_of(features):
    """Returns each window's tokens, and its labels as texts and positions."""
    batch = features.batch(np.arange(len(features)))
    tokens = [
        [VOCABULARY[i] for i, here in zip(ids, mask) if here]
        for ids, mask in zip(batch["input_ids"], batch["input_mask"])
    ]
    labels = [[tuple(x) for x in each if x[0] >= 0] for each in batch["label_ids"].tolist()]
    return batch, tokens, labels


def test_one_window(tokenizer):
    batch, tokens, labels = rows_of(encode(tokenizer, [question("paris", "in paris")]))
    assert tokens == [["[CLS]", "in", "[SEP]", *CONTEXT.split(), "[SEP]"]]
    assert batch["segment_ids"].tolist() == [[0] * 3 + [1] * 10]
    assert batch["answer_mask"].tolist() == [[1, 0, 0] + [1] * 9 + [0]]
    assert labels == [[(5, 6), (6, 6)]]


def test_windows_start_doc_stride_apart_and_touching_answers_are_whole(tokenizer):
    # Room for 5 wordpieces: windows [0, 5), [3, 8), [6, 9), as Google's run_squad.py makes them.
    asked = question("in paris", "anna", "paris and peter works in", "london")
    features = encode(tokenizer, [asked], max_seq_length=9)
    _, tokens, labels = rows_of(features)
    assert [row[3:-1] for row in tokens] == [
        "anna lives in paris and".split(),
        "paris and peter works in".split(),
        "works in london".split(),
    ]
    # "in paris" starts before the second window, whose edges the third answer touches.
    assert labels == [[(3, 3), (5, 6)], [(3, 7)], [(5, 5)]]
    assert features.cut_answers.tolist() == []
    assert features.lengths.tolist() == [9, 9, 7]


def test_window_without_answer_is_labelled_so_or_skipped(tokenizer):
    asked = [question("anna"), question()]
    _, _, labels = rows_of(encode(tokenizer, asked, max_seq_length=9))
    assert labels == [[(3, 3)], [(0, 0)], [(0, 0)], [(0, 0)], [(0, 0)], [(0, 0)]]
    skipped = encode(tokenizer, asked, max_seq_length=9, windows_without_answer="skip")
    assert rows_of(skipped)[2] == [[(3, 3)], [(0, 0)], [(0, 0)], [(0, 0)]]


def test_answer_longer_than_a_window_is_counted(tokenizer):
    features = encode(tokenizer, [question("anna lives in paris and peter")], max_seq_length=9)
    assert features.cut_answers.tolist() == [0]
    assert rows_of(features)[2] == [[(0, 0)]] * 3


def test_data_whose_windows_are_all_left_out_is_named(tokenizer):
    asked = [question("anna lives in paris and peter")]
    with pytest.raises(InputError, match="^f.json: question g: no window contains an answer"):
        encode(tokenizer, asked, max_seq_length=9, windows_without_answer="skip")


def test_first_answer_only(tokenizer):
    features = encode(tokenizer, [question("paris", "anna")], answers="first")
    assert rows_of(features)[2] == [[(6, 6)]]


def test_answer_inside_a_wordpiece_is_the_whole_wordpiece(tokenizer):
    assert rows_of(encode(tokenizer, [question("ari")]))[2] == [[(6, 6)]]


def test_answer_without_wordpieces_is_named(tokenizer):
    asked = question("\u200e", context="anna \u200e lives")
    with pytest.raises(InputError, match="^f.json: question g: the answer .* has no wordpieces"):
        encode(tokenizer, [asked])


def test_long_question_is_cut_with_a_warning(tokenizer, caplog):
    asked = [question("anna", asked="in in and and in"), question("anna", asked="and")]
    _, tokens, labels = rows_of(encode(tokenizer, asked, max_query_length=3))
    assert tokens[0][:5] == ["[CLS]", "in", "in", "and", "[SEP]"]
    assert tokens[1][:3] == ["[CLS]", "and", "[SEP]"]
    assert labels == [[(5, 5)], [(3, 3)]]
    assert "1 question is cut at --max_query_length=3 (f.json: question g)" in caplog.text


def test_data_to_predict_has_no_labels(tokenizer):
    features = encode(tokenizer, [Question("g", "in", CONTEXT)], with_answers=False)
    assert rows_of(features)[2] == [[]]


def test_context_of_20000_words(tokenizer):
    context = "anna lives in paris " * 5000
    asked = [Question(str(i), "in", context, [Answer("paris", 79974, 79979)]) for i in range(2)]
    features = encode(tokenizer, asked, max_seq_length=64, doc_stride=30)
    assert len(features.contexts.ids) == 20000  # It is tokenized and stored once.
    # 60 wordpieces fit; the last window is the first that reaches the end: 30 n + 60 >= 20000.
    assert len(features) == 2 * 666
    assert sum(label != [(0, 0)] for label in features.labels) == 2 * 2


def test_combining_marks_belong_to_their_wordpiece(tokenizer):
    features = encode(tokenizer, [Question("g", "in", "paris\u0301 and")], with_answers=False)
    assert features.contexts.starts.tolist() == [0, 7]
    assert features.contexts.ends.tolist() == [6, 10]


def test_statistics(tokenizer):
    questions = [question("anna"), question("anna", "paris"), question(asked="\u4e00 in")]
    statistics = encode(tokenizer, questions).statistics
    assert statistics.lengths.tolist() == [13, 13, 14]
    assert statistics.pieces.tolist() == [10, 10, 11]
    assert statistics.unknown.tolist() == [0, 0, 1]
    assert statistics.texts[0] == statistics.texts[1] != statistics.texts[2]
    assert len(set(statistics.labels.tolist())) == 3


@pytest.mark.parametrize("split", ["train", "dev"])
def test_offsets_of_the_sample_data(split):
    data = json.loads((ROOT / "data" / "qa" / f"{split}.json").read_text(encoding="utf-8"))
    answers = [
        (paragraph["context"], answer["answer_start"], answer["text"])
        for article in data["data"]
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
        for answer in each["answers"]
    ]
    assert len(answers) > {"train": 60, "dev": 15}[split]
    for context, start, text in answers:
        assert context[start : start + len(text)] == text
