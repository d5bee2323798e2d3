"""The CRF, compared with brute force: NumPy scores and sums every path in float64."""

import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.tasks.tagging import crf, tags

LABELS = ["O", "B-A", "I-A", "B-B", "I-B"]
LENGTHS = (7, 1, 4)
W = max(LENGTHS)


def allowed(path):
    """Returns whether a path is valid IOB2: I-X follows only B-X or I-X."""
    names = [LABELS[i] for i in path]
    return all(
        name[0] != "I" or (before[:1] in ("B", "I") and before[2:] == name[2:])
        for before, name in zip(["", *names], names)
    )


def score(path, logits, weights):
    start, transitions, end = weights
    total = start[path[0]] + end[path[-1]] + sum(logits[t, y] for t, y in enumerate(path))
    return total + sum(transitions[a, b] for a, b in zip(path, path[1:]))


def paths(length):
    return [p for p in itertools.product(range(len(LABELS)), repeat=length) if allowed(p)]


def part_paths(length):
    """Returns the paths of a window inside a text, whose first word can continue an entity."""
    return [
        p
        for p in itertools.product(range(len(LABELS)), repeat=length)
        if allowed(p) or (LABELS[p[0]][0] == "I" and allowed((p[0] - 1, *p[1:])))
    ]


@pytest.fixture(scope="module")
def case():
    random = np.random.RandomState(3)
    weights = [random.randn(5), random.randn(5, 5), random.randn(5)]
    logits = 2 * random.randn(len(LENGTHS), W, 5)
    mask = np.arange(W) < np.array(LENGTHS)[:, None]
    return weights, logits, mask


@pytest.fixture(scope="module")
def brute(case):
    """Returns all allowed paths of each row, and their scores."""
    weights, logits, _ = case
    return [
        (paths(n), np.array([score(p, logits[row], weights) for p in paths(n)]))
        for row, n in enumerate(LENGTHS)
    ]


def run(case, make, whole=True):
    weights, logits, mask = case
    with tf.Graph().as_default(), tf.Session() as session:
        ends = tf.fill([len(LENGTHS)], whole)
        chain = crf.make_chain(LABELS, tags.may_follow, ends, ends)
        tensors = make(chain, tf.constant(logits, tf.float32), tf.constant(mask))
        session.run(tf.global_variables_initializer())
        for variable, value in zip(tf.trainable_variables(), weights):
            variable.load(value, session)
        return session.run(tensors)


def test_log_partition_sums_over_all_allowed_paths(case, brute):
    seen = run(case, crf.log_partition)
    expected = [np.logaddexp.reduce(scores) for _, scores in brute]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_log_likelihood_ignores_values_after_the_last_word(case, brute, seed):
    random = np.random.RandomState(seed)
    label_ids = random.randint(0, 5, size=(len(LENGTHS), W)).astype(np.int32)
    expected = []
    for row, (all_paths, scores) in enumerate(brute):
        chosen = random.randint(len(all_paths))
        label_ids[row, : LENGTHS[row]] = all_paths[chosen]
        expected.append(scores[chosen] - np.logaddexp.reduce(scores))
    seen = run(case, lambda c, x, m: crf.log_likelihood(c, x, tf.constant(label_ids), m))
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)


def test_forbidden_path_has_probability_zero(case):
    label_ids = np.zeros((len(LENGTHS), W), np.int32)
    label_ids[0, :2] = LABELS.index("B-A"), LABELS.index("I-B")
    label_ids[1, 0] = LABELS.index("I-A")
    seen = run(case, lambda c, x, m: crf.log_likelihood(c, x, tf.constant(label_ids), m))
    assert seen[0] < -5000 and seen[1] < -5000 and seen[2] > -100


def test_viterbi_finds_the_best_path(case, brute):
    seen = run(case, crf.viterbi)
    for row, (all_paths, scores) in enumerate(brute):
        assert tuple(seen[row, : LENGTHS[row]]) == all_paths[int(np.argmax(scores))]


def test_viterbi_never_takes_a_forbidden_transition(case):
    weights, logits, mask = case
    logits = np.zeros_like(logits)
    logits[:, :, LABELS.index("I-B")] = 50.0
    logits[:, ::2, LABELS.index("I-A")] = 60.0
    seen = run((weights, logits, mask), crf.viterbi)
    assert all(allowed(seen[row, :n]) for row, n in enumerate(LENGTHS))


def test_marginals_match_brute_force(case, brute):
    seen = run(case, crf.marginals)
    for row, (all_paths, scores) in enumerate(brute):
        shares = np.exp(scores - np.logaddexp.reduce(scores))
        expected = np.zeros((LENGTHS[row], 5))
        for path, share in zip(all_paths, shares):
            expected[np.arange(LENGTHS[row]), path] += share
        np.testing.assert_allclose(seen[row, : LENGTHS[row]], expected, atol=1e-5)


def test_window_inside_a_text_has_neither_start_nor_end_weights(case):
    weights, logits, _ = case
    bare = [np.zeros(5), weights[1], np.zeros(5)]
    scores = [
        np.array([score(p, logits[row], bare) for p in part_paths(n)])
        for row, n in enumerate(LENGTHS)
    ]
    seen = run(case, crf.log_partition, whole=False)
    np.testing.assert_allclose(seen, [np.logaddexp.reduce(s) for s in scores], rtol=1e-5)
    best = run(case, crf.viterbi, whole=False)
    for row, n in enumerate(LENGTHS):
        assert tuple(best[row, :n]) == part_paths(n)[int(np.argmax(scores[row]))]


@pytest.mark.parametrize(("whole", "valid"), [(True, paths), (False, part_paths)])
def test_without_weights_the_best_valid_path_of_a_softmax_is_found(case, whole, valid):
    _, logits, mask = case
    with tf.Graph().as_default(), tf.Session() as session:
        rules = crf.make_rules(LABELS, tags.may_follow, tf.fill([len(LENGTHS)], whole))
        tensors = crf.viterbi(rules, tf.constant(logits, tf.float32), tf.constant(mask))
        assert tf.global_variables() == []
        seen = session.run(tensors)
    unconstrained = logits.argmax(axis=-1)
    changed = 0
    for row, n in enumerate(LENGTHS):
        of_each_path = [sum(logits[row, t, y] for t, y in enumerate(p)) for p in valid(n)]
        assert tuple(seen[row, :n]) == valid(n)[int(np.argmax(of_each_path))]
        changed += not np.array_equal(seen[row, :n], unconstrained[row, :n])
    assert changed > 0
