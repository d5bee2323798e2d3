"""The best answers over all windows, against an exhaustive search written in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.frame import Frame
from finetune.data.row_statistics import RowStatistics
from finetune.tasks.question_answering.decoding import decode
from finetune.tasks.question_answering.features import QuestionFeatures, Window
from finetune.tasks.question_answering.question import Question
from finetune.tasks.question_answering.spans import SpanLogits
from finetune.tasks.question_answering.texts import Texts

CONTEXT = "a b c d e f g"


def texts_of(*texts):
    """Returns texts of one-letter words as wordpieces; ids are of no importance."""
    lengths = [len(text.split()) for text in texts]
    starts = np.concatenate([2 * np.arange(length) for length in lengths]).astype(np.int32)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return Texts(np.zeros_like(starts), starts, starts + 1, bounds)


def features_of(questions, windows):
    contexts = [question.context for question in questions]
    return QuestionFeatures(
        questions=texts_of(*(question.question for question in questions)),
        contexts=texts_of(*contexts),
        context_of=np.arange(len(questions)),
        windows=windows,
        labels=None,
        cut_answers=np.zeros(0, np.int64),
        frame=Frame(2, 3, 1),
        statistics=RowStatistics(),
        context_hashes=np.zeros(len(questions), np.uint64),
    )


def decode_one(windows, start_logits, end_logits, context=CONTEXT, **options):
    question = Question("g", "w x", context)
    batch = {"start_logits": np.array(start_logits), "end_logits": np.array(end_logits)}
    options = {"n_best_size": 20, "max_answer_length": 30, **options}
    features = features_of([question], [Window(0, *window) for window in windows])
    (found,) = decode([question], features, [batch], **options)
    return found


# The positions of a window: [CLS], two wordpieces of the question, [SEP], the context, [SEP].
def row(null, *context, width=12):
    values = [null, 99.0, 99.0, 99.0, *context, 99.0]
    return values + [99.0] * (width - len(values))


def test_best_answer_is_a_span_of_the_context():
    found = decode_one([(0, 7)], [row(0, 0, 5, 0, 4, 0, 0, 0)], [row(0, 3, 0, 0, 0, 6, 0, 0)])
    first, second = found.best[:2]
    # 5 + 6. The end "a" is before each start, and the logits of the question do not count.
    assert (first.text, first.start, first.end) == ("b c d e", 2, 9)
    assert (first.start_logit, first.end_logit) == (5.0, 6.0)
    assert (second.text, second.score) == ("d e", 10.0)
    assert found.null_odds == -11.0


def test_longest_answer():
    logits = [row(0, 0, 5, 0, 4, 0, 0, 0)], [row(0, 3, 0, 0, 0, 6, 0, 0)]
    assert decode_one([(0, 7)], *logits, max_answer_length=3).best[0].text == "d e"
    assert decode_one([(0, 7)], *logits, max_answer_length=1).best[0].text == "e"


def test_threshold_decides_whether_there_is_an_answer():
    found = decode_one([(0, 7)], [row(4, 0, 5, 0, 0, 0, 0, 0)], [row(3, 0, 1, 0, 0, 0, 0, 0)])
    assert found.null_odds == 1.0
    assert found.choose(1.0).text == "b"
    nothing = found.choose(0.5)
    assert (nothing.text, nothing.start, nothing.end) == ("", 0, 0)


def test_no_answer_has_the_lowest_score_of_all_windows():
    null = [row(4, 0, 0, 0, 0), row(1, 0, 0, 0, 0)], [row(0, 0, 0, 0, 0), row(2, 0, 0, 0, 0)]
    assert decode_one([(0, 4), (3, 7)], *null).no_answer.score == 3.0


def test_wordpiece_is_judged_in_the_window_with_most_context():
    # Windows "a b c d e" and "c d e f g": c (2 of context, 0), d (1, 1: the first), e (0, 2).
    starts = [row(0, 1, 2, 3, 4, 5), row(0, 30, 40, 50, 60, 70)]
    found = decode_one([(0, 5), (2, 7)], starts, [row(0, 0, 0, 0, 0, 0)] * 2, max_answer_length=1)
    scores = {each.text: each.score for each in found.best}
    assert scores == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 50, "f": 60, "g": 70}


def test_answers_are_distinct():
    found = decode_one([(0, 4)], [row(0, 1, 2, 3, 4)], [row(0, 1, 2, 3, 4)], context="x y x y")
    texts = [each.text for each in found.best]
    assert len(set(texts)) == len(texts)
    assert texts[0] == "y"
    assert found.best[0].start == 6  # The better of the two places


def test_context_without_wordpieces_has_no_answer():
    found = decode_one([(0, 0)], [[0.5, 9, 9, 9, 9]], [[0.25, 9, 9, 9, 9]], context="")
    assert found.best == []
    assert found.choose(math.inf).text == ""
    assert found.no_answer.probability == 1.0


def test_each_question_gets_its_own_windows():
    questions = [Question("1", "w x", "a b c"), Question("2", "w", "d e")]
    windows = [Window(0, 0, 2), Window(0, 1, 3), Window(1, 0, 2)]
    logits = np.array([row(0, 1, 2), row(0, 3, 9), [0, 7, 7, 6, 5, 0, *[0] * 6]])
    outputs = [{"start_logits": part, "end_logits": part} for part in (logits[:2], logits[2:])]
    options = {"n_best_size": 20, "max_answer_length": 1}
    found = list(decode(questions, features_of(questions, windows), outputs, **options))
    assert [each.best[0].text for each in found] == ["c", "d"]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 9), st.integers(0, 9))
def test_decoding_equals_exhaustive_search(length, max_length, n_best, seed):
    random = np.random.RandomState(seed)
    start, end = random.normal(size=(2, length)).astype(np.float32)
    spans = [
        (float(start[i]) + float(end[j]), i, j)
        for i in range(length)
        for j in range(i, min(length, i + max_length))
    ]
    null = float(random.normal())
    total = sum(math.exp(score) for score, _, _ in spans) + math.exp(null)
    context = " ".join(chr(0x4E00 + i) for i in range(length))
    found = decode_one(
        [(0, length)],
        [row(null, *start, width=length + 5)],
        [row(0.0, *end, width=length + 5)],
        context=context,
        n_best_size=n_best,
        max_answer_length=max_length,
    )
    best = sorted(spans, reverse=True)[:n_best]
    assert [each.text for each in found.best] == [context[2 * i : 2 * j + 1] for _, i, j in best]
    probabilities = [math.exp(score) / total for score, _, _ in best]
    assert [each.probability for each in found.best] == pytest.approx(probabilities, rel=1e-4)
    assert found.no_answer.probability == pytest.approx(math.exp(null) / total, rel=1e-4)


def join_in_plain_python(windows, logits, num_pieces):
    """Returns each wordpiece's logit in the window where it has the most context."""
    joined = []
    for piece in range(num_pieces):
        contexts = [min(piece - start, end - 1 - piece) for start, end in windows]
        window = contexts.index(max(contexts))
        joined.append(logits[window][4 + piece - windows[window][0]])
    return joined


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_windows_ties_and_equal_texts_equal_exhaustive_search(lengths, max_length, n_best, seed):
    random = np.random.RandomState(seed)
    questions, windows, rows, expected = [], [], [], []
    for number, length in enumerate(lengths):
        words = random.choice(["x", "y", "z"], length)
        own = [(i, min(length, i + 23)) for i in range(0, max(1, length - 13), 10)]
        # Few different values, so that many spans have equal scores
        start, end = random.randint(-9, 9, (2, len(own), 27)) * 0.5
        questions.append(Question(str(number), "w x", " ".join(words)))
        windows += [Window(number, *window) for window in own]
        rows += zip(start, end)
        starts, ends = (join_in_plain_python(own, each, length) for each in (start, end))
        spans = sorted(
            (-starts[i] - ends[j], i, j)
            for i in range(length)
            for j in range(i, min(length, i + max_length))
        )[: math.ceil(1.5 * n_best)]
        texts = [" ".join(words[i : j + 1]) for _, i, j in spans]
        distinct = [span for k, span in enumerate(spans) if texts.index(texts[k]) == k]
        expected.append([(2 * i, 2 * j + 1, -score) for score, i, j in distinct[:n_best]])
    outputs = [{"start_logits": np.array([s]), "end_logits": np.array([e])} for s, e in rows]
    options = {"n_best_size": n_best, "max_answer_length": max_length}
    found = list(decode(questions, features_of(questions, windows), outputs, **options))
    assert [[(c.start, c.end, c.score) for c in each.best] for each in found] == expected
    assert [each.answer for each in found] == [each.best[0] for each in found]
    for question, each in zip(questions, found):
        assert all(c.text == question.context[c.start : c.end] for c in each.best)


def spans_of(starts, ends, gap):
    """Returns the logits of questions, each followed by a gap."""
    joined = [[v for each in part for v in (*each, *[-np.inf] * gap)] for part in (starts, ends)]
    widths = np.array([len(each) + gap for each in starts])
    return SpanLogits(*np.array(joined, np.float32), widths, gap)


def test_sum_over_all_spans():
    spans = spans_of([[1, 2, 3], [], [0]], [[0.5, 0.25, 4], [], [2]], gap=2)
    scores = [1.5, 1.25, 2.25, 6.0, 7.0]  # Of one or two wordpieces
    expected = math.log(sum(map(math.exp, scores)))
    assert spans.log_sums() == pytest.approx([expected, -math.inf, 2.0])


def test_best_spans():
    spans = spans_of([[1, 2, 3], [], [5]], [[10, 20, 30], [], [0]], gap=2)
    best = spans.best()
    assert best.first.tolist()[::2] == [2, 0]
    assert best.last.tolist()[::2] == [2, 0]
    assert best.scores.tolist() == [33.0, -np.inf, 5.0]
    ranked, bounds = spans.ranked(4)
    assert bounds.tolist() == [0, 4, 4, 5]
    assert ranked.first.tolist() == [2, 1, 1, 0, 0]
    assert ranked.last.tolist() == [2, 2, 1, 1, 0]
    assert ranked.scores.tolist() == [33.0, 32.0, 22.0, 21.0, 5.0]


def test_first_of_equal_spans_is_best():
    spans = spans_of([[1, 2, 2, 1]], [[0, 3, 3, 3]], gap=3)
    assert (spans.best().first, spans.best().last) == (1, 1)
    ranked, _ = spans.ranked(6)
    pairs = list(zip(ranked.first.tolist(), ranked.last.tolist()))
    assert pairs == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (0, 1)]


def test_best_answer_is_the_first_of_the_ranked_ones():
    random = np.random.RandomState(3)
    questions = [Question(str(n), "w x", "y " * n) for n in (1, 3, 29, 37, 50)]
    windows = [Window(i, 0, len(q.context) // 2) for i, q in enumerate(questions)]
    # Few different values, so that many spans have equal scores
    batch = {f"{name}_logits": random.randint(-2, 3, (5, 60)) * 0.5 for name in ("start", "end")}
    options = {"n_best_size": 7, "max_answer_length": 5}
    for found in decode(questions, features_of(questions, windows), [batch], **options):
        assert found.answer == found.best[0]
        scores = [each.score for each in found.best]
        assert scores == sorted(scores, reverse=True)
